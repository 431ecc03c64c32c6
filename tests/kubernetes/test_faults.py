"""What breaks under a job: the answer is the one of a single machine, in every bit."""

import threading

import pytest

from qiskit_cluster_provider.testing import differences

from ..faults.processes import busy
from ..faults.test_cluster import after
from ..slow import quick
from .lab import until

pytestmark = pytest.mark.slow
OPTIONS = {"memory": True, "seed_simulator": 3, "max_job_size": 1}


@pytest.fixture
def broken(aer, backend):
    """Runs a job, calls ``act`` after its second slice, and compares."""
    circuit, shots = busy(0.3)

    def run(act, slices=12):
        listener = after(2, act)
        job = backend.run([circuit] * slices, shots=shots, callback=listener, **OPTIONS)
        ours = job.result(timeout=120)
        listener.thread.join()
        theirs = aer.run([circuit] * slices, shots=shots, memory=True, seed_simulator=3).result()
        assert differences(ours, theirs) == []
        assert backend.run(quick()).result(timeout=60).success, "it can be used as before"
        return job

    return run


def test_a_worker_pod_is_deleted(lab, step, backend, broken):
    name = backend.cluster.name
    victim = next(iter(lab.ready_pods("worker", name)))
    with step("job"):
        broken(lambda: lab.delete_pod(victim))
    with step("as many workers as before"):
        until(lambda: len(backend.connection.client().nthreads()) == 2)
    assert victim not in lab.pods("worker", name)


def test_the_scheduler_pod_is_deleted(lab, step, backend, broken):
    """The client's futures are all cancelled, those that were done too."""
    name = backend.cluster.name
    (victim,) = lab.ready_pods("scheduler", name)
    with step("job"):
        job = broken(lambda: lab.delete_pod(victim))
    assert victim not in lab.pods("scheduler", name)
    assert job.report().outcomes["disconnected"]
    backend.scale(1)
    assert backend.run(quick()).result(timeout=60).success


def test_all_connections_are_cut(lab, step, broken):
    with step("job"):
        broken(lab.cut_connections)


def test_all_connections_are_cut_again_and_again(lab, step, broken):
    def cut():
        for _ in range(3):
            lab.cut_connections()
            threading.Event().wait(0.5)

    with step("job"):
        broken(cut)


@pytest.mark.stand_in("stop its API server")
def test_the_api_server_is_away(lab, local, step, broken):
    def away():
        local.stop_api()
        threading.Event().wait(3)
        local.start_api()

    with step("job"):
        broken(away)


@pytest.mark.stand_in("kill a pod's process")
def test_a_worker_runs_out_of_memory(lab, local, backend, broken):
    """The pod stays, its container starts again."""
    victim = next(iter(lab.ready_pods("worker", backend.cluster.name)))
    broken(lambda: local.kill_pod_process(victim, reason="OOMKilled"))
    until(lambda: victim in lab.ready_pods("worker"))
    (status,) = lab.pods("worker")[victim]["status"]["containerStatuses"]
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert f"the worker pod {victim} ran out of memory (OOMKilled, " in backend.cluster.deaths()


@pytest.mark.stand_in("kill a pod's process")
def test_a_slice_that_runs_each_worker_out_of_memory(lab, local, backend):
    """What Kubernetes tells of its pods is in the reason, and not a guess."""
    from distributed import KilledWorker

    from qiskit_cluster_provider.dispatch.transports.dask.transport import DaskTransport

    victim = next(iter(lab.ready_pods("worker", backend.cluster.name)))
    local.kill_pod_process(victim, reason="OOMKilled")
    until(lambda: "OOMKilled" in backend.cluster.deaths())

    class Last:
        address = "tcp://worker"

    transport = DaskTransport(backend.connection.client, lambda: None)
    transport._client = backend.connection.client()
    outcome, said = transport.outcome(KilledWorker("task", Last, 2))
    assert outcome == "lost"
    assert f"the worker pod {victim} ran out of memory (OOMKilled" in said.hint
    assert "memory=" in said.hint
    until(lambda: victim in lab.ready_pods("worker"))
