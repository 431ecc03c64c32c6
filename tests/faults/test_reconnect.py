"""What is left when a connection is lost or was never there."""

import threading
from concurrent.futures import CancelledError

import psutil
import pytest
from distributed import LocalCluster

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters.dask import DaskKind
from qiskit_cluster_provider.dispatch.transports.dask.transport import DaskTransport
from qiskit_cluster_provider.errors import ClusterConnectionError
from qiskit_cluster_provider.progress import ClusterTrouble
from qiskit_cluster_provider.testing import differences

from ..slow import quick
from .processes import Wire, cluster, free_port


def test_a_failed_connection_leaves_no_thread_and_no_descriptor():
    """An outage makes many of them, and Dask's own close() leaves both."""
    process = psutil.Process()
    address = f"tcp://127.0.0.1:{free_port()}"
    seen = []
    for _ in range(4):
        with ClusterProvider() as provider:
            backend = provider.get_backend("aer-dask", address=address, timeout=0.2)
            with pytest.raises(ClusterConnectionError, match="cannot be connected"):
                backend.run(quick()).result(timeout=30)
        seen.append((threading.active_count(), process.num_fds()))
    assert seen[-1] <= seen[0]


@pytest.mark.slow
def test_a_job_that_begins_while_the_connection_is_lost(aer):
    with cluster(workers=1) as processes, ClusterProvider() as provider:
        wire = Wire(processes.port)
        try:
            backend = provider.get_backend("aer-dask", address=f"tcp://127.0.0.1:{wire.port}", timeout=60)
            backend.run(quick()).result(timeout=60)
            client = backend.connection.client()
            wire.refusing = True
            wire.cut()
            moment = threading.Event()
            while client.status != "connecting":
                moment.wait(0.01)

            def listener(event):
                if isinstance(event, ClusterTrouble) and event.reason:
                    wire.refusing = False

            options = {"seed_simulator": 3, "memory": True}
            ours = backend.run([quick()] * 3, callback=listener, **options).result(timeout=100)
        finally:
            wire.refusing = False
            provider.close()
            wire.close()
    assert differences(ours, aer.run([quick()] * 3, **options).result()) == []


def test_a_result_that_was_not_fetched_before_its_client_ended():
    """Of a client that was closed, and of one that lost its scheduler: it is run again, and no error."""
    transport = DaskTransport(lambda: None, lambda: None)
    for lose in (False, True):
        with LocalCluster(
            n_workers=1, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None
        ) as local:
            wire = Wire(int(local.scheduler_address.rpartition(":")[2]))
            config = DaskKind.Config(address=f"tcp://127.0.0.1:{wire.port}", timeout=0.5)
            with DaskKind().connect(config) as client:
                future = client.submit(pow, 2, 3)
                assert future.result(timeout=30) == 8
                wire.refusing = lose
                if lose:
                    wire.cut()
                    moment = threading.Event()
                    while client.status != "closed":
                        moment.wait(0.01)
            wire.close()
            with pytest.raises((RuntimeError, CancelledError)) as said:
                future.result(timeout=10)
            assert transport.outcome(said.value)[0] == "disconnected", repr(said.value)
