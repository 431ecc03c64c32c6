"""Pods are processes: how they start, fail and end, and where they run."""

import os

import pytest

from .requests import DEPLOYMENTS_PATH, EVENTS_PATH, PODS_PATH, deployment, named, pod_spec, until


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
