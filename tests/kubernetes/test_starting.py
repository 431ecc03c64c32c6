"""Starts that cannot succeed: they end soon, say why and what mends it, and leave nothing."""

import re

import pytest

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.errors import ClusterClosedError, ClusterConnectionError

from ..slow import quick
from .lab import until

pytestmark = pytest.mark.slow


@pytest.fixture
def refused(lab, step):
    """The one error of a run on a cluster with these settings."""

    def run(**settings):
        there = set(lab.clusters())
        with ClusterProvider() as provider:
            backend = provider.get_backend("aer-k8s", **{**lab.settings, "workers": 1, **settings})
            with step("until the error"), pytest.raises(ClusterConnectionError) as raised:
                backend.run(quick()).result(timeout=170)
            assert set(lab.clusters()) == there, "gone before the error is told"
        return str(raised.value)

    return run


def of_spec(lab, **settings):
    """In place of what a manifest says itself."""
    given = ("image", "cpu", "memory", "scheduler_cpu", "scheduler_memory")
    return {**dict.fromkeys(given), "spec": lab.manifest(**settings)}


def test_an_image_that_cannot_be_pulled(refused):
    said = refused(image="worker:missing")
    assert "the image 'worker:missing' cannot be pulled (ImagePullBackOff: Back-off pulling image" in said
    assert "Check image=" in said
    assert "kubectl describe pod -n" in said


@pytest.mark.parametrize("component", ["scheduler", "worker"])
def test_a_crash_loop(lab, refused, component):
    settings = of_spec(lab)
    (container,) = settings["spec"]["spec"][component]["spec"]["containers"]
    container["args"] = ["python", "-c", "print('no module named qiskit_aer'); raise SystemExit(3)"]
    said = refused(**settings)
    assert f"the {component} pod " in said
    assert "ends again and again" in said
    assert "exit code 3" in said
    assert said.endswith("no module named qiskit_aer")


@pytest.mark.parametrize("component", ["scheduler", "worker"])
def test_an_image_whose_entrypoint_ignores_what_it_is_given(lab, refused, component, caplog):
    """It runs, so that Kubernetes finds nothing wrong."""
    settings = of_spec(lab)
    (container,) = settings["spec"]["spec"][component]["spec"]["containers"]
    said = "import time; print('a notebook for you', flush=True); time.sleep(600)"
    container["args"] = ["python", "-c", said]
    said = refused(**settings, start_timeout=lab.patience)
    assert "Does the image's entrypoint run the command" in said
    assert said.endswith("a notebook for you")
    assert any("a notebook for you" in record.getMessage() for record in caplog.records), "before the time is over"


@pytest.mark.stand_in("remove the logs of containers")
@pytest.mark.parametrize("gone", [True, False])
def test_the_last_lines_are_those_of_a_container_that_is_there(lab, local, refused, gone):
    """Of one that was removed Kubernetes gives a text that says so, with status 200."""
    settings = of_spec(lab)
    (container,) = settings["spec"]["spec"]["worker"]["spec"]["containers"]
    container["args"] = ["python", "-c", "print('no module named qiskit_aer'); raise SystemExit(3)"]
    local.collect_logs(gone)
    try:
        said = refused(**settings)
    finally:
        local.collect_logs()
    assert "unable to retrieve" not in said
    assert said.endswith("no module named qiskit_aer")


def test_workers_that_fit_no_node(lab, refused):
    said = refused(cpu=1000, start_timeout=lab.patience)
    assert re.search(rf"no first worker after \d+ s \(start_timeout={lab.patience}\)", said)
    assert "finds no node: 0/" in said
    assert "Insufficient cpu" in said
    assert "Ask for less with cpu=, memory= or gpu=" in said


def test_a_scheduler_that_fits_no_node(lab, refused):
    said = refused(node_selector={"no": "such"}, start_timeout=5)
    assert re.search(r"there is no scheduler after \d+ s", said)
    assert "node_selector=" in said


def test_a_quota(lab, refused):
    with lab.quota(pods="0"):
        said = refused()
    assert "Kubernetes refuses to make a scheduler pod" in said
    assert "exceeded quota: small" in said
    assert "kubectl describe quota" in said


@pytest.mark.stand_in("stop the operator")
def test_nobody_begins_with_it(lab, local, refused, caplog, monkeypatch):
    from qiskit_cluster_provider.clusters.kubernetes import start

    monkeypatch.setattr(start, "_GONE_WITHIN", 1.0)
    local.stop_operator()
    said = refused(start_timeout=3)
    assert "was created, and the operator has not begun with it after 3 s" in said
    assert "operator does not run" in said
    assert "helm install" in said


def test_what_kubernetes_finds_invalid(lab, refused):
    settings = of_spec(lab)
    settings["spec"]["spec"]["idleTimeout"] = "an hour"
    said = refused(**settings)
    assert "finds the manifest invalid" in said
    assert "idleTimeout" in said


def test_closed_by_another_thread_while_it_starts(lab, step):
    there = set(lab.clusters())
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-k8s", node_selector={"no": "such"}, **lab.settings)
        job = backend.run(quick())
        (name,) = until(lambda: set(lab.clusters()) - there)
        with step("close"):
            backend.close()
        with pytest.raises(ClusterClosedError, match="closed"):
            job.result(timeout=20)
    lab.gone(name)
