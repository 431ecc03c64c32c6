"""Few threads, few processes, few files: the right answer, or one error that says which limit it is; never a hang."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.jobs.test_job import eventually

PROGRAM = """
import json, os, resource, sys

def limited(what, number):
    if what == "files":
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))
    else:
        open(what + "/cgroup.procs", "w").write(str(os.getpid()))
        open(what + "/pids.max", "w").write(str(number))

if __name__ == "__main__":
    import numpy, qiskit_aer, distributed
    from concurrent.futures import ThreadPoolExecutor
    from qiskit_cluster_provider import ClusterProvider
    from qiskit_cluster_provider.errors import ClusterError
    from qiskit_cluster_provider.testing import differences
    from tests.slow import quick
    circuits = [quick(f"q{i}") for i in range(8)]
    options = {"seed_simulator": 1, "memory": True}
    theirs = qiskit_aer.AerSimulator(max_parallel_threads=1).run(circuits, **options).result()
    what, number, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    limited(what, number)
    said = {"error": None}
    try:
        backend = ClusterProvider().get_backend("aer-local", workers=2)
        if how == "executor":
            options["executor"] = ThreadPoolExecutor(2)
        job = backend.run(circuits, placement="cluster", max_job_size=1, no_workers_timeout=5, **options)
        result = job.result(timeout=80)
        said["differences"] = differences(result, theirs)
    except ClusterError as error:
        said["error"] = [type(error).__name__, str(error)]
        said["blamed"] = [str(one) for one in job.errors()] if "job" in dir() else []
    print("SAID", json.dumps(said), flush=True)
    os._exit(0)
"""


def run(what, number, how):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(what), str(number), how],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("SAID")]
    assert lines, f"exit code {done.returncode}: {done.stderr[-2000:]}"
    return json.loads(lines[-1][5:])


@contextmanager
def cgroup():
    """One of this test's, for processes and threads."""
    mine = made()
    if mine is None:
        pytest.skip("no cgroup with the controller pids can be made here")
    try:
        yield mine
    finally:
        assert eventually(lambda: _is_removed(mine), 30)


def made():
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        root = Path("/sys/fs/cgroup" if number == "0" and not controllers else "/sys/fs/cgroup/pids")
        mine = root / path.lstrip("/") / f"test-{os.getpid()}"
        if controllers not in ("", "pids") or not (mine.parent / "cgroup.procs").exists():
            continue
        try:
            mine.mkdir()
            (mine / "pids.max").write_text("max")
        except OSError:
            if mine.exists():
                mine.rmdir()
            continue
        return mine
    return None


def _is_removed(folder):
    """What is in it ends by itself, but this test does not wait for it."""
    for pid in (folder / "cgroup.procs").read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def check(said):
    if said["error"] is None:
        assert said["differences"] == []
        return "done"
    text = said["error"][1]
    assert "not finished after" not in text, "a hang"
    assert not any("in each of" in one for one in said["blamed"]), "a healthy circuit is blamed"
    return text


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cluster", "executor"])
@pytest.mark.parametrize("number", [8, 16, 64])
def test_few_files(number, how):
    found = check(run("files", number, how))
    assert found == "done" or "ulimit -n" in found
    assert number < 64 or found == "done"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "how"),
    [
        *((number, "executor") for number in (4, 8, 12, 60)),
        *((number, "cluster") for number in (4, 10, 12, 16, 60)),  # with 6 a worker of Dask cannot even begin a task
    ],
)
def test_few_threads_and_processes(number, how):
    with cgroup() as folder:
        found = check(run(folder, number, how))
    assert found == "done" or "pids.max" in found
    assert number < 60 or found == "done"
