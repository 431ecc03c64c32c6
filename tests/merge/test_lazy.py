"""A result that makes its experiments when they are read, and is Qiskit's in everything that one can read."""

import copy
import pickle
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.result import Counts, Result, marginal_counts
from qiskit.result.models import ExperimentResult, ExperimentResultData

from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.engines.aer.simulation.simulate import Simulation
from qiskit_cluster_provider.errors import WireError
from qiskit_cluster_provider.merge import merge
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import SliceResult, cut
from qiskit_cluster_provider.plan import packed as packing
from qiskit_cluster_provider.testing import differences
from qiskit_cluster_provider.wire import Encoder, PackedExperiments, decode_result
from qiskit_cluster_provider.wire import experiments as wire

from ..alone import alone
from ..slow import unsupported

HEAD = {"backend_name": "b", "backend_version": "1", "job_id": "j", "date": "d", "time_taken": 0.5}
OPTIONS = {"shots": 30, "memory": True, "seed_simulator": 1, "max_parallel_threads": 1}


def batch():
    circuits = []
    for index in range(6):
        circuit = QuantumCircuit(3, name=f"q{index}", metadata={"index": index})
        circuit.h(range(3))
        if index % 2:
            circuit.save_statevector()
        circuit.measure_all()
        circuit.add_register(again := ClassicalRegister(3, "again"))
        circuit.measure(range(3), again)
        circuits.append(circuit)
    return circuits


def ran(circuits, **options):
    """The plan of ``circuits``, and what came back for it."""
    slice_options = SliceOptions(
        **{key: options.pop(key) for key in ("max_job_size", "max_shot_size") if key in options}
    )
    plan = cut(prepare(circuits, None, RunSettings({**OPTIONS, **options}, slice_options)), 1)
    encoder, simulation = Encoder(plan), Simulation()
    replies = {}
    for piece in plan.slices:
        _, message = encoder.encode(piece)
        replies[piece.index] = simulation.run(message, lambda names: [encoder.blobs[name] for name in names])
    return plan, replies


@pytest.fixture(scope="module")
def ours():
    return ran(batch(), max_job_size=4)


@pytest.fixture
def result(ours):
    plan, replies = ours
    return merge(plan, {index: decode_result(reply) for index, reply in replies.items()}, {}, head=HEAD)


@pytest.fixture(scope="module")
def theirs():
    from qiskit_aer import AerSimulator

    return AerSimulator().run(batch(), **OPTIONS).result()


@pytest.fixture
def decoded(monkeypatch):
    """What is decoded from now on: documents of experiments, counts and memories."""
    found = []

    def noting(name, function):
        return lambda *arguments, **named: found.append(name) or function(*arguments, **named)

    monkeypatch.setattr(wire, "unpack", noting("document", wire.unpack))
    for kind in (packing.PackedCounts, packing.PackedMemory):
        monkeypatch.setattr(kind, "unpacked", noting(kind.__name__, kind.unpacked))
    return found


def test_one_experiment_is_decoded_and_not_the_others(result, decoded):
    assert result.success
    assert result.status == "COMPLETED"
    assert len(result.results) == 6
    assert decoded == []
    assert sum(result.get_counts(3).values()) == 30
    assert decoded == ["document", "document", "PackedCounts"]
    assert len(result.get_memory(3)) == 30
    assert decoded.count("PackedMemory") == 1
    assert decoded.count("document") == 4


def test_a_name_is_found_without_decoding_any(result, decoded):
    for index in reversed(range(6)):
        assert result.get_counts(f"q{index}") == result.get_counts(index)
    assert decoded.count("document") == 6 * 4
    assert decoded.count("PackedMemory") == 0


def test_data_is_decoded_once_and_in_parts(result, decoded):
    data = result.results[1].data
    assert result.results[1].header["name"] == "q1"
    assert decoded == ["document"]
    assert data.counts is data.counts
    assert "PackedMemory" not in decoded
    assert data.memory is data.memory
    assert decoded.count("document") == 3  # another look at the metadata: what is saved, and how
    assert result.data(1)["memory"] is data.memory
    assert decoded.count("PackedMemory") == 1


def test_counts_leave_nothing_behind(result):
    result.get_counts()
    assert all(vars(experiment) == {} for experiment in result.results)


def test_it_is_aers_in_all_that_can_be_read(result, theirs):
    assert isinstance(result, Result)
    assert type(result.results) is list
    assert all(
        isinstance(one, ExperimentResult) and isinstance(one.data, ExperimentResultData) for one in result.results
    )
    for index in range(6):
        assert result.get_counts(index) == theirs.get_counts(index)
        assert list(result.get_counts(index)) == list(theirs.get_counts(index))
        assert vars(result.get_counts(index)) == vars(theirs.get_counts(index))
        assert type(result.get_counts(index)) is Counts
        assert result.get_memory(index) == theirs.get_memory(index)
    assert result.get_counts() == theirs.get_counts()
    assert differences(result, theirs) == []
    for one, other in zip(result.results, theirs.results, strict=True):
        assert list(one.to_dict()) == [*list(other.to_dict())]
        assert list(one.data.to_dict()) == list(other.data.to_dict())
        assert vars(one).keys() == vars(other).keys()
        assert repr(one.data) == repr(other.data)
        assert hasattr(one.data, "statevector") == hasattr(other.data, "statevector")
        assert not hasattr(one, "nothing")
        assert not hasattr(one.data, "nothing")
        assert {name for name in dir(one) if name[0] != "_"} == {name for name in dir(other) if name[0] != "_"}
        assert {name for name in dir(one.data) if name[0] != "_"} == {
            name for name in dir(other.data) if name[0] != "_"
        }
        assert one.meas_level == other.meas_level
    assert result.get_statevector(1) == theirs.get_statevector(1)
    assert differences(Result.from_dict(result.to_dict()), theirs) == []
    assert differences(marginal_counts(result, [0]), marginal_counts(theirs, [0])) == []
    assert repr(result).startswith(
        "Result(backend_name='b', backend_version='1', job_id='j', success=True, results=[Exp"
    )


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_is_of_qiskits_own_types(result, theirs, copied, touched):
    if touched:
        result.results[0].data.to_dict()
        result.results[1].header.get("name")
    other = copied(result)
    assert type(other) is Result
    assert differences(other, theirs) == []
    one = copied(result.results[1])
    assert type(one) is ExperimentResult
    assert one.to_dict().keys() == theirs.results[1].to_dict().keys()
    data = copied(result.results[2].data)
    assert type(data) is ExperimentResultData
    assert data.to_dict() == theirs.results[2].data.to_dict()


def test_a_pickled_result_can_be_read_without_this_package(result, tmp_path):
    file = tmp_path / "result"
    file.write_bytes(pickle.dumps(result))
    script = (
        "import pickle, sys; r = pickle.load(open(sys.argv[1], 'rb')); r.get_counts(); "
        "print(r.get_counts(0).shots(), [name for name in sys.modules if name.startswith('qiskit_cluster')])"
    )
    said = subprocess.run([sys.executable, "-c", script, file], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "30 []"


def test_what_a_user_changes_stays_changed(result, theirs):
    """Error mitigation writes into results; it must not matter what was read before."""
    result.results[0].data.counts = {"0x1": 30}
    result.results[0].shots = 31
    result.results[1].data.memory[0] = "0x3f"
    result.results[2].data = ExperimentResultData(counts={"0x0": 1})
    result.results[3].header["name"] = "other"
    result.results[4].data.new = 5
    assert result.get_counts(0) == {"000 001": 30}
    assert result.results[0].shots == 31
    assert result.results[0].seed_simulator == theirs.results[0].seed_simulator
    assert result.get_memory(0) == theirs.get_memory(0)
    assert result.get_memory(1)[0] == "111 111"
    assert result.get_counts(2) == {"000 000": 1}
    assert result.get_counts("other") == theirs.get_counts(3)
    assert result.data(4) == theirs.data(4)  # as Qiskit has it: it lists what it was made with
    with pytest.raises(QiskitError, match="could not be found"):
        result.get_counts("q3")
    result.results = result.results[4:]
    assert result.get_counts("q5") == theirs.get_counts(5)
    with pytest.raises(QiskitError, match="could not be found"):
        result.get_counts("q0")


def test_names_that_are_not_there_or_there_twice():
    circuits = [circuit.copy(name) for circuit, name in zip(batch(), "aabbbc", strict=True)]
    plan, replies = ran(circuits)
    result = merge(plan, {index: decode_result(reply) for index, reply in replies.items()}, {}, head=HEAD)
    with pytest.warns(UserWarning, match='multiple results matching name "b"'):
        assert result.get_counts(circuits[3]) == result.get_counts(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert result.get_counts(circuits[5]) == result.get_counts(5)
    for key, message in (("d", "could not be found"), (6, "could not be found"), (None, "select a circuit")):
        with pytest.raises(QiskitError, match=message):
            result.get_memory(key)
    assert result.get_counts(-1) == result.get_counts(5)


def test_readouts_that_are_not_there(theirs):
    bare = QuantumCircuit(1)
    bare.h(0)
    bare.save_statevector()
    plan, replies = ran([bare], memory=False)
    result = merge(plan, {index: decode_result(reply) for index, reply in replies.items()}, {}, head=HEAD)
    assert result.get_counts() == pytest.approx({"0": 0.5, "1": 0.5})  # Qiskit takes the state
    with pytest.raises(QiskitError, match="No memory"):
        result.get_memory(0)


def test_ranges_of_shots_are_put_together_when_they_are_read(decoded):
    circuit = QuantumCircuit(2, 2, name="dynamic")
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    circuit.h(0)
    circuit.measure(0, 0)
    plan, replies = ran([circuit], max_shot_size=7, method="statevector")
    parts = {index: decode_result(reply) for index, reply in replies.items()}
    assert len(parts) == 5
    result = merge(plan, parts, {}, head=HEAD)
    assert result.success
    assert "PackedMemory" not in decoded
    from qiskit_aer import AerSimulator

    theirs = AerSimulator(method="statevector").run([circuit], **OPTIONS).result()
    assert result.get_counts() == theirs.get_counts()
    assert result.get_memory() == theirs.get_memory()
    assert differences(result, theirs) == []


def test_a_failed_one_among_them(theirs):
    circuits = [*batch()[:2], unsupported("broken"), *batch()[3:]]
    plan, replies = ran(circuits)
    results = {index: decode_result(reply) for index, reply in replies.items()}
    result = merge(plan, results, {}, head=HEAD)
    assert result.status == "PARTIAL COMPLETED"
    assert not result.results[2].success
    assert result.results[2].data.to_dict() == {}
    assert result.get_counts(3) == theirs.get_counts(3)
    for key in (2, "broken"):
        with pytest.raises(QiskitError, match="circuit 'broken'"):
            result.get_counts(key)
    assert Result.from_dict(result.to_dict()).results[2].status == result.results[2].status


def test_what_is_damaged_is_named_and_costs_no_other(ours, theirs):
    plan, replies = ours
    results = {index: decode_result(reply) for index, reply in replies.items()}
    experiments = results[1].experiments
    good = [{**experiments.head(i), "data": experiments.data(i)} for i in range(2)]

    def merged(bad):
        broken = SliceResult(1, PackedExperiments.of([good[0], bad]), {}, 0.1)
        return merge(plan, {**results, 1: broken}, {}, head=HEAD)

    said = r"experiment 5, circuit 'q5' \(index 5\), cannot be read"
    for bad in ({}, {"success": True}, {**good[1], "header": []}):
        for name in ("get_counts", "get_memory", "data", "get_statevector"):
            result = merged(bad)
            with pytest.raises(WireError, match=said):
                getattr(result, name)(5)
            assert result.get_counts(4) == theirs.get_counts(4)
            assert result.data(4) == theirs.data(4)
    for bad in ({**good[1], "self": 1}, {**good[1], "metadata": 3}, {**good[1], "meas_return": 7}):
        with pytest.raises(WireError, match=said):
            merged(bad).data(5)


def memory_of_a_million_shots():
    circuit = QuantumCircuit(12, name="wide")
    circuit.h(range(12))
    circuit.measure_all()
    plan, replies = ran([circuit], shots=1_000_000)
    (reply,) = replies.values()
    assert len(reply) < 2_000_000
    tracemalloc.start()
    result = merge(plan, {0: decode_result(reply)}, {}, head=HEAD)
    assert result.get_counts().shots() == 1_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    memory = result.get_memory()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(memory) == 1_000_000
    counts = result.get_counts()
    values, numbers = np.unique([int(shot, 2) for shot in memory], return_counts=True)
    assert dict(zip(values.tolist(), numbers.tolist(), strict=True)) == counts.int_outcomes()
    return peak, kept


@pytest.mark.slow
def test_a_million_shots_are_no_million_strings():
    peak, kept = alone(memory_of_a_million_shots)
    assert peak < 20 * 2**20  # as lists of texts it is 64 MB
    assert kept < 30 * 2**20


def test_results_that_are_moved_are_found_by_their_names(backend):
    circuits = []
    for index in range(4):
        circuit = QuantumCircuit(2, 2, name=f"c{index}")
        for qubit in range(2):
            if index >> qubit & 1:
                circuit.x(qubit)
        circuit.measure([0, 1], [0, 1])
        circuits.append(circuit)
    result = backend.run(circuits, shots=10, seed_simulator=1, memory=True).result()
    assert result.get_counts("c0") == {"00": 10}
    result.results.reverse()
    assert [result.get_counts(f"c{index}") for index in range(4)] == [{f"{index:02b}": 10} for index in range(4)]
    assert result.get_memory("c1") == ["01"] * 10
    result.results.pop(0)
    assert result.get_counts("c1") == {"01": 10}
    assert result.get_counts(circuits[0]) == {"00": 10}


def test_data_may_be_deleted(backend):
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    data = backend.run(circuit, shots=10, seed_simulator=1, memory=True).result().results[0].data
    del data.counts
    assert not hasattr(data, "counts")
    assert data.memory == ["0x0"] * 10
