"""Batch systems, with dask-jobqueue, real Dask workers and real simulations; only the commands are stand-ins."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import dask
import psutil
import pytest
from typer.testing import CliRunner

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.cli.app import app
from qiskit_cluster_provider.clusters.batch import jobs as batch_jobs
from qiskit_cluster_provider.clusters.batch.config import LsfConfig, PbsConfig, SlurmConfig
from qiskit_cluster_provider.clusters.batch.kinds import LsfKind, PbsKind, SlurmKind
from qiskit_cluster_provider.errors import ClusterConfigError, ClusterConnectionError, MissingExtraError
from qiskit_cluster_provider.progress import ClusterTrouble, SliceDone
from qiskit_cluster_provider.testing import check_cluster_kind, differences
from tests.clusters.batch import BatchSystem, until
from tests.faults.processes import busy
from tests.slow import quick

ROOT = Path(__file__).parents[2]
FAMILY = ["aer-htcondor", "aer-lsf", "aer-moab", "aer-oar", "aer-pbs", "aer-sge", "aer-slurm"]


@pytest.fixture
def batch(tmp_path, monkeypatch):
    """Starts a batch system, whose jobs are on this machine and end with the test."""
    started = []

    def start(*commands):
        started.append(BatchSystem(tmp_path, *commands))
        monkeypatch.setenv("PATH", f"{started[-1].bin}{os.pathsep}{os.environ['PATH']}")
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture
def slurm(batch):
    return batch("sbatch", "scancel")


@pytest.fixture
def settings(tmp_path):
    """For a job of one core, with everything on loopback."""
    return {
        "cores": 1,
        "memory": "1GB",
        "interface": "lo",
        "worker_extra_args": ["--dashboard-address", "127.0.0.1:0"],
        "shared_temp_directory": str(tmp_path),
    }


@pytest.fixture
def provider():
    with ClusterProvider() as provider:
        yield provider


def certificates(folder):
    return list(Path(folder).glob(".dask-jobqueue.*"))


# Runs


def test_the_shipped_check_passes(slurm, settings, tmp_path):
    check_cluster_kind(SlurmKind(), SlurmConfig(workers=2, **settings))
    assert len(slurm.submitted) == 4, "two connections of two workers"
    assert sorted(slurm.cancelled) == sorted(slurm.submitted)
    until(lambda: not slurm.running)
    assert certificates(tmp_path) == []


@pytest.mark.parametrize(
    ("kind", "config", "commands", "directive"),
    [
        (PbsKind(), PbsConfig, ("qsub", "qdel"), "#PBS -l select=1:ncpus=2:mem=954MB"),
        (LsfKind(), LsfConfig, ("bsub", "bkill"), "#BSUB -n 2"),
    ],
    ids=["pbs", "lsf"],
)
def test_a_run_on_another_batch_system(batch, settings, aer, kind, config, commands, directive):
    """One job of two threads, encrypted, and reachable from this machine alone."""
    system = batch(*commands)
    job = {**settings, "cores": 2}
    with kind.connect(config(**job)) as client, ClusterProvider() as provider:
        ours = provider.get_backend("aer-dask", client=client).run([quick()] * 4, max_job_size=1, seed_simulator=3)
        theirs = aer.run([quick()] * 4, seed_simulator=3).result()
        assert differences(ours.result(timeout=60), theirs) == []
        assert type(client.cluster).__name__ == kind.cluster
        assert list(client.nthreads().values()) == [2]
        assert client.scheduler.address.startswith("tls://127.0.0.1:")
        (number,) = system.running
        family = [psutil.Process(number), *psutil.Process(number).children(recursive=True), psutil.Process()]
        found = [c.laddr.ip for one in family for c in one.net_connections() if c.status == psutil.CONN_LISTEN]
        assert len(found) >= 3
        assert set(found) <= {"127.0.0.1", "::1"}
    assert directive in system.scripts[0]
    until(lambda: not system.running)


@pytest.mark.slow
def test_workers_come_with_the_load_and_go_without(slurm, settings, provider, aer):
    backend = provider.get_backend("aer-slurm", workers=(0, 1), wait_count=2, no_workers_timeout=60, **settings)
    theirs = aer.run([quick()] * 4, seed_simulator=3).result()
    for runs in (1, 2):
        ours = backend.run([quick()] * 4, max_job_size=1, seed_simulator=3).result(timeout=60)
        assert differences(ours, theirs) == []
        assert len(slurm.submitted) == runs
        until(lambda: not slurm.running)
    assert slurm.cancelled == slurm.submitted


@pytest.mark.slow
def test_a_job_that_ends_is_submitted_again(slurm, settings, provider, aer):
    """As at the end of its walltime; nobody but Dask notices that it has gone."""
    circuit, shots = busy(0.2)
    ended = threading.Event()

    def end(event):
        if isinstance(event, SliceDone) and not ended.is_set():
            ended.set()
            os.killpg(slurm.submitted[0], signal.SIGKILL)

    with dask.config.set({"distributed.deploy.lost-worker-timeout": "0.5s"}):
        job = provider.get_backend("aer-slurm", **settings).run(
            [circuit] * 8, shots=shots, memory=True, max_job_size=1, seed_simulator=3, callback=end
        )
        ours = job.result(timeout=90)
    assert differences(ours, aer.run([circuit] * 8, shots=shots, memory=True, seed_simulator=3).result()) == []
    assert len(slurm.submitted) == 2


def test_no_job_is_submitted_again_while_there_is_no_work(slurm, settings):
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "0.1s"}),
        SlurmKind().connect(SlurmConfig(**settings)) as client,
    ):
        client.wait_for_workers(1, timeout=60)
        os.killpg(slurm.submitted[0], signal.SIGKILL)
        until(lambda: not client.cluster.workers)
        for _ in range(3):
            client.sync(client.cluster._adaptive.adapt)
        assert len(slurm.submitted) == 1


@pytest.mark.slow
def test_scaling_by_hand(slurm, settings, provider):
    """It waits for the queue only if told to, and the load decides no longer."""
    backend = provider.get_backend("aer-slurm", workers=(0, 3), wait_count=1, **settings)
    assert backend.options.no_workers_timeout == 24 * 3600
    backend.scale(2, timeout=60)
    assert len(slurm.running) == 2
    for _ in range(3):
        backend.connection.client().sync(backend.cluster._adaptive.adapt)
    assert len(backend.cluster.plan) == 2
    slurm.say("hold")
    backend.scale(3)
    until(lambda: len(slurm.submitted) == 3)
    backend.scale(0)
    until(lambda: not slurm.running)
    assert sorted(slurm.cancelled) == sorted(slurm.submitted)
    slurm.forget("hold")
    backend.adapt(0, 1)
    assert backend.run(quick()).result(timeout=60).success


# What is left behind

LEAVING = """
import json, sys
from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.progress import SliceStarted
from tests.slow import endless, quick

def begun(event):
    if isinstance(event, SliceStarted):
        print("begun", flush=True)

backend = ClusterProvider().get_backend("aer-slurm", **json.loads(sys.argv[1]))
if sys.argv[2] == "SIGKILL":
    backend.run(quick(), callback=begun).result()
    sys.stdin.readline()
job = backend.run(endless(), callback=begun)
if sys.stdin.readline() == "raise\\n":
    raise RuntimeError("uncaught")
job.result()
"""


@contextmanager
def leaving(folder, settings, how):
    """The above as a program in a session of its own."""
    file = folder / "script.py"
    file.write_text(LEAVING)
    with subprocess.Popen(
        [sys.executable, file, json.dumps(settings), how],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as script:
        try:
            yield script
        finally:
            script.kill()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["raise", "Ctrl-C", "SIGTERM", "SIGKILL"])
def test_no_job_outlives_the_program(slurm, settings, tmp_path, how):
    """With a circuit that never ends on the worker. After SIGKILL nobody cancels: a job that is idle ends by itself.

    One that is not waits for half a minute, Dask's own limit, and is not waited for here.
    """
    with leaving(tmp_path, settings, how) as script:
        assert script.stdout.readline() == "begun\n"
        if how == "SIGKILL":
            script.kill()
        else:
            script.stdin.write("raise\n" if how == "raise" else "wait\n")
            script.stdin.flush()
        if how in ("Ctrl-C", "SIGTERM"):
            script.send_signal(signal.SIGINT if how == "Ctrl-C" else signal.SIGTERM)
        said = script.communicate(timeout=30)[1]
    assert slurm.cancelled == ([] if how == "SIGKILL" else slurm.submitted)
    assert {"raise": "uncaught", "Ctrl-C": "KeyboardInterrupt"}.get(how, "") in said
    until(lambda: not slurm.running)


def test_ctrl_c_while_jobs_are_submitted(slurm, settings, tmp_path):
    slurm.say("slow")
    with leaving(tmp_path, {**settings, "workers": 2}, "Ctrl-C") as script:
        until(lambda: slurm.begun)
        script.stdin.write("wait\n")
        script.stdin.flush()
        os.killpg(script.pid, signal.SIGINT)  # as a terminal sends it
        slurm.forget("slow")
        assert "KeyboardInterrupt" in script.communicate(timeout=30)[1]
    assert len(slurm.submitted) == 2
    assert sorted(slurm.cancelled) == sorted(slurm.submitted)
    until(lambda: not slurm.running)


def test_ctrl_c_stays_what_it_is():
    """dask-jobqueue 0.9.0 sets a handler of its own when it is imported, and cannot be imported in a thread."""
    code = (
        "import signal, threading\n"
        "def load(): import qiskit_cluster_provider.clusters.batch.jobs as found; loaded.append(found)\n"
        "loaded, before = [], signal.getsignal(signal.SIGINT)\n"
        "thread = threading.Thread(target=load); thread.start(); thread.join()\n"
        "assert loaded and signal.getsignal(signal.SIGINT) is before\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


# What goes wrong


def failure(provider, name="aer-slurm", **settings):
    job = provider.get_backend(name, **settings).run(quick())
    with pytest.raises(ClusterConnectionError) as caught:
        job.result(timeout=60)
    return str(caught.value)


def test_away_from_the_login_node(settings, provider, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = failure(provider, **settings)
    assert "'aer-slurm' cannot be connected: there is no sbatch and no scancel on the PATH" in said
    assert "login node" in said
    found = list(SlurmKind().findings(SlurmConfig(security=False)))
    assert [(one.what, one.ok) for one in found] == [("commands", False), ("job", False), ("encryption", None)]
    assert "cores is missing" in found[1].said


def test_what_the_doctor_finds(slurm, settings):
    found = list(SlurmKind().findings(SlurmConfig(**settings)))
    assert [(one.what, one.ok) for one in found] == [("commands", True), ("job", True)]
    assert not slurm.begun


def test_a_refusal_is_told_in_the_batch_systems_words(slurm, settings, provider):
    words = "sbatch: error: invalid partition specified: nope"
    slurm.say("refuse", words + "\nsbatch: error: Batch job submission failed: Invalid partition name specified\n")
    said = failure(provider, queue="nope", workers=2, **settings)
    assert f"2 of 2 jobs were refused: {words} sbatch: error: Batch job submission failed" in said
    assert "qiskit-cluster job-script" in said
    assert slurm.submitted == []


def test_a_submission_without_an_answer_ends(slurm, settings, provider, monkeypatch):
    monkeypatch.setattr(batch_jobs, "_ANSWER_WITHIN", 0.2)
    (slurm.bin / "sbatch").write_text("#!/bin/sh\nsleep 60\n")
    assert "1 of 1 jobs were refused: no answer within 0.2 s" in failure(provider, **settings)


@pytest.mark.slow
def test_a_refusal_under_load_is_tried_again(slurm, settings, provider, monkeypatch):
    """Where the number of workers changes, a refusal may be the batch system's bad moment."""
    monkeypatch.setattr(batch_jobs, "_SUBMIT_AGAIN", 0.1)
    backend = provider.get_backend("aer-slurm", workers=(0, 1), wait_count=1, **settings)
    slurm.say("hold")
    job = backend.run(quick(), no_workers_timeout=60)
    until(lambda: slurm.submitted)
    job.cancel()
    until(lambda: slurm.cancelled)
    slurm.say("refuse", "sbatch: error: Unable to contact slurm controller")
    slurm.forget("hold")
    troubles = []

    def listen(event):
        if isinstance(event, ClusterTrouble) and "Unable to contact" in event.reason:
            troubles.append(event)
            slurm.forget("refuse")

    assert backend.run(quick(), no_workers_timeout=60, callback=listen).result(timeout=60).success
    assert "refused, and are submitted again" in troubles[0].reason


def test_a_queue_that_is_full_is_waited_for(slurm, settings, provider):
    slurm.say("hold")
    said = failure(provider, no_workers_timeout=1, security=False, **settings)
    assert f"has no workers; its jobs are submitted: {slurm.submitted[0]} PENDING (Priority)" in said
    assert "squeue --me" in said
    assert "no_workers_timeout=1" in said
    assert "tcp://127.0.0.1:" in said
    assert slurm.running
    provider.close()
    assert slurm.cancelled == slurm.submitted
    until(lambda: not slurm.running)


def test_jobs_that_end_before_they_are_workers_are_not_waited_for(slurm, settings, provider, monkeypatch):
    monkeypatch.setattr(batch_jobs, "_ASK_EVERY", 0.2)
    said = failure(provider, python="/no/such/python", workers=2, no_workers_timeout=60, **settings)
    assert "the jobs have ended, and none became a worker" in said
    assert f"{slurm.submitted[0]} FAILED (NonZeroExitCode)" in said
    assert any("/no/such/python" in output for output in slurm.outputs)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"cores": None}, "aer-slurm does not know how large a job is: cores is missing.*jobqueue.slurm.cores"),
        ({"memory": "much"}, "dask-jobqueue refuses the settings: .*much"),
        ({"memory": True}, "memory: .*'16GB'; for the outcome of each shot, give memory to run"),
        ({"workers": -1}, "workers=-1: must be"),
        ({"workers": (2, 1)}, r"workers=\(2, 1\): the maximum must be"),
        ({"security": "maybe"}, "security: .*bool"),
        ({"config_name": "nowhere"}, "Dask's configuration has no jobqueue.nowhere"),
        ({"shared_temp_directory": "/no/such/folder"}, "/no/such/folder"),
        ({"job_extra_directives": "--exclusive"}, "job_extra_directives: .*valid list"),
    ],
    ids=str,
)
def test_settings_that_cannot_work(slurm, settings, provider, wrong, says):
    with pytest.raises(ClusterConfigError, match=says):
        provider.get_backend("aer-slurm", **{**settings, **wrong}).run(quick()).result(timeout=60)
    assert slurm.submitted == []


def test_what_is_missing_is_told(settings, provider, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtraError, match=r"qiskit-cluster-provider\[tls\]'.*security=False"):
        SlurmKind().job_script(SlurmConfig(**settings))


def test_settings_from_the_environment_and_from_dask(settings, monkeypatch):
    monkeypatch.setenv("QISKIT_CLUSTER_WORKERS", "[0, 4]")
    monkeypatch.setenv("QISKIT_CLUSTER_SECURITY", "false")
    monkeypatch.setenv("QISKIT_CLUSTER_JOB_EXTRA_DIRECTIVES", '["--exclusive"]')
    config = SlurmConfig.load({"queue": 7}, {"memory": "2GB"})
    assert (config.workers, config.security, config.queue) == ((0, 4), False, "7")
    with dask.config.set({"jobqueue.slurm.cores": 3, "jobqueue.slurm.walltime": "11:00:00"}):
        script = SlurmKind().job_script(config)
    assert "--exclusive" in script
    assert "--nthreads 3" in script
    assert "#SBATCH -t 11:00:00" in script
    assert "--tls" not in script
    monkeypatch.setenv("QISKIT_CLUSTER_JOB_EXTRA_DIRECTIVES", "--exclusive")
    with pytest.raises(ClusterConfigError, match=r"job_extra_directives: .*valid list"):
        SlurmConfig.load({}, {})


# The script of a job


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """What ``qiskit-cluster job-script`` says, with no batch system there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, ["job-script", *arguments])


@pytest.mark.parametrize("name", FAMILY)
def test_the_script_of_each_kind(shown, name, tmp_path):
    done = shown(name, "-o", "cores=6", "-o", "memory=24GB", *(["-o", "disk=1GB"] if "condor" in name else []))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("#!")
    assert "--nthreads 6" in done.stdout
    assert "--memory-limit 22.35GiB" in done.stdout
    assert "--tls-cert ~/.dask-jobqueue" in done.stdout
    assert "--nworkers" not in done.stdout
    assert certificates(tmp_path) == []


def test_the_script_of_a_profile(shown, tmp_path):
    (tmp_path / ".qiskit").mkdir()
    (tmp_path / ".qiskit" / "cluster.toml").write_text(
        '[profiles.lab]\nkind = "aer-slurm"\ncores = 8\nmemory = "16GB"\nqueue = "long"\nshots = 5\n'
        'job_extra_directives = ["--gres=gpu:1"]\njob_script_prologue = ["module load python"]\n'
    )
    done = shown("lab", "-o", "walltime=02:00:00", "-o", "account=123")
    lines = done.stdout.splitlines()
    for line in ("-p long", "-A 123", "--cpus-per-task=8", "--mem=15G", "-t 02:00:00", "--gres=gpu:1"):
        assert f"#SBATCH {line}" in lines
    assert "module load python" in lines


def test_there_is_a_script_for_this_family_alone(shown):
    for arguments in ([], ["aer-local"]):
        done = shown(*arguments)
        assert done.exit_code == 2
        assert done.stdout == ""
        assert (
            done.stderr
            == f"Error: 'aer-local' submits no jobs; give {', '.join(FAMILY)}, or a profile of such a kind.\n"
        )
    assert "has no option 'walltim'. Did you mean 'walltime'?" in shown("aer-slurm", "-o", "walltim=2").stderr
