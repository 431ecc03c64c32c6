"""The words for states and outcomes: each is documented, travels as a plain text, and earlier names stay a while."""

import ast
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from qiskit.providers import JobStatus

import qiskit_cluster_provider
from qiskit_cluster_provider import outcomes
from qiskit_cluster_provider.dispatch import Attempt
from qiskit_cluster_provider.dispatch.replies import opened
from qiskit_cluster_provider.dispatch.retry import decide
from qiskit_cluster_provider.jobs.report import Report
from qiskit_cluster_provider.outcomes import ANSWERS, JobState, Outcome, Reason, SliceState
from qiskit_cluster_provider.progress import SliceFailed
from qiskit_cluster_provider.worker import run_slice
from qiskit_cluster_provider.worker.reply import packed, unpacked
from qiskit_cluster_provider.worker.sandbox.call import Call


def test_each_member_says_what_follows_it():
    tree = ast.parse(inspect.getsource(outcomes))
    for kind in (JobState, SliceState, Outcome):
        (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
        documented = {
            one.targets[0].id
            for one, after in zip(found.body, found.body[1:], strict=False)
            if isinstance(one, ast.Assign) and isinstance(after, ast.Expr) and isinstance(after.value.value, str)
        }
        assert documented == set(kind.__members__)


def test_no_other_module_writes_them_out():
    words = {"crashed", "timed out", "unready", "disconnected", "died", "overran"}
    for path in Path(qiskit_cluster_provider.__file__).parent.rglob("*.py"):
        if path.name != "outcomes.py":
            constants = {getattr(node, "value", None) for node in ast.walk(ast.parse(path.read_text()))}
            assert not words & {one for one in constants if isinstance(one, str)}, path


def test_the_states_of_a_job_are_those_of_qiskit():
    assert {state.value for state in JobState} == set(JobStatus.__members__)


def test_the_words_need_the_standard_library_alone():
    code = "import sys, qiskit_cluster_provider.worker; print(*({'qiskit', 'distributed'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_a_worker_answers_with_plain_texts():
    word, answer = run_slice(tuple(Call("job", 0, 1, versions="of another release")), b"")
    assert type(word) is str
    assert Outcome(word) is Outcome.UNFIT
    assert b"outcomes" not in pickle.dumps((word, answer)), "another release may have no such module"


@pytest.mark.parametrize("outcome", sorted(ANSWERS - {Outcome.DONE, Outcome.UNFIT}))
def test_a_reason_comes_back_as_it_was_sent(outcome):
    reason = Reason("it was ended by SIGSEGV", "look there", "line one\nline two ä")
    assert unpacked(packed(reason)) == reason
    assert opened((outcome.value, packed(reason))) == (outcome, reason)


def test_every_outcome_of_an_attempt_that_ended_without_a_result_is_decided():
    for outcome in set(Outcome) - {Outcome.QUEUED, Outcome.RUNNING, Outcome.DONE}:
        assert decide([outcome], 1, retries=1)


def attempt(**fields):
    return Attempt(3, (5, 6), "w", 0.0, 0.5, 1.0, Outcome.CRASHED, action="sent again", **fields)


@pytest.mark.parametrize(
    ("thing", "old", "new"),
    [
        (attempt(), "then", "action"),
        (SliceFailed("job", 3, "it crashed", Outcome.CRASHED, poison="circuit 'bell'"), "culprit", "poison"),
        (Report("job", "here", "DONE", 1.0, 1, 0, 1, 1, 0, 1, (), (), ("bell",), ("bell",)), "culprits", "poison"),
    ],
    ids=["Attempt", "SliceFailed", "Report"],
)
def test_an_earlier_name_stays_and_warns(thing, old, new):
    with pytest.warns(DeprecationWarning, match=f"{type(thing).__name__}.{old} is called {new} now"):
        assert getattr(thing, old) == getattr(thing, new) != ""


def test_an_outcome_is_its_word():
    assert attempt().outcome == "crashed"
    assert f"{Outcome.TIMED_OUT}" == "timed out"
    assert {Outcome.LOST: 1}["lost"] == 1
