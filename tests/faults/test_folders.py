"""Temporary folders of a cluster on this machine, when its program is ended by a signal."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
from qiskit import qpy

from qiskit_cluster_provider.clusters.lifecycle import end_on_sigterm

from ..slow import endless

USING = """
import sys
from qiskit_cluster_provider import ClusterProvider
from tests.slow import quick

backend = ClusterProvider().get_backend("aer-local", workers=1)
assert backend.run(quick(), placement="cluster").result(60).success
print("ready", flush=True)
sys.stdin.readline()
"""
COMMAND = "from qiskit_cluster_provider.cli.app import app; app()"
TOP = Path(__file__).parents[2]
ARGUMENTS = {"cwd": TOP, "text": True, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def of_dask(folder):
    return [one for name in ("worker-*", "scheduler-*") for one in folder.glob(f"dask-scratch-space/{name}")]


def environment(folder):
    return {**os.environ, "TMPDIR": str(folder), "QISKIT_CLUSTER_PLACEMENT": "cluster", "QISKIT_CLUSTER_WORKERS": "1"}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_leaves_none(tmp_path, number):
    with (tmp_path / "endless.qpy").open("wb") as file:
        qpy.dump(endless(), file)
    command = [sys.executable, "-c", COMMAND, "run", str(tmp_path / "endless.qpy")]
    with subprocess.Popen(command, env=environment(tmp_path), **ARGUMENTS) as process:
        deadline = time.monotonic() + 60
        while not of_dask(tmp_path) and process.poll() is None and time.monotonic() < deadline:
            os.sched_yield()
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert of_dask(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_program_left_is_removed_when_a_cluster_starts(tmp_path, number):
    """A signal ends it at once; the folders are Dask's, which looks for such as nobody uses when it starts."""
    found = []
    for last in (number, None):
        with subprocess.Popen([sys.executable, "-c", USING], env=environment(tmp_path), **ARGUMENTS) as process:
            assert process.stdout.readline() == "ready\n", process.communicate()[1]
            if last is not None:
                process.send_signal(last)
            _, said = process.communicate(timeout=60)
            assert process.returncode == (0 if last is None else -last), said
        found.append(len(of_dask(tmp_path)))
    assert found[0] > 0
    assert found[1] == 0


def _waits(connection):
    connection.send("there")
    connection.recv()


def test_a_fork_is_ended_by_the_signal_itself():
    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        end_on_sigterm()
        ours, theirs = get_context("fork").Pipe()
        process = get_context("fork").Process(target=_waits, args=(theirs,))
        process.start()
        assert ours.recv() == "there"
        process.terminate()
        process.join(30)
        assert process.exitcode == -signal.SIGTERM
        with pytest.raises(SystemExit, match="143"):
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
