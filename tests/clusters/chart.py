"""What Helm makes of the chart ``dask``, put into a Kubernetes."""

from pathlib import Path

import yaml

from qiskit_cluster_provider.clusters.kubernetes.api import connected

_RENDERED = (Path(__file__).parent / "helm-chart.yaml").read_text()


def objects(name="my-dask", namespace="default"):
    """By kind and component."""
    text = _RENDERED.replace("my-dask", name).replace("release-namespace: default", f"release-namespace: {namespace}")
    return {(one["kind"], one["metadata"]["labels"]["component"]): one for one in yaml.safe_load_all(text)}


def create(things, namespace="default"):
    """Make things in a namespace, and the namespace if need be."""
    with connected() as api:
        if api.find(f"/api/v1/namespaces/{namespace}") is None:
            api.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        for one in things:
            group = "/apis/apps/v1" if one["kind"] == "Deployment" else "/api/v1"
            api.request("POST", f"{group}/namespaces/{namespace}/{one['kind'].lower()}s", one)


def install(namespace, *, name="my-dask", workers=0, change=None):
    """``helm install``, with values that ``change`` writes into the objects."""
    things = objects(name, namespace)
    things["Deployment", "worker"]["spec"]["replicas"] = workers
    if change is not None:
        change(things)
    create(things.values(), namespace)
