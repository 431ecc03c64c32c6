"""The Dask operator as an object of the cluster: a Deployment of one pod, as its chart makes it."""

from __future__ import annotations

from .resources import Object

NAME = "dask-kubernetes-operator"
NAMESPACE = "dask-operator"
IMAGE = "ghcr.io/dask/dask-kubernetes-operator:local"
ENTRY_POINT = ["kopf", "run", "-m", "dask_kubernetes.operator.controller", "--all-namespaces"]


def operator_deployment(kubeconfig: str) -> Object:
    """The Deployment, without a pod yet."""
    labels = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/instance": NAME}
    container = {
        "name": NAME,
        "image": IMAGE,
        "args": ["--liveness=http://0.0.0.0:8080/healthz"],
        "env": [{"name": "KUBECONFIG", "value": kubeconfig}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": NAME, "labels": labels}, "spec": spec}
