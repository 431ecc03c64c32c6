"""What tests send to the local Kubernetes, and waiting for what comes of it."""

import json
import threading
import time

import httpx

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
