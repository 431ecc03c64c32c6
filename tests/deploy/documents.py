"""The YAML documents of deploy/, what Kubernetes says of them, and what the operator makes of them."""

from functools import cache
from pathlib import Path

import dask_kubernetes
import jsonschema
import kubernetes_validate
import yaml
from dask_kubernetes.operator.controller import controller
from kubernetes_validate.utils import all_versions

DEPLOY = Path(__file__).parents[2] / "deploy"
VERSIONS = (all_versions()[0], all_versions()[-1])
CRDS = Path(*dask_kubernetes.__path__) / "operator/deployment/helm/dask-kubernetes-operator/crds"
NAMES = sorted(path.name for path in DEPLOY.glob("*.yaml") if path.name != "helm-values.yaml")


def documents(name):
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def document(name, kind):
    (found,) = [one for one in documents(name) if one["kind"] == kind]
    return found


def granted(name):
    """What a Role grants, as ``(group, resource, verb)``."""
    return {
        (group, resource, verb)
        for rule in document(name, "Role")["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def check(document):
    """Raise ``jsonschema.ValidationError`` unless Kubernetes takes it, and knows each of its fields."""
    if document["kind"] == "DaskCluster":
        jsonschema.validate(document, dask_cluster_schema())
        for part in made_by_the_operator(document):
            check(part)
    else:
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)


@cache
def dask_cluster_schema():
    definition = yaml.safe_load((CRDS / "daskcluster.yaml").read_text())
    (version,) = definition["spec"]["versions"]
    schema = closed(version["schema"]["openAPIV3Schema"])
    schema["properties"] |= {
        "apiVersion": {"const": f"{definition['spec']['group']}/{version['name']}"},
        "kind": {"const": definition["spec"]["names"]["kind"]},
        "metadata": {"type": "object", "required": ["name"]},
    }
    return schema


def closed(schema):
    """The same schema, in which a field that it does not name is an error. Kubernetes would drop the field."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    return schema


def made_by_the_operator(cluster):
    """Deployments and Service of a DaskCluster."""
    name, namespace = cluster["metadata"]["name"], cluster["metadata"]["namespace"]
    scheduler, worker = cluster["spec"]["scheduler"], cluster["spec"]["worker"]
    return [
        controller.build_scheduler_deployment_spec(name, scheduler["spec"], {}, {}),
        controller.build_scheduler_service_spec(name, scheduler["service"], {}, {}),
        controller.build_worker_deployment_spec(
            f"{name}-default", namespace, name, "0123456789", worker["spec"], {}, {}
        ),
    ]


def pods(cluster):
    """The pod templates of a DaskCluster: the scheduler's and a worker's."""
    made = made_by_the_operator(cluster)
    return {
        one["metadata"]["labels"]["dask.org/component"]: one["spec"]["template"]
        for one in made
        if one["kind"] == "Deployment"
    }
