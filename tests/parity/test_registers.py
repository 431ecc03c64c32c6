"""Registers of no bits and of many, and what Aer tells of parameters that it binds while it runs."""

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit_aer.noise import NoiseModel, depolarizing_error

WIDTHS = [1, 63, 64, 65, 127, 128, 129, 200]


@pytest.fixture(params=["cluster", "auto"])
def placed(request, provider):
    """A backend that sends, and one that simulates small work here."""
    return provider.get_backend("aer-local", workers=2, placement=request.param)


def wide(bits, excited=()):
    """All bits are measured; a few qubits carry the state, so that any method can simulate it."""
    circuit = QuantumCircuit(3, bits, name="wide")
    circuit.h(0)
    circuit.x(1)
    places = dict.fromkeys(range(bits), 2) | {bits // 2: 0} | dict.fromkeys(excited, 1)
    for bit, qubit in places.items():
        circuit.measure(qubit, bit)
    return circuit


@pytest.mark.parametrize("bits", WIDTHS)
def test_wide_registers(placed, aer, same, bits):
    """Zeros and ones at the top, in a batch whose circuits are of several widths."""
    batch = [wide(bits), wide(bits, [bits - 1]), wide(bits, [0]), wide(1)]
    options = {"shots": 30, "seed_simulator": 3, "memory": True}
    theirs = aer.run(batch, **options).result()
    ours = placed.run(batch, max_job_size=2, **options).result()
    same(ours, theirs)
    for index in range(len(batch)):
        assert ours.get_counts(index) == theirs.get_counts(index)
        assert ours.get_memory(index) == theirs.get_memory(index)


@pytest.mark.parametrize("bits", [64, 65, 128, 129])
def test_ranges_of_shots_of_wide_registers(backend, aer, same, bits):
    """One range may have other lengths of outcomes than the next one."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.5, 1), ["x", "h"])
    circuit = wide(bits, [bits - 1])
    options = {"shots": 30, "seed_simulator": 3, "memory": True, "noise_model": model, "method": "statevector"}
    ours = backend.run([circuit], max_shot_size=4, **options).result()
    same(ours, aer.run([circuit], **options).result())


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize("save", ["statevector", "density_matrix"])
def test_no_classical_bits_in_the_whole_run(placed, aer, same, save, memory):
    """Where it branches, Aer 0.18 counts one outcome, the empty text."""
    circuit = QuantumCircuit(2, name="no bits")
    circuit.h(0)
    circuit.reset(0)
    getattr(circuit, f"save_{save}")(pershot=True)
    options = {"shots": 10, "seed_simulator": 3, "memory": memory, "shot_branching_enable": True}
    theirs = aer.run([circuit, circuit], **options).result()
    assert theirs.data(0)["counts"] == {"": 10}
    same(placed.run([circuit, circuit], **options).result(), theirs)
    same(placed.run([circuit, circuit], max_job_size=1, **options).result(), theirs)


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("method", ["automatic", "statevector", "density_matrix", "matrix_product_state"])
@pytest.mark.parametrize("size", [None, 1, 2])
def test_parameters_that_are_bound_while_it_runs(placed, aer, same, size, method, noisy):
    """A slice of one row has the same metadata as that row has in the whole."""
    angle = Parameter("angle")
    circuits, binds = [], []
    for rows in (1, 3, 2):
        circuit = QuantumCircuit(2, name=f"{rows} rows")
        circuit.rx(angle, 0)
        circuit.cx(0, 1)
        circuit.measure_all()
        circuits.append(circuit)
        binds.append({angle: [0.1 * row for row in range(rows)]})
    options = {"shots": 20, "seed_simulator": 3, "method": method, "runtime_parameter_bind_enable": True}
    if noisy:
        options["noise_model"] = NoiseModel()
        options["noise_model"].add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["rx"])
    theirs = aer.run(circuits, parameter_binds=binds, **options).result()
    ours = placed.run(circuits, parameter_binds=binds, max_job_size=size, **options).result()
    same(ours, theirs)
