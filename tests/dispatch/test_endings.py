"""A job ends, whatever goes wrong in its last moments; and asking for its result costs nothing."""

import asyncio
import concurrent.futures
import math
import subprocess
import sys
import traceback
from fractions import Fraction

import numpy as np
import pytest

from qiskit_cluster_provider.dispatch.unfinished import unfinished
from qiskit_cluster_provider.errors import ClusterConnectionError, ClusterJobTimeoutError, OptionTypeError
from qiskit_cluster_provider.progress import JobFinished, JobStarted, SliceDone

from ..slow import endless, quick


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        concurrent.futures.CancelledError(),
        GeneratorExit(),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("event", [JobStarted, SliceDone, JobFinished])
@pytest.mark.parametrize("placement", ["here", "cluster"])
def test_whatever_a_callback_raises(backend, aer, same, placement, event, error):
    def callback(happened):
        if isinstance(happened, event):
            raise error

    def fail(happened):
        pytest.fail("a callback of a test")

    job = backend.run([quick()] * 3, seed_simulator=1, max_job_size=1, placement=placement, callback=callback)
    job.add_callback(fail)
    same(job.result(timeout=60), aer.run([quick()] * 3, seed_simulator=1).result())
    assert job not in unfinished()
    assert job._record not in unfinished()


THREADS = """
import os, resource, sys, threading
from contextlib import contextmanager

@contextmanager
def no_more_threads():
    "As where pids.max of a container is reached. For root there is no limit, so that it is somebody else meanwhile."
    root, (soft, hard) = os.geteuid() == 0, resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, hard))
    if root:
        os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        if root:
            os.setresuid(0, 0, 0)
        resource.setrlimit(resource.RLIMIT_NPROC, (soft, hard))

if __name__ == "__main__":
    from concurrent.futures import ThreadPoolExecutor
    from tests.slow import quick
    from qiskit_cluster_provider import ClusterProvider
    from qiskit_cluster_provider.errors import ClusterJobError
    from qiskit_cluster_provider.progress import JobFinished, SliceDone

    backend = ClusterProvider().get_backend("aer-local")
    with ThreadPoolExecutor(1) as executor:
        options = {"executor": executor, "placement": "cluster"}
        assert backend.run(quick(), **options).result(60).success
        with no_more_threads():
            try:
                threading.Thread(target=print).start()
            except RuntimeError:
                print("no thread is left")
            try:
                backend.run(quick(), **options)
            except ClusterJobError as error:
                print(error)
        limits = []
        def callback(event):
            if isinstance(event, SliceDone):
                limits.append(no_more_threads())
                limits[0].__enter__()
            elif isinstance(event, JobFinished):
                limits.pop().__exit__(None, None, None)
        print("ended:", backend.run(quick(), callback=callback, **options).result(60).success)
"""


def test_where_no_thread_is_left():
    """Neither for the beginning of a job, which says so, nor for the end of one, which does without."""
    pytest.importorskip("resource", reason="Windows has no such limits")
    done = subprocess.run(
        [sys.executable, "-c", THREADS],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    said = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert said[0] == "no thread is left"
    assert "cannot begin: can't start new thread" in said[1]
    assert "ulimit -u" in said[1]
    assert said[2] == "ended: True"


def test_a_result_that_is_asked_for_often(provider):
    """Each raise adds frames to an error, if nobody takes them away."""
    backend = provider.get_backend("aer-dask", address="tcp://127.0.0.1:1", timeout=1)
    job = backend.run(quick())
    lengths = set()
    for _ in range(50):
        with pytest.raises(ClusterConnectionError) as caught:
            job.result(timeout=60)
        lengths.add(len(traceback.extract_tb(caught.value.__traceback__)))
    assert len(lengths) == 1


@pytest.mark.parametrize("timeout", ["x", "3", math.nan, True, 1j, [1]])
def test_no_number_of_seconds(backend, timeout):
    job = backend.run(quick(), placement="here")
    for wait in (job.result, job.wait_for_final_state):
        with pytest.raises(OptionTypeError, match="timeout must be a number of seconds"):
            wait(timeout=timeout)
    with pytest.raises(OptionTypeError, match="wait must be a number of seconds"):
        job.wait_for_final_state(wait=timeout)


@pytest.mark.parametrize("timeout", [math.inf, None, 1e300, 10**400, np.float32(60), np.int64(60), Fraction(60)])
def test_any_number_of_seconds(backend, timeout):
    job = backend.run(quick(), placement="cluster")
    job.wait_for_final_state(timeout=timeout)
    assert job.result(timeout=timeout).success


@pytest.mark.parametrize("timeout", [0, -1, -math.inf])
def test_no_time_left(backend, timeout):
    job = backend.run(endless(), placement="cluster")
    try:
        for wait in (job.result, job.wait_for_final_state):
            with pytest.raises(ClusterJobTimeoutError):
                wait(timeout=timeout)
    finally:
        job.cancel()


def test_limits_of_a_run_may_be_as_long_as_one_likes(backend):
    assert backend.run(quick(), placement="cluster", slice_timeout=1e200, no_workers_timeout=1e200).result(60).success
