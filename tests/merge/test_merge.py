"""Slice results to a result, placed by index, whatever came and in whatever order."""

import gc
import pickle
import random
from dataclasses import dataclass
from types import FunctionType, ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit

from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.merge import failures, merge
from qiskit_cluster_provider.merge.shots import merge_heads
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.outcomes import Reason
from qiskit_cluster_provider.plan import Manifest, Slice, SliceResult, cut
from qiskit_cluster_provider.testing import differences
from qiskit_cluster_provider.wire import Encoder, PackedExperiments, decode_result
from qiskit_cluster_provider.worker import run_slice
from qiskit_cluster_provider.worker.sandbox.call import Call

from ..slow import quick

HEAD = {"backend_name": "b", "backend_version": "1", "job_id": "j", "date": "d", "time_taken": 0.5}


def batch():
    found = []
    for index in range(7):
        circuit = QuantumCircuit(3, index + 3, name=f"q{index}", metadata={"index": index})
        circuit.h(range(3))
        circuit.measure(range(3), range(3))
        found.append(circuit)
    return found


@pytest.fixture(scope="module")
def plan():
    options = {"shots": 20, "memory": True, "seed_simulator": 1}
    return cut(prepare(batch(), None, RunSettings(options, SliceOptions(max_job_size=2))), 1)


@pytest.fixture(scope="module")
def results(plan):
    found = {}
    for piece in plan.slices:
        _, payload = Encoder(plan).encode(piece)
        outcome, message = run_slice(tuple(Call("merge", piece.index, 1, (), "", "")), payload)
        assert outcome == "done"
        found[piece.index] = decode_result(message)
    return found


def test_order_of_arrival_does_not_matter(plan, results, aer, same):
    items = list(results.items())
    random.Random(1).shuffle(items)
    merged = merge(plan, dict(items), {}, head=HEAD)
    same(merged, aer.run(batch(), shots=20, memory=True, seed_simulator=1).result())
    assert merged.results[3].header["metadata"] is plan.work.items[3].metadata
    assert merged.to_dict()["backend_name"] == "b"


@dataclass(frozen=True)
class Stored:
    """What somebody has who was not there when the job ran."""

    manifest: Manifest
    slices: tuple[Slice, ...]


def test_a_manifest_and_slice_results_are_enough(plan, results, same):
    manifest, slices = pickle.loads(pickle.dumps((plan.manifest, plan.slices)))
    stored = Stored(manifest, slices)
    assert not any(isinstance(one, QuantumCircuit) for one in reachable(stored))
    same(merge(stored, results, {}, head=HEAD), merge(plan, results, {}, head=HEAD))
    lost = {1: Reason("its worker is gone")}
    kept = {index: one for index, one in results.items() if index != 1}
    assert failures(stored, kept.values(), lost) == failures(plan, kept.values(), lost) != []


def reachable(thing):
    """All objects of this process that ``thing`` leads to, but for modules and classes."""
    found, new = {}, [thing]
    while new:
        one = new.pop()
        if id(one) not in found and not isinstance(one, (type, ModuleType, FunctionType)):
            found[id(one)] = one
            new += gc.get_referents(one)
    return found.values()


@given(present=st.sets(st.integers(0, 3)))
def test_what_is_missing_is_marked_and_the_rest_is_in_its_place(plan, results, present):
    whole = merge(plan, results, {}, head=HEAD)
    part = merge(plan, {i: results[i] for i in present}, {}, head=HEAD, partial=True)
    assert part.partial is True
    for piece in plan.slices:
        for index in range(*piece.experiments):
            assert part.results[index].success == (piece.index in present)
            if piece.index in present:
                assert part.results[index].data.to_dict() == whole.results[index].data.to_dict()
            else:
                assert "NOT DONE" in part.results[index].status
                assert f"q{index}" in part.results[index].status


def test_failures_are_named_once_and_in_order(plan, results):
    bad = {"success": False, "status": "ERROR: no such gate", "shots": 0, "data": {}, "seed_simulator": 1}
    broken = dict(results)
    first = {**results[1].experiments.head(0), "data": results[1].experiments.data(0)}
    broken[1] = SliceResult(1, PackedExperiments.of([first, bad]), {}, 0.1, refused={1: bad["status"]})
    del broken[3]
    merged = merge(plan, broken, {3: Reason("WorkerLost")}, head=HEAD)
    assert merged.status == "PARTIAL COMPLETED"
    assert [f.index for f in failures(plan, broken.values(), {3: Reason("WorkerLost")})] == [3, 6]
    assert merged.results[3].status == "ERROR: [Experiment 3] circuit 'q3' (index 3): no such gate"
    assert merged.results[6].status == "ERROR: [Experiment 6] circuit 'q6' (index 6): WorkerLost"
    assert merged.results[2].success


def test_the_guard_against_a_path_that_the_plan_did_not_expect():
    part = {"success": True, "shots": 5, "time_taken": 0.1, "seed_simulator": 1}
    sampled = part | {"metadata": {"method": "statevector", "measure_sampling": True}}
    other = part | {"metadata": {"method": "stabilizer", "measure_sampling": False}}
    same = part | {"metadata": {"method": "statevector", "measure_sampling": False}}
    assert merge_heads([same, same], by_shot=True)["shots"] == 10
    assert merge_heads([sampled, sampled], by_shot=False)["success"]
    for parts in ([sampled, sampled], [same, other]):
        merged = merge_heads(parts, by_shot=True)
        assert not merged["success"]
        assert "do not add up" in merged["status"]


def test_the_oracle_sees_every_kind_of_difference(aer):
    options = {"seed_simulator": 1, "shots": 30, "memory": True}
    circuit = quick()
    circuit.save_statevector()
    base = aer.run([circuit], **options).result()
    assert differences(base, aer.run([circuit], **options).result()) == []
    other = circuit.copy()
    other.metadata = {"a": 1}
    for changed in (
        aer.run([circuit], **options | {"seed_simulator": 2}).result(),
        aer.run([circuit], **options | {"shots": 31}).result(),
        aer.run([circuit.copy(name="other")], **options).result(),
        aer.run([other], **options).result(),
        aer.run([circuit, circuit], **options).result(),
        aer.run([circuit], **options, method="matrix_product_state").result(),
    ):
        assert differences(base, changed) != []
