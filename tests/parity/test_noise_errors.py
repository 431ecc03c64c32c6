"""Whatever a NoiseModel of Aer accepts runs, and gives Aer's numbers: errors of all classes, of a later Aer too."""

import warnings

import pytest
from qiskit import QuantumCircuit
from qiskit.transpiler.basepasses import TransformationPass
from qiskit_aer import AerSimulator
from qiskit_aer import primitives as aer_primitives
from qiskit_aer.noise import NoiseModel, ReadoutError, amplitude_damping_error

from qiskit_cluster_provider import SamplerV2
from qiskit_cluster_provider.testing import differences, pub_differences

from ..noise_errors import DerivedError, LaterError, classes, make

KINDS = {
    **{name: lambda qubits, kind=kind: make(kind, qubits) for name, kind in classes().items()},
    "of a later Aer": LaterError,
    "derived": lambda qubits: make(DerivedError, qubits),
}
WAYS = [(True, "automatic"), (True, "statevector"), (False, "density_matrix"), (False, "stabilizer")]


class LaterModel(NoiseModel):
    """With something in it that nobody knows, and which decides."""

    def to_dict(self, serializable=False):
        found = super().to_dict(serializable)
        return {"errors": [error for error in found["errors"] if error["operations"] != ["x"]]}


class LaterReadout(ReadoutError):
    """Whose numbers are not where today's are."""

    def to_dict(self):
        return ReadoutError([[0.5, 0.5], [0.5, 0.5]]).to_dict()


class Turns(TransformationPass):
    """A pass of the user's own that stands on other qubits than its operation."""

    def run(self, dag):
        for node in dag.op_nodes():
            if node.name == "delay":
                dag.apply_operation_front(_X, [dag.qubits[1]])
        return dag


_CIRCUIT = QuantumCircuit(1)
_CIRCUIT.x(0)
_X = _CIRCUIT.data[0].operation


def batch():
    bell = QuantumCircuit(3, 2, name="bell")
    bell.h(1)
    bell.cx(1, 2)
    bell.x(2)
    bell.measure([1, 2], [0, 1])
    single = QuantumCircuit(1, 1, name="single")
    single.h(0)
    single.measure(0, 0)
    single.x(0)
    single.measure(0, 0)
    return [bell, single]


def model_of(kind, *, local, cls=NoiseModel):
    model = cls()
    if local:
        model.add_quantum_error(kind(1), ["h", "x"], [1], warnings=False)
        model.add_quantum_error(kind(2), ["cx"], [1, 2], warnings=False)
        model.add_quantum_error(kind(1), ["h"], [7], warnings=False)  # where no circuit is
    else:
        model.add_all_qubit_quantum_error(kind(1), ["h", "x"])
        model.add_all_qubit_quantum_error(kind(2), ["cx"])
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [2])
    return model


@pytest.fixture(params=["cluster", "auto"])
def placed(request, provider):
    """A backend that sends, and one that simulates small work here."""
    return provider.get_backend("aer-local", workers=2, placement=request.param)


@pytest.mark.parametrize(("local", "method"), WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_class_of_error(placed, kind, local, method):
    model = model_of(KINDS[kind], local=local)
    options = {"shots": 60, "seed_simulator": 11, "method": method, "memory": True, "noise_model": model}
    for circuit in batch():  # alone: Aer 0.18 loses the gates of some circuits of a batch, see test_parity
        theirs = AerSimulator(max_parallel_threads=1).run([circuit], **options).result()
        assert differences(placed.run([circuit], **options).result(), theirs) == []


@pytest.mark.parametrize("kind", KINDS)
def test_shots_are_cut_as_with_other_noise(backend, kind):
    """An error that is not seen would let its shots be simulated on another path, or not be cut at all."""
    model, circuit = model_of(KINDS[kind], local=True), batch()[0]
    options = {"shots": 60, "seed_simulator": 11, "method": "statevector", "memory": True, "noise_model": model}
    theirs = AerSimulator(max_parallel_threads=1).run([circuit], **options).result()
    job = backend.run([circuit], max_shot_size=20, **options)
    assert differences(job.result(), theirs) == []
    assert job.report().slices == 3


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_circuit(backend, kind):
    """As a channel instruction, where Aer takes the error of the circuit into the noise model."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.append(KINDS[kind](1).to_instruction(), [0])
    circuit.append(KINDS[kind](2).to_instruction(), [0, 1])
    circuit.measure_all()
    options = {"shots": 60, "seed_simulator": 3, "memory": True}
    theirs = AerSimulator(max_parallel_threads=1).run([circuit], **options).result()
    assert differences(backend.run([circuit], **options).result(), theirs) == []


@pytest.mark.parametrize("kind", KINDS)
def test_primitives(backend, kind):
    model = model_of(KINDS[kind], local=True)
    options = {"backend_options": {"noise_model": model, "method": "density_matrix"}}
    circuit = batch()[0]
    theirs = aer_primitives.SamplerV2(seed=5, options=options).run([circuit], shots=50).result()
    ours = SamplerV2(backend, seed=5, options=options).run([circuit], shots=50).result()
    assert pub_differences(ours, theirs) == []


def strange_models():
    """What is more, or other, than the NoiseModel of today."""
    kind = KINDS["QuantumError"]
    yield "model", model_of(kind, local=True, cls=LaterModel)
    yield "readout", (model := model_of(kind, local=True))
    model.add_readout_error(LaterReadout([[1.0, 0.0], [0.0, 1.0]]), [1])
    yield "pass", (model := model_of(kind, local=True))
    model._custom_noise_passes.append(Turns())
    yield "mixed", (model := model_of(KINDS["of a later Aer"], local=True))
    model.add_quantum_error(amplitude_damping_error(0.2), ["x"], [6])
    yield "from_dict", _read(model_of(KINDS["PauliError"], local=True))


def _read(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return NoiseModel.from_dict(model.to_dict())


@pytest.mark.parametrize("model", [pytest.param(model, id=name) for name, model in strange_models()])
@pytest.mark.parametrize("where", ["run", "backend"])
def test_models_of_another_kind(provider, placed, where, model):
    circuit = batch()[0].copy_empty_like()
    circuit.delay(100, 0)
    circuit.compose(batch()[0], inplace=True)
    options = {"shots": 60, "seed_simulator": 11, "method": "density_matrix"}
    theirs = AerSimulator(max_parallel_threads=1, noise_model=model).run([circuit], **options).result()
    if where == "run":
        ours = placed.run([circuit], noise_model=model, **options).result()
    else:
        ours = provider.get_backend("aer-local", workers=2, noise_model=model).run([circuit], **options).result()
    assert differences(ours, theirs) == []


def test_a_model_that_cannot_be_read_is_not_changed_after_run(backend, aer, same):
    """It is sent whole, and as it was: the user may change it when run() has returned."""
    model, circuit = model_of(KINDS["of a later Aer"], local=True), batch()[0]
    options = {"shots": 60, "seed_simulator": 11, "method": "density_matrix", "noise_model": model}
    theirs = aer.run([circuit], **options).result()
    job = backend.run([circuit] * 3, max_job_size=1, **options)
    model.add_readout_error(ReadoutError([[0.0, 1.0], [1.0, 0.0]]), [1])
    ours = job.result()
    assert ours.get_counts(0) == theirs.get_counts(0)
    assert aer.run([circuit], **options).result().get_counts(0) != theirs.get_counts(0)
