"""The local Kubernetes: its objects, its pods, and what a test does to them."""

import asyncio
import json
import os
import socket
import threading
import time
from urllib.parse import urlsplit

import httpx
import pytest

from local_kubernetes import LocalKubernetes
from local_kubernetes.containers import expand
from local_kubernetes.garbage import GarbageCollector
from local_kubernetes.nodes import quantity
from local_kubernetes.objects import ApiError, Store
from local_kubernetes.resources import DEPLOYMENTS, NAMESPACES, PODS, SERVICES
from local_kubernetes.selectors import predicate

SLEEPS = ["/bin/sh", "-c", "echo started; exec sleep 1000"]
PODS_PATH = "/api/v1/namespaces/default/pods"
DEPLOYMENTS_PATH = "/apis/apps/v1/namespaces/default/deployments"
SERVICES_PATH = "/api/v1/namespaces/default/services"
EVENTS_PATH = "/api/v1/namespaces/default/events"
DASK_PATH = "/apis/kubernetes.dask.org/v1/namespaces/default"


def until(condition, seconds=30):
    """Wait until a condition holds, and return what it gave."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        pause.wait(0.02)
    return found


def pod_spec(command=SLEEPS, **more):
    container = {"name": "main", "image": "worker:test", "command": command}
    container |= {key: more.pop(key) for key in list(more) if key in ("args", "env", "image", "resources", "ports")}
    return {"terminationGracePeriodSeconds": 1, **more, "containers": [container]}


def named(name, spec, **labels):
    return {"metadata": {"name": name, "labels": labels}, "spec": spec}


def deployment(name, replicas, spec):
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    return named(name, {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template})


class Http:
    """Requests with the test's token."""

    def __init__(self, cluster):
        self.cluster = cluster

    def __call__(self, method, path, body=None, content_type="application/json", **params):
        headers = {"Authorization": f"Bearer {self.cluster.token}", "Content-Type": content_type}
        data = None if body is None else json.dumps(body)
        return httpx.request(method, self.cluster.url + path, content=data, headers=headers, params=params)

    def pod(self, name):
        return self("GET", f"{PODS_PATH}/{name}").json()

    def state(self, name):
        """The state of a pod's container: its kind and what is said of it."""
        statuses = self.pod(name).get("status", {}).get("containerStatuses")
        return next(iter(statuses[0]["state"].items())) if statuses else ("", {})

    def run(self, name, **spec):
        """Start a pod and wait until its process runs."""
        assert self("POST", PODS_PATH, named(name, pod_spec(**spec))).status_code == 201
        until(lambda: name in self.cluster.processes())


@pytest.fixture(scope="module")
def bare():
    """A cluster without an operator."""
    with LocalKubernetes(operator=False) as cluster:
        yield cluster


@pytest.fixture
def http(bare):
    """An empty cluster, and requests to it."""
    yield Http(bare)
    bare.grant_all()
    http = Http(bare)
    for path in (
        DEPLOYMENTS_PATH,
        "/api/v1/namespaces/default/services",
        "/api/v1/namespaces/default/resourcequotas",
    ):
        http("DELETE", path)
    http("DELETE", PODS_PATH, gracePeriodSeconds=0)
    until(lambda: not bare.objects("pods") and not bare.processes())


# --- objects


@pytest.fixture
def store():
    store = Store()
    for name in ("default", "other"):
        store.create(NAMESPACES, {"metadata": {"name": name}})
    return store


def collect(store):
    asyncio.run(GarbageCollector(store).reconcile())


def service(name="one", **meta):
    return {"metadata": {"name": name, **meta}, "spec": {"ports": []}}


LABELLED = {"metadata": {"name": "one", "labels": {"app": "dask", "tier": "worker"}}, "status": {"phase": "Running"}}


@pytest.mark.parametrize(
    ("labels", "selected"),
    [
        ("", True),
        ("app=dask,tier==worker", True),
        ("app!=dask", False),
        ("gpu!=yes", True),
        ("app in (dask, ray),tier", True),
        ("app notin (dask,ray)", False),
        ("!gpu", True),
        ("!app", False),
        ("gpu", False),
    ],
)
def test_label_selectors(labels, selected):
    assert predicate(labels)(LABELLED) is selected


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ("metadata.name=one,status.phase=Running", True),
        ("status.phase!=Running", False),
        ("spec.nodeName=", True),
        ("metadata.name=two", False),
    ],
)
def test_field_selectors(fields, selected):
    assert predicate("", fields)(LABELLED) is selected


def test_an_edit_counts_versions_and_generations(store):
    first = store.create(SERVICES, service(), "default")
    assert first["metadata"]["generation"] == 1
    second = store.edit(SERVICES, "default", "one", lambda item: item["spec"].update(type="ClusterIP"))
    assert second["metadata"]["generation"] == 2
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    third = store.edit(SERVICES, "default", "one", lambda item: item["metadata"].update(labels={"a": "b"}))
    assert third["metadata"]["generation"] == 2
    assert store.edit(SERVICES, "default", "one", lambda item: None) is third, "nothing changed, nothing is written"
    assert "type" not in first["spec"], "history is not rewritten"
    with pytest.raises(ApiError, match="the object has been modified") as conflict:
        store.edit(SERVICES, "default", "one", lambda item: first)
    assert conflict.value.code == 409


def test_the_server_keeps_its_own_fields(store):
    first = store.create(SERVICES, service(), "default")
    edited = store.edit(SERVICES, "default", "one", lambda item: item["metadata"].update(uid="mine", name="two"))
    assert edited == first


def test_status_and_the_rest_are_written_apart(store):
    store.create(PODS, {"metadata": {"name": "one"}, "spec": {}}, "default")
    both = {"spec": {"a": 1}, "status": {"phase": "Running"}}
    assert "status" not in store.edit(PODS, "default", "one", lambda item: item.update(both))
    written = store.edit(PODS, "default", "one", lambda item: item.update({**both, "spec": {}}), "status")
    assert (written["spec"], written["status"]) == ({"a": 1}, {"phase": "Running"})


def test_a_finalizer_holds_an_object(store):
    store.create(SERVICES, service(finalizers=["test"]), "default")
    held = store.delete(SERVICES, "default", "one")
    assert held["metadata"]["deletionTimestamp"]
    assert store.delete(SERVICES, "default", "one") is held
    store.edit(SERVICES, "default", "one", lambda item: item["metadata"].update(finalizers=[]))
    assert store.find(SERVICES, "default", "one") is None
    assert store.history[-1].new is None


def test_what_lost_its_owner_is_collected(store):
    owner = store.create(SERVICES, service("owner"), "default")
    reference = {"kind": "Service", "name": "owner", "uid": owner["metadata"]["uid"]}
    child = store.create(SERVICES, service("child", ownerReferences=[reference]), "default")
    store.create(SERVICES, service("grandchild", ownerReferences=[{"uid": child["metadata"]["uid"]}]), "default")
    store.create(SERVICES, service("stranger"), "default")
    collect(store)
    assert len(store.select(SERVICES)) == 4
    store.delete(SERVICES, "default", "owner")
    collect(store)
    collect(store)
    assert [item["metadata"]["name"] for item in store.select(SERVICES)] == ["stranger"]


def test_a_namespace_goes_with_what_is_in_it(store):
    store.create(SERVICES, service(finalizers=["test"]), "other")
    store.create(SERVICES, service("kept"), "default")
    store.delete(NAMESPACES, "", "other")
    collect(store)
    with pytest.raises(ApiError, match="because it is being terminated"):
        store.create(SERVICES, service("late"), "other")
    store.edit(SERVICES, "other", "one", lambda item: item["metadata"].update(finalizers=[]))
    collect(store)
    assert [item["metadata"]["name"] for item in store.select(NAMESPACES)] == ["default"]
    assert [item["metadata"]["name"] for item in store.select(SERVICES)] == ["kept"]
    with pytest.raises(ApiError, match='namespaces "other" not found'):
        store.create(DEPLOYMENTS, {"metadata": {"name": "a"}}, "other")


def test_quantities_and_variables():
    assert [quantity(text) for text in ("500m", "2", "1Gi", "4G", 3)] == [0.5, 2, 2**30, 4e9, 3]
    assert expand("$(A)-$(B)-$$(A)-$A", {"A": "1"}) == "1-$(B)-$(A)-$A"


# --- HTTP


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


# --- pods


def test_a_pod_is_a_process_with_the_environment_of_its_specification(http):
    env = [
        {"name": "WHO", "value": "me"},
        {"name": "TEXT", "value": "$(WHO) and $(WHO)"},
        {"name": "ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
    ]
    script = 'echo "$TEXT"; echo "$ADDRESS"; echo "$MEMORY"; echo $0; exec sleep 1000'
    resources = {"limits": {"memory": "1Gi"}}
    http.run("env", command=["/bin/sh", "-c", script, "$(WHO)"], env=env, resources=resources)
    pod = http.pod("env")
    assert pod["status"]["phase"] == "Running"
    expected = f"me and me\n{pod['status']['podIP']}\n1024\nme\n"
    until(lambda: http("GET", f"{PODS_PATH}/env/log").text == expected)
    assert http("GET", f"{PODS_PATH}/env/log", tailLines=1).text == "me\n"
    pid = http.cluster.processes()["env"]
    assert os.getsid(pid) == pid
    http("DELETE", f"{PODS_PATH}/env")
    until(lambda: http("GET", f"{PODS_PATH}/env").status_code == 404)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_killed_process_is_started_again_and_the_old_log_is_kept(http):
    http.run("phoenix")
    until(lambda: http("GET", f"{PODS_PATH}/phoenix/log").text)
    assert http("GET", f"{PODS_PATH}/phoenix/log", previous="true").status_code == 400
    first = http.cluster.processes()["phoenix"]
    http.cluster.kill_pod_process("phoenix", reason="OOMKilled")
    until(lambda: http.cluster.processes().get("phoenix", first) != first)
    status = http.pod("phoenix")["status"]["containerStatuses"][0]
    assert status["restartCount"] == 1
    ended = status["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    assert http("GET", f"{PODS_PATH}/phoenix/log", previous="true").text == "started\n"


def test_a_deployment_has_as_many_pods_as_it_says(http):
    http("POST", DEPLOYMENTS_PATH, deployment("two", 2, pod_spec()))
    until(lambda: len(http.cluster.processes()) == 2)
    victim, kept = http.cluster.processes()
    assert victim.startswith("two-")
    http("DELETE", f"{PODS_PATH}/{victim}")
    until(lambda: len(http.cluster.processes()) == 2 and victim not in http.cluster.processes())
    assert kept in http.cluster.processes()
    http("DELETE", f"{DEPLOYMENTS_PATH}/two")
    until(lambda: not http.cluster.objects("pods") and not http.cluster.objects("replicasets"))
    assert http.cluster.processes() == {}


def test_a_stubborn_process_is_killed_when_its_time_is_over(http):
    http.run("stubborn", command=["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"])
    until(lambda: http("GET", f"{PODS_PATH}/stubborn/log").text)
    http("DELETE", f"{PODS_PATH}/stubborn")
    assert http.pod("stubborn")["metadata"]["deletionTimestamp"]
    until(lambda: http("GET", f"{PODS_PATH}/stubborn").status_code == 404)


def test_an_image_that_is_not_there(http):
    http("POST", PODS_PATH, named("nope", pod_spec(image="nope:1")))
    until(lambda: http.state("nope")[1].get("reason") == "ImagePullBackOff")
    assert 'failed to resolve reference "docker.io/library/nope:1"' in http.state("nope")[1]["message"]
    assert http.pod("nope")["status"]["phase"] == "Pending"
    events = http("GET", EVENTS_PATH, fieldSelector="involvedObject.name=nope").json()["items"]
    assert {event["reason"] for event in events} == {"Failed"}
    assert "waiting to start: ImagePullBackOff" in http("GET", f"{PODS_PATH}/nope/log").json()["message"]


def test_a_container_that_crashes(http):
    http.cluster.crash("worker:test", ["Traceback", "ImportError: 'x'"], code=3)
    try:
        http("POST", PODS_PATH, named("crash", pod_spec()))
        until(lambda: http.state("crash")[1].get("reason") == "CrashLoopBackOff")
        assert http.pod("crash")["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 3
        until(lambda: http("GET", f"{PODS_PATH}/crash/log").text == "Traceback\nImportError: 'x'\n")
        http("POST", PODS_PATH, named("once", pod_spec(restartPolicy="Never")))
        until(lambda: http.pod("once")["status"]["phase"] == "Failed")
    finally:
        http.cluster.mend("worker:test")
    until(lambda: http.state("crash")[0] == "running")


def test_a_command_that_is_not_there(http):
    http("POST", PODS_PATH, named("typo", pod_spec(command=["dask-wroker"], restartPolicy="Never")))
    until(lambda: http.pod("typo")["status"]["phase"] == "Failed")
    assert '"dask-wroker": executable file not found' in http.state("typo")[1]["message"]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"resources": {"requests": {"cpu": "7500m"}}}, "1 Insufficient cpu"),
        ({"resources": {"limits": {"nvidia.com/gpu": "1"}}}, "1 Insufficient nvidia.com/gpu"),
        ({"nodeSelector": {"gpu": "a100"}}, "1 node(s) didn't match Pod's node affinity/selector"),
    ],
    ids=["cpu", "gpu", "selector"],
)
def test_a_pod_that_fits_nowhere(http, spec, reason):
    http.run("big", resources={"requests": {"cpu": "1"}})
    http("POST", PODS_PATH, named("late", pod_spec(**spec)))
    [condition] = until(lambda: http.pod("late")["status"].get("conditions"))
    assert (condition["type"], condition["status"], condition["reason"]) == ("PodScheduled", "False", "Unschedulable")
    assert condition["message"] == f"0/1 nodes are available: {reason}."
    events = http("GET", EVENTS_PATH, fieldSelector="reason=FailedScheduling").json()["items"]
    assert condition["message"] in [event["message"] for event in events]
    http("DELETE", f"{PODS_PATH}/big")
    if reason.endswith("cpu"):
        until(lambda: "late" in http.cluster.processes())


def test_a_quota_refuses_pods(http):
    http.cluster.quota("default", pods=1)
    http("POST", DEPLOYMENTS_PATH, deployment("many", 3, pod_spec()))

    def failure():
        conditions = http("GET", f"{DEPLOYMENTS_PATH}/many").json()["status"].get("conditions", ())
        return next((each for each in conditions if each["type"] == "ReplicaFailure"), None)

    assert "is forbidden: exceeded quota: pods, requested: pods=1, used: pods=1" in until(failure)["message"]
    assert len(http.cluster.objects("pods")) == 1
    http.cluster.quota("default", pods=3)
    until(lambda: len(http.cluster.processes()) == 3)
    until(lambda: not failure())


# --- Services, port forwards, faults


@pytest.fixture
def web(http):
    """A pod that serves HTTP behind the Service ``web``, and is ready."""
    files = ["python", "-m", "http.server", "8000", "--bind", "0.0.0.0", "--directory", "/proc/self/task"]
    spec = pod_spec(command=files, ports=[{"name": "web", "containerPort": 8000}])
    spec["containers"][0]["readinessProbe"] = {"httpGet": {"port": "web", "path": "/"}}
    body = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "web"}]}
    http("POST", SERVICES_PATH, named("web", body))
    http("POST", DEPLOYMENTS_PATH, deployment("web", 1, spec))
    until(lambda: http("GET", f"{DEPLOYMENTS_PATH}/web").json()["status"].get("readyReplicas") == 1)
    return http


def test_a_service_leads_to_its_pods_and_has_a_name(web):
    service = web("GET", f"{SERVICES_PATH}/web").json()
    assert service["status"] == {"loadBalancer": {}}
    assert httpx.get(f"http://{service['spec']['clusterIP']}/").status_code == 200
    for host in ("web", "web.default", "web.default.svc.cluster.local"):
        fetch = f"import urllib.request; print(urllib.request.urlopen('http://{host}/').status)"
        name = f"ask-{host.count('.')}"
        web("POST", PODS_PATH, named(name, pod_spec(command=["python", "-c", fetch], restartPolicy="Never")))
        until(lambda name=name: web.pod(name)["status"]["phase"] in ("Succeeded", "Failed"))
        assert web("GET", f"{PODS_PATH}/{name}/log").text == "200\n"
    with socket.create_connection((service["spec"]["clusterIP"], 80)) as connection:
        web("DELETE", f"{PODS_PATH}/{next(iter(web.cluster.processes()))}")
        connection.settimeout(20)
        assert connection.recv(1) == b"", "a connection ends with its pod"


def test_a_port_forward_and_its_cut(web, monkeypatch):
    from kr8s.asyncio import api
    from kr8s.asyncio.objects import Service

    monkeypatch.setenv("KUBECONFIG", str(web.cluster.kubeconfig))

    async def forward():
        service = await Service.get("web", namespace="default", api=await api(kubeconfig=str(web.cluster.kubeconfig)))
        async with service.portforward(8000, "auto") as port:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                assert (await client.get("/")).status_code == 200
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\n")  # not ended: the server waits for more
            await writer.drain()
            ended = asyncio.create_task(reader.read())
            for _ in range(200):  # the first cut may come before the websocket is open
                web.cluster.cut_connections()
                if (await asyncio.wait((ended,), timeout=0.1))[0]:
                    break
            assert ended.done()
            assert isinstance(ended.exception(), ConnectionError) or ended.result() == b""
            writer.close()
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                assert (await client.get("/")).status_code == 200, "the next connection is a new one"

    asyncio.run(forward())


def test_a_stopped_server_answers_again_on_the_same_port(http):
    http.run("survivor")
    pid = http.cluster.processes()["survivor"]
    http.cluster.stop_api()
    with pytest.raises(httpx.ConnectError):
        http("GET", PODS_PATH)
    http.cluster.start_api()
    assert http.pod("survivor")["status"]["phase"] == "Running"
    assert http.cluster.processes()["survivor"] == pid


@pytest.mark.parametrize("steps", range(6))
def test_the_server_stops_while_a_connection_arrives(http, steps):
    """At each step of its event loop on the way from accepted to served; aiohttp may wait for such a one for ever."""
    address = urlsplit(http.cluster.url)

    async def stop():
        with socket.create_connection((address.hostname, address.port)):
            for _ in range(steps):
                await asyncio.sleep(0)
            await asyncio.wait_for(http.cluster._api.stop(), 20)

    try:
        http.cluster._wait_for(stop)
    finally:
        http.cluster.start_api()
    assert http("GET", PODS_PATH).status_code == 200
