"""Settings of aer-k8s that cannot work are refused when they are given, in words."""

import copy
import math

import pytest

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters.kubernetes.config import KubernetesConfig, parse_quantity
from qiskit_cluster_provider.clusters.kubernetes.pods import CLUSTER
from qiskit_cluster_provider.clusters.kubernetes.spec import manifest
from qiskit_cluster_provider.errors import ClusterConfigError, UnknownOptionError

from ..deploy.documents import DEPLOY, document


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *[("namespace", name) for name in ("../kube-system", "a/b", "x?y=1", "Physics", "a b", "-x", "", "x\n")],
        *[("name", name) for name in ("lab\n", "Lab", "lab-", "1lab", "l" * 54)],
        *[("image", name) for name in ("worker:1\n", "a worker", "$(x)", "-x")],
        ("idle_timeout", math.inf),
    ],
)
def test_refused(setting, value):
    with pytest.raises(ClusterConfigError, match=setting):
        KubernetesConfig.load({"image": "worker:1", setting: value}, {})


@pytest.mark.parametrize(("text", "number"), [("100n", 1e-7), ("250u", 2.5e-4), ("1E", 1e18), ("2Ei", 2.0**61)])
def test_amounts_that_quotas_and_nodes_have(text, number):
    assert parse_quantity(text) == pytest.approx(number)


def of_spec(spec, name="other", namespace=None):
    return manifest(KubernetesConfig(spec=spec), name, namespace)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"kind": "DaskCluster"},
        {"kind": "DaskCluster", "spec": None},
        {"kind": "DaskCluster", "spec": ["worker"]},
        {"kind": "DaskCluster", "spec": {"worker": None}},
        {"kind": "Pod", "spec": {"worker": {}}},
    ],
)
def test_what_is_no_manifest(spec):
    with pytest.raises(ClusterConfigError, match="must be a DaskCluster manifest"):
        of_spec(spec)


def test_keys_without_a_value_are_not_there(tmp_path):
    """As an editor leaves them."""
    file = tmp_path / "cluster.yaml"
    file.write_text(
        "kind: DaskCluster\nmetadata:\n  labels:\n  annotations:\nspec:\n  scheduler:\n  worker: {spec: {}}\n"
    )
    made = of_spec(file)
    assert made["metadata"]["name"] == "other"
    assert "scheduler" not in made["spec"]


def test_a_file_that_is_no_text(tmp_path):
    file = tmp_path / "cluster.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ClusterConfigError, match="not text in UTF-8"):
        of_spec(file)


def test_the_service_finds_its_scheduler_under_another_name():
    """The manifest was written for one name, and each session has one of its own."""
    given = document("dask-cluster.yaml", "DaskCluster")
    before = copy.deepcopy(given)
    made = of_spec(DEPLOY / "dask-cluster.yaml", "qiskit-me-1")
    assert made["spec"]["scheduler"]["service"]["selector"][CLUSTER] == "qiskit-me-1"
    assert of_spec(given)["metadata"]["name"] == "other"
    assert given == before, "what was handed over stays as it was"


def test_a_manifest_for_another_namespace():
    given = document("dask-cluster.yaml", "DaskCluster")
    assert of_spec(given, namespace="qiskit")["metadata"]["name"] == "other"
    with pytest.raises(ClusterConfigError, match=r"for the namespace 'qiskit'.*namespace='qiskit' too"):
        of_spec(given, namespace="physics")


def test_only_clusters_with_names_can_be_attached_to():
    with ClusterProvider() as provider, pytest.raises(UnknownOptionError, match=r"aer-local have no names.*aer-k8s"):
        provider.attach("lab", kind="aer-local")
