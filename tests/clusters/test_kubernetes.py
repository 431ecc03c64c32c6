"""What ``aer-k8s`` makes of settings, of pods and of errors, without any Kubernetes."""

import json
import ssl

import httpx
import jsonschema
import kr8s
import pytest
import yaml

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters.kubernetes import api, spec
from qiskit_cluster_provider.clusters.kubernetes.config import KubernetesConfig, parse_quantity
from qiskit_cluster_provider.clusters.kubernetes.kind import KubernetesKind
from qiskit_cluster_provider.clusters.kubernetes.pods import Advice, seen, state
from qiskit_cluster_provider.errors import ClusterApiError, ClusterConfigError

from ..deploy.documents import DEPLOY, check, pods

IMAGE = "registry.example/team/worker:1.0"
ADVICE = Advice(less="Ask for less", image="image=", memory="memory=")


def load(**given):
    return KubernetesConfig.load(given, {})


def manifest(**given):
    made = spec.manifest(load(**{"image": IMAGE, **given}), "lab")
    made["metadata"]["namespace"] = "team"
    return made


def container(made, component):
    (found,) = made["spec"][component]["spec"]["containers"]
    return found


# The manifest


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"workers": (0, 8), "cpu": 0.5, "memory": "512Mi", "idle_timeout": 0},
        {"cpu": "1500m", "memory": "1.5Gi", "gpu": 2, "node_selector": {"disk": "ssd"}},
        {"env": {"A": "1", "OMP_NUM_THREADS": "7"}, "scheduler_cpu": 2, "scheduler_memory": "1G", "keep": True},
    ],
)
def test_kubernetes_takes_the_manifest(given):
    check(manifest(**given))


def test_a_mistake_in_the_manifest_would_be_seen():
    made = manifest()
    container(made, "worker")["image"] = 3
    with pytest.raises(jsonschema.ValidationError):
        check(made)


@pytest.mark.parametrize("component", ["scheduler", "worker"])
def test_a_pod_can_do_nothing_but_simulate(component):
    """As the "restricted" Pod Security Standard asks, and read-only."""
    pod = pods(manifest())[component]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (one,) = pod["containers"]
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [mount["mountPath"] for mount in one["volumeMounts"]] == ["/tmp"]
    assert pod["terminationGracePeriodSeconds"] <= 5


@pytest.mark.parametrize(
    ("cpu", "threads"), [(1, "1"), (4, "4"), ("2", "2"), ("2500m", "2"), (0.5, "1"), ("100m", "1")]
)
def test_a_thread_for_each_cpu(cpu, threads):
    worker = container(manifest(cpu=cpu), "worker")
    assert worker["args"][worker["args"].index("--nthreads") + 1] == threads
    env = {one["name"]: one["value"] for one in worker["env"]}
    assert {env[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")} == {threads}


def test_what_is_asked_for_is_the_limit_and_dask_knows_it():
    worker = container(manifest(cpu=2, memory="3Gi", gpu=1), "worker")
    assert worker["resources"]["requests"] == worker["resources"]["limits"]
    assert worker["resources"]["limits"] == {"cpu": "2", "memory": "3Gi", "nvidia.com/gpu": "1"}
    assert worker["args"][worker["args"].index("--memory-limit") + 1] == str(3 * 2**30)
    scheduler = container(manifest(gpu=1), "scheduler")
    assert "nvidia.com/gpu" not in scheduler["resources"]["limits"]


def test_a_gpu_is_a_device():
    assert KubernetesKind().options(load(image=IMAGE, gpu=1)) == {"device": "GPU"}
    assert KubernetesKind().options(load(image=IMAGE)) == {}


def test_environment_variables_reach_scheduler_and_workers_and_have_the_last_word():
    made = manifest(env={"A": "1", "OMP_NUM_THREADS": "7"})
    for component in ("scheduler", "worker"):
        env = {one["name"]: one["value"] for one in container(made, component)["env"]}
        assert (env["A"], env["OMP_NUM_THREADS"]) == ("1", "7")


def test_whose_cluster_it_is(monkeypatch):
    monkeypatch.setattr(spec.getpass, "getuser", lambda: "Ada.Lovelace@example.com")
    one, other = manifest(), manifest(keep=True)
    labels = one["metadata"]["labels"]
    assert labels[spec.MANAGED_BY] == spec.MANAGER
    assert labels[spec.OWNER] == "Ada.Lovelace-example.com"
    assert labels[spec.SESSION] != other["metadata"]["labels"][spec.SESSION]
    assert (spec.KEEP in labels, spec.KEEP in other["metadata"]["labels"]) == (False, True)
    name = spec.new_name()
    assert name.startswith("qiskit-ada-lovelace-example")
    assert load(image=IMAGE, name=name).name == name, "it is a name that Kubernetes takes"
    check({**one, "metadata": {**one["metadata"], "name": name}})


def test_a_user_without_a_name(monkeypatch):
    def nobody():
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(spec.getpass, "getuser", nobody)
    assert manifest()["metadata"]["labels"][spec.OWNER].startswith("uid-")


def test_the_scheduler_knows_who_uses_it():
    assert "qiskit_cluster_provider.clusters.kubernetes.in_use" in container(manifest(), "scheduler")["args"]
    assert manifest(idle_timeout=60)["spec"]["idleTimeout"] == 60
    assert manifest(idle_timeout=0)["spec"]["idleTimeout"] == 0


def test_a_manifest_of_ones_own(tmp_path):
    text = (DEPLOY / "dask-cluster.yaml").read_text()
    file = tmp_path / "cluster.yaml"
    file.write_text(text)
    given = yaml.safe_load(text)
    for wanted in (given, str(file), file):
        made = spec.manifest(load(spec=wanted), "lab")
        assert made["metadata"]["name"] == "lab"
        assert made["spec"]["scheduler"]["service"]["selector"]["dask.org/cluster-name"] == "lab"
        assert container(made, "worker") == container(given, "worker")
        assert made["spec"]["worker"]["replicas"] == given["spec"]["worker"]["replicas"]
        assert made["metadata"]["labels"][spec.MANAGED_BY] == spec.MANAGER
    assert given == yaml.safe_load(text), "it is left as it was"
    assert spec.manifest(load(spec=given, workers=7), "lab")["spec"]["worker"]["replicas"] == 7


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "Deployment"}, "must be a DaskCluster manifest"),
        ({"kind": "DaskCluster", "spec": {}}, "must be a DaskCluster manifest"),
        ("/nowhere/cluster.yaml", "cannot be read: No such file"),
        ("{}", "must be a DaskCluster manifest"),
        ("{", "is not YAML"),
    ],
)
def test_what_is_no_manifest(tmp_path, given, said):
    if isinstance(given, str) and not given.startswith("/"):
        (tmp_path / "cluster.yaml").write_text(given)
        given = str(tmp_path / "cluster.yaml")
    with pytest.raises(ClusterConfigError, match=said):
        spec.manifest(load(spec=given), "lab")


def test_no_image():
    with pytest.raises(ClusterConfigError, match=r"image=.*deploy/Dockerfile"):
        spec.manifest(load(), "lab")


# Settings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workers": -1}, "workers=-1: must be a whole number"),
        ({"workers": (3, 2)}, "maximum must be 1 at least, and not below the minimum"),
        ({"workers": (0, 0)}, "maximum must be 1 at least"),
        ({"workers": "many"}, "workers"),
        ({"cpu": "two"}, "'two' is not an amount as Kubernetes writes it"),
        ({"cpu": 0}, "must be above 0"),
        ({"memory": "4 GB"}, "is not an amount"),
        ({"memory": "4"}, "is 4 bytes, too little to run Python"),
        ({"gpu": -1}, "gpu"),
        ({"name": "My_Lab"}, "lower-case letters, digits and '-'"),
        ({"name": "x" * 54}, "at most 53"),
        ({"name": "lab-"}, "lower-case letters"),
        ({"image": "my image"}, "not an image reference"),
        ({"image": "https://registry.example/worker"}, "not an image reference"),
        ({"idle_timeout": 5}, "give 30 or more, or 0 for never"),
        ({"start_timeout": 0}, "start_timeout"),
        ({"create": False}, "give its name"),
        ({"cpus": 2}, "cpus"),
        ({"spec": {}, "cpu": 2, "image": IMAGE}, "spec says it all, cpu, image would have no effect"),
    ],
)
def test_bad_settings(given, said):
    with pytest.raises(ClusterConfigError) as raised:
        load(**given)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "image",
    [
        "worker",
        "worker:1.0",
        "localhost:5000/worker:1.0",
        "registry.example.org/a/b_c/d-e:v1.2.3-rc.1",
        f"ghcr.io/team/worker@sha256:{'0' * 64}",
    ],
)
def test_images(image):
    assert load(image=image).image == image


def test_an_image_hides_a_spec_that_is_further_away(monkeypatch):
    monkeypatch.setenv("QISKIT_CLUSTER_IMAGE", IMAGE)
    assert KubernetesConfig.load({}, {"spec": "cluster.yaml"}).image == IMAGE
    assert KubernetesConfig.load({"spec": "cluster.yaml"}, {}).image is None


def test_settings_from_the_environment(monkeypatch):
    monkeypatch.setenv("QISKIT_CLUSTER_WORKERS", "[0, 5]")
    monkeypatch.setenv("QISKIT_CLUSTER_MEMORY", "8Gi")
    monkeypatch.setenv("QISKIT_CLUSTER_ENV", '{"A": "1"}')
    config = load(image=IMAGE)
    assert (config.workers, config.smallest, config.largest) == ((0, 5), 0, 5)
    assert (config.memory, config.env) == ("8Gi", {"A": "1"})


def test_settings_from_a_profile(tmp_path):
    file = tmp_path / "cluster.toml"
    file.write_text(f'[profiles.lab]\nkind = "aer-k8s"\nimage = "{IMAGE}"\nworkers = [0, 9]\nshots = 7\n')
    with ClusterProvider(profiles=file) as provider:
        (backend,) = provider.backends("lab")
    config = backend.connection.config
    assert (config.image, config.workers, backend.options.shots) == (IMAGE, (0, 9), 7)
    assert backend.connection.grows_to == 9


@pytest.mark.parametrize(
    ("text", "number"),
    [("500m", 0.5), (2, 2.0), ("2", 2.0), ("1.5", 1.5), (".5", 0.5), ("4Gi", 2.0**32), ("1e3", 1000.0), ("2k", 2e3)],
)
def test_amounts(text, number):
    assert parse_quantity(text) == number


@pytest.mark.parametrize("text", ["", "two", "4GB", "-1", "4 Gi", "0x10", "1e", "Gi"])
def test_what_is_no_amount(text):
    with pytest.raises(ValueError, match="not an amount as Kubernetes writes it"):
        parse_quantity(text)


# Pods, in the form in which a kubelet and a scheduler write them


def pod(component="worker", phase="Pending", conditions=(), deleted=False, **status):
    meta = {
        "name": f"lab-{component}-7d4b9c6f5-x2x7k",
        "namespace": "team",
        "labels": {"dask.org/cluster-name": "lab", "dask.org/component": component},
        **({"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {}),
    }
    names = {"name": component, "image": IMAGE, "ready": False, "restartCount": 0}
    containers = [{**names, **status}] if status else []
    return {
        "metadata": meta,
        "status": {"phase": phase, "conditions": list(conditions), "containerStatuses": containers},
    }


RUNNING = pod(
    phase="Running",
    conditions=[{"type": "Ready", "status": "True"}],
    ready=True,
    state={"running": {"startedAt": "2026-01-01T00:00:00Z"}},
)
NO_NODE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, "
    "2 Insufficient cpu. preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, 2 No "
    "preemption victims found for incoming pod.",
}


def waiting(reason, message=""):
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def crashed(reason="Error", code=1, restarts=4):
    ended = {"exitCode": code, "reason": reason, "startedAt": "2026-01-01T00:00:00Z"}
    return {
        **waiting("CrashLoopBackOff", "back-off 40s restarting failed container=worker"),
        "lastState": {"terminated": ended},
        "restartCount": restarts,
    }


@pytest.mark.parametrize(
    ("seen_pod", "word", "texts", "mend", "final"),
    [
        (RUNNING, "Running", [], "", None),
        (pod(), "Pending", [], "", None),
        (pod(**waiting("ContainerCreating")), "ContainerCreating", [], "", None),
        (pod(phase="Running", state={"running": {}}), "Starting", [], "", None),
        (pod(conditions=[NO_NODE]), "Pending", ["finds no node: 0/3 nodes", "2 Insufficient cpu"], "nodes", False),
        (
            pod(**waiting("ErrImagePull", 'failed to resolve reference "docker.io/x:1": not found')),
            "ErrImagePull",
            [f"the image '{IMAGE}' cannot be pulled (ErrImagePull: failed to resolve"],
            "imagePullSecrets",
            False,
        ),
        (
            pod(**waiting("ImagePullBackOff", 'Back-off pulling image "x:1"')),
            "ImagePullBackOff",
            ["cannot be pulled (ImagePullBackOff: Back-off"],
            "kubectl describe pod -n team lab-worker-7d4b9c6f5-x2x7k",
            True,
        ),
        (
            pod(**waiting("ErrImageNeverPull", "Container image is not present with pull policy of Never")),
            "ErrImageNeverPull",
            ["cannot be pulled"],
            "image=",
            True,
        ),
        (
            pod(**waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")),
            "CreateContainerConfigError",
            ["cannot be started (CreateContainerConfigError: container has runAsNonRoot"],
            "kubectl describe",
            True,
        ),
        (
            pod(phase="Running", **crashed()),
            "CrashLoopBackOff",
            ["4 restarts, exit code 1"],
            "deploy/Dockerfile",
            True,
        ),
        (pod(phase="Running", **crashed(restarts=1)), "CrashLoopBackOff", [], "", None),
        (
            pod(phase="Running", **crashed("OOMKilled", 137)),
            "CrashLoopBackOff",
            ["run out of memory"],
            "memory=",
            True,
        ),
        (pod(phase="Running", deleted=True, **crashed()), "Terminating", [], "", None),
    ],
)
def test_pods(seen_pod, word, texts, mend, final):
    assert state(seen_pod) == word
    troubles = seen([seen_pod], [], ADVICE).troubles
    assert [one.final for one in troubles] == ([] if final is None else [final])
    for one in troubles:
        assert all(text in one.text for text in texts)
        assert mend in one.mend
        assert not one.text.endswith(".")


def test_whose_log_tells_more():
    (trouble,) = seen([pod(phase="Running", **crashed())], [], ADVICE).troubles
    assert (trouble.pod, trouble.container) == ("lab-worker-7d4b9c6f5-x2x7k", "worker")
    (trouble,) = seen([pod(**waiting("ImagePullBackOff"))], [], ADVICE).troubles
    assert trouble.pod == "", "nothing has run"


def test_pods_that_are_not_made():
    deployment = {
        "metadata": {"name": "lab-scheduler", "labels": {"dask.org/component": "scheduler"}},
        "status": {
            "conditions": [
                {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable"},
                {
                    "type": "ReplicaFailure",
                    "status": "True",
                    "reason": "FailedCreate",
                    "message": 'pods "lab-scheduler-x" is forbidden: exceeded quota: small, requested: pods=1, used: '
                    "pods=2, limited: pods=2",
                },
            ]
        },
    }
    (trouble,) = seen([], [deployment], ADVICE).troubles
    assert trouble.text.startswith("Kubernetes refuses to make a scheduler pod: pods")
    assert "exceeded quota: small" in trouble.text
    assert trouble.of_scheduler


def test_counting():
    ready = {**RUNNING, "metadata": pod("scheduler")["metadata"]}
    gone = {**RUNNING, "metadata": pod(deleted=True)["metadata"]}
    now = seen([ready, RUNNING, RUNNING, pod(), gone], [], ADVICE)
    assert (now.scheduler, now.scheduler_ready, now.workers, now.running) == ("Running", True, 3, 2)
    none = seen([], [], ADVICE)
    assert (none.scheduler, none.scheduler_ready, none.workers, none.running) == ("", False, 0, 0)


def test_the_same_trouble_of_many_pods_is_one():
    assert len(seen([pod(**waiting("ImagePullBackOff", "x"))] * 5, [], ADVICE).troubles) == 1


# Errors of the libraries


SERVER = "https://10.0.0.1:6443"


def refused(status, message, path="/api/v1/pods", method="GET"):
    request = httpx.Request(method, SERVER + path)
    body = json.dumps({"kind": "Status", "message": message})
    response = httpx.Response(status, request=request, content=body, headers={"content-type": "application/json"})
    return kr8s.ServerError(message, status=status, response=response)


CUSTOM = "/apis/kubernetes.dask.org/v1/namespaces/team/daskclusters"


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (
            httpx.ConnectError("All connection attempts failed"),
            0,
            [SERVER, "cannot be reached", "kubectl cluster-info"],
        ),
        (httpx.ReadError(""), 0, ["ReadError: without a word"]),
        (httpx.ConnectTimeout(""), 0, ["does not answer within 10 s", "VPN"]),
        (kr8s.APITimeoutError("Timeout while waiting"), 0, ["does not answer within 10 s"]),
        (ssl.SSLCertVerificationError("certificate verify failed"), 0, ["does not trust", "Get the kubeconfig anew"]),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), 0, ["does not trust"]),
        (
            refused(401, "Unauthorized"),
            401,
            ["the login is refused by 10.0.0.1 (Unauthorized)", "kubectl auth whoami"],
        ),
        (refused(403, 'pods is forbidden: User "ada" cannot list'), 403, ['User "ada" cannot list', "rbac.yaml"]),
        (refused(403, "pods is forbidden: exceeded quota: small"), 403, ["exceeded quota", "kubectl describe quota"]),
        (refused(404, "page not found", CUSTOM), 404, ["operator is not installed", "helm install"]),
        (refused(404, "not found", f"{CUSTOM}/lab"), 404, ["refuses GET", "404: not found"]),
        (refused(422, "spec.idleTimeout: Invalid value"), 422, ["finds the manifest invalid: spec.idleTimeout"]),
        (refused(500, "etcd is away"), 500, ["500: etcd is away"]),
        (ValueError("Unable to find valid credentials"), 0, ["there is no kubeconfig: /nowhere", "Set KUBECONFIG"]),
        (ConnectionResetError(104, "Connection reset by peer"), 0, [SERVER, "ConnectionResetError"]),
        (ExceptionGroup("many", [httpx.ReadError("cut")]), 0, ["ReadError: cut"]),
        (ClusterApiError("said before", 418), 418, ["said before"]),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_errors_in_words(monkeypatch, error, status, words):
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    said = api.translated(error, SERVER)
    assert isinstance(said, ClusterApiError)
    assert said.status == status
    assert all(word in str(said) for word in words), str(said)
    assert len(str(said).splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("current-context"), "it names no current-context"),
        (TypeError("'NoneType' object is not subscriptable"), "it lacks a context, a cluster or a user"),
        (PermissionError(13, "Permission denied"), "PermissionError: [Errno 13] Permission denied"),
        (yaml.scanner.ScannerError("while scanning", None, "found a tab\n  in it"), "found a tab in it"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used(monkeypatch, tmp_path, error, said):
    file = tmp_path / "kubeconfig"
    file.write_text("")
    monkeypatch.setenv("KUBECONFIG", str(file))
    text = str(api.translated(error, ""))
    assert text.startswith(f"the kubeconfig {file} cannot be used: ")
    assert said in text
    assert text.endswith(". kubectl config view")
