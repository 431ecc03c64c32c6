"""What many experiments, and many jobs, cost the client. The curve itself: `python -m benchmarks.scale`."""

import cProfile
import gc
import pstats
import tracemalloc
import weakref
from threading import Event

import pytest
from qiskit.circuit import Parameter, QuantumCircuit

from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.merge import merge
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import PackedCounts, SliceResult, cut
from qiskit_cluster_provider.wire import Encoder, PackedExperiments, decode_result, encode_result

from .alone import alone
from .slow import quick

HEAD = {"backend_name": "b", "backend_version": "1", "job_id": "j", "date": "d", "time_taken": 0.5}
METADATA = {"method": "statevector", "device": "CPU", "fusion": {"enabled": False}, "active_input_qubits": [0, 1]}


def sweep(count):
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, name="sweep")
    circuit.rx(angle, 0)
    circuit.measure_all()
    return [circuit], [{angle: [0.001 * index for index in range(count)]}]


def many(count):
    return [quick(f"q{index}") for index in range(count)], None


def answer(piece):
    """What a worker sends for a slice."""
    experiments = [
        {
            "success": True,
            "status": "DONE",
            "shots": 100,
            "seed_simulator": index,
            "header": {"name": "other", "creg_sizes": [["c", 2]], "memory_slots": 2},
            "metadata": {**METADATA, "time_taken": 1e-3 * index},
            "data": {"counts": PackedCounts.of({"0x0": 40, "0x3": 60})},
        }
        for index in range(*piece.experiments)
    ]
    return encode_result(SliceResult(piece.index, PackedExperiments.of(experiments), {}, 0.1))


def way(circuits, binds):
    """From the user's circuits to the result, without workers."""
    options = {"shots": 100, "seed_simulator": 1}
    plan = cut(prepare(circuits, binds, RunSettings(options, SliceOptions())), 2)
    encoder = Encoder(plan)
    for piece in plan.slices:
        encoder.encode(piece)
    return plan, lambda answers: merge(plan, {i: decode_result(one) for i, one in answers.items()}, {}, head=HEAD)


def calls(batch):
    """Functions that are called on the whole way, all counts read."""
    profile = cProfile.Profile()
    profile.enable()
    plan, merged = way(*batch)
    profile.disable()
    answers = {piece.index: answer(piece) for piece in plan.slices}
    profile.enable()
    counts = merged(answers).get_counts()
    profile.disable()
    assert counts == [{"00": 40, "11": 60}] * plan.work.experiments
    return pstats.Stats(profile).total_calls


@pytest.mark.parametrize("make", [sweep, many])
def test_the_work_grows_no_faster_than_the_experiments(make):
    calls(make(20))  # what is made once
    few, more = calls(make(400)), calls(make(1600))
    assert more < 4.2 * few


def memory_of_a_result(make, count):
    plan, merged = way(*make(count))
    answers = {piece.index: answer(piece) for piece in plan.slices}
    sent = sum(map(len, answers.values()))
    assert sent < 60 * count
    gc.collect()
    tracemalloc.start()
    result = merged(answers)
    del answers
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    assert sum(result.get_counts(index)["11"] for index in range(count)) == 60 * count
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return kept, after, peak


@pytest.mark.parametrize("make", [sweep, many])
def test_a_result_is_small_until_it_is_read(make):
    count = 3000
    kept, after, peak = alone(memory_of_a_result, make, count)
    assert kept < 400 * count  # Aer's own are over 4 kB each
    assert after - kept < 200 * count
    assert peak - kept < 1_000_000


def gone(reference):
    for _ in range(40):  # the job's thread may hold it for a moment longer
        gc.collect()
        if reference() is None:
            return True
        Event().wait(0.1)
    return False


def test_a_job_that_is_dropped_leaves_its_result_and_nothing_else(backend):
    job = backend.run([quick(), quick()], shots=10)
    result = job.result()
    work = weakref.ref(job._record.work)
    plan = weakref.ref(job._record.plan)
    del job
    assert gone(work)
    assert gone(plan)
    assert sum(result.get_counts(1).values()) == 10


def test_jobs_leave_no_handlers_with_dask(backend):
    backend.run(quick()).result()
    client = backend.connection.client()
    before = len(client._event_handlers)
    heard = []
    for _ in range(3):
        job = backend.run([quick(), quick()], callback=heard.append, max_job_size=1)
        job.result()
        assert all(info.worker for info in job.slices())
    assert len(client._event_handlers) == before
