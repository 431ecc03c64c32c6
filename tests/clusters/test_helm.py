"""``aer-helm`` on a release of the chart, in a Kubernetes whose pods are local processes."""

import copy
import re
import threading
import urllib.request

import pytest
from distributed import Client
from distributed.deploy import Cluster

from local_kubernetes import LocalKubernetes
from qiskit_cluster_provider import ClusterBackend, ClusterProvider
from qiskit_cluster_provider.clusters import Connection
from qiskit_cluster_provider.clusters.helm.config import HelmConfig
from qiskit_cluster_provider.clusters.helm.kind import HelmKind
from qiskit_cluster_provider.clusters.helm.release import find
from qiskit_cluster_provider.clusters.kubernetes.api import connected
from qiskit_cluster_provider.clusters.kubernetes.pods import Advice, seen
from qiskit_cluster_provider.errors import ClusterApiError, ClusterConfigError, ClusterConnectionError
from qiskit_cluster_provider.progress import SliceDone
from qiskit_cluster_provider.testing import check_cluster_kind, differences

from ..kubernetes.lab import until
from ..slow import quick
from .chart import create, install, objects

OPTIONS = {"shots": 50, "seed_simulator": 7, "memory": True}


def backend_of(**settings):
    return ClusterBackend(Connection("aer-helm", HelmKind(), HelmConfig(**settings)), placement="cluster")


def found(namespace, name=None):
    with connected() as api:
        return find(api, namespace, name)


@pytest.fixture(scope="module")
def kubernetes():
    with LocalKubernetes(operator=False, crds=False) as kubernetes, pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(kubernetes.kubeconfig))
        install("default", workers=1)
        yield kubernetes


@pytest.fixture(scope="module")
def release(kubernetes):
    """A backend on the release ``my-dask``, with one worker."""
    with ClusterProvider() as provider, provider.get_backend("aer-helm", release="my-dask") as backend:
        yield backend


@pytest.fixture(autouse=True)
def all_rights(request):
    yield
    if "kubernetes" in request.fixturenames:
        request.getfixturevalue("kubernetes").grant_all()


def test_a_kind_like_the_others(kubernetes):
    def left():
        things = [one for plural in ("deployments", "services") for one in kubernetes.objects(plural)]
        pods = [(pod["kind"], pod["metadata"]["uid"]) for pod in kubernetes.objects("pods")]
        return {(one["kind"], one["metadata"]["uid"], str(one["spec"])) for one in things} | set(pods)

    before = left()
    check_cluster_kind(HelmKind(), HelmConfig())
    created = {kind for kind, *_ in left() - before}
    assert not before - left(), "nothing of a release is changed or deleted by using it"
    assert created <= {"Pod"}, "the pods were still being made"


def test_what_is_left_of_a_backend_is_nothing(kubernetes):
    """No thread of a port-forward or of Dask, and no open port."""
    before = set(threading.enumerate())
    for _ in range(2):
        with backend_of() as backend:
            assert backend.run(quick(), **OPTIONS).result(timeout=60).success
            assert any(thread.name.startswith("port-forward") for thread in threading.enumerate())
        names = [one.name for one in set(threading.enumerate()) - before]
        assert not [name for name in names if "forward" in name or "IO loop" in name or "Profile" in name], names


def opens(link):
    """Whether there is a page; while its pod is not ready, as on a busy machine, nobody answers."""
    try:
        with urllib.request.urlopen(link, timeout=30) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_the_cluster_is_an_object_of_dask(release):
    cluster = release.cluster
    assert isinstance(cluster, Cluster)
    assert "my-dask" in repr(cluster)
    assert release.dashboard_link in cluster._repr_html_()
    until(lambda: opens(release.dashboard_link))
    with Client(cluster, set_as_default=False) as client:
        assert client.submit(pow, 2, 3).result(timeout=30) == 8
    with pytest.raises(ClusterConfigError, match=r"nothing that changes the number of workers.*scale\(n\)"):
        release.adapt(1, 3)


def test_logs_of_scheduler_and_workers(kubernetes, release):
    logs = release.cluster.get_logs()
    names = [pod["metadata"]["name"] for pod in kubernetes.objects("pods", "default")]
    assert sorted(logs) == sorted(names)
    scheduler, worker = sorted(logs)
    assert "Scheduler at" in logs[scheduler]
    assert "my-dask-scheduler:8786" in logs[worker]
    assert list(release.cluster.get_logs(workers=False)) == [scheduler]
    assert list(release.cluster.get_logs(scheduler=False, workers=[worker])) == [worker]
    kubernetes.forbid("get", "pods/log")
    assert "cannot get resource" in release.cluster.get_logs()[worker]


def test_scaling_waits_for_the_workers_and_for_their_end(kubernetes, release):
    for number in (2, 1, 0, 1):
        release.scale(number, timeout=60)
        assert len(release.connection.client().nthreads()) == number
        pods = kubernetes.objects("pods", "default")
        living = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        assert len(living) == number + 1
    release.scale(1, timeout=0)
    with pytest.raises(ClusterConfigError, match="whole number"):
        release.scale(-1)


def test_without_the_right_to_scale(kubernetes, release):
    kubernetes.forbid("patch", "deployments/scale")
    upgrade = "helm upgrade my-dask dask/dask -n default --reuse-values --set worker.replicas=4"
    with pytest.raises(ClusterApiError, match=f"cannot patch.*deploy/helm-access.yaml.*{upgrade}") as caught:
        release.scale(4)
    assert caught.value.status == 403
    kubernetes.grant_all()
    kubernetes.forbid("list", "deployments")
    release.scale(1, timeout=30)  # its name is the chart's, and its number that of its pods


@pytest.mark.slow
def test_workers_that_do_not_come(kubernetes):
    install("full")
    kubernetes.quota("full", pods=2)
    with backend_of(namespace="full", workers=1) as backend:
        with pytest.raises(ClusterConnectionError, match=r"there are 1 of 3 workers after 1 s: .*exceeded quota"):
            backend.scale(3, timeout=1)
        release = backend.cluster.release
        with connected() as api:
            path = "/apis/apps/v1/namespaces/full/deployments/my-dask-worker/scale"
            ask_for = type(release).ask_for

            def ask_for_and_lose(self, workers):
                ask_for(self, workers)
                api.request("PATCH", path, {"spec": {"replicas": 1}})

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(type(release), "ask_for", ask_for_and_lose)
                with pytest.raises(ClusterConnectionError, match="1 are asked of Kubernetes by now: another user"):
                    backend.scale(2, timeout=1)
        backend.scale(0, timeout=30)
        job = backend.run(quick(), no_workers_timeout=1, **OPTIONS)
        with pytest.raises(ClusterConnectionError, match=r"no pod of one is there: scale\(n\) asks for some"):
            job.result(timeout=60)


def test_other_groups_of_workers_stay_as_they_are(kubernetes):
    def grouped(things):
        group = copy.deepcopy(things["Deployment", "worker"])
        group["metadata"]["name"] += "-high-mem"
        group["spec"]["replicas"] = 2
        things["Deployment", "high-mem"] = group

    install("groups", change=grouped)
    release = found("groups")
    with connected() as api:
        release = release.through(api)
        release.ask_for(3)
        assert release.wanted() == 3
        replicas = {
            one["metadata"]["name"]: one["spec"]["replicas"] for one in kubernetes.objects("deployments", "groups")
        }
        assert replicas["my-dask-worker"] == 1
        assert replicas["my-dask-worker-high-mem"] == 2
        with pytest.raises(ClusterConfigError, match=r"has 2 in other groups \(my-dask-worker-high-mem\)"):
            release.ask_for(1)


def test_a_release_that_is_not_there(kubernetes):
    with pytest.raises(ClusterConnectionError, match=r"there is no release 'other'.*there: my-dask. helm list"):
        found("default", "other")
    with pytest.raises(ClusterConnectionError, match=r"there is no release of the chart dask.*'empty'.*helm install"):
        found("empty")
    install("elsewhere", name="far-dask")
    with pytest.raises(ClusterConnectionError, match=r"there is one in elsewhere. Give namespace='elsewhere'"):
        found("default", "far-dask")
    kubernetes.forbid("list", "services", "")
    with pytest.raises(ClusterConnectionError, match=r"there is no release 'far-dask'.*there: my-dask"):
        found("default", "far-dask")
    with ClusterProvider() as provider, pytest.raises(ClusterConnectionError, match="no release 'other'"):
        provider.get_backend("aer-helm", release="other")


def test_which_scheduler(kubernetes):
    install("several")
    install("several", name="dask-two")
    with pytest.raises(
        ClusterConnectionError, match="several releases in the namespace 'several': dask-two, my-dask"
    ):
        found("several")
    assert found("several", "dask-two").service == "dask-two-scheduler"
    second = objects(namespace="several")["Service", "scheduler"]
    second["metadata"]["name"] = "my-dask-too-scheduler"
    create([second], "several")
    with pytest.raises(
        ClusterConnectionError, match="'my-dask' has several schedulers: my-dask-scheduler, my-dask-too"
    ):
        found("several", "my-dask")


def test_what_is_no_release_of_this_chart(kubernetes):
    """A notebook alone, Airflow's scheduler, and a Service that nobody's Helm has made."""
    things = objects("my-notebook", "others")
    airflow = copy.deepcopy(things["Service", "scheduler"])
    airflow["metadata"]["name"] = "airflow-scheduler"
    airflow["spec"]["ports"] = [{"name": "worker-logs", "port": 8793}]
    alone = copy.deepcopy(things["Service", "scheduler"])
    alone["metadata"] = {"name": "alone-scheduler", "labels": {"component": "scheduler"}}
    create([things["Service", "jupyter"], airflow, alone], "others")
    with pytest.raises(ClusterConnectionError, match="there is no release of the chart dask"):
        found("others")
    with pytest.raises(ClusterConnectionError, match=r"'my-notebook'.*no Service of a Dask scheduler.*enabled"):
        found("others", "my-notebook")


def test_labels_alone_are_enough(kubernetes):
    """What ``helm template | kubectl apply`` makes has no notes of Helm's; later labels are Kubernetes' own."""

    def relabelled(things):
        service = things["Service", "scheduler"]
        service["metadata"] = {
            "name": "plain-scheduler",
            "labels": {"app.kubernetes.io/instance": "plain", "app.kubernetes.io/component": "scheduler"},
        }
        service["spec"]["selector"] = service["metadata"]["labels"]

    install("plain", change=relabelled)
    release = found("plain")
    assert release.name == "plain"
    assert release.selector == "app.kubernetes.io/instance=plain,app.kubernetes.io/component in (scheduler,worker)"


@pytest.mark.parametrize("replicas", [0, 2])
def test_one_scheduler_and_no_other_number(kubernetes, replicas):
    def several(things):
        things["Deployment", "scheduler"]["spec"]["replicas"] = replicas

    install(f"with-{replicas}", change=several)
    upgrade = f"helm upgrade my-dask dask/dask -n with-{replicas} --reuse-values --set scheduler.replicas=1"
    with (
        pytest.raises(ClusterConnectionError, match=f"is to run {replicas} schedulers.*{upgrade}"),
        backend_of(namespace=f"with-{replicas}"),
    ):
        pass


@pytest.mark.parametrize("component", ["scheduler", "worker"])
def test_pods_that_do_not_start(kubernetes, component):
    namespace = f"no-image-of-{component}"

    def wrong(things):
        template = things["Deployment", component]["spec"]["template"]
        template["spec"]["containers"][0]["image"] = "wokrer:test"

    install(namespace, workers=1, change=wrong)
    words = r"'wokrer:test' cannot be pulled.*Check worker.image and scheduler.image of the release's values"
    with pytest.raises(ClusterConnectionError, match=f"'aer-helm' cannot be connected: .*{words}"):
        backend_of(namespace=namespace).connection.client()
    with ClusterProvider() as provider:
        if component == "scheduler":
            with pytest.raises(ClusterConnectionError, match=words):
                provider.get_backend("aer-helm", namespace=namespace)
        else:
            provider.get_backend("aer-helm", namespace=namespace)  # they may be mended before it is used


def test_workers_that_end_again_and_again(kubernetes):
    def crashing(things):
        container = things["Deployment", "worker"]["spec"]["template"]["spec"]["containers"][0]
        container["command"] = ["/bin/sh", "-c", "echo no such module; exit 3"]

    install("crash", workers=1, change=crashing)
    with pytest.raises(ClusterConnectionError, match=r"ends again and again .*exit code 3\).*\n *no such module"):
        backend_of(namespace="crash").connection.client()


def test_a_scheduler_that_runs_and_does_not_answer(kubernetes):
    """The chart's images may install packages first, and their pods are ready all the while."""

    def silent(things):
        container = things["Deployment", "scheduler"]["spec"]["template"]["spec"]["containers"][0]
        container["command"], container["args"] = ["tail", "-f", "/dev/null"], []

    install("silent", change=silent)
    words = (
        r"no scheduler that answers after 1 s \(start_timeout=1\): kubectl get pods -n silent -l 'app=dask,release="
    )
    with pytest.raises(ClusterConnectionError, match=words):
        backend_of(namespace="silent", start_timeout=1).connection.client()
    *_, last = HelmKind().findings(HelmConfig(namespace="silent"))
    assert (last.what, last.ok) == ("scheduler", None)
    assert "Dask does not answer there yet" in last.said


@pytest.mark.parametrize(("reason", "restarts"), [("RunContainerError", 0), ("CrashLoopBackOff", 3)])
def test_a_command_that_dask_has_no_more(reason, restarts):
    """As containerd says it: first of the start, then of the last one."""
    said = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
        "runc create failed: unable to start container process: "
        'exec: "dask-worker": executable file not found in $PATH: unknown'
    )
    ended = {"exitCode": 128, "reason": "StartError", "message": said}
    status = {
        "name": "my-dask-worker",
        "image": "worker:test",
        "restartCount": restarts,
        "state": {"waiting": {"reason": reason, "message": "back-off" if restarts else said}},
        "lastState": {"terminated": ended} if restarts else {},
    }
    pod = {
        "metadata": {"name": "my-dask-worker-x", "namespace": "default", "labels": {"component": "worker"}},
        "status": {"phase": "Pending", "containerStatuses": [status]},
    }
    (trouble,) = seen([pod], [], Advice("less", "worker.image", "memory")).troubles
    assert trouble.text.endswith("cannot be started: there is no dask-worker in its image")
    removed = "Dask removed this command in 2026.6; deploy/Dockerfile makes an image that has it. Check worker.image"
    assert removed in trouble.mend
    assert trouble.final


@pytest.mark.parametrize("verb", ["get", "create"])
def test_without_the_right_to_forward_ports(kubernetes, verb):
    kubernetes.forbid(verb, "pods/portforward")
    words = f"no right to {verb} pods/portforward in default, to reach the scheduler.*deploy/helm-access.yaml"
    with ClusterProvider() as provider, pytest.raises(ClusterConnectionError, match=words):
        provider.get_backend("aer-helm")
    with pytest.raises(ClusterConnectionError, match=words):
        backend_of().connection.client()
    with ClusterProvider() as provider:
        provider.get_backend("aer-helm", port_forward=False)  # in a pod nobody needs it


def test_what_the_doctor_says(kubernetes, release):
    said = [(one.what, one.ok) for one in HelmKind().findings(HelmConfig())]
    assert said == [
        ("API server", True),
        ("namespace", True),
        ("rights", True),
        ("release", True),
        ("scheduler", True),
        ("workers", True),
    ]
    kubernetes.forbid("patch", "deployments/scale")
    (missing,) = [one for one in HelmKind().findings(HelmConfig()) if one.what == "rights"]
    assert missing.ok is None, "without it the cluster can be used"
    assert re.search("no right to patch deployments/scale", missing.said)
    kubernetes.forbid("list", "services", "default")
    refused = [one for one in HelmKind().findings(HelmConfig()) if one.ok is False]
    assert [one.what for one in refused] == ["rights"]
    assert "no right to list services in default, to find the scheduler" in refused[0].said


def test_settings():
    with pytest.raises(ClusterConfigError, match="workers=-1: must be a whole number"):
        HelmConfig.load({"workers": -1}, {})
    config = HelmConfig.load({"release": "my-dask"}, {"namespace": "lab", "release": "hidden"})
    assert (config.release, config.namespace, config.workers) == ("my-dask", "lab", None)


def cut(kubernetes):
    kubernetes.cut_connections()


def delete_scheduler(kubernetes):
    (pod,) = [
        pod["metadata"]["name"]
        for pod in kubernetes.objects("pods", "default")
        if "-scheduler-" in pod["metadata"]["name"]
    ]
    with connected() as api:
        api.request("DELETE", f"/api/v1/namespaces/default/pods/{pod}", gracePeriodSeconds=0)


def workers_of(release):
    """Those of the scheduler; none while there is no connection: the job may be done before it is back."""
    try:
        return release.connection.client().nthreads()
    except OSError:
        return {}


@pytest.mark.slow
@pytest.mark.parametrize("harm", [cut, delete_scheduler])
def test_a_job_survives(kubernetes, release, aer, harm):
    circuits = [quick(f"circuit {index}") for index in range(12)]
    begun = threading.Event()

    def listen(event):
        if isinstance(event, SliceDone):
            begun.set()

    job = release.run(circuits, max_job_size=1, callback=listen, **OPTIONS)
    assert begun.wait(60)
    harm(kubernetes)
    ours = job.result(timeout=90)
    assert differences(ours, aer.run(circuits, **OPTIONS).result()) == []
    there = until(lambda: workers_of(release))
    seen, moment = {}, threading.Event()
    for _ in range(200):
        seen = release.cluster.scheduler_info["workers"]
        if set(seen) == set(there):
            break
        moment.wait(0.05)
    assert set(seen) == set(there), "the object shows the workers of the scheduler that came"
