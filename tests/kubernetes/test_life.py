"""From nothing to a result and back to nothing."""

import threading

import pytest

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters.kubernetes.rights import RIGHTS
from qiskit_cluster_provider.clusters.kubernetes.spec import MANAGED_BY, MANAGER, owner_label
from qiskit_cluster_provider.clusters.kubernetes.spec import OWNER as OWNED_BY
from qiskit_cluster_provider.errors import ClusterClosedError, ClusterConfigError, ClusterConnectionError
from qiskit_cluster_provider.testing import differences

from ..faults.test_memory import wide
from ..slow import quick
from .lab import ROLE, until, without

OPTIONS = {"shots": 100, "memory": True, "seed_simulator": 7}
BATCH = [quick(f"quick {number}") for number in range(20)]


POOLS = ("asyncio_", "Dask-", "ThreadPoolExecutor-")
"""Threads that libraries keep for what comes next, however many clusters there are."""


def threads():
    return {thread for thread in threading.enumerate() if not thread.name.startswith(POOLS)}


def test_start_run_close(lab, step, aer):
    before, there = threads(), set(lab.clusters())
    with ClusterProvider() as provider:
        with step("get_backend"):
            backend = provider.get_backend("aer-k8s", workers=2, **lab.settings)
        assert set(lab.clusters()) == there, "nothing starts before it is needed"
        assert backend.cluster is None
        with step("start, run"):
            ours = backend.run(BATCH, **OPTIONS).result(timeout=120)
        assert differences(ours, aer.run(BATCH, **OPTIONS).result()) == []
        (name,) = set(lab.clusters()) - there
        assert backend.cluster.name == name
        assert backend.dashboard_link.startswith("http://localhost:")
        labels = lab.clusters()[name]["metadata"]["labels"]
        assert (labels[MANAGED_BY], labels[OWNED_BY]) == (MANAGER, owner_label())
        for pod in lab.pods(cluster=name).values():
            assert pod["metadata"]["labels"].items() >= labels.items(), "all that it consists of can be found"
            assert pod["spec"]["automountServiceAccountToken"] is False
        with step("close"):
            backend.close()
        assert name not in lab.clusters()
    with step("the last pod is gone"):
        lab.gone(name)
    until(lambda: not threads() - before, 10)


def test_with_backend_and_again_afterwards(lab, step):
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-k8s", workers=1, **lab.settings)
        with step("with backend"), backend:
            name = backend.cluster.name
            assert len(lab.ready_pods("worker", name)) == 1
            assert backend.cluster.get_logs().keys() >= set(lab.pods(cluster=name))
        assert name not in lab.clusters()
        with pytest.raises(ClusterClosedError, match="get the backend again"):
            backend.run(quick())
        assert provider.get_backend("aer-k8s", workers=1, **lab.settings) is not backend


@pytest.mark.slow
def test_two_at_once(lab, aer, backend):
    with ClusterProvider() as provider:
        other = provider.get_backend("aer-k8s", workers=1, **lab.settings)
        jobs = [one.run(BATCH, **OPTIONS) for one in (other, backend)]
        expected = aer.run(BATCH, **OPTIONS).result()
        assert [differences(job.result(timeout=120), expected) for job in jobs] == [[], []]
        name = other.cluster.name
        assert name != backend.cluster.name
    assert name not in lab.clusters()
    assert backend.run(quick()).result(timeout=60).success, "closing one leaves the other"


def test_the_limit_of_the_pod_counts_and_not_the_memory_of_its_node(backend, aer):
    batch = [quick("a"), wide(30, "too big"), quick("b")]
    job = backend.run(batch, method="statevector", **OPTIONS)
    ours = job.result(timeout=60)
    assert [one.success for one in ours.results] == [True, False, True]
    (error,) = job.errors()
    assert "16 GiB" in error.message or "16 * 2**30 bytes (16,384 MB)" in error.message
    assert "the largest worker has" in error.message
    assert len(backend.connection.client().nthreads()) == 2, "it was not tried"
    theirs = aer.run([batch[0], batch[2]], method="statevector", **OPTIONS).result()
    assert ours.get_memory(0) == theirs.get_memory(0)


@pytest.mark.slow
def test_the_rights_that_are_needed_are_enough(lab, monkeypatch):
    """Without those that doctor only asks about."""
    rules = ROLE
    for right in RIGHTS:
        for verb in right.verbs if not right.needed else ():
            rules = without(rules, verb, right.resource)
    monkeypatch.setenv("KUBECONFIG", str(lab.account(rules)))
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-k8s", workers=1, **lab.settings)
        assert backend.run(quick()).result(timeout=120).success
        name = backend.cluster.name
        backend.scale(2)
        backend.scale(1)
        backend.adapt(0, 2)
        backend.scale(1)
        assert backend.run(quick()).result(timeout=60).success
    lab.gone(name, 130)


def test_a_name_that_is_taken(lab, backend):
    """dask-kubernetes would connect to it, and delete it afterwards."""
    name = backend.cluster.name
    with ClusterProvider() as provider, pytest.raises(ClusterConnectionError, match=rf"{name}.*keep=True"):
        provider.get_backend("aer-k8s", name=name, **lab.settings)
    assert name in lab.clusters()


@pytest.mark.slow
def test_kept_attached_and_left_alone(lab, step, aer):
    settings = {**lab.settings, "name": "kept", "keep": True}
    with ClusterProvider() as provider, step("start"):
        provider.get_backend("aer-k8s", workers=1, **settings).run(quick()).result(timeout=120)
    uid = lab.clusters()["kept"]["metadata"]["uid"]
    with ClusterProvider() as provider:
        with step("attach"):
            backend = provider.attach("kept")
            ours = backend.run(BATCH, **OPTIONS).result(timeout=120)
        assert differences(ours, aer.run(BATCH, **OPTIONS).result()) == []
    with ClusterProvider() as provider:
        assert provider.get_backend("aer-k8s", **settings).run(quick()).result(timeout=120).success
    assert lab.clusters()["kept"]["metadata"]["uid"] == uid, "it is the one that was started"
    with ClusterProvider() as provider:
        other = {**settings, "image": "worker:2", "memory": "2Gi"}
        with pytest.raises(ClusterConfigError, match=r"image='worker:2' \(it has .*memory='2Gi' \(it has '1Gi'\)"):
            provider.get_backend("aer-k8s", **other).run(quick()).result(timeout=60)
    assert "kept" in lab.clusters()
    assert len(lab.ready_pods("worker", "kept")) == 1
    lab.remove("kept")


def test_there_is_none_to_attach_to(lab, backend):
    with (
        ClusterProvider() as provider,
        pytest.raises(ClusterConnectionError, match="no DaskCluster 'nobody'") as said,
    ):
        provider.attach("nobody")
    assert backend.cluster.name in str(said.value), "it says which there are"
    assert "nobody" not in lab.clusters()
