"""Requests to Kubernetes: what is asked is what arrives, and one that is refused is refused alone."""

import pytest

from local_kubernetes import LocalKubernetes, rights
from qiskit_cluster_provider.clusters.kubernetes.api import OPERATOR, connected
from qiskit_cluster_provider.errors import ClusterApiError

PODS = "/api/v1/pods"


@pytest.fixture(scope="module")
def cluster():
    with LocalKubernetes() as cluster:
        yield cluster


@pytest.fixture
def kubernetes(cluster, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    yield cluster
    cluster.grant_all()


@pytest.fixture
def api(kubernetes):
    with connected() as api:
        yield api


def test_a_query_arrives(api):
    (operator,) = api.items(PODS, labelSelector=OPERATOR)
    found = api.request("GET", f"{PODS}?limit=5&labelSelector={OPERATOR}")
    assert [one["metadata"]["name"] for one in found["items"]] == [operator["metadata"]["name"]]


def test_a_refusal_is_one_answer_and_cuts_no_other_request(kubernetes, api, monkeypatch):
    asked = []
    check = rights.Rights.check

    def note(self, request):
        asked.append(request.resource)
        check(self, request)

    monkeypatch.setattr(rights.Rights, "check", note)
    kubernetes.forbid("list", "nodes")
    paths = [PODS, "/api/v1/nodes"] * 10
    answers = api.all([("GET", path, None) for path in paths])
    for path, answer in zip(paths, answers, strict=True):
        if path == PODS:
            assert answer["kind"] == "PodList"
        else:
            assert isinstance(answer, ClusterApiError)
            assert answer.status == 403
    assert asked.count("nodes") == 10


def test_a_login_that_has_run_out_is_renewed(kubernetes, api):
    assert api.items(PODS)
    kubernetes.rotate_token(login=True)
    answers = api.all([("GET", PODS, None)] * 10)
    assert [answer["kind"] for answer in answers] == ["PodList"] * 10
