"""What travels: templates and rows, once; nothing bound; blobs by content."""

import hashlib

import numpy as np
from qiskit.circuit import Parameter, QuantumCircuit

from qiskit_cluster_provider.engines.aer.noise_objects import model_of
from qiskit_cluster_provider.engines.aer.noise_sent import checked
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import Simulator, cut
from qiskit_cluster_provider.wire import Encoder, decode_circuits, decode_context, decode_noise, decode_task

ANGLE = Parameter("angle")


def template(gates=2000, seed=1):
    circuit = QuantumCircuit(2, name="template")
    rng = np.random.default_rng(seed)
    for value in rng.random(gates):
        circuit.rz(value, 0)
    circuit.rx(ANGLE, 0)
    circuit.measure_all()
    return circuit


def plan(circuits, binds=None, size=1, noise=None, **options):
    aer = {"shots": 10, "seed_simulator": 1, "noise_model": noise, **options}
    return cut(prepare(circuits, binds, RunSettings(aer, SliceOptions(max_job_size=size))), 2)


def test_a_template_of_several_slices_is_a_blob_and_its_rows_are_arrays():
    values = np.linspace(0, 1, 10)
    encoder = Encoder(plan([template()], [{ANGLE: values}], size=3))
    tasks = [encoder.encode(piece) for piece in encoder._plan.slices]
    assert len(encoder.blobs) == 1
    ((name, blob),) = encoder.blobs.items()
    assert hashlib.sha256(blob).hexdigest() == name
    assert all(names == (name,) for names, _ in tasks)
    assert sum(len(payload) for _, payload in tasks) < len(blob) / 3
    decoded = [decode_task(payload) for _, payload in tasks]
    rows = np.concatenate([task.runs[0].pieces[0].values for task in decoded])
    assert np.array_equal(rows[:, 0], values)
    assert [task.runs[0].seed for task in decoded] == [1 + 2113 * k for k in (0, 3, 6, 9)]
    (circuit,) = decode_circuits(blob)
    assert circuit.num_parameters == 1, "it must stay a template"


def test_what_one_slice_needs_lies_in_its_task():
    encoder = Encoder(plan([template(), template(seed=2)], [{ANGLE: [1.0]}] * 2, size=1))
    names, payload = encoder.encode(encoder._plan.slices[0])
    assert names == ()
    assert encoder.blobs == {}
    task = decode_task(payload)
    assert decode_circuits(task.bundles[0])[0].name == "template"


def test_a_circuit_that_stands_in_the_list_twice_travels_once():
    circuit = template()
    encoder = Encoder(plan([circuit] * 50, [{ANGLE: [1.0]}] * 50, size=50))
    (_, payload) = encoder.encode(encoder._plan.slices[0])
    task = decode_task(payload)
    assert len(decode_circuits(task.bundles[0])) == 1
    (piece,) = task.runs[0].pieces
    assert (piece.start, piece.stop, piece.values.shape) == (0, 50, (50, 1))


def test_options_and_noise():
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    noise = NoiseModel()
    for number in range(600):  # for all qubits, so that all of it travels
        noise.add_all_qubit_quantum_error(depolarizing_error(0.0001 * (number + 1), 1), [f"gate{number}"])
    made = plan([template()], [{ANGLE: [1, 2]}], noise=noise, method="statevector", fusion_enable=False)
    encoder = Encoder(made)
    names, payload = encoder.encode(made.slices[0])
    task = decode_task(payload)
    (name,) = task.noises
    assert name in names
    sent = decode_noise(encoder.blobs[name])
    assert model_of(checked(sent.data)) == noise
    options, simulator = decode_context(task.context)
    assert task.runs[0].widths == (2, 2)
    assert options == {"method": "statevector", "fusion_enable": False}
    assert simulator == Simulator()


def test_the_user_cannot_change_a_circuit_after_run():
    circuit = template(3)
    made = plan([circuit], [{ANGLE: [1, 2]}])
    before = Encoder(made).encode(made.slices[0])
    circuit.x(0)
    assert Encoder(made).encode(made.slices[0]) == before
