"""A cluster of real processes that are killed, stopped, sent away and brought back: the same answer, or one error."""

import signal
import threading
import time

import dask
import pytest
from distributed import Client, LocalCluster

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.dispatch.transports.dask.transport import DaskTransport
from qiskit_cluster_provider.errors import ClusterConnectionError, ClusterVersionError
from qiskit_cluster_provider.progress import ClusterTrouble, SliceDone, SliceStarted
from qiskit_cluster_provider.testing import differences

from ..slow import endless, quick
from .processes import Processes, Wire, busy, cluster, free_port


@pytest.fixture
def provider():
    with ClusterProvider() as provider:
        yield provider


def after(done, act):
    """A listener that calls ``act`` in a thread of its own once ``done`` slices are done."""
    seen = []

    def listener(event):
        if isinstance(event, SliceDone):
            seen.append(event)
            if len(seen) == done:
                thread = threading.Thread(target=act)
                thread.start()
                listener.thread = thread

    return listener


OPTIONS = {"memory": True, "seed_simulator": 3, "max_job_size": 1}


def expected(aer, batch, shots):
    return aer.run(batch, shots=shots, memory=True, seed_simulator=3).result()


@pytest.mark.slow
def test_a_long_slice_never_costs_the_heartbeat(provider, aer):
    """Aer holds the GIL for its whole run; in the worker's own process this slice would lose it, see worker-ttl."""
    circuit, shots = busy(28)
    with (
        dask.config.set({"distributed.scheduler.worker-ttl": "2s"}),
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1") as local,
        Client(local, set_as_default=False) as client,
    ):
        before = set(client.scheduler_info()["workers"])
        job = provider.get_backend("aer-dask", client=client).run(circuit, shots=shots, **OPTIONS)
        ours = job.result(timeout=150)
        assert set(client.scheduler_info()["workers"]) == before
    assert job.slices()[0].attempts == 1
    assert job.slices()[0].seconds > 4
    assert differences(ours, expected(aer, circuit, shots)) == []


@pytest.mark.slow
def test_all_workers_are_killed_one_after_the_other(provider, aer):
    circuit, shots = busy(0.2)
    with cluster(workers=2) as processes:
        workers = processes.all[1:]

        def kill_all():
            for worker in workers:
                worker.kill()
                worker.wait()
                processes.start_worker()

        listener = after(2, kill_all)
        backend = provider.get_backend("aer-dask", address=processes.address)
        ours = backend.run([circuit] * 8, shots=shots, callback=listener, **OPTIONS).result(timeout=150)
        listener.thread.join()
    assert all(worker.returncode == -signal.SIGKILL for worker in workers)
    assert differences(ours, expected(aer, [circuit] * 8, shots)) == []


@pytest.mark.slow
def test_a_paused_worker_is_replaced(provider, aer):
    """SIGSTOP: its connections stay open and silent; the scheduler's worker-ttl decides."""
    circuit, shots = busy(0.2)
    with cluster(workers=2, DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="3s") as processes:
        paused = processes.all[1]
        listener = after(2, lambda: paused.send_signal(signal.SIGSTOP))
        backend = provider.get_backend("aer-dask", address=processes.address)
        ours = backend.run([circuit] * 8, shots=shots, callback=listener, **OPTIONS).result(timeout=150)
    assert differences(ours, expected(aer, [circuit] * 8, shots)) == []


@pytest.mark.slow
def test_workers_that_leave_in_an_orderly_way(provider, aer):
    circuit, shots = busy(0.2)
    with cluster(workers=2) as processes, Client(processes.address, set_as_default=False) as client:
        first = next(iter(client.scheduler_info()["workers"]))
        listener = after(2, lambda: client.retire_workers([first]))
        backend = provider.get_backend("aer-dask", client=client)
        ours = backend.run([circuit] * 8, shots=shots, callback=listener, **OPTIONS).result(timeout=150)
        listener.thread.join()
        assert first not in client.scheduler_info()["workers"]
    assert differences(ours, expected(aer, [circuit] * 8, shots)) == []


@pytest.mark.slow
def test_a_scheduler_that_is_killed_and_comes_back(provider, aer):
    circuit, shots = busy(0.2)
    with cluster(workers=1) as processes:

        def restart():
            processes.scheduler.kill()
            processes.scheduler.wait()
            for worker in processes.all[1:2]:
                worker.kill()
                worker.wait()
            processes.start_scheduler()
            processes.start_worker()

        listener = after(2, restart)
        backend = provider.get_backend("aer-dask", address=processes.address, timeout=2)
        job = backend.run([circuit] * 8, shots=shots, callback=listener, **OPTIONS)
        ours = job.result(timeout=150)
        listener.thread.join()
        assert differences(ours, expected(aer, [circuit] * 8, shots)) == []
        again = backend.run(quick(), seed_simulator=3).result(timeout=60)
    assert again.get_counts() == aer.run(quick(), seed_simulator=3).result().get_counts()
    assert job.report().outcomes["disconnected"], "what was under way was sent again"


@pytest.mark.slow
def test_a_scheduler_that_does_not_come_back(provider):
    circuit, shots = busy(0.2)
    with cluster(workers=1) as processes:
        listener = after(2, processes.scheduler.kill)
        backend = provider.get_backend("aer-dask", address=processes.address, timeout=2)
        job = backend.run([circuit] * 20, shots=shots, callback=listener, no_workers_timeout=5, **OPTIONS)
        with pytest.raises(ClusterConnectionError, match=r"no_workers_timeout=5.*partial_result"):
            job.result(timeout=100)
        assert str(processes.port) in str(job._record.error)
        assert 2 <= sum(one.success for one in job.partial_result().results) < 20


@pytest.mark.slow
def test_the_only_worker_dies_before_its_result_is_fetched(provider, monkeypatch):
    """Dask has the slice run again, and whoever asks for the result waits for that: nobody else may have to."""
    circuit, shots = busy(0.2)
    with cluster(workers=1) as processes:
        settled, seen = DaskTransport.settled, []

        def kill_at_the_third(self, future):  # the last that happens before the fetch
            settled(self, future)
            seen.append(future.key)
            if len(seen) == 3:
                processes.all[1].kill()
                processes.all[1].wait()

        monkeypatch.setattr(DaskTransport, "settled", kill_at_the_third)
        backend = provider.get_backend("aer-dask", address=processes.address, timeout=2)
        job = backend.run([circuit] * 20, shots=shots, no_workers_timeout=5, **OPTIONS)
        with pytest.raises(ClusterConnectionError, match="no_workers_timeout=5"):
            job.result(timeout=60)
        assert 2 <= sum(one.success for one in job.partial_result().results) < 20


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["cut", "reset", "delay", "silence"])
def test_a_wire_that_is_cut(provider, aer, fault):
    circuit, shots = busy(0.2)
    with cluster(workers=1) as processes:
        wire = Wire(processes.port)

        def act():
            pause = threading.Event()
            if fault == "delay":
                wire.delay = 0.5
            elif fault == "silence":
                wire.open.clear()
                pause.wait(12)  # longer than we wait for an answer
                wire.open.set()
            else:
                wire.refusing = True
                wire.cut(reset=fault == "reset")
                pause.wait(3)
                wire.refusing = False

        listener = after(2, act)
        try:
            backend = provider.get_backend("aer-dask", address=f"tcp://127.0.0.1:{wire.port}", timeout=2)
            ours = backend.run([circuit] * 10, shots=shots, callback=listener, **OPTIONS).result(timeout=150)
            listener.thread.join()
        finally:
            backend.close()
            wire.close()
    assert differences(ours, expected(aer, [circuit] * 10, shots)) == []


def test_a_scheduler_that_never_had_workers(provider):
    with LocalCluster(n_workers=0, processes=False, protocol="tcp", host="127.0.0.1") as local:
        address = local.scheduler_address
        backend = provider.get_backend("aer-dask", address=address)
        events = []
        job = backend.run([quick()] * 3, no_workers_timeout=2, callback=events.append)
        start = time.monotonic()
        with pytest.raises(
            ClusterConnectionError, match=rf"{address} has no workers; start some.*dask worker"
        ) as said:
            job.result(timeout=30)
        assert time.monotonic() - start < 10
        assert "no_workers_timeout=2" in str(said.value)
        assert job.status().name == "ERROR"
        assert [e.reason for e in events if isinstance(e, ClusterTrouble)]


def test_workers_that_come_late(provider, aer):
    with LocalCluster(n_workers=0, processes=False, protocol="tcp", host="127.0.0.1") as local:
        backend = provider.get_backend("aer-dask", address=local.scheduler_address)
        troubles = []

        def listener(event):
            if isinstance(event, ClusterTrouble):
                troubles.append(event.reason)
                if event.reason:
                    local.scale(1)

        job = backend.run([quick()] * 3, callback=listener, seed_simulator=3)
        ours = job.result(timeout=60)
    assert differences(ours, aer.run([quick()] * 3, seed_simulator=3).result()) == []
    assert troubles[-1] == ""


@pytest.mark.slow
def test_a_cluster_that_loses_its_last_worker(provider):
    circuit, shots = busy(0.2)
    with cluster(workers=1) as processes:
        listener = after(2, processes.all[1].kill)
        backend = provider.get_backend("aer-dask", address=processes.address)
        job = backend.run([circuit] * 9, shots=shots, callback=listener, no_workers_timeout=3, **OPTIONS)
        with pytest.raises(ClusterConnectionError, match="has no workers"):
            job.result(timeout=60)
        assert 2 <= sum(one.success for one in job.partial_result().results) < 9
        processes.start_worker()
        assert backend.run(quick(), no_workers_timeout=60).result(timeout=90).success


@pytest.mark.slow
def test_slices_that_no_worker_can_take(provider, backend):
    with pytest.raises(ClusterConnectionError, match=r"max_parallel_threads=64, but the largest worker has \d+ thr"):
        backend.run(quick(), max_parallel_threads=64).result(timeout=60)
    with cluster(workers=1, threads=2) as processes:
        other = provider.get_backend("aer-dask", address=processes.address)
        small = [processes.all[1]]

        def shrink():
            small[0].kill()
            processes.start_worker(threads=1)

        started = threading.Event()

        def listener(event):
            if isinstance(event, SliceStarted) and not started.is_set():
                started.set()
                threading.Thread(target=shrink).start()

        job = other.run(endless(), max_parallel_threads=2, no_workers_timeout=4, callback=listener)
        with pytest.raises(ClusterConnectionError, match="largest worker has 1 threads"):
            job.result(timeout=60)


def fake_version(folder, package, version):
    """Let ``importlib.metadata`` find another version, as if it were installed."""
    info = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    return str(folder)


def test_a_worker_with_another_aer_is_refused_before_the_first_slice(provider, tmp_path):
    started = []
    with cluster(workers=0) as processes:
        processes.start_worker(PYTHONPATH=fake_version(tmp_path, "qiskit-aer", "0.11.1"))
        backend = provider.get_backend("aer-dask", address=processes.address)
        job = backend.run(quick(), callback=lambda e: isinstance(e, SliceStarted) and started.append(e))
        with pytest.raises(
            ClusterVersionError, match=r"worker tcp://.* has qiskit-aer 0.11.1 \(here .*pip install qis"
        ):
            job.result(timeout=60)
    assert not started


def test_a_worker_with_another_version_that_joins(provider, tmp_path):
    circuit, shots = busy(0.2)
    path = fake_version(tmp_path, "qiskit", "1.0.0")
    with cluster(workers=1) as processes:
        listener = after(1, lambda: processes.start_worker(PYTHONPATH=path))
        backend = provider.get_backend("aer-dask", address=processes.address)
        job = backend.run([circuit] * 200, shots=shots, callback=listener, **OPTIONS)
        with pytest.raises(ClusterVersionError, match=r"has qiskit 1.0.0 \(here .*pip install qiskit=="):
            job.result(timeout=100)
        assert sum(one.success for one in job.partial_result().results) >= 1


def test_a_patch_release_is_no_matter(provider, tmp_path):
    from qiskit_cluster_provider.versions import report

    newer = report()["qiskit"].rpartition(".")[0] + ".99"
    with cluster(workers=0) as processes:
        processes.start_worker(PYTHONPATH=fake_version(tmp_path, "qiskit", newer))
        backend = provider.get_backend("aer-dask", address=processes.address)
        assert backend.run(quick()).result(timeout=60).success


def test_a_worker_without_this_package(provider, tmp_path):
    """Its Python finds first what says what Python says of a package that is not there."""
    (tmp_path / "qiskit_cluster_provider.py").write_text("raise ModuleNotFoundError('No module named ' + __name__)")
    for start in ("scheduler", "worker"):
        processes = Processes(free_port())
        try:
            hidden = {"PYTHONPATH": str(tmp_path)}
            processes.start_scheduler(**(hidden if start == "scheduler" else {}))
            processes.start_worker(**(hidden if start == "worker" else {}))
            with Client(processes.address, set_as_default=False, timeout=60) as client:
                client.wait_for_workers(1, timeout=60)
            backend = provider.get_backend("aer-dask", address=processes.address)
            with pytest.raises(
                ClusterVersionError, match=rf"{start} .*cannot import.*pip install qiskit-cluster-provid"
            ):
                backend.run(quick()).result(timeout=60)
            backend.close()
        finally:
            processes.end()
