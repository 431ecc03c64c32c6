"""The Role of deploy/rbac.yaml is the smallest that works: what aer-k8s asks of Kubernetes, all of it."""

import threading
import time

import pytest

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters.kubernetes.rights import RIGHTS
from qiskit_cluster_provider.errors import ClusterConnectionError
from qiskit_cluster_provider.testing.kubernetes import LocalKubernetes, rights

from ..slow import quick

FREE = {"authorization.k8s.io"}  # everybody who is logged in may ask what they may do
CRASHING = "worker:crashing"


@pytest.fixture
def asked(monkeypatch):
    """What the user asks of Kubernetes, as ``(group, resource, verb)``."""
    found = set()
    check = rights.Rights.check

    def note(self, request):
        if request.user == rights.TESTER and request.group not in FREE:
            found.add((request.group, request.resource, request.verb))
        check(self, request)

    monkeypatch.setattr(rights.Rights, "check", note)
    return found


@pytest.fixture
def kubernetes(monkeypatch, asked):
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
    backend.scale(5, timeout=0)  # two of them find no place
    until(lambda: len(kubernetes.objects("pods", "default")) == 6)
    backend.scale(1)
    backend.cluster.get_logs()
    backend.adapt(1, 2)
    backend.adapt(1, 1)
    attached = provider.attach("mine")
    assert attached.run(quick(), seed_simulator=7).result().success
    attached.close()
    kubernetes.crash(CRASHING)
    with pytest.raises(ClusterConnectionError):
        provider.get_backend("aer-k8s", image=CRASHING, quiet=True).run(quick()).result(timeout=60)


@pytest.mark.slow
def test_all_rights_are_asked_for_and_no_others(kubernetes, asked):
    with ClusterProvider() as provider:
        use_all_of_it(provider, kubernetes)
    assert asked == {(right.group, right.resource, verb) for right in RIGHTS for verb in right.verbs}
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
