"""What the client would refuse fails alone on a worker too: its Aer may be another one."""

import numpy as np
import pytest
from qiskit.circuit import Gate, Parameter, QuantumCircuit

from qiskit_cluster_provider.engines.aer.simulation import simulator as aer_module
from qiskit_cluster_provider.engines.aer.simulation.simulator import Aer
from qiskit_cluster_provider.engines.aer.simulation.template import Template
from qiskit_cluster_provider.plan import Simulator
from tests.columns import columns_of
from tests.slow import quick


def test_what_costs_aer_a_batch_costs_itself(aer):
    duplicate, unknown = QuantumCircuit(1), QuantumCircuit(1)
    duplicate.save_statevector("twice")
    duplicate.save_statevector("twice")
    unknown.append(Gate("mystery", 1, []), [0])
    batch = [quick(), duplicate, quick(), unknown, quick()]
    found, _ = Aer({"memory": True}, Simulator(), None).run(
        [Template(columns_of(c), None) for c in batch], 1, 10, (2, 2)
    )
    assert [one["success"] for one in found] == [True, False, True, False, True]
    assert 'Duplicate key "twice"' in found[1]["status"]
    assert "unknown instruction: mystery" in found[3]["status"]
    for index in (0, 2, 4):
        alone = aer.run(quick(), seed_simulator=1 + 2113 * index, shots=10, memory=True).result()
        assert found[index]["data"]["memory"] == alone.results[0].data.memory


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 600])
def test_many_experiments_are_several_calls_with_the_seeds_of_one(monkeypatch, rows):
    angle = Parameter("angle")
    turned, plain = QuantumCircuit(1, 1, name="turned"), QuantumCircuit(1, 1, name="plain")
    turned.rx(angle, 0)
    plain.h(0)
    for circuit in (turned, plain):
        circuit.measure(0, 0)
    values = np.linspace(0, 3, rows).reshape(-1, 1)
    templates = [
        Template(columns_of(plain), None),
        Template(columns_of(turned), values),
        Template(columns_of(plain), None),
    ]
    found, _ = Aer({}, Simulator(), None).run(templates, 5, 20, (1, 1))
    monkeypatch.setattr(aer_module, "_ROWS", 10**6)
    whole, _ = Aer({}, Simulator(), None).run(templates, 5, 20, (1, 1))
    assert [one["data"] for one in found] == [one["data"] for one in whole]
    assert [one["seed_simulator"] for one in found] == [5 + 2113 * index for index in range(rows + 2)]
