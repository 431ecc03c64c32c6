"""The interfaces of the primitives: options, shapes, errors, jobs."""

import threading

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, Parameter, QuantumCircuit, QuantumRegister
from qiskit.primitives import BaseEstimatorV2, BasePrimitiveJob, BaseSamplerV2
from qiskit.providers import JobStatus
from qiskit_aer import AerSimulator, primitives

from qiskit_cluster_provider import ClusterBackend, EstimatorV2, SamplerV2
from qiskit_cluster_provider.errors import (
    ClusterConfigError,
    ClusterJobCancelledError,
    ClusterJobTimeoutError,
    InvalidPubError,
    OptionTypeError,
    PubsFailedError,
    PubTypeError,
    UnknownOptionError,
)
from qiskit_cluster_provider.primitives import EstimatorOptions, SamplerOptions
from qiskit_cluster_provider.progress import JobFinished, SliceDone

from ..parity.pubs import noise
from ..slow import endless, quick, unsupported

A = Parameter("a")
BOTH = pytest.mark.parametrize("primitive", [SamplerV2, EstimatorV2])


def rotated(name="rotated", measured=True):
    circuit = QuantumCircuit(1, 1, name=name) if measured else QuantumCircuit(1, name=name)
    circuit.rx(A, 0)
    if measured:
        circuit.measure(0, 0)
    return circuit


# Options


@BOTH
def test_the_bases_are_qiskits(backend, primitive):
    one = primitive(mode=backend)
    assert isinstance(one, BaseSamplerV2 if primitive is SamplerV2 else BaseEstimatorV2)
    assert one.backend is backend
    assert one.mode is backend


@BOTH
@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"run_option": {}}, UnknownOptionError, "'run_options'"),
        ({"run_options": {"seed": 1}}, UnknownOptionError, "'seed_simulator'"),
        ({"run_options": {"max_job_sise": 1}}, UnknownOptionError, "'max_job_size'"),
        ({"run_options": {"max_job_size": 0}}, ClusterConfigError, "at least 1"),
        ({"run_options": {"seed_simulator": 2**63}}, ClusterConfigError, "64 bits"),
        ({"run_options": {"memory": True}}, ClusterConfigError, "no effect"),
        ({"run_options": {"parameter_binds": []}}, ClusterConfigError, "part of a PUB"),
        ({"backend_options": {"metod": "statevector"}}, UnknownOptionError, "'method'"),
        ({"backend_options": {"noise_model": 3}}, TypeError, "NoiseModel"),
        ({"simulator": {"seed": 1}}, UnknownOptionError, "SimulatorOptions has no option 'seed'"),
        ([], OptionTypeError, "dictionary"),
        ({"run_options": 5}, OptionTypeError, "run_options"),
    ],
)
def test_options_are_checked_where_they_are_set(backend, primitive, options, error, says):
    with pytest.raises(error, match=says):
        primitive(backend, options=options)


def test_options_of_each(backend):
    with pytest.raises(ClusterConfigError, match="default_shots"):
        SamplerV2(backend, options={"run_options": {"shots": 100}})
    for bad in (0, 1.5, True, "many"):
        with pytest.raises(ClusterConfigError):
            SamplerV2(backend, default_shots=bad)
    with pytest.raises(ClusterConfigError, match="not both"):
        EstimatorV2(backend, options={"default_precision": 0.1, "default_shots": 100})
    with pytest.raises(ClusterConfigError, match="'exact' or 'shots'"):
        EstimatorV2(backend, options={"estimation": "guess"})
    with pytest.raises(ClusterConfigError, match="abelian_grouping"):
        EstimatorV2(backend, options={"abelian_grouping": False})
    for bad in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ClusterConfigError):
            EstimatorV2(backend, options={"default_precision": bad})
    with pytest.raises(ClusterConfigError, match="precision says how many"):
        EstimatorV2(backend, options={"estimation": "shots", "run_options": {"shots": 10}})
    with pytest.raises(ClusterConfigError, match="0 or more"):
        EstimatorV2(backend, options={"run_options": {"seed_simulator": -1}}).run(
            [(QuantumCircuit(1), "Z")], precision=1
        )


def test_options_are_checked_at_assignment_too(backend):
    sampler = SamplerV2(backend, options=SamplerOptions(default_shots=7))
    sampler.options.default_shots = 9
    assert sampler.default_shots == 9
    assert sampler.run([quick()]).result()[0].data.c.num_shots == 9
    with pytest.raises(OptionTypeError):
        sampler.options.default_shots = "x"
    with pytest.raises(UnknownOptionError, match="'default_shots'"):
        sampler.options.default_shot = 3
    sampler.options.update(default_shots=11, run_options={"seed_simulator": 3})
    assert (sampler.default_shots, sampler.options.run_options) == (11, {"seed_simulator": 3})
    with pytest.raises(ClusterConfigError):
        sampler.options.update(default_shots=0, run_options={})
    assert (sampler.default_shots, sampler.options.run_options) == (11, {"seed_simulator": 3})
    options = EstimatorOptions(default_shots=400)
    assert options.precision == 0.05
    assert EstimatorOptions(estimation="shots").precision == 1 / 64
    assert EstimatorOptions().precision == 0.0


def test_a_mode_may_be_a_name_and_named_backends_share_a_cluster(monkeypatch):
    monkeypatch.setenv("QISKIT_CLUSTER_WORKERS", "1")
    sampler, estimator = SamplerV2(mode="aer-local", seed=1), EstimatorV2(mode="aer-local")
    try:
        assert sampler.backend.connection is estimator.backend.connection
        ours = sampler.run([quick()]).result()[0].data.c
        assert ours == primitives.SamplerV2(seed=1).run([quick()]).result()[0].data.c
    finally:
        sampler.backend.close()
    with pytest.raises(Exception, match="Did you mean 'aer-local'"):
        SamplerV2(mode="aer-locl")
    with pytest.raises(TypeError, match="from_backend"):
        SamplerV2(mode=AerSimulator())
    with pytest.raises(TypeError, match="BackendV2"):
        SamplerV2.from_backend("aer")


def test_backend_options_are_the_primitives_alone(backend):
    options = {"backend_options": {"noise_model": noise("readout"), "method": "statevector"}}
    sampler = SamplerV2(backend, seed=2, options=options)
    assert backend.options.noise_model is None
    assert backend.options.method == "automatic"
    simulator = {"noise_model": noise("readout"), "seed_simulator": 2}
    same = SamplerV2(backend, options={"simulator": simulator, "backend_options": {"method": "statevector"}})
    theirs = primitives.SamplerV2(seed=2, options=options).run([quick()]).result()[0].data.c
    assert sampler.run([quick()]).result()[0].data.c == theirs
    assert same.run([quick()]).result()[0].data.c == theirs
    assert SamplerV2(backend, seed=2).run([quick()]).result()[0].data.c != theirs


def test_what_is_set_on_the_backend_holds(provider):
    backend = provider.get_backend("aer-local", workers=2, seed_simulator=8, max_job_size=1)
    job = SamplerV2(backend).run([quick()] * 3)
    assert job.result()[2].data.c == primitives.SamplerV2(seed=8).run([quick()] * 3).result()[2].data.c
    assert len(job.slices()) == 3
    aer = AerSimulator(noise_model=noise("readout"))
    ours = SamplerV2.from_backend(aer, mode=backend, seed=4).run([quick()]).result()[0].data.c
    assert ours == primitives.SamplerV2.from_backend(aer, seed=4).run([quick()]).result()[0].data.c
    assert isinstance(SamplerV2.from_backend(backend).backend, ClusterBackend)


# PUBs


def test_nothing_to_do_needs_no_cluster(provider):
    backend = provider.get_backend("aer-local", workers=5)
    assert len(SamplerV2(backend).run([]).result()) == 0
    empty = SamplerV2(backend).run([(rotated(), np.zeros((0, 1))), (rotated(), np.zeros((2, 0, 1)), 5)]).result()
    assert [pub.data.c.array.shape for pub in empty] == [(0, 1024, 1), (2, 0, 5, 1)]
    plain = rotated(measured=False)
    found = EstimatorV2(backend).run([(plain, [], [0.1]), (plain, "Z", np.zeros((0, 3, 1)))], precision=0.1).result()
    assert [pub.data.evs.shape for pub in found] == [(0,), (0, 3)]
    assert not backend.connection.started


def test_empty_pubs_between_others(backend):
    pubs = [(rotated(), [[1.0], [2.0]]), (rotated(), np.zeros((0, 1))), (rotated(), [3.0])]
    ours = SamplerV2(backend, seed=3).run(pubs).result()
    theirs = primitives.SamplerV2(seed=3).run([pubs[0], pubs[2]]).result()
    assert ours[0].data.c == theirs[0].data.c
    assert ours[1].data.c.shape == (0,)
    assert ours[2].data.c == theirs[1].data.c


def test_a_shape_without_parameters_repeats_the_circuit(backend):
    from qiskit.primitives.containers.bindings_array import BindingsArray

    ours = SamplerV2(backend, seed=3).run([(quick(), BindingsArray({}, shape=(2, 2)))]).result()[0].data.c
    theirs = primitives.SamplerV2(seed=3).run([quick()] * 4).result()
    assert ours.shape == (2, 2)
    assert all(ours[index] == theirs[i].data.c for i, index in enumerate(np.ndindex(2, 2)))
    found = EstimatorV2(backend).run([(QuantumCircuit(1), ["Z", "X"], BindingsArray({}, shape=(3, 1)))]).result()
    assert found[0].data.evs.tolist() == [[1.0, 0.0]] * 3


def test_registers_that_share_bits_or_have_none(backend):
    bits = ClassicalRegister(3, "c")
    circuit = QuantumCircuit(QuantumRegister(3), bits, ClassicalRegister(0, "none"))
    circuit.add_register(ClassicalRegister(bits=[bits[2], bits[0]], name="some"))
    circuit.x(0)
    circuit.measure([0, 1, 2], [0, 1, 2])
    data = SamplerV2(backend).run([circuit], shots=4).result()[0].data
    assert data.c.get_counts() == {"001": 4}
    assert data.some.get_counts() == {"10": 4}
    assert data.none.num_bits == 0


def test_a_circuit_changed_after_run_is_run_as_it_was(backend):
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    job = SamplerV2(backend).run([circuit], shots=5)
    circuit.add_register(ClassicalRegister(5, "later"))
    circuit.x(0)
    assert list(job.result()[0].data) == ["c"]
    assert job.result()[0].data.c.get_counts() == {"1": 5}


@pytest.mark.parametrize(
    ("pubs", "error", "says"),
    [
        ([quick(), rotated()], InvalidPubError, "PUB 1: .*parameters"),
        (
            [quick(), (rotated("r"), [[1.0], [np.nan]])],
            InvalidPubError,
            r"PUB 1 \(circuit 'r'\).*'a'.*set \(1,\) is nan",
        ),
        ([quick(), "circuit"], PubTypeError, "PUB 1"),
        ([quick(), 7], PubTypeError, "PUB 1"),
        ([(quick(), None, 0)], InvalidPubError, "PUB 0: shots must be positive"),
        ([(quick(), None, 1.5)], PubTypeError, "PUB 0: shots must be an integer"),
        (quick(), PubTypeError, "brackets"),
        ([QuantumCircuit(1, name="s").compose(QuantumCircuit(1)), "x"], PubTypeError, "PUB 1"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*no classical registers")
def test_bad_pubs_are_refused_by_index(backend, pubs, error, says):
    with pytest.raises(error, match=says):
        SamplerV2(backend).run(pubs)


def test_bad_names_of_registers(backend):
    circuit = QuantumCircuit(QuantumRegister(1), ClassicalRegister(1, "shape"), name="named")
    with pytest.raises(InvalidPubError, match=r"PUB 0 \(circuit 'named'\).*another name"):
        SamplerV2(backend).run([circuit])
    with pytest.warns(UserWarning, match=r"PUB 1 \(circuit 'bare'\) has no classical registers"):
        job = SamplerV2(backend).run([quick(), QuantumCircuit(1, name="bare")])
    assert list(job.result()[1].data) == []


@pytest.mark.parametrize(
    ("pub", "error", "says"),
    [
        ((QuantumCircuit(2), "Z"), InvalidPubError, "number of qubits"),
        ((QuantumCircuit(1), {"Z": 1j}), InvalidPubError, "Non-Hermitian"),
        ((QuantumCircuit(1), "Q"), InvalidPubError, "PUB 1"),
        ((QuantumCircuit(1), "Z", None, -1.0), InvalidPubError, "non-negative"),
        ((QuantumCircuit(1), "Z", None, "x"), PubTypeError, "real number"),
        ((rotated(measured=False), ["Z"] * 3, np.zeros((2, 1))), InvalidPubError, "not broadcastable"),
        (QuantumCircuit(1), InvalidPubError, "PUB 1"),
    ],
)
def test_bad_estimator_pubs_are_refused_by_index(backend, pub, error, says):
    with pytest.raises(error, match=says) as refusal:
        EstimatorV2(backend).run([(QuantumCircuit(1), "Z"), pub])
    assert "PUB 1" in str(refusal.value)


def test_shots_need_a_precision(backend):
    with pytest.raises(InvalidPubError, match="no number of shots"):
        EstimatorV2(backend, options={"estimation": "shots"}).run([(QuantumCircuit(1), "Z", None, 0.0)])


# Jobs


def test_a_pub_that_fails_costs_no_other(backend):
    pubs = [quick("good"), unsupported("bad"), (rotated(), [[0.0], [np.pi]])]
    job = SamplerV2(backend, seed=5).run(pubs)
    with pytest.raises(PubsFailedError, match=r"1 of 3 PUBs failed: PUB 1 \(circuit 'bad'\): .*unknown op"):
        job.result()
    assert job.status() is JobStatus.ERROR
    assert job.in_final_state()
    assert not job.done()
    assert [(one.pub, one.index, one.name) for one in job.errors()] == [(1, (), "bad")]
    part = job.partial_result()
    assert [pub.metadata["missing"].any() for pub in part] == [False, True, False]
    assert part.metadata["partial"] is True
    theirs = primitives.SamplerV2(seed=5).run([pubs[0], quick(), pubs[2]]).result()
    assert part[0].data.c == theirs[0].data.c
    assert part[2].data.c == theirs[2].data.c


def test_an_estimator_pub_that_fails_costs_no_other(backend):
    wide = QuantumCircuit(44, name="wide")  # 256 TiB, which fails on the worker; what needs more is not sent
    wide.h(range(44))
    wide.t(range(44))
    pubs = [(rotated(measured=False), "Z", [[0.0], [np.pi]]), (wide, "Z" * 44)]
    options = {"backend_options": {"method": "statevector"}}
    job = EstimatorV2(backend, options=options).run(pubs)
    with pytest.raises(PubsFailedError, match=r"PUB 1 \(circuit 'wide'\)"):
        job.result()
    part = job.partial_result()
    assert np.allclose(part[0].data.evs, [1.0, -1.0])
    assert np.isnan(part[1].data.evs)
    assert np.isnan(part[1].data.stds)
    shots = EstimatorV2(backend, options={**options, "estimation": "shots"}).run(pubs)
    with pytest.raises(PubsFailedError, match=r"PUB 1 \(circuit 'wide'\)"):
        shots.result()
    assert np.allclose(shots.partial_result()[0].data.evs, [1.0, -1.0])


def test_what_is_not_there_yet_is_masked(backend):
    arrived = threading.Event()

    def heard(event):
        if isinstance(event, SliceDone):
            arrived.set()

    sampler = SamplerV2(backend, seed=1, options={"run_options": {"max_job_size": 1, "callback": heard}})
    job = sampler.run([quick(), endless()])
    assert isinstance(job, BasePrimitiveJob)
    assert arrived.wait(60)
    with pytest.raises(ClusterJobTimeoutError, match="goes on"):
        job.result(timeout=0)
    assert job.running()
    part = job.partial_result()
    assert [bool(pub.metadata["missing"]) for pub in part] == [False, True]
    assert part[0].data.c == primitives.SamplerV2(seed=1).run([quick()]).result()[0].data.c
    assert job.progress().experiments_done == 1
    assert job.cancel()
    assert job.cancelled()
    assert not job.cancel()
    with pytest.raises(ClusterJobCancelledError, match="was cancelled"):
        job.result()
    assert "CANCELLED" in repr(job)
    assert "ClusterPrimitiveJob" in job._repr_html_()


def test_many_runs_overlap_on_one_cluster(backend):
    sampler, estimator = SamplerV2(backend, seed=1), EstimatorV2(backend)
    blocked = sampler.run([endless()])
    jobs = [estimator.run([(rotated(measured=False), "Z", [[0.0]])]) for _ in range(5)]
    assert [job.result(60)[0].data.evs.tolist() for job in jobs] == [[1.0]] * 5
    assert not blocked.in_final_state()
    assert blocked.cancel()


def test_results_can_be_asked_for_twice_and_events_are_heard(backend):
    events = []
    job = EstimatorV2(backend, options={"run_options": {"callback": events.append}}).run(
        [(QuantumCircuit(1), "Z", None, 0.3)]
    )
    assert job.result() is job.result()
    assert job.done()
    assert isinstance(events[-1], JobFinished)
    # No seed was given: the one that was drawn gives the same noise again.
    seed = job.result()[0].metadata["simulator_metadata"]["base_seed"]
    again = EstimatorV2(backend, options={"run_options": {"seed_simulator": seed}}).run(
        [(QuantumCircuit(1), "Z", None, 0.3)]
    )
    assert again.result()[0].data.evs == job.result()[0].data.evs
    other = EstimatorV2(backend).run([(QuantumCircuit(1), "Z", None, 0.3)] * 2).result()
    assert other[0].data.evs != other[1].data.evs, "each PUB draws for itself"
