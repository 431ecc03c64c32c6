"""What is done with a slice that did not come back, and what it becomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qiskit_cluster_provider.dispatch.retry import Action, decide
from qiskit_cluster_provider.dispatch.tracker import SliceTracker
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.outcomes import Outcome, Reason, SliceState
from qiskit_cluster_provider.plan import cut, parts
from tests.slow import quick

AGAIN, SPLIT, POISON, GIVE_UP = Action
CRASHED, TIMED_OUT, LOST = Outcome.CRASHED, Outcome.TIMED_OUT, Outcome.LOST
DISCONNECTED, ERROR = Outcome.DISCONNECTED, Outcome.ERROR


@pytest.mark.parametrize(
    ("outcomes", "size", "expected"),
    [
        ([CRASHED], 40, AGAIN),
        ([CRASHED, CRASHED], 40, SPLIT),
        ([CRASHED, LOST, CRASHED], 40, SPLIT),
        ([TIMED_OUT], 40, SPLIT),
        ([CRASHED], 1, AGAIN),
        ([CRASHED, CRASHED], 1, POISON),
        ([TIMED_OUT], 1, AGAIN),
        ([TIMED_OUT, TIMED_OUT], 1, POISON),
        ([TIMED_OUT, CRASHED], 1, POISON),
        ([LOST] * 3, 1, AGAIN),
        ([LOST] * 4, 1, GIVE_UP),
        ([DISCONNECTED] * 20, 1, AGAIN),
        ([DISCONNECTED] * 21, 1, GIVE_UP),
        ([LOST] * 3 + [DISCONNECTED] * 20 + [CRASHED], 1, AGAIN),
        ([ERROR], 1, GIVE_UP),
        ([ERROR], 40, GIVE_UP),
    ],
)
def test_the_rule(outcomes, size, expected):
    assert decide(outcomes, size, retries=3) is expected


def test_without_retries_one_death_is_enough():
    assert decide([CRASHED], 40, retries=0) is SPLIT
    assert decide([CRASHED], 1, retries=0) is POISON
    assert decide([LOST], 1, retries=0) is GIVE_UP
    assert decide([DISCONNECTED], 1, retries=0) is AGAIN, "no fault of the slice"


def test_a_part_of_what_died_is_split_at_once_but_a_culprit_must_die_twice():
    assert decide([CRASHED], 5, retries=3, suspected=True) is SPLIT
    assert decide([CRASHED], 1, retries=3, suspected=True) is AGAIN


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
    tracker = SliceTracker(plan_of(300, max_job_size=300), retries=3)
    waiting, deaths = [0], 0
    while waiting:
        index = waiting.pop(0)
        first, stop = tracker.plan.slices[index].experiments
        tracker.submitted(index, 0.0)
        if not first <= 123 < stop:
            tracker._set(index, state=SliceState.DONE)
            continue
        deaths += 1
        found = tracker.failed(index, CRASHED, Reason("by SIGSEGV"), 1.0)
        waiting += tracker.split(index) if found is SPLIT else [index] if found is AGAIN else []
    (poison,) = tracker.poison
    assert tracker.plan.slices[poison].experiments == (123, 124)
    assert tracker.poison[poison] == Reason("by SIGSEGV, in each of 2 tries alone")
    assert not tracker.lost
    assert deaths <= 6
    covered = sorted(i for one in tracker.plan.slices for i in range(*one.experiments))
    assert covered == list(range(300))
    assert [info.experiments for info in tracker.infos] == [one.experiments for one in tracker.plan.slices]


def test_attempts_are_kept():
    tracker = SliceTracker(plan_of(4, max_job_size=2), retries=3)
    tracker.submitted(1, 0.5)
    tracker.started(1, "tcp://one", 1.0)
    assert tracker.running_for(1, 3.5) == 2.5
    tracker.failed(1, LOST, Reason("gone"), 4.0)
    tracker.submitted(1, 5.0)
    tracker.cancelled(6.0)
    one, two = tracker.attempts
    assert (one.slice, one.worker, one.submitted, one.started, one.ended) == (1, "tcp://one", 0.5, 1.0, 4.0)
    assert (one.outcome, one.reason) == (LOST, "gone")
    assert (two.outcome, two.started, two.worker) == ("cancelled", None, "")
    assert [info.state for info in tracker.infos] == [SliceState.CANCELLED] * 2


def test_what_dask_sends_again_is_a_try_that_was_lost():
    tracker = SliceTracker(plan_of(4, max_job_size=2), retries=3)
    tracker.submitted(1, 0.5)
    assert tracker.started(1, "tcp://one", 1.0) == ""
    assert tracker.started(1, "tcp://two", 3.0) == "tcp://one"
    (lost,), (left,) = tracker.attempts, tracker.open(5.0)
    assert (lost.outcome, lost.worker, lost.started, lost.ended) == (LOST, "tcp://one", 1.0, 3.0)
    assert lost.action == "sent by Dask to tcp://two"
    assert (left.outcome, left.worker, left.submitted, left.started, left.ended) == (
        "running",
        "tcp://two",
        0.5,
        3.0,
        5.0,
    )
    assert tracker.tries(1) == 0, "Dask counts its own"
    assert tracker.failed(1, ERROR, Reason("no more", detail="Traceback"), 6.0) is GIVE_UP
    assert tracker.lost[1] == Reason("no more; on tcp://one, tcp://two", detail="Traceback")


def test_news_of_a_begin_that_come_after_the_end():
    tracker = SliceTracker(plan_of(4, max_job_size=2), retries=3)
    tracker.submitted(0, 0.5)
    tracker.failed(0, CRASHED, Reason("by SIGSEGV"), 2.0)
    assert tracker.attempts[0].worker == ""
    assert tracker.started(0, "tcp://one", 2.1) == ""
    (one,) = tracker.attempts
    assert (one.worker, one.started, one.ended) == ("tcp://one", 2.0, 2.0)
