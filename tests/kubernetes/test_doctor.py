"""Each broken state has a sentence, and what mends it: from ``qiskit-cluster doctor``, and before anything starts."""

import socket
import time
from pathlib import Path

import certifi
import pytest
import yaml
from kr8s._auth import KubeAuth
from typer.testing import CliRunner

from local_kubernetes import LocalKubernetes
from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.cli.app import app
from qiskit_cluster_provider.clusters.examination import examine
from qiskit_cluster_provider.clusters.kubernetes import api, rights
from qiskit_cluster_provider.clusters.kubernetes.forward import Forward
from qiskit_cluster_provider.clusters.kubernetes.rights import RIGHTS
from qiskit_cluster_provider.errors import ClusterApiError, ClusterConnectionError

from ..faults.processes import free_port
from .lab import ROLE, without

EACH_RIGHT = [(right, verb) for right in RIGHTS for verb in right.verbs]


@pytest.fixture
def look(lab):
    """What doctor finds, by what was looked at."""

    def look(**given):
        return {one.what: one for one in examine("aer-k8s", {"image": lab.image, **given})}

    return look


@pytest.fixture
def refused(lab):
    """The error of get_backend, which is there soon and starts nothing."""

    def refused(**settings):
        with ClusterProvider() as provider, pytest.raises(ClusterConnectionError) as raised:
            provider.get_backend("aer-k8s", **{**lab.settings, **settings})
        return str(raised.value)

    return refused


def test_all_is_well_with_the_role_of_deploy(look, lab):
    found = look()
    assert all(one.ok is not False for one in found.values())
    assert lab.namespace in found["API server"].said
    assert found["rights"].ok
    assert found["rights"].said.startswith(f"all {len(EACH_RIGHT)}")
    assert found["operator"].ok is None, "who has no more rights than needed cannot look at it"


def test_all_is_well_for_an_admin(look, lab, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(lab.admin))
    found = look(cpu="100m", memory="256Mi", workers=1)
    assert {what: one.said for what, one in found.items() if not one.ok} == {}
    assert "dask-kubernetes-operator" in found["operator"].said
    assert "have room for" in found["resources"].said


def test_the_command(lab, step):
    with step("doctor"):
        done = CliRunner().invoke(app, ["doctor", "aer-k8s", "-o", f"image={lab.image}"])
    assert done.exit_code == 0, done.output
    assert "✓ API server: " in done.output
    assert "✗" not in done.output


def test_the_command_says_what_is_wrong(lab, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", "/nowhere/kubeconfig")
    done = CliRunner().invoke(app, ["doctor", "aer-k8s", "-o", f"image={lab.image}"])
    assert done.exit_code == 1
    assert "✗ Kubernetes: there is no kubeconfig: /nowhere/kubeconfig does not exist" in done.output
    assert "Set KUBECONFIG" in done.output


@pytest.mark.parametrize(("right", "verb"), EACH_RIGHT, ids=lambda one: str(getattr(one, "resource", one)))
def test_each_right(look, refused, lab, monkeypatch, right, verb):
    monkeypatch.setenv("KUBECONFIG", str(lab.account(without(ROLE, verb, right.resource))))
    finding = look()["rights"]
    assert finding.said == f"no right to {verb} {right.resource} in {lab.namespace}, to {right.why}"
    assert "deploy/rbac.yaml" in finding.mend
    assert lab.namespace in finding.mend
    if right.needed:
        assert finding.ok is False
        assert finding.said in refused()
    else:
        assert finding.ok is None
        with ClusterProvider() as provider:
            provider.get_backend("aer-k8s", **lab.settings)


def test_in_a_pod_nobody_forwards_ports(look, lab, monkeypatch):
    rules = without(without(ROLE, "get", rights.PORT_FORWARD), "create", rights.PORT_FORWARD)
    monkeypatch.setenv("KUBECONFIG", str(lab.account(rules)))
    assert look()["rights"].ok is False
    assert look(port_forward=False)["rights"].ok
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    assert look()["rights"].ok


@pytest.mark.stand_in("be reached from a pod without TLS")
def test_the_namespace_in_a_pod_is_its_own(look, lab, monkeypatch, tmp_path):
    config = yaml.safe_load(lab.kubeconfig.read_text())
    (user,) = config["users"]
    (tmp_path / "token").write_text(user["user"]["token"])
    (tmp_path / "ca.crt").write_text(Path(certifi.where()).read_text())
    (tmp_path / "namespace").write_text(lab.namespace + "\n")
    monkeypatch.setenv("KUBECONFIG", "/nowhere/kubeconfig")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(api, "_ACCOUNT", str(tmp_path))
    server = config["clusters"][0]["cluster"]["server"]
    monkeypatch.setattr(KubeAuth, "_format_server_address", staticmethod(lambda host, port: server))
    found = look()
    assert f"(this pod's ServiceAccount, namespace {lab.namespace})" in found["API server"].said
    assert found["rights"].ok, "asked for in the namespace where they are granted"
    (tmp_path / "namespace").unlink()
    assert "namespace default)" in look()["API server"].said


@pytest.mark.parametrize("verb", ["get", "create"])
def test_a_forward_that_is_refused_is_told_at_once(lab, backend, monkeypatch, verb):
    account = lab.account(without(ROLE, verb, rights.PORT_FORWARD))
    monkeypatch.setenv("KUBECONFIG", str(account))
    start = time.monotonic()
    with pytest.raises(ClusterApiError, match=r"refused with 403.*get pods/portforward.*1\.35") as raised:
        Forward(lab.namespace, f"{backend.cluster.name}-scheduler", 8786)
    assert raised.value.status == 403
    assert "kubectl apply -f deploy/rbac.yaml" in str(raised.value)
    assert time.monotonic() - start < 5


def test_no_kubeconfig(refused, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", "/nowhere/kubeconfig")
    said = refused()
    assert "there is no kubeconfig: /nowhere/kubeconfig does not exist" in said
    assert "Set KUBECONFIG" in said


def test_a_kubeconfig_that_says_nothing(refused, monkeypatch, tmp_path):
    file = tmp_path / "kubeconfig"
    file.write_text("")
    monkeypatch.setenv("KUBECONFIG", str(file))
    said = refused()
    assert said.startswith(f"the kubeconfig {file} cannot be used: ")
    assert said.endswith("kubectl config view")


def test_a_kubeconfig_without_a_context(refused, lab, monkeypatch, tmp_path):
    config = yaml.safe_load(lab.kubeconfig.read_text())
    del config["current-context"]
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert refused() == f"the kubeconfig {file} cannot be used: it names no current-context. kubectl config view"


@pytest.mark.parametrize("text", ["{", "[1, 2]", "a: {b: c}"])
def test_a_kubeconfig_that_is_none(refused, monkeypatch, tmp_path, text):
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert refused().startswith(f"the kubeconfig {file} cannot be used: ")


def test_no_server(refused, lab, monkeypatch):
    server = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("KUBECONFIG", str(lab.elsewhere(server)))
    said = refused()
    assert "the Kubernetes API server" in said
    assert "cannot be reached (ConnectError" in said
    assert "kubectl cluster-info" in said


def test_a_server_that_does_not_answer(refused, lab, monkeypatch):
    monkeypatch.setattr(api, "ANSWER_WITHIN", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("KUBECONFIG", str(lab.elsewhere(f"http://127.0.0.1:{silent.getsockname()[1]}")))
        start = time.monotonic()
        said = refused()
    assert time.monotonic() - start < 20
    assert "does not answer within 0.5 s" in said
    assert "VPN" in said


def test_a_login_that_nobody_knows(refused, lab, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(lab.stranger()))
    said = refused()
    assert "the login is refused by " in said
    assert "kubectl auth whoami" in said
    assert len(said.splitlines()) == 1


def test_no_namespace(refused, look, lab, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(lab.admin))
    assert "there is no namespace 'nowhere'. kubectl create namespace nowhere" in refused(namespace="nowhere")


def test_no_image(refused):
    assert "no image is named" in refused(image=None)
    assert "QISKIT_CLUSTER_IMAGE" in refused(image=None)


def test_an_image_without_a_tag(look):
    for image in ("worker", "registry.example:5000/worker", "worker:latest"):
        assert look(image=image)["image"].ok is None
        assert "pulled at every start" in look(image=image)["image"].said


def test_workers_larger_than_all_nodes(look, lab, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(lab.admin))
    found = look(cpu=1000)["resources"]
    assert found.ok is None, "an autoscaler may bring a node"
    assert "no node has the cpu that a worker asks for (cpu=1000" in found.said
    assert "no node has the nvidia.com/gpu" in look(gpu=99)["resources"].said


def test_a_quota_without_room(look, lab):
    with lab.quota(pods="1"):
        found = look(workers=3)["resources"]
    assert found.ok is None
    assert "quota small leaves" in found.said
    assert "pods, and 4 are asked for" in found.said


@pytest.mark.stand_in("stop the operator")
def test_the_operator_is_stopped(refused, lab, local, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(lab.admin))
    local.stop_operator()
    said = refused()
    assert "has no pod that is ready" in said
    assert "kubectl rollout restart" in said


@pytest.mark.stand_in("be without the operator")
def test_the_operator_is_not_installed(monkeypatch):
    with LocalKubernetes(crds=False, operator=False) as bare, ClusterProvider() as provider:
        monkeypatch.setenv("KUBECONFIG", str(bare.kubeconfig))
        with pytest.raises(ClusterConnectionError, match=r"knows no daskautoscalers, daskclusters.*helm install"):
            provider.get_backend("aer-k8s", image="worker:test")


@pytest.mark.stand_in("be without the operator")
def test_the_resources_alone_are_installed(monkeypatch):
    with LocalKubernetes(operator=False) as bare:
        monkeypatch.setenv("KUBECONFIG", str(bare.kubeconfig))
        found = {one.what: one for one in examine("aer-k8s", {"image": "worker:test"})}
    assert found["custom resources"].ok
    assert found["operator"].ok is None
    assert "no pod has the label" in found["operator"].said
