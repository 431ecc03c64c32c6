"""The real Dask operator, KubeCluster and Dask workers on the local Kubernetes."""

import os
import threading
import time

import psutil
import pytest
from dask_kubernetes.operator import KubeCluster, make_cluster_spec
from dask_kubernetes.operator.kubecluster.kubecluster import wait_for_service
from distributed import Client

from local_kubernetes import LocalKubernetes

from .requests import DEPLOYMENTS_PATH, SERVICES_PATH, Http, named, pod_spec, until

KINDS = ("daskclusters", "daskworkergroups", "daskautoscalers", "deployments", "replicasets", "pods", "services")


class SteadyCluster(KubeCluster):
    """Takes a cluster for created once its Service is there: its phase may stay Pending (dask-kubernetes #968)."""

    async def _wait_for_controller(self):
        await wait_for_service(f"{self.name}-scheduler", self.namespace)


@pytest.fixture(scope="module")
def kubernetes():
    with pytest.MonkeyPatch.context() as patch, LocalKubernetes() as cluster:
        patch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        yield cluster


@pytest.fixture(scope="module")
def cluster(kubernetes):
    with start("shared", n_workers=1) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with Client(cluster) as client:
        client.wait_for_workers(1, timeout=30)
        yield client


def start(name, n_workers):
    spec = make_cluster_spec(name, image="worker:test", n_workers=n_workers)
    for part in ("scheduler", "worker"):  # a worker that has lost its scheduler takes its time
        spec["spec"][part]["spec"]["terminationGracePeriodSeconds"] = 1
    return SteadyCluster(custom_cluster_spec=spec, port_forward_cluster_ip=True, quiet=True)


def of_cluster(kubernetes, name):
    """What is there of a Dask cluster."""
    found = [item["metadata"]["name"] for kind in KINDS for item in kubernetes.objects(kind, "default")]
    return [item for item in found if item.startswith(name)]


def worker_count(client):
    return len(client.scheduler_info(n_workers=-1)["workers"])


def listening(pid):
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    sockets = [socket for process in processes for socket in process.net_connections("inet")]
    return {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}


def runs(process):
    """Whether it runs; one that has ended may wait for the machine's init to take note."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.slow
def test_a_cluster_from_its_start_to_its_end(kubernetes):
    began = time.monotonic()
    with start("whole", n_workers=2) as cluster:
        created = time.monotonic() - began
        with Client(cluster) as client:
            client.wait_for_workers(2, timeout=30)
            print(f"KubeCluster: {created:.1f} s, two workers: {time.monotonic() - began:.1f} s")
            assert client.gather(client.map(lambda x: x + 1, range(10), pure=False)) == list(range(1, 11))
            processes = {psutil.Process(pid) for pid in kubernetes.processes().values()}
            processes |= {child for process in processes for child in process.children(recursive=True)}
            addresses = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in kubernetes.objects("pods")}
            for name, pid in kubernetes.processes().items():
                assert listening(pid) == {addresses[name]}
            cluster.scale(3)
            client.wait_for_workers(3, timeout=30)
            cluster.scale(1)
            until(lambda: worker_count(client) == 1)
            assert len(cluster.get_logs()) >= 2
    until(lambda: not of_cluster(kubernetes, "whole"))
    assert kubernetes.processes() == {}
    until(lambda: not any(map(runs, processes)))


def test_a_killed_worker_comes_back(kubernetes, client):
    [name] = [name for name in kubernetes.processes() if "worker" in name]
    pid = kubernetes.processes()[name]
    kubernetes.kill_pod_process(name)
    until(lambda: kubernetes.processes().get(name, pid) != pid)
    assert client.submit(os.getpid, pure=False).result(timeout=30)


@pytest.mark.slow
def test_the_operator_can_be_away(kubernetes, cluster, client):
    def operator():
        [item] = kubernetes.objects("deployments", "dask-operator")
        assert item["metadata"]["labels"]["app.kubernetes.io/name"] == "dask-kubernetes-operator"
        return item["status"]["readyReplicas"]

    assert operator() == 1
    kubernetes.stop_operator()
    until(lambda: operator() == 0)
    cluster.scale(2)
    threading.Event().wait(1)
    assert worker_count(client) == 1
    kubernetes.start_operator()
    client.wait_for_workers(2, timeout=30)
    cluster.scale(1)
    until(lambda: worker_count(client) == 1)


def test_the_operator_outlives_cuts(kubernetes, cluster, client):
    kubernetes.cut_connections()
    kubernetes.stop_api()
    kubernetes.start_api()
    until(lambda: client.status == "running")
    cluster.scale(2)
    client.wait_for_workers(2, timeout=30)
    cluster.scale(1)
    until(lambda: worker_count(client) == 1)


@pytest.mark.slow
def test_it_adapts_from_zero(kubernetes, cluster, client):
    cluster.adapt(minimum=0, maximum=2)
    until(lambda: worker_count(client) == 0, 60)
    assert client.submit(sum, [1, 2], pure=False).result(timeout=60) == 3
    cluster.scale(1)
    until(lambda: kubernetes.objects("daskautoscalers") == [])


def test_dask_as_its_helm_chart_deploys_it(kubernetes):
    """Names of Services without a namespace, workers that find the scheduler late, a scale of the Deployment."""
    http = Http(kubernetes)

    def deploy(name, replicas, *args):
        spec = pod_spec(None, args=list(args))
        del spec["containers"][0]["command"]
        if "scheduler" in name:
            spec["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": 8786}}
        template = {"metadata": {"labels": {"component": name}}, "spec": spec}
        selector = {"matchLabels": {"component": name}}
        http(
            "POST", DEPLOYMENTS_PATH, named(name, {"replicas": replicas, "selector": selector, "template": template})
        )

    deploy("my-dask-worker", 1, "dask", "worker", "my-dask-scheduler:8786", "--no-dashboard")
    deploy("my-dask-scheduler", 1, "dask", "scheduler", "--port=8786", "--dashboard-address=:8787")
    ports = {"selector": {"component": "my-dask-scheduler"}, "ports": [{"port": 8786}, {"port": 8787}]}
    service = http("POST", SERVICES_PATH, named("my-dask-scheduler", ports)).json()
    until(lambda: any("scheduler" in name for name in kubernetes.processes()))
    with Client(f"tcp://{service['spec']['clusterIP']}:8786", timeout=30) as client:
        client.wait_for_workers(1, timeout=30)
        scale = {"spec": {"replicas": 2}}
        http("PATCH", f"{DEPLOYMENTS_PATH}/my-dask-worker/scale", scale, "application/merge-patch+json")
        client.wait_for_workers(2, timeout=30)
    for name in ("my-dask-worker", "my-dask-scheduler"):
        http("DELETE", f"{DEPLOYMENTS_PATH}/{name}")
    http("DELETE", f"{SERVICES_PATH}/my-dask-scheduler")
    until(lambda: not of_cluster(kubernetes, "my-dask"), 40)
