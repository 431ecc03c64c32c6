"""What the API server answers."""

import json

import httpx
import pytest

from local_kubernetes import LocalKubernetes

from .requests import DASK_PATH, DEPLOYMENTS_PATH, PODS_PATH, Http, deployment, named, pod_spec, until


def test_discovery_names_what_is_served(http):
    assert http("GET", "/version").json()["gitVersion"].startswith("v1.")
    groups = {group["name"] for group in http("GET", "/apis").json()["groups"]}
    assert {"apps", "kubernetes.dask.org", "apiextensions.k8s.io"} <= groups
    names = {each["name"] for each in http("GET", "/apis/kubernetes.dask.org/v1").json()["resources"]}
    assert {"daskclusters", "daskclusters/scale", "daskworkergroups", "daskautoscalers"} <= names
    definitions = http("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions").json()["items"]
    assert "daskclusters.kubernetes.dask.org" in [each["metadata"]["name"] for each in definitions]


def test_without_definitions_there_is_no_such_group():
    with LocalKubernetes(operator=False, crds=False) as cluster:
        answer = Http(cluster)("GET", f"{DASK_PATH}/daskclusters")
        assert (answer.status_code, answer.text) == (404, "404 page not found\n")


def test_errors_are_kubernetes_own(http):
    missing = http("GET", f"{PODS_PATH}/none")
    assert missing.status_code == 404
    assert missing.json() == {
        **{"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"},
        **{"message": 'pods "none" not found', "reason": "NotFound", "code": 404},
    }
    scaler = {"metadata": {"name": "auto"}, "spec": {"cluster": "foo", "minimum": 1}}
    refused = http("POST", f"{DASK_PATH}/daskautoscalers", scaler)
    assert refused.status_code == 422
    message = 'DaskAutoscaler.kubernetes.dask.org "auto" is invalid: spec.maximum: Required value'
    assert refused.json()["message"] == message
    scaler["spec"] |= {"maximum": "3"}
    refused = http("POST", f"{DASK_PATH}/daskautoscalers", scaler)
    assert 'spec.maximum in body must be of type integer: "string"' in refused.json()["message"]
    scaler["spec"] |= {"maximum": 3, "unknown": 1}
    created = http("POST", f"{DASK_PATH}/daskautoscalers", scaler)
    assert "unknown" not in created.json()["spec"], "what the schema does not know is pruned"
    assert http("POST", f"{DASK_PATH}/daskautoscalers", scaler).json()["reason"] == "AlreadyExists"
    assert http("DELETE", f"{DASK_PATH}/daskautoscalers/auto").status_code == 200


def test_a_token_is_needed_and_can_be_changed(http):
    old = http.cluster.token
    assert http.cluster.rotate_token() != old
    answer = httpx.get(http.cluster.url + PODS_PATH, headers={"Authorization": f"Bearer {old}"})
    assert (answer.status_code, answer.json()["reason"]) == (401, "Unauthorized")
    assert http("GET", PODS_PATH).status_code == 200
    assert http.cluster.token not in http.cluster.kubeconfig.read_text()
    http.cluster.rotate_token(login=True)
    assert http.cluster.token in http.cluster.kubeconfig.read_text()


def test_a_right_can_be_taken(http):
    http.cluster.forbid("list", "pods", "default")
    http.cluster.forbid("get", "pods/portforward")
    refused = http("GET", PODS_PATH)
    assert refused.status_code == 403
    words = 'pods is forbidden: User "tester" cannot list resource "pods" in API group "" in the namespace "default"'
    assert refused.json()["message"] == words
    assert http("GET", "/api/v1/namespaces/kube-system/pods").status_code == 200

    def allowed(verb, **attributes):
        body = {
            "spec": {"resourceAttributes": {"namespace": "default", "verb": verb, "resource": "pods", **attributes}}
        }
        answer = http("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
        return answer.json()["status"]["allowed"]

    assert not allowed("list")
    assert allowed("list", namespace="kube-system")
    assert allowed("get")
    assert not allowed("get", subresource="portforward")
    http.cluster.grant_all()
    assert allowed("list")


@pytest.mark.parametrize("verb", ["get", "create"])
def test_a_port_forward_needs_two_verbs(http, verb):
    http.cluster.forbid(verb, "pods/portforward")
    answer = http("GET", f"{PODS_PATH}/any/portforward")
    assert answer.status_code == 403
    assert f'cannot {verb} resource "pods/portforward"' in answer.json()["message"]
    http.cluster.grant_all()
    assert http("GET", f"{PODS_PATH}/any/portforward").status_code == 404, "it may, and there is no such pod"


def test_patches_and_scale(http):
    path = f"{DEPLOYMENTS_PATH}/idle"
    http("POST", DEPLOYMENTS_PATH, deployment("idle", 0, pod_spec()))
    merged = http("PATCH", path, {"metadata": {"labels": {"a": "1"}}}, "application/merge-patch+json").json()
    assert merged["metadata"]["labels"] == {"a": "1"}
    operations = [{"op": "test", "path": "/spec/replicas", "value": 7}, {"op": "remove", "path": "/metadata/labels"}]
    assert http("PATCH", path, operations, "application/json-patch+json").status_code == 422
    operations[0]["value"] = 0
    assert not http("PATCH", path, operations, "application/json-patch+json").json()["metadata"].get("labels")
    scaled = http("PATCH", f"{path}/scale", {"spec": {"replicas": 1}}, "application/merge-patch+json").json()
    assert (scaled["kind"], scaled["spec"]) == ("Scale", {"replicas": 1})
    until(lambda: http("GET", path).json()["status"].get("readyReplicas") == 1)
    assert http("PATCH", path, {}, "application/apply-patch+yaml").status_code == 415


def test_a_watch_sees_what_is_selected(http):
    since = http("GET", PODS_PATH).json()["metadata"]["resourceVersion"]
    for name, colour in (("a", "red"), ("b", "blue")):
        http("POST", PODS_PATH, named(name, pod_spec(nodeSelector={"no": "node"}), colour=colour))
    repaint = {"metadata": {"labels": {"colour": "green"}}}
    http("PATCH", f"{PODS_PATH}/a", repaint, "application/merge-patch+json")
    params = {"watch": "true", "resourceVersion": since, "labelSelector": "colour=red", "timeoutSeconds": "0.1"}
    lines = http("GET", PODS_PATH, **params).text.splitlines()
    events = [(event["type"], event["object"]["metadata"]["name"]) for event in map(json.loads, lines)]
    assert [events[0], events[-1]] == [("ADDED", "a"), ("DELETED", "a")]
    assert {name for _, name in events} == {"a"}
