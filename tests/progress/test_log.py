"""The log of a job: one logger, the same fields on each record, and nothing unless it is asked for."""

import io
import logging
import os
import subprocess
import sys

import pytest
from distributed import LocalCluster

from qiskit_cluster_provider.progress import ClusterTrouble
from qiskit_cluster_provider.progress.log import JobLog, logger
from tests.faults.processes import busy, cluster
from tests.slow import deadly, quick

NAME = "qiskit_cluster_provider"


@pytest.fixture
def records(caplog):
    """The records of our logger, at all levels."""
    caplog.set_level(logging.DEBUG, NAME)
    return lambda job: [one for one in caplog.records if one.name == NAME and one.job_id == job.job_id()]


def test_a_job_with_a_culprit(backend, records):
    batch = [quick(f"good {i}") for i in range(20)]
    batch[7] = deadly("culprit")
    job = backend.run(batch, max_job_size=10)
    assert not job.result(timeout=100).success
    found = records(job)
    assert all(one.getMessage().startswith(f"job {job.job_id()}: ") for one in found)
    assert all(one.slice is None or f"slice {one.slice} " in one.getMessage() for one in found)
    told = [(one.event, one.slice) for one in found if one.levelno == logging.INFO]
    report = job.report()
    culprit = next(one for one in report.attempts if one.action.endswith("at fault")).slice
    assert told == [
        ("plan", None),
        ("retried", 0),
        ("split", 0),
        ("retried", culprit),
        ("poison", culprit),
        ("finished", None),
    ]
    by_event = {one.event: one.getMessage() for one in found}
    assert "20 experiments of 20 circuits" in by_event["plan"]
    assert "SIGSEGV" in by_event["split"]
    assert "experiment 7, circuit 'culprit' (index 7)" in by_event["poison"]
    assert "DONE after " in by_event["finished"]
    assert "20 experiments" in by_event["finished"]
    assert "1 failed, 2 retries, 1 splits" in by_event["finished"]
    debug = [one.event for one in found if one.levelno == logging.DEBUG]
    assert debug.count("submitted") == len(report.attempts)
    assert debug.count("started") == len(report.attempts)
    assert debug.count("done") == report.slices_done
    (warning,) = [one for one in found if one.levelno == logging.WARNING]
    assert (warning.event, warning.slice) == ("failures", None)
    assert "\n" not in warning.getMessage()


def test_every_record_has_the_fields():
    """A format string may name them, whatever the record is about."""
    texts = io.StringIO()
    handler = logging.StreamHandler(texts)
    handler.setFormatter(logging.Formatter("%(name)s|%(module)s|%(event)s|%(job_id)s|%(slice)s|%(message)s"))
    logging.getLogger(NAME).addHandler(handler)
    try:
        logger.warning("a plugin cannot be loaded")
        JobLog("a-job", 1.0).warning("trouble", "it waits", slice=3)
    finally:
        logging.getLogger(NAME).removeHandler(handler)
    assert texts.getvalue().splitlines() == [
        f"{NAME}|test_log|||None|a plugin cannot be loaded",
        f"{NAME}|log|trouble|a-job|3|job a-job: slice 3 it waits",
    ]


@pytest.mark.slow
def test_what_dask_sends_again_is_told(provider, records):
    """Its worker dies; Dask gives the slice to the other one, and we hear of it by its second begin."""
    circuit, shots = busy(3)
    killed = []
    with cluster(workers=1) as processes:

        def listener(event):
            if type(event).__name__ == "SliceStarted" and not killed:
                killed.append(event.worker)
                processes.all[1].kill()
                processes.start_worker()

        backend = provider.get_backend("aer-dask", address=processes.address)
        job = backend.run(circuit, shots=shots, max_shot_size=shots, callback=listener)
        assert job.result(timeout=100).success
        backend.close()
    first, second = job.report().attempts
    assert (first.outcome, first.worker, second.outcome) == ("lost", killed[0], "done")
    assert f"its Dask worker {killed[0]} was lost" in str(job.report())
    assert first.action == f"sent by Dask to {second.worker}"
    (record,) = [one for one in records(job) if one.event == "resubmitted"]
    assert (record.slice, record.levelno) == (0, logging.INFO)
    assert killed[0] in record.getMessage()


def test_a_cluster_that_is_not_there_is_a_warning_once(provider, records):
    with LocalCluster(n_workers=0, processes=False, protocol="tcp", host="127.0.0.1") as local:
        backend = provider.get_backend("aer-dask", address=local.scheduler_address)
        job = backend.run(
            quick(), callback=lambda event: isinstance(event, ClusterTrouble) and event.reason and local.scale(1)
        )
        assert job.result(timeout=60).success
        ((begin, end, reason),) = job.report().troubles
        assert 0 <= begin <= end
        assert "has no workers" in reason
        assert f"{begin:.2f} to {end:.2f} s: {reason}" in str(job.report())
        backend.close()
    said = [(one.levelname, one.event) for one in records(job) if one.event in ("trouble", "back")]
    assert said == [("WARNING", "trouble"), ("INFO", "back")]


QUIET = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from slow import quick
from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.progress import SliceStarted
from qiskit_cluster_provider.worker.sandbox.pool import POOL

killed = []

def listener(event):
    if isinstance(event, SliceStarted) and not killed:
        while not killed:
            killed.extend(pid for pid, busy in POOL.pids().items() if busy)
        os.kill(killed[0], signal.SIGKILL)

if __name__ == "__main__":
    with ClusterProvider() as provider:
        job = provider.get_backend("aer-local", workers=1).run([quick()] * 3, callback=listener)
        assert job.result(timeout=100).success
        assert "crashed" in job.report().outcomes
"""
WAITING = """
from distributed import LocalCluster
from qiskit import QuantumCircuit
from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.errors import ClusterConnectionError

if __name__ == "__main__":
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    options = {"n_workers": 0, "processes": False, "protocol": "tcp", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(host="127.0.0.1", **options) as local:
        with ClusterProvider() as provider:
            backend = provider.get_backend("aer-dask", address=local.scheduler_address)
            try:
                backend.run(circuit, no_workers_timeout=3).result(60)
            except ClusterConnectionError as error:
                print(error)
"""


def script(text):
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if " - distributed." not in line]  # of a machine under load
    return done.stdout, said


def test_without_logging_a_job_with_a_retry_says_nothing():
    assert script(QUIET.format(tests=os.path.dirname(os.path.dirname(__file__)))) == ("", [])


@pytest.mark.slow
def test_without_logging_a_job_that_waits_says_so_once():
    stdout, (line,) = script(WAITING)
    assert "has no workers; start some" in line
    assert "The job waits up to 3 s for it (no_workers_timeout)." in line
    assert "no_workers_timeout=3" in stdout
