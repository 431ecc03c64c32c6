"""What a kind of cluster has to do, as one check."""

from __future__ import annotations

from typing import Any

from qiskit.circuit import Parameter, QuantumCircuit
from qiskit_aer import AerSimulator

from ..backend.cluster_backend import ClusterBackend
from ..clusters import ClusterConfig, ClusterKind, Connection
from .compare import differences


def check_cluster_kind(kind: ClusterKind, config: ClusterConfig) -> None:
    """Run a small batch on a cluster of ``kind``, and check what :class:`ClusterKind` promises.

    The kind has a description, and settings of its own type. Nothing starts before the first run. The result is that
    of an AerSimulator. ``connect`` can be entered again after it was left. Everything that it started is gone
    afterwards.

    Raises:
        AssertionError: A promise is broken. The message says which.
    """
    assert kind.description, "a kind needs a description; `qiskit-cluster backends` shows it"
    assert isinstance(config, kind.Config), f"the settings must be a {kind.Config.__name__}"
    assert not kind.missing(), f"not installed: {kind.missing()}"
    expected = _run(AerSimulator(max_parallel_threads=1))
    for attempt in ("first", "second"):
        cluster = Connection("checked", kind, config)
        assert not cluster.started, "a cluster must not start before it is needed"
        with ClusterBackend(cluster, placement="cluster") as backend:
            found = differences(_run(backend), expected)
            assert not found, f"{attempt} connection: the result is not AerSimulator's: {found[:5]}"
            client = cluster.client()
        handed_over = any(value is client for value in dict(config).values())
        if handed_over:
            assert client.status == "running", "a client that was handed over must stay open"
        else:
            assert client.status == "closed", "leaving connect() must close the client that it made"


def _run(backend: Any) -> Any:
    angle = Parameter("angle")
    plain = QuantumCircuit(3, name="plain", metadata={"kept": True})
    plain.h(0)
    plain.cx([0, 1], [1, 2])
    plain.measure_all()
    bound = QuantumCircuit(1, name="bound")
    bound.rx(angle, 0)
    bound.measure_all()
    binds = [{}, {angle: [0.1 * i for i in range(8)]}]
    return backend.run([plain, bound], binds, shots=50, memory=True, seed_simulator=7).result()
