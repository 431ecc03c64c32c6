"""Another number of workers: asked for, given by the load, and not to be had."""

import threading

import pytest

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters.kubernetes import start
from qiskit_cluster_provider.errors import ClusterConfigError, ClusterConnectionError
from qiskit_cluster_provider.progress import ClusterTrouble, SliceDone
from qiskit_cluster_provider.testing import differences

from ..faults.processes import busy
from ..slow import quick
from .lab import until

pytestmark = pytest.mark.slow
OPTIONS = {"memory": True, "seed_simulator": 3, "max_job_size": 1}


def expected(aer, batch, shots):
    return aer.run(batch, shots=shots, memory=True, seed_simulator=3).result()


def test_up_and_down(lab, step, aer, backend):
    name, (circuit, shots) = backend.cluster.name, busy(0.1)
    for workers in (4, 1):
        with step(f"scale to {workers}"):
            backend.scale(workers)
        assert len(backend.connection.client().nthreads()) == workers
        until(lambda workers=workers: len(lab.pods("worker", name)) == workers)
        ours = backend.run([circuit] * 6, shots=shots, **OPTIONS).result(timeout=100)
        assert differences(ours, expected(aer, [circuit] * 6, shots)) == []


def test_to_none_and_back(lab, step, backend):
    backend.scale(0)
    job = backend.run(quick())
    with step("scale from 0 to 1"):
        backend.scale(1)
    assert job.result(timeout=60).success, "it has waited"


def test_what_is_no_number_of_workers(backend):
    with pytest.raises(ClusterConfigError, match="workers=-1"):
        backend.scale(-1)
    with pytest.raises(ClusterConfigError, match=r"workers=\(3, 2\)"):
        backend.adapt(3, 2)
    assert len(backend.connection.client().nthreads()) == 2


def test_the_load_decides_from_zero_on(lab, step, aer):
    circuit, shots = busy(1)
    seen = []
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-k8s", workers=(0, 2), **lab.settings)
        with step("start without workers"):
            backend.connection.client()
        with backend:
            name = backend.cluster.name
            assert lab.pods("worker", name) == {}

            def listener(event):
                if isinstance(event, SliceDone):
                    seen.append(len(lab.ready_pods("worker", name)))

            with step("a job from no workers on"):
                ours = backend.run([circuit] * 14, shots=shots, callback=listener, **OPTIONS).result(timeout=120)
            assert differences(ours, expected(aer, [circuit] * 14, shots)) == []
            assert max(seen) == 2

            def none():
                lab.end_cooldown(name)
                return not lab.pods("worker", name)

            with step("back to none"):
                until(none)
            with step("another job"):
                assert backend.run(quick()).result(timeout=60).success
    lab.gone(name)


def test_adapt_and_a_fixed_number_again(lab, step, backend):
    name = backend.cluster.name
    with step("adapt(1, 2)"):
        backend.adapt(1, 2)

        def fewer():
            lab.end_cooldown(name)
            return len(lab.pods("worker", name)) == 1

        until(fewer)
    assert backend.run(quick()).result(timeout=60).success
    backend.scale(2)
    assert f"autoscaler/{name}" not in lab.left(name)


@pytest.mark.stand_in("say how large its node is")
def test_workers_that_wait_for_a_node_go_first(lab, step):
    """dask-kubernetes would close those that run, and keep those that wait."""
    with ClusterProvider() as provider:
        settings = {**lab.settings, "cpu": 3}
        with provider.get_backend("aer-k8s", workers=2, **settings) as backend:
            name = backend.cluster.name
            at_work = set(lab.ready_pods("worker", name))
            with pytest.raises(ClusterConnectionError) as raised:
                backend.scale(4, timeout=3)
            assert "there are 2 of 4 workers after 3 s" in str(raised.value)
            assert "finds no node: 0/1 nodes are available: 1 Insufficient cpu" in str(raised.value)
            assert len(lab.pods("worker", name)) == 4
            with step("scale from 2 and 2 waiting to 2"):
                backend.scale(2, timeout=20)
            until(lambda: set(lab.pods("worker", name)) == at_work, 10)


@pytest.mark.stand_in("stop the operator")
def test_no_operator(lab, local, step, monkeypatch, caplog):
    """It says so, and close() does not wait for an hour."""
    monkeypatch.setattr(start, "_GONE_WITHIN", 2.0)
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-k8s", workers=1, **lab.settings)
        backend.run(quick()).result(timeout=60)
        name = backend.cluster.name
        local.stop_operator()
        assert backend.run(quick()).result(timeout=60).success, "a job needs no operator"
        with pytest.raises(ClusterConnectionError, match=r"1 of 2 workers after 2 s.*1 were asked.*operator"):
            backend.scale(2, timeout=2)
        caplog.clear()
        with step("close without an operator"):
            backend.close()
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert f"DaskCluster {name} is marked for deletion" in said
    assert f"the Dask operator does not run: kubectl get daskcluster -n {lab.namespace} {name}" in said
    local.start_operator()
    lab.gone(name)


def test_scaling_ends_when_the_backend_is_closed(lab):
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-k8s", workers=1, **{**lab.settings, "node_selector": {}})
        backend.run(quick()).result(timeout=60)
        errors = []

        def grow():
            try:
                backend.scale(1000)
            except ClusterConnectionError as error:
                errors.append(error)

        thread = threading.Thread(target=grow)
        thread.start()
        until(lambda: len(lab.pods("worker", backend.cluster.name)) > 1)
        name = backend.cluster.name
        backend.close()
        thread.join(20)
        assert not thread.is_alive()
    assert "closed" in str(errors[0])
    assert name not in lab.clusters()


def test_the_quota_is_told_while_a_job_waits_for_workers_that_the_load_asks_for(lab, step, caplog):
    """As soon as Kubernetes says it, and nobody is told to adapt() who does."""
    with ClusterProvider() as provider, provider.get_backend("aer-k8s", **{**lab.settings, "workers": (0, 2)}) as one:
        one.connection.client()
        told = []

        def listen(event):
            if isinstance(event, ClusterTrouble):
                told.append(event.reason)

        with lab.quota(pods="0"), step("until the quota is told"):
            job = one.run(quick(), no_workers_timeout=120, callback=listen)
            until(lambda: any("exceeded quota: small" in reason for reason in told), lab.patience + 30)
            assert not any("with adapt(min, max)" in reason for reason in told)
            assert any("adapts between 0 and 2" in reason for reason in told)
            said = [record for record in caplog.records if "exceeded quota: small" in record.getMessage()]
            assert said[0].levelname == "WARNING", "who sets up no logging sees it"
            job.cancel()
