"""Where a simulation takes its whole worker with it, or its memory: containers under a limit behave so."""

import pytest
from distributed import Client, LocalCluster

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.errors import ClusterConnectionError, SlicesLostError
from qiskit_cluster_provider.progress import ClusterTrouble, SliceSplit
from tests.jobs.test_job import eventually

from ..slow import deadly_to_workers, quick
from .processes import Processes
from .test_poison import OPTIONS, healthy


@pytest.fixture
def client():
    """Two workers that their nannies start anew, as the kubelet does with a container."""
    dashboards = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", **dashboards) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 8, 40])
def test_a_circuit_that_kills_its_worker_costs_itself(client, aer, size):
    batch = healthy(40)
    expected = aer.run(batch, **OPTIONS).result()
    batch[17] = deadly_to_workers()
    events = []
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-dask", client=client)
        job = backend.run(batch, max_job_size=size, callback=events.append, **OPTIONS)
        with pytest.raises(SlicesLostError, match=r"1 of .* slices failed.*experiments 17 to 17"):
            job.result(timeout=95)
    assert [one.index for one in job.errors()] == [17]
    for index, (one, other) in enumerate(zip(job.partial_result().results, expected.results, strict=True)):
        assert one.success is (index != 17)
        assert index == 17 or one.data.memory == other.data.memory
    assert any(isinstance(one, SliceSplit) for one in events) is (size > 1)
    deaths = sum(one.outcome == "lost" and 17 in range(*one.experiments) for one in job.report().attempts)
    assert deaths <= 10, "2 and 1 for each size of its parts, and 4 alone, if Dask is not faster than we are"


@pytest.fixture
def paused():
    """Address of a cluster of two workers that use more memory than they may before they pause."""
    processes = Processes()
    limits = {"DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE": "0.0001", "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "0"}
    try:
        processes.start_scheduler()
        for _ in range(2):
            processes.start_worker(1, **limits)
        with Client(processes.address, set_as_default=False, timeout=60) as client:
            assert eventually(lambda: states(client) == ["paused", "paused"], 60)
        yield processes.address
    finally:
        processes.end()


def states(client):
    return [one["status"] for one in client.scheduler_info(n_workers=-1)["workers"].values()]


@pytest.mark.slow
def test_workers_that_are_all_paused(paused):
    """Dask keeps tasks for them without limit and without a word."""
    troubles = []
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-dask", address=paused)
        job = backend.run(
            [quick()] * 4,
            max_job_size=1,
            placement="cluster",
            no_workers_timeout=3,
            callback=lambda e: troubles.append(e.reason) if isinstance(e, ClusterTrouble) else None,
        )
        with pytest.raises(ClusterConnectionError, match=r"all 2 workers are paused.*memory.*no_workers_timeout"):
            job.result(timeout=60)
    assert troubles
    assert "paused" in str(job.report())
