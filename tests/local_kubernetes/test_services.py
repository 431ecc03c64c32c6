"""Services and port-forwards, and an API server that stops."""

import asyncio
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from .requests import DEPLOYMENTS_PATH, PODS_PATH, SERVICES_PATH, deployment, named, pod_spec, until


@pytest.fixture
def web(http):
    """A pod that serves HTTP behind the Service ``web``, and is ready."""
    files = ["python", "-m", "http.server", "8000", "--bind", "0.0.0.0", "--directory", "/proc/self/task"]
    spec = pod_spec(command=files, ports=[{"name": "web", "containerPort": 8000}])
    spec["containers"][0]["readinessProbe"] = {"httpGet": {"port": "web", "path": "/"}}
    body = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "web"}]}
    http("POST", SERVICES_PATH, named("web", body))
    http("POST", DEPLOYMENTS_PATH, deployment("web", 1, spec))
    until(lambda: http("GET", f"{DEPLOYMENTS_PATH}/web").json()["status"].get("readyReplicas") == 1)
    return http


def test_a_service_leads_to_its_pods_and_has_a_name(web):
    service = web("GET", f"{SERVICES_PATH}/web").json()
    assert service["status"] == {"loadBalancer": {}}
    assert httpx.get(f"http://{service['spec']['clusterIP']}/").status_code == 200
    for host in ("web", "web.default", "web.default.svc.cluster.local"):
        fetch = f"import urllib.request; print(urllib.request.urlopen('http://{host}/').status)"
        name = f"ask-{host.count('.')}"
        web("POST", PODS_PATH, named(name, pod_spec(command=["python", "-c", fetch], restartPolicy="Never")))
        until(lambda name=name: web.pod(name)["status"]["phase"] in ("Succeeded", "Failed"))
        assert web("GET", f"{PODS_PATH}/{name}/log").text == "200\n"
    with socket.create_connection((service["spec"]["clusterIP"], 80)) as connection:
        web("DELETE", f"{PODS_PATH}/{next(iter(web.cluster.processes()))}")
        connection.settimeout(20)
        assert connection.recv(1) == b"", "a connection ends with its pod"


def test_a_port_forward_and_its_cut(web, monkeypatch):
    from kr8s.asyncio import api
    from kr8s.asyncio.objects import Service

    monkeypatch.setenv("KUBECONFIG", str(web.cluster.kubeconfig))

    async def forward():
        service = await Service.get("web", namespace="default", api=await api(kubeconfig=str(web.cluster.kubeconfig)))
        async with service.portforward(8000, "auto") as port:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                assert (await client.get("/")).status_code == 200
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\n")  # not ended: the server waits for more
            await writer.drain()
            ended = asyncio.create_task(reader.read())
            for _ in range(200):  # the first cut may come before the websocket is open
                web.cluster.cut_connections()
                if (await asyncio.wait((ended,), timeout=0.1))[0]:
                    break
            assert ended.done()
            assert isinstance(ended.exception(), ConnectionError) or ended.result() == b""
            writer.close()
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                assert (await client.get("/")).status_code == 200, "the next connection is a new one"

    asyncio.run(forward())


def test_a_stopped_server_answers_again_on_the_same_port(http):
    http.run("survivor")
    pid = http.cluster.processes()["survivor"]
    http.cluster.stop_api()
    with pytest.raises(httpx.ConnectError):
        http("GET", PODS_PATH)
    http.cluster.start_api()
    assert http.pod("survivor")["status"]["phase"] == "Running"
    assert http.cluster.processes()["survivor"] == pid


@pytest.mark.parametrize("steps", range(6))
def test_the_server_stops_while_a_connection_arrives(http, steps):
    """At each step of its event loop on the way from accepted to served; aiohttp may wait for such a one for ever."""
    address = urlsplit(http.cluster.url)

    async def stop():
        with socket.create_connection((address.hostname, address.port)):
            for _ in range(steps):
                await asyncio.sleep(0)
            await asyncio.wait_for(http.cluster._cluster.api.stop(), 20)

    try:
        http.cluster._wait_for(stop)
    finally:
        http.cluster.start_api()
    assert http("GET", PODS_PATH).status_code == 200
