"""Executors that misbehave at random: the answer is that of one machine, or there is one error, and nobody waits."""

import random
import threading
from concurrent.futures import CancelledError, Executor, Future
from concurrent.futures.process import BrokenProcessPool

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qiskit_cluster_provider.errors import ClusterError, ClusterJobTimeoutError
from qiskit_cluster_provider.outcomes import Reason
from qiskit_cluster_provider.testing import differences
from qiskit_cluster_provider.worker import run_slice
from qiskit_cluster_provider.worker.reply import packed

from .test_fuzz import EXAMPLES
from .test_poison import healthy

OPTIONS = {"seed_simulator": 3, "memory": True, "shots": 20}
KINDS = ["refuse", "answer", "answer", "error", "error", "dead", "never", "silent", "silent", "runs", "twice"]
ANSWERS = [
    None,
    ("done", None),
    ("done", b"\0"),
    ("unfit", b"{"),
    ("crashed", packed(Reason("by SIGKILL"))),
    ("timed out", packed(Reason("it took too long"))),
    ("cancelled", packed(Reason("its job was cancelled"))),
]
ERRORS = [
    RuntimeError("on fire"),
    TimeoutError(),
    CancelledError(),
    KeyboardInterrupt(),
    SystemExit(1),
    OSError(5, "x"),
]
DEADS = [BrokenProcessPool("a process was killed")]
REFUSALS = [
    RuntimeError("can't start new thread"),
    OSError(11, "try again"),
    RuntimeError("cannot schedule new futures"),
]


class Silent(Future):
    """Calls nobody back."""

    def add_done_callback(self, fn):
        assert callable(fn)


class Wild(Executor):
    """What it does with a slice is drawn by a seed: mostly what it should."""

    def __init__(self, seed, wildness):
        self._random = random.Random(seed)
        self._wildness = wildness
        self._max_workers = self._random.choice([1, 2, 8])
        self._lock = threading.Lock()

    def submit(self, fn, /, *args):
        assert fn is run_slice
        with self._lock:
            wild = self._random.random() < self._wildness
            kind = (
                self._random.choice(["refuse", "answer", "answer", "error", "error", "dead", "never", "lie", "twice"])
                if wild
                else ""
            )
            choice = self._random.random()
            later = self._random.random() < 0.5
        if kind == "refuse":
            raise REFUSALS[int(choice * len(REFUSALS))]
        future = Silent() if kind == "silent" else Future()
        if kind != "never":
            if later:
                threading.Thread(target=self._end, args=(future, kind, choice, args), daemon=True).start()
            else:
                self._end(future, kind, choice, args)
        return future

    def _end(self, future, kind, choice, args):
        if kind == "runs":
            future.set_running_or_notify_cancel()
        try:
            if kind in ("error", "dead"):
                errors = ERRORS if kind == "error" else DEADS
                future.set_exception(errors[int(choice * len(errors))])
            elif kind == "answer":
                future.set_result(ANSWERS[int(choice * len(ANSWERS))])
            else:
                future.set_result(run_slice(*args))
                if kind == "twice":
                    future.set_result(ANSWERS[0])
        except Exception:  # the job has cancelled it, or it has an answer
            return


@pytest.mark.slow
@pytest.mark.timeout(300 + 20 * EXAMPLES)
@settings(max_examples=EXAMPLES or 60, derandomize=not EXAMPLES, database=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0.05, 0.2, 0.5, 1.0]),
    st.integers(1, 12),
    st.sampled_from([1, 3, 12]),
    st.integers(0, 3),
)
def test_any_executor(backend, aer, seed, wildness, count, size, retries):
    batch = healthy(count)
    theirs = aer.run(batch, **OPTIONS).result()
    limits = {"retries": retries, "slice_timeout": 1, "no_workers_timeout": 1}
    job = backend.run(batch, executor=Wild(seed, wildness), max_job_size=size, **limits, **OPTIONS)
    try:
        ours = job.result(timeout=60)
    except ClusterJobTimeoutError:
        raise
    except ClusterError:
        ours = job.partial_result()
    else:
        assert ours.success or job.errors()
    for one, other in zip(ours.results, theirs.results, strict=True):
        if one.success:
            assert one.data.memory == other.data.memory, "whatever came back is right"
    if ours.success:
        assert differences(ours, theirs) == []
