"""Results that are done and not fetched yet, and are lost with all workers: simulated again by those that come."""

import threading
import time

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.progress import SliceDone
from qiskit_cluster_provider.testing import differences

from ..slow import quick
from .processes import cluster


def until(there, seconds=60):
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


def test_what_nobody_has_fetched_yet_is_simulated_again(aer):
    """A callback of the user's keeps the job from fetching, while the workers go and others come."""
    batch, options = [quick()] * 6, {"shots": 50, "seed_simulator": 7, "memory": True}
    with cluster(workers=2) as processes, ClusterProvider() as provider:
        backend = provider.get_backend("aer-dask", address=processes.address)
        client = backend.connection.client()
        held = []

        def listener(event):
            if isinstance(event, SliceDone) and not held:
                held.append(event)
                inflight = job._record._inflight.values()
                until(lambda: all(future.status == "finished" for future in inflight))
                for worker in processes.all[1:]:
                    worker.kill()
                until(lambda: not client.ncores())
                for _ in range(2):
                    processes.start_worker()
                client.wait_for_workers(2, timeout=60)
                let_go.set()

        let_go, gate = threading.Event(), threading.Event()
        job = backend.run(batch, max_job_size=1, callback=lambda event: gate.wait(60) and listener(event), **options)
        gate.set()  # now that the listener can see its job
        result = job.result(timeout=100)
        assert let_go.is_set()
        assert "lost" in job.report().outcomes
    assert differences(result, aer.run(batch, **options).result()) == []
