"""What the client would refuse fails alone on a worker too: its Aer may be another one."""

from qiskit.circuit import Gate, QuantumCircuit

from qiskit_cluster_provider.plan import Simulator
from qiskit_cluster_provider.worker.aer import Aer, Template

from ..slow import quick


def test_what_costs_aer_a_batch_costs_itself(aer):
    duplicate, unknown = QuantumCircuit(1), QuantumCircuit(1)
    duplicate.save_statevector("twice")
    duplicate.save_statevector("twice")
    unknown.append(Gate("mystery", 1, []), [0])
    batch = [quick(), duplicate, quick(), unknown, quick()]
    found, _ = Aer({"memory": True}, Simulator(), None).run([Template(c, None) for c in batch], 1, 10, (2, 2))
    assert [one["success"] for one in found] == [True, False, True, False, True]
    assert 'Duplicate key "twice"' in found[1]["status"]
    assert "unknown instruction: mystery" in found[3]["status"]
    for index in (0, 2, 4):
        alone = aer.run(quick(), seed_simulator=1 + 2113 * index, shots=10, memory=True).result()
        assert found[index]["data"]["memory"] == alone.results[0].data.memory
