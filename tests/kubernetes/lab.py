"""The Kubernetes that the tests of this folder run on: a real one if there is one, else one of local processes."""

import base64
import json
import os
import secrets
import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import yaml
from dask_kubernetes.operator.controller import controller

from local_kubernetes import LocalKubernetes
from qiskit_cluster_provider.clusters.kubernetes.api import CLUSTERS, connected
from qiskit_cluster_provider.clusters.kubernetes.config import KubernetesConfig
from qiskit_cluster_provider.clusters.kubernetes.pods import CLUSTER, COMPONENT, ready
from qiskit_cluster_provider.clusters.kubernetes.spec import manifest

from ..deploy.documents import document

COOLDOWN = controller.DASK_AUTOSCALER_COOLDOWN_UNTIL_ANNOTATION
IMAGE_VARIABLE = "KUBERNETES_TEST_IMAGE"
"""Names an image of ``deploy/Dockerfile``; then the tests run on the cluster that KUBECONFIG leads to."""
LOCAL_IMAGE = "worker:test"
ROLE = document("rbac.yaml", "Role")["rules"]


@contextmanager
def environment(**variables):
    """Environment variables for as long as the context lasts."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update({name: str(value) for name, value in variables.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def until(condition, seconds=60.0, every=0.1):
    """What ``condition()`` returns, once that is true; fails if it is not in time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {condition!r}"
        threading.Event().wait(every)
    return found


def without(rules, verb, resource):
    """The rules of a Role but for one right."""
    return [
        {**rule, "resources": [one], "verbs": [each for each in rule["verbs"] if (each, one) != (verb, resource)]}
        for rule in rules
        for one in rule["resources"]
    ]


def objects_of(name, namespace, rules):
    """What makes an account of these rules, and where it is sent to; the answer to the last one has its token."""
    meta = {"name": name, "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    reference = {"apiGroup": rbac, "kind": "Role", "name": name}
    bodies = {
        f"/api/v1/namespaces/{namespace}/serviceaccounts": {"kind": "ServiceAccount"},
        f"/apis/{rbac}/v1/namespaces/{namespace}/roles": {"kind": "Role", "rules": [r for r in rules if r["verbs"]]},
        f"/apis/{rbac}/v1/namespaces/{namespace}/rolebindings": {
            "kind": "RoleBinding",
            "roleRef": reference,
            "subjects": [{"kind": "ServiceAccount", **meta}],
        },
        f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token": {
            "kind": "TokenRequest",
            "spec": {"audiences": [], "expirationSeconds": 7200},
        },
    }
    groups = {"ServiceAccount": "v1", "TokenRequest": "authentication.k8s.io/v1"}
    for path, body in bodies.items():
        yield path, {"apiVersion": groups.get(body["kind"], f"{rbac}/v1"), "metadata": meta, **body}


def context_of(kubeconfig):
    """Cluster and user of the current context; what they keep in files is in them."""
    path = Path(kubeconfig.split(":")[0]).expanduser()
    config = yaml.safe_load(path.read_text())
    entries = {kind: {one["name"]: one for one in config[f"{kind}s"]} for kind in ("context", "cluster", "user")}
    context = entries["context"][config["current-context"]]["context"]
    found = {kind: dict(entries[kind][context[kind]][kind]) for kind in ("cluster", "user")}
    for entry in found.values():
        for key in {"certificate-authority", "client-certificate", "client-key"} & entry.keys():
            content = (path.parent / entry.pop(key)).read_bytes()
            entry[f"{key}-data"] = base64.b64encode(content).decode()
    return found


class Lab:
    """A namespace of its own, an account with the Role of ``deploy/rbac.yaml`` in it, and what tests do to it.

    Attributes:
        local: the ``LocalKubernetes``; ``None`` on a real cluster.
        image: that workers can run.
        namespace: where everything happens.
        admin: a kubeconfig that may do everything.
        kubeconfig: of the account.
        api: as the admin.
        settings: of a small cluster.
    """

    def __init__(self, folder, local=None):
        self._folder = folder
        self._stack = ExitStack()
        self.local = local
        self.image = LOCAL_IMAGE if local else os.environ[IMAGE_VARIABLE]
        self.namespace = f"qiskit-test-{secrets.token_hex(3)}"
        self.settings = {
            **{"image": self.image, "quiet": True, "cpu": "500m", "memory": "1Gi"},
            **{"scheduler_cpu": "250m", "scheduler_memory": "512Mi"},
        }

    def __enter__(self):
        found = str(self.local.kubeconfig) if self.local else os.environ.get("KUBECONFIG", "~/.kube/config")
        with self._stack:
            with environment(KUBECONFIG=found):
                self.api = self._stack.enter_context(connected())
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
            self.api.request("POST", "/api/v1/namespaces", namespace)
            self._stack.callback(self._remove)
            self._base = context_of(found)
            self.admin = self._write("admin", self._base["user"])
            self.kubeconfig = self.account(ROLE)
            self._keep = self._stack.pop_all()
        return self

    def __exit__(self, *_):
        self._keep.close()

    def account(self, rules):
        """The kubeconfig of a new account that may do what these rules say."""
        name = f"tester-{secrets.token_hex(3)}"
        if self.local:
            return self.local.account(name, self.namespace, rules)
        for path, body in objects_of(name, self.namespace, rules):
            answer = self.api.request("POST", path, body)
        return self._write(name, {"token": answer["status"]["token"]})

    def stranger(self):
        """A kubeconfig whose token nobody knows."""
        return self._write("stranger", {"token": secrets.token_urlsafe(16)})

    def elsewhere(self, server):
        """A kubeconfig that leads to another server."""
        return self._write("elsewhere", {"token": "none"}, server={"server": server})

    def clusters(self):
        """The DaskClusters that are there, by name."""
        return self._named(f"{CLUSTERS}/namespaces/{self.namespace}/daskclusters")

    def pods(self, component=None, cluster=None):
        """The pods of Dask that are not being deleted, by name; of one cluster or of all."""
        wanted = {CLUSTER: cluster, COMPONENT: component}
        selector = ",".join(key if value is None else f"{key}={value}" for key, value in wanted.items())
        pods = self._named(f"/api/v1/namespaces/{self.namespace}/pods", labelSelector=selector)
        return {name: pod for name, pod in pods.items() if "deletionTimestamp" not in pod["metadata"]}

    def ready_pods(self, component=None, cluster=None):
        """Those of :meth:`pods` that are ready."""
        return {name: pod for name, pod in self.pods(component, cluster).items() if ready(pod)}

    def left(self, cluster):
        """What there is still of a cluster, as ``kind/name``."""
        selector = f"{CLUSTER}={cluster}"
        paths = {
            "deployment": f"/apis/apps/v1/namespaces/{self.namespace}/deployments",
            "service": f"/api/v1/namespaces/{self.namespace}/services",
            "pod": f"/api/v1/namespaces/{self.namespace}/pods",
            "workergroup": f"{CLUSTERS}/namespaces/{self.namespace}/daskworkergroups",
            "autoscaler": f"{CLUSTERS}/namespaces/{self.namespace}/daskautoscalers",
        }
        there = {f"daskcluster/{name}" for name in self.clusters() if name == cluster}
        for kind, path in paths.items():
            there |= {f"{kind}/{name}" for name in self._named(path, labelSelector=selector)}
        return there

    def gone(self, cluster, seconds=60.0):
        """Fails unless all that a cluster consists of goes away."""
        with suppress(AssertionError):
            until(lambda: not self.left(cluster), seconds)
        assert self.left(cluster) == set()

    @property
    def patience(self):
        """Seconds after which what has not come will not; a real cluster has images to pull, and 250m of a CPU.

        Well below the 100 s of silence after which the watchdog of all tests cancels a job.
        """
        return 5 if self.local else 60

    def manifest(self, **settings):
        """A DaskCluster to change, as ``spec=`` takes it."""
        return manifest(KubernetesConfig(**{**self.settings, **settings}), "lab")

    def script_settings(self, **settings):
        """Settings as a script can read them."""
        return json.dumps({**self.settings, **settings})

    @contextmanager
    def quota(self, **hard):
        """A ResourceQuota of the namespace."""
        path = f"/api/v1/namespaces/{self.namespace}/resourcequotas"
        quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": hard}}
        self.api.request("POST", path, quota)
        try:
            yield
        finally:
            self.api.request("DELETE", f"{path}/small")

    def end_cooldown(self, cluster):
        """The operator waits for 15 s from one change of an autoscaler to the next; now it does not."""
        path = f"{CLUSTERS}/namespaces/{self.namespace}/daskautoscalers/{cluster}"
        self.api.request("PATCH", path, {"metadata": {"annotations": {COOLDOWN: "0"}}})

    def remove(self, cluster):
        """As ``kubectl delete daskcluster``."""
        self.api.request("DELETE", f"{CLUSTERS}/namespaces/{self.namespace}/daskclusters/{cluster}")
        self.gone(cluster)

    def delete_pod(self, name):
        """As ``kubectl delete pod --grace-period=0 --force``."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{name}"
        self.api.request("DELETE", path, {"gracePeriodSeconds": 0})

    def cut_connections(self):
        """Shut every connection of this process with the API server, port-forwards among them."""
        server = urlsplit(self.api.server)
        addresses = {info[4][:2] for info in socket.getaddrinfo(server.hostname, server.port or 443)}
        cut = 0
        for one in psutil.Process().net_connections("tcp"):
            if one.status == psutil.CONN_ESTABLISHED and tuple(one.raddr) in addresses:
                with suppress(OSError), socket.socket(fileno=os.dup(one.fd)) as connection:
                    connection.shutdown(socket.SHUT_RDWR)
                    cut += 1
        assert cut, "there was nothing to cut"

    def _named(self, path, **params):
        return {one["metadata"]["name"]: one for one in self.api.items(path, **params)}

    def _write(self, name, user, server=None):
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "lab", "cluster": server or self._base["cluster"]}],
            "users": [{"name": name, "user": user}],
            "contexts": [
                {"name": "lab", "context": {"cluster": "lab", "user": name, "namespace": self.namespace}},
            ],
            "current-context": "lab",
        }
        path = self._folder / f"{name}.kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def _remove(self):
        """The namespace, with all that is in it; clusters before, since the operator has to let them go."""
        for name in self.clusters():
            self.remove(name)
        self.api.request("DELETE", f"/api/v1/namespaces/{self.namespace}")
        until(lambda: self.api.find(f"/api/v1/namespaces/{self.namespace}") is None, 120)


@contextmanager
def lab_of(folder, **of_local):
    """The real cluster if an image is named, else a local one."""
    if os.environ.get(IMAGE_VARIABLE):
        with Lab(folder) as lab:
            yield lab
    else:
        with LocalKubernetes(images=(LOCAL_IMAGE,), **of_local) as local, Lab(folder, local) as lab:
            yield lab
