"""The Role of deploy/rbac.yaml is the smallest that works: all that aer-k8s needs, and all of it is used."""

import threading
import time

import pytest

from local_kubernetes import LocalKubernetes, rights
from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters.kubernetes import start
from qiskit_cluster_provider.clusters.kubernetes.rights import RIGHTS
from qiskit_cluster_provider.errors import ClusterConnectionError

from ..slow import quick
from .documents import granted

FREE = "authorization.k8s.io"  # everybody who is logged in may ask what they may do
CRASHING = "worker:crashing"
GRANTED = granted("rbac.yaml")


@pytest.fixture
def used(monkeypatch):
    """What of the Role the user has used, who may do nothing else."""
    found = set()
    check = rights.Rights.check

    def allows(self, request):
        wanted = (request.group, request.resource, request.verb)
        return request.user != rights.TESTER or (request.namespace == "default" and wanted in GRANTED)

    def note(self, request):
        if request.group != FREE:
            check(self, request)
            if request.user == rights.TESTER:
                found.add((request.group, request.resource, request.verb))

    monkeypatch.setattr(rights.Rights, "allows", allows)
    monkeypatch.setattr(rights.Rights, "check", note)
    return found


@pytest.fixture
def kubernetes(monkeypatch):
    with LocalKubernetes(nodes=({"cpu": "4", "memory": "16Gi"},), images=("worker:test", CRASHING)) as kubernetes:
        monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig))
        monkeypatch.setenv("QISKIT_CLUSTER_IMAGE", "worker:test")
        yield kubernetes


def until(there, seconds=60):
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        threading.Event().wait(0.1)


def use_all_of_it(provider, kubernetes):
    backend = provider.get_backend("aer-k8s", workers=1, name="mine", quiet=True)
    assert backend.run(quick(), seed_simulator=7).result().success
    backend.cluster.get_logs()  # before pods leave: it fails for one that has gone since it was listed
    backend.scale(5, timeout=0)  # two of them find no place
    until(lambda: len(kubernetes.objects("pods", "default")) == 6)
    backend.scale(1)
    backend.adapt(1, 2)
    backend.adapt(1, 1)
    attached = provider.attach("mine")
    assert attached.run(quick(), seed_simulator=7).result().success
    attached.close()
    kubernetes.crash(CRASHING)
    with pytest.raises(ClusterConnectionError):
        provider.get_backend("aer-k8s", image=CRASHING, quiet=True).run(quick()).result(timeout=60)


@pytest.mark.slow
def test_the_role_is_enough_and_not_too_much(used, kubernetes, monkeypatch):
    monkeypatch.setattr(start, "LOOK_EVERY", 0.0)  # the operator is reminded of a deletion, however fast it is
    with ClusterProvider() as provider:
        use_all_of_it(provider, kubernetes)
    # The operator is not reminded of a cluster that is gone at the first look.
    assert used | {("kubernetes.dask.org", "daskclusters", "patch")} == GRANTED
    assert not kubernetes.objects("daskclusters")


@pytest.mark.slow
def test_it_works_without_the_optional_rights(kubernetes):
    optional = [right for right in RIGHTS if not right.needed]
    assert optional
    for right in optional:
        for verb in right.verbs:
            kubernetes.forbid(verb, right.resource)
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-k8s", workers=2, quiet=True)
        assert backend.run(quick(), seed_simulator=7).result().success
        backend.scale(1)
    assert not kubernetes.objects("daskclusters")
