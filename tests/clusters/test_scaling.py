"""Another number of workers, and where to watch them."""

import threading
import urllib.request

import pytest
from distributed import Client, LocalCluster
from qiskit.circuit import QuantumCircuit

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters.lifecycle import STOPPING
from qiskit_cluster_provider.clusters.scaling import await_workers
from qiskit_cluster_provider.errors import ClusterClosedError, ClusterConfigError, ClusterConnectionError
from qiskit_cluster_provider.outcomes import Reason


@pytest.fixture
def own():
    with ClusterProvider() as provider:
        yield provider


def workers(backend):
    return len(backend.connection.client().nthreads())


def test_scale_waits_for_the_workers(own):
    backend = own.get_backend("aer-local", workers=1)
    assert backend.cluster is None
    backend.scale(3)  # starts it
    assert isinstance(backend.cluster, LocalCluster)
    assert workers(backend) == 3
    backend.scale(1)
    assert workers(backend) == 1


def test_scale_holds_after_adapt(own):
    backend = own.get_backend("aer-local", workers=1)
    backend.adapt(1, 3)
    assert backend.connection.grows_to == 3
    backend.scale(2)
    assert backend.connection.grows_to == 0
    assert workers(backend) == 2


def test_scale_says_what_is_missing(own, monkeypatch):
    backend = own.get_backend("aer-local", workers=1)
    with backend:
        monkeypatch.setattr(backend.cluster, "scale", lambda workers: None)
        with pytest.raises(ClusterConnectionError, match="1 of 2 workers after 0 s"):
            backend.scale(2, timeout=0.2)
        backend.scale(2, timeout=0)


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "2"])
def test_numbers_that_are_none(own, wrong):
    with pytest.raises(ClusterConfigError, match="whole number"):
        own.get_backend("aer-local").scale(wrong)
    with pytest.raises(ClusterConfigError):
        own.get_backend("aer-local").adapt(2, 1)


def test_a_cluster_that_is_somebody_elses(own):
    with (
        LocalCluster(n_workers=1, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None) as other,
        Client(other.scheduler_address, set_as_default=False) as client,
    ):
        backend = own.get_backend("aer-dask", client=client)
        with pytest.raises(ClusterConfigError, match="cannot be scaled from here"):
            backend.scale(2)
        assert backend.cluster is None


def test_the_dashboard_is_where_the_link_says(own):
    with (
        own.get_backend("aer-local", workers=1) as backend,
        urllib.request.urlopen(backend.dashboard_link, timeout=30) as page,
    ):
        assert page.status == 200
    assert backend.dashboard_link is None


def test_closed_is_closed(own):
    backend = own.get_backend("aer-local", workers=1)
    with backend:
        assert workers(backend) == 1
    with pytest.raises(ClusterClosedError):
        backend.scale(2)
    with pytest.raises(ClusterClosedError), backend:
        pass


def test_blobs_that_leave_with_their_worker_are_no_news(own, caplog):
    circuit = QuantumCircuit(2)
    for index in range(2000):  # enough for a blob
        circuit.rx(index, index % 2)
    circuit.measure_all()
    with own.get_backend("aer-local", workers=3, placement="cluster") as backend:
        batch = [circuit] * 6
        before = backend.run(batch, max_job_size=1, seed_simulator=1).result()
        backend.scale(1)
        after = backend.run(batch, max_job_size=1, seed_simulator=1).result()
    assert [before.get_counts(i) for i in range(6)] == [after.get_counts(i) for i in range(6)]
    assert "already computed" not in caplog.text


def test_what_fails_because_the_backend_is_closed_says_so():
    """A client that is being closed has no scheduler to ask any more."""
    closed = threading.Event()

    def done():
        closed.set()
        raise AttributeError("'NoneType' object has no attribute 'ncores'")

    token = STOPPING.set(closed)
    try:
        with pytest.raises(ClusterClosedError):
            await_workers(done, 10, lambda _: Reason("they are late"))
    finally:
        STOPPING.reset(token)


def test_what_fails_by_itself_is_told_as_it_is():
    def done():
        raise AttributeError("a bug")

    with pytest.raises(AttributeError, match="a bug"):
        await_workers(done, 10, lambda _: Reason("they are late"))
