"""Primitives whose workers are killed in the middle of a job: the same bits and values."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from qiskit.circuit.library import efficient_su2
from qiskit_aer import primitives

from qiskit_cluster_provider import EstimatorV2, SamplerV2
from qiskit_cluster_provider.errors import SlicesLostError
from qiskit_cluster_provider.outcomes import Reason
from qiskit_cluster_provider.testing import pub_differences
from qiskit_cluster_provider.worker.reply import packed

from ..parity.pubs import noise
from ..slow import quick
from .processes import busy
from .test_workers import KillOnce, client, cluster, on_cluster

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


class Refusing(ThreadPoolExecutor):
    """Loses slice 1 whatever it is given."""

    def submit(self, fn, call, *args):
        if call[1] == 1:
            return super().submit(lambda: ("error", packed(Reason("the disk is full"))))
        return super().submit(fn, call, *args)


def test_slices_that_are_lost_name_their_pubs_and_leave_the_rest(backend):
    circuit = quick("first")
    with Refusing(1) as executor:
        options = {"run_options": {"max_job_size": 1, "executor": executor}}
        job = SamplerV2(backend, seed=3, options=options).run([circuit, quick("second")])
        with pytest.raises(SlicesLostError, match=r"full(.|\n)*1 of 2 PUBs, among them PUB 1 \(circuit 'second'\)"):
            job.result(timeout=100)
    assert job.partial_result()[0].data.c == primitives.SamplerV2(seed=3).run([circuit]).result()[0].data.c
    assert [bool(pub.metadata["missing"]) for pub in job.partial_result()] == [False, True]
