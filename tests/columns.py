"""Circuits as columns, for tests."""

from qiskit_cluster_provider.engines.aer.operations import WRITERS
from qiskit_cluster_provider.plan.circuits.reading import Reader


def columns_of(circuit):
    """The columns of a circuit of Qiskit, as a run would read them."""
    return Reader(WRITERS).read(circuit)
