"""deploy/*.yaml: what Kubernetes' schemas say, and what the documents mean."""

import json
from copy import deepcopy
from pathlib import Path

import jsonschema
import pytest
import yaml
from dask.utils import parse_bytes

from qiskit_cluster_provider.clusters.kubernetes.config import KubernetesConfig
from qiskit_cluster_provider.clusters.kubernetes.rights import HELM_RIGHTS, RIGHTS, Right
from qiskit_cluster_provider.clusters.kubernetes.spec import manifest

from .documents import DEPLOY, NAMES, check, document, documents, granted, made_by_the_operator, pods
from .policies import Pod, lets_in

CHART = json.loads((Path(__file__).parent / "helm_chart.json").read_text())
CLUSTER = document("dask-cluster.yaml", "DaskCluster")
OPERATOR = Pod("dask-operator", {"app.kubernetes.io/name": "dask-kubernetes-operator"})
OTHERS = [Pod("default", {}), Pod("default", {"app": "dask", "dask.org/cluster-name": "example"})]


@pytest.mark.parametrize("name", NAMES)
def test_kubernetes_takes_it(name):
    for one in documents(name):
        check(one)


@pytest.mark.parametrize(
    ("name", "kind", "path", "value", "complaint"),
    [
        ("namespace.yaml", "Namespace", "metadata.labels.x", 1, "1 is not of type 'string'"),
        ("rbac.yaml", "ServiceAccount", "automount", False, "'automount' was unexpected"),
        ("rbac.yaml", "Role", "rules.0.verbs", "get", "'get' is not of type 'array'"),
        ("rbac.yaml", "Role", "rules.0.resource", "pods", "'resource' was unexpected"),
        ("rbac.yaml", "RoleBinding", "roleRef", {"kind": "Role", "name": "x"}, "'apiGroup' is a required property"),
        ("network-policy.yaml", "NetworkPolicy", "spec.ingress.0.from", {}, "{} is not of type 'array'"),
        ("helm-access.yaml", "NetworkPolicy", "spec.selector", {}, "'selector' was unexpected"),
        ("dask-cluster.yaml", "DaskCluster", "spec.idleTimeout", "30m", "'30m' is not of type 'integer'"),
        ("dask-cluster.yaml", "DaskCluster", "spec.worker.replica", 2, "'replica' was unexpected"),
        ("dask-cluster.yaml", "DaskCluster", "spec.worker.spec.runAsUser", 1, "'runAsUser' was unexpected"),
        ("dask-cluster.yaml", "DaskCluster", "spec.scheduler.service.ports.0.port", "8786", "of type 'integer'"),
        ("dask-cluster.yaml", "DaskCluster", "apiVersion", "kubernetes.dask.org/v2", "was expected"),
    ],
)
def test_a_mistake_is_seen(name, kind, path, value, complaint):
    broken = deepcopy(document(name, kind))
    *way, last = [int(key) if key.isdigit() else key for key in path.split(".")]
    place = broken
    for key in way:
        place = place[key]
    place[last] = value
    with pytest.raises(jsonschema.ValidationError) as raised:
        check(broken)
    assert complaint in raised.value.message


@pytest.mark.parametrize(("name", "rights"), [("rbac.yaml", RIGHTS), ("helm-access.yaml", HELM_RIGHTS)])
def test_the_role_grants_the_rights_and_nothing_else(name, rights):
    assert granted(name) == {(right.group, right.resource, verb) for right in rights for verb in right.verbs}
    text = (DEPLOY / name).read_text()
    for right in rights:
        assert f"  # {'' if right.needed else 'optional: '}{right.why}\n" in text


@pytest.mark.parametrize("name", ["rbac.yaml", "helm-access.yaml"])
def test_the_role_is_bound_to_the_account(name):
    account, role, binding = (document(name, kind) for kind in ("ServiceAccount", "Role", "RoleBinding"))
    (subject,) = binding["subjects"]
    assert subject == {"kind": "ServiceAccount"} | account["metadata"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert {one["metadata"]["namespace"] for one in (account, role, binding)} == {account["metadata"]["namespace"]}


def test_rights_say_what_they_are():
    assert str(Right("", "pods", ("get", "list"), "x")) == "get, list pods"
    assert str(Right("apps", "deployments/scale", ("patch",), "x")) == "patch deployments.apps/scale"


@pytest.mark.parametrize("name", NAMES)
def test_all_is_in_one_namespace(name):
    expected = "qiskit-helm" if name.startswith("helm-") else "qiskit"
    for one in documents(name):
        place = one["metadata"]["name"] if one["kind"] == "Namespace" else one["metadata"]["namespace"]
        assert place == expected


def test_the_example_is_what_aer_k8s_makes():
    config = KubernetesConfig(image="registry.example/qiskit-worker:1", workers=2, cpu=2, memory="4Gi")
    made = manifest(config, "example")
    made["metadata"] = {"name": "example", "namespace": "qiskit"}
    assert made == CLUSTER


@pytest.mark.parametrize("component", ["scheduler", "worker"])
def test_pods_are_restricted(component):
    """What the pod security standard "restricted" asks for, and what it does not ask for: no token, no writing."""
    spec = pods(CLUSTER)[component]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["terminationGracePeriodSeconds"] <= 10
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert [set(volume) for volume in spec["volumes"]] == [{"name", "emptyDir"}]
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    assert all("hostPort" not in port for port in container["ports"])
    assert not container["image"].endswith(":latest")
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]


def test_the_worker_uses_what_it_asks_for():
    (container,) = pods(CLUSTER)["worker"]["spec"]["containers"]
    limits = container["resources"]["limits"]
    options = dict(zip(container["args"][2::2], container["args"][3::2], strict=True))
    assert container["resources"]["requests"] == limits
    assert options["--nthreads"] == limits["cpu"]
    assert int(options["--memory-limit"]) == parse_bytes(limits["memory"])
    assert options["--name"] == "$(DASK_WORKER_NAME)"
    assert "DASK_WORKER_NAME" in {variable["name"] for variable in container["env"]}, "the operator sets it"


def test_the_service_finds_the_scheduler():
    _, service, _ = made_by_the_operator(CLUSTER)
    scheduler = pods(CLUSTER)["scheduler"]
    assert service["spec"]["selector"].items() <= scheduler["metadata"]["labels"].items()
    (container,) = scheduler["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"tcp-comm": 8786, "http-dashboard": 8787}
    assert {port["targetPort"]: port["port"] for port in service["spec"]["ports"]} == ports
    assert service["spec"]["type"] == "ClusterIP"


def operators_pods():
    return {name: Pod("qiskit", template["metadata"]["labels"]) for name, template in pods(CLUSTER).items()}


def charts_pods():
    return {
        name: Pod("qiskit-helm", {"app": "dask", "release": "my-dask", "component": name})
        for name in ("scheduler", "worker")
    }


@pytest.mark.parametrize("port", [8786, 8787, 8788, 40123])
@pytest.mark.parametrize("target", ["scheduler", "worker"])
@pytest.mark.parametrize(
    ("name", "cluster"), [("network-policy.yaml", operators_pods()), ("helm-access.yaml", charts_pods())]
)
def test_who_may_connect(name, cluster, target, port):
    policies = [document(name, "NetworkPolicy")]
    to_dask = port in (8786, 8787)

    def may(source):
        return lets_in(policies, source, cluster[target], port)

    assert may(cluster["scheduler"])
    assert may(cluster["worker"])
    assert may(Pod(cluster[target].namespace, {"app": "notebook"})) == to_dask
    assert may(OPERATOR) == (to_dask and name == "network-policy.yaml")
    assert not any(may(other) for other in OTHERS)
    assert not may(Pod("qiskit-dask-operator", OPERATOR.labels))


def test_the_policy_is_what_closes():
    scheduler = operators_pods()["scheduler"]
    policy = document("network-policy.yaml", "NetworkPolicy")
    assert all(lets_in([], other, scheduler, 8786) for other in OTHERS)
    assert lets_in([policy], OTHERS[0], Pod("qiskit", {"app": "notebook"}), 80), "other pods are nobody's business"
    for wide in ({"namespaceSelector": {}}, {"namespaceSelector": {}, "podSelector": {}}):
        opened = deepcopy(policy)
        opened["spec"]["ingress"][0]["from"].append(wide)
        assert lets_in([opened], OTHERS[0], scheduler, 8786)


def values():
    return yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())


def keys(tree, before=""):
    """Dotted names of the leaves, down to where the chart takes anything."""
    for key, value in tree.items():
        name = before + key
        if isinstance(value, dict) and name not in CHART["keys"]:
            yield from keys(value, f"{name}.")
        else:
            yield name


def test_the_chart_knows_the_values():
    assert set(keys(values())) <= set(CHART["keys"])
    assert set(keys({"worker": {"replica": 3}})) - set(CHART["keys"]) == {"worker.replica"}


@pytest.mark.parametrize("component", ["scheduler", "worker"])
def test_kubernetes_takes_the_charts_pod(component):
    given = values()[component]
    image = given["image"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": component},
        "spec": {
            "securityContext": given["securityContext"],
            "containers": [
                {
                    "name": component,
                    "image": f"{image['repository']}:{image['tag']}",
                    "imagePullPolicy": image["pullPolicy"],
                    "resources": given["resources"],
                }
            ],
        },
    }
    check(pod)
    assert given["securityContext"]["runAsNonRoot"] is True
    pod["spec"]["containers"][0]["resources"] = {"request": {}}
    with pytest.raises(jsonschema.ValidationError, match="request"):
        check(pod)


def test_the_chart_makes_the_limits_dasks():
    """The chart gives ``limits.cpu`` to ``--nthreads`` and ``limits.memory`` to ``--memory-limit``."""
    limits = values()["worker"]["resources"]["limits"]
    assert int(limits["cpu"]) == 2
    assert parse_bytes(limits["memory"]) == 4 * 2**30
    assert values()["jupyter"] == {"enabled": False, "rbac": False}
