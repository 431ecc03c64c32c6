"""Primitives whose workers are killed in the middle of a job: the same bits and values."""

import os
import signal
import threading

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2
from qiskit_aer import primitives

from qiskit_cluster_provider import EstimatorV2, SamplerV2
from qiskit_cluster_provider.errors import SlicesLostError
from qiskit_cluster_provider.progress import SliceDone
from qiskit_cluster_provider.testing import pub_differences
from qiskit_cluster_provider.worker.children import POOL

from ..parity.pubs import noise
from ..slow import endless, quick
from .test_workers import KillOnce, busy, client, cluster, on_cluster

__all__ = ["client", "cluster", "on_cluster"]  # fixtures


@pytest.mark.parametrize("deaths", [1, 2])
def test_sampler(on_cluster, client, deaths):
    circuit, shots = busy(0.3)
    killer = KillOnce(client, deaths)
    options = {"run_options": {"max_job_size": 1, "callback": killer}}
    pubs = [*[circuit] * 6, (circuit, None, 9)]
    job = SamplerV2(on_cluster, seed=3, default_shots=shots, options=options).run(pubs)
    ours = job.result(timeout=150)
    assert len(killer.killed) == deaths
    assert max(info.attempts for info in job.slices()) > 1
    theirs = primitives.SamplerV2(seed=3, default_shots=shots).run(pubs).result()
    assert pub_differences(ours, theirs) == []


@pytest.mark.parametrize("estimation", ["exact", "shots"])
def test_estimator(on_cluster, client, estimation):
    circuit = efficient_su2(6, reps=6)
    rows = np.random.default_rng(1).uniform(-3, 3, (12, circuit.num_parameters))
    pubs = [(circuit, [["ZZZZZZ"], ["XXXXXX"]], rows, 0.1)]
    backend_options = {"noise_model": noise("depolarizing"), "method": "statevector"}
    run_options = {"seed_simulator": 3, **({"shots": 300} if estimation == "exact" else {})}

    def job(**more):
        options = {
            "backend_options": backend_options,
            "run_options": {**run_options, **more},
            "estimation": estimation,
        }
        return EstimatorV2(on_cluster, options=options).run(pubs)

    killer = KillOnce(client, 2)
    killed = job(max_job_size=2, callback=killer)
    ours = killed.result(timeout=150)
    assert len(killer.killed) == 2
    assert max(info.attempts for info in killed.slices()) > 1
    assert pub_differences(ours, job().result(), atol=0.0) == []


def test_slices_that_are_lost_name_their_pubs_and_leave_the_rest(backend):
    arrived = threading.Event()

    def listener(event):
        if isinstance(event, SliceDone):
            arrived.set()

    circuit = quick("first")
    options = {"run_options": {"max_job_size": 1, "retries": 0, "callback": listener}}
    job = SamplerV2(backend, seed=3, options=options).run([circuit, endless("poison")])
    assert arrived.wait(60)
    while not (busy_children := [pid for pid, is_busy in POOL.pids().items() if is_busy]):
        pass
    os.kill(busy_children[0], signal.SIGKILL)
    with pytest.raises(SlicesLostError, match=r"1 of 2 PUBs, among them PUB 1 \(circuit 'poison'\)"):
        job.result(timeout=100)
    assert job.partial_result()[0].data.c == primitives.SamplerV2(seed=3).run([circuit]).result()[0].data.c
    assert [bool(pub.metadata["missing"]) for pub in job.partial_result()] == [False, True]
