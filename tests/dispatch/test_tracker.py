"""What is done with a slice that did not come back, and what it becomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_cluster_provider.dispatch.retry import Fate, fate
from qiskit_cluster_provider.dispatch.tracker import Ledger
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.outcomes import Reason
from qiskit_cluster_provider.plan import cut, parts
from tests.slow import quick

AGAIN, SPLIT, CULPRIT, LOST = Fate


@pytest.mark.parametrize(
    ("outcomes", "size", "expected"),
    [
        (["died"], 40, AGAIN),
        (["died", "died"], 40, SPLIT),
        (["died", "lost", "died"], 40, SPLIT),
        (["overran"], 40, SPLIT),
        (["died"], 1, AGAIN),
        (["died", "died"], 1, CULPRIT),
        (["overran"], 1, AGAIN),
        (["overran", "overran"], 1, CULPRIT),
        (["overran", "died"], 1, CULPRIT),
        (["lost"] * 3, 1, AGAIN),
        (["lost"] * 4, 1, LOST),
        (["disconnected"] * 20, 1, AGAIN),
        (["disconnected"] * 21, 1, LOST),
        (["lost"] * 3 + ["disconnected"] * 20 + ["died"], 1, AGAIN),
        (["error"], 1, LOST),
        (["error"], 40, LOST),
    ],
)
def test_the_rule(outcomes, size, expected):
    assert fate(outcomes, size, retries=3) is expected


def test_without_retries_one_death_is_enough():
    assert fate(["died"], 40, retries=0) is SPLIT
    assert fate(["died"], 1, retries=0) is CULPRIT
    assert fate(["lost"], 1, retries=0) is LOST
    assert fate(["disconnected"], 1, retries=0) is AGAIN, "no fault of the slice"


def test_a_part_of_what_died_is_split_at_once_but_a_culprit_must_die_twice():
    assert fate(["died"], 5, retries=3, suspected=True) is SPLIT
    assert fate(["died"], 1, retries=3, suspected=True) is AGAIN


def plan_of(experiments, **options):
    circuits = [quick(f"q{i}") for i in range(experiments)]
    return cut(prepare(circuits, None, RunSettings({"shots": 5, "seed_simulator": 7}, SliceOptions(**options))), 2)


@given(st.integers(2, 70), st.integers(1, 80), st.data())
def test_parts_have_the_experiments_and_the_seeds_of_the_whole(experiments, size, data):
    plan = plan_of(experiments, max_job_size=size)
    piece = data.draw(st.sampled_from([p for p in plan.slices if p.size > 1] or [None]))
    if piece is None:
        return
    found = parts(plan.work, piece, len(plan.slices))
    assert [one.index for one in found] == [piece.index, *range(len(plan.slices), len(plan.slices) + len(found) - 1)]
    covered = [i for one in found for i in range(*one.experiments)]
    assert covered == list(range(*piece.experiments))
    single = {p.experiments[0]: p.seed for p in cut(plan_of(experiments, max_job_size=1).work, 2).slices}
    assert all(one.seed == single[one.experiments[0]] for one in found)
    assert all(one.size < piece.size for one in found)


def test_splitting_until_the_culprit_is_alone():
    ledger = Ledger(plan_of(300, max_job_size=300), retries=3)
    waiting, deaths = [0], 0
    while waiting:
        index = waiting.pop(0)
        first, stop = ledger.plan.slices[index].experiments
        ledger.submitted(index, 0.0)
        if not first <= 123 < stop:
            ledger._set(index, state="done")
            continue
        deaths += 1
        found = ledger.failed(index, "died", Reason("by SIGSEGV"), 1.0)
        waiting += ledger.split(index) if found is SPLIT else [index] if found is AGAIN else []
    (culprit,) = ledger.culprits
    assert ledger.plan.slices[culprit].experiments == (123, 124)
    assert ledger.culprits[culprit] == Reason("by SIGSEGV, in each of 2 tries alone")
    assert not ledger.lost
    assert deaths <= 6
    covered = sorted(i for one in ledger.plan.slices for i in range(*one.experiments))
    assert covered == list(range(300))
    assert [info.experiments for info in ledger.infos] == [one.experiments for one in ledger.plan.slices]


def test_attempts_are_kept():
    ledger = Ledger(plan_of(4, max_job_size=2), retries=3)
    ledger.submitted(1, 0.5)
    ledger.started(1, "tcp://one", 1.0)
    assert ledger.running_for(1, 3.5) == 2.5
    ledger.failed(1, "lost", Reason("gone"), 4.0)
    ledger.submitted(1, 5.0)
    ledger.cancelled(6.0)
    one, two = ledger.attempts
    assert (one.slice, one.worker, one.submitted, one.started, one.ended) == (1, "tcp://one", 0.5, 1.0, 4.0)
    assert (one.outcome, one.reason) == ("lost", "gone")
    assert (two.outcome, two.started, two.worker) == ("cancelled", None, "")
    assert [info.state for info in ledger.infos] == ["cancelled", "cancelled"]


def test_what_dask_sends_again_is_a_try_that_was_lost():
    ledger = Ledger(plan_of(4, max_job_size=2), retries=3)
    ledger.submitted(1, 0.5)
    assert ledger.started(1, "tcp://one", 1.0) == ""
    assert ledger.started(1, "tcp://two", 3.0) == "tcp://one"
    (lost,), (left,) = ledger.attempts, ledger.open(5.0)
    assert (lost.outcome, lost.worker, lost.started, lost.ended) == ("lost", "tcp://one", 1.0, 3.0)
    assert lost.then == "sent by Dask to tcp://two"
    assert (left.outcome, left.worker, left.submitted, left.started, left.ended) == (
        "running",
        "tcp://two",
        0.5,
        3.0,
        5.0,
    )
    assert ledger.tries(1) == 0, "Dask counts its own"
    assert ledger.failed(1, "error", Reason("no more", detail="Traceback"), 6.0) is LOST
    assert ledger.lost[1] == Reason("no more; on tcp://one, tcp://two", detail="Traceback")


def test_news_of_a_begin_that_come_after_the_end():
    ledger = Ledger(plan_of(4, max_job_size=2), retries=3)
    ledger.submitted(0, 0.5)
    ledger.failed(0, "died", Reason("by SIGSEGV"), 2.0)
    assert ledger.attempts[0].worker == ""
    assert ledger.started(0, "tcp://one", 2.1) == ""
    (one,) = ledger.attempts
    assert (one.worker, one.started, one.ended) == ("tcp://one", 2.0, 2.0)
