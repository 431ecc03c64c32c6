"""What the cluster knows of Dask: its operator, the operator's definitions, and the commands of its containers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.resources import files

import yaml

from .resources import Object

NAME = "dask-kubernetes-operator"
NAMESPACE = "dask-operator"
IMAGE = "ghcr.io/dask/dask-kubernetes-operator:local"
ENTRY_POINT = ["kopf", "run", "-m", "dask_kubernetes.operator.controller", "--all-namespaces"]
MODULES = {"scheduler": "distributed.cli.dask_scheduler", "worker": "distributed.cli.dask_worker"}
"""What the containers of a Dask cluster run."""


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


def definitions() -> Iterator[Object]:
    """The CustomResourceDefinitions of the Dask operator, from the chart in dask-kubernetes' wheel."""
    chart = files("dask_kubernetes") / "operator/deployment/helm/dask-kubernetes-operator/crds"
    for file in sorted(chart.iterdir(), key=lambda file: file.name):
        yield from yaml.load_all(file.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def command(name: str, arguments: list[str], address: str) -> list[str]:
    """A scheduler or a worker that listens on the pod's address, with its dashboard too."""
    arguments = list(arguments)
    port = "8787" if name == "scheduler" else "0"
    for index, word in enumerate(arguments):
        option, _, value = word.partition("=")
        if option == "--dashboard-address":
            value = value or arguments.pop(index + 1)
            port = value.rpartition(":")[2]
            del arguments[index]
            break
    if not any(word.partition("=")[0] in ("--host", "--listen-address", "--interface") for word in arguments):
        arguments += ["--host", address]
    return [sys.executable, "-P", "-m", MODULES[name], *arguments, "--dashboard-address", f"{address}:{port}"]
