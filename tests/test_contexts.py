"""From where a backend is used: threads, a running event loop, a notebook, a fork, another process."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context

import nbformat
import pytest
from distributed import Client, LocalCluster
from nbclient import NotebookClient

from qiskit_cluster_provider import ClusterProvider, EstimatorV2, SamplerV2
from qiskit_cluster_provider.errors import ClusterConnectionError

from .slow import quick

BEGIN = """
import os, sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_cluster_provider import ClusterProvider, SamplerV2
from qiskit_cluster_provider.errors import ClusterConnectionError

circuit = QuantumCircuit(2, 2)
circuit.h([0, 1])
circuit.measure([0, 1], [0, 1])
expected = AerSimulator().run(circuit, seed_simulator=7).result().get_counts()

def right(backend, **options):
    return backend.run(circuit, seed_simulator=7, **options).result(timeout=60).get_counts() == expected

def refused(call):
    try:
        call()
    except ClusterConnectionError as error:
        return str(error)
    return "not refused"

def in_child(function):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            function()
            sys.stdout.flush()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
"""


def said(code):
    """The lines that a Python of its own prints."""
    run = subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=150)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def counts(backend, seed):
    return backend.run([quick()] * 3, seed_simulator=seed).result(timeout=120).get_counts()


def test_many_threads_use_one_backend(backend, aer):
    seeds = range(24)
    expected = [aer.run([quick()] * 3, seed_simulator=seed).result().get_counts() for seed in seeds]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda seed: counts(backend, seed), seeds)) == expected


def test_many_threads_start_one_cluster(aer):
    expected = [aer.run([quick()] * 3, seed_simulator=seed).result().get_counts() for seed in range(8)]
    with ClusterProvider() as provider, ThreadPoolExecutor(8) as threads:
        backend = provider.get_backend("aer-local", workers=1)
        assert list(threads.map(lambda seed: counts(backend, seed), range(8))) == expected


def test_many_threads_share_a_job(backend, aer):
    job = backend.run([quick()] * 3, seed_simulator=1)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: job.result(timeout=60), range(8)))
    assert all(one is found[0] for one in found)
    assert found[0].get_counts() == aer.run([quick()] * 3, seed_simulator=1).result().get_counts()


@pytest.mark.parametrize("how", ["directly", "in a thread", "side by side"])
def test_inside_a_running_event_loop(aer, how):
    """The cluster is started there too."""
    expected = aer.run([quick()] * 3, seed_simulator=1).result().get_counts()

    async def main():
        with ClusterProvider() as provider:
            backend = provider.get_backend("aer-local", workers=1)
            if how == "directly":
                return [counts(backend, 1)]
            if how == "in a thread":
                return [await asyncio.to_thread(counts, backend, 1)]
            return await asyncio.gather(*(asyncio.to_thread(counts, backend, 1) for _ in range(4)))

    assert all(found == expected for found in asyncio.run(main()))


def test_primitives_inside_a_running_event_loop(backend):
    async def main():
        sampled = SamplerV2(backend, seed=1).run([quick()], shots=5).result(60)[0].data.c
        bare = quick().remove_final_measurements(inplace=False)
        return sampled, EstimatorV2(backend).run([(bare, "ZZ")]).result(60)[0].data.evs

    sampled, value = asyncio.run(main())
    assert sampled == SamplerV2(backend, seed=1).run([quick()], shots=5).result(60)[0].data.c
    assert value == pytest.approx(1.0)


def test_clients_inside_a_running_event_loop(backend, aer):
    """One of another loop works; one of this loop would have to be awaited."""
    expected = aer.run([quick()] * 3, seed_simulator=1).result().get_counts()

    async def main():
        async with (
            LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0", asynchronous=True) as cluster,
            Client(cluster, asynchronous=True, set_as_default=False) as client,
        ):
            with pytest.raises(ClusterConnectionError, match="is asynchronous; make it with"):
                backend.run(quick(), executor=client)
            return counts(backend, 1)

    assert asyncio.run(main()) == expected


def test_a_fork_after_use():
    """The child is told so, and may have a cluster of its own; the parent goes on."""
    lines = said("""
provider = ClusterProvider()
backend = provider.get_backend("aer-local", workers=1)
print("parent", right(backend))

def child():
    print(refused(lambda: backend.run(circuit)))
    print(refused(lambda: SamplerV2(backend).run([circuit])))
    with ClusterProvider() as own:
        print("child", right(own.get_backend("aer-local", workers=1)))

in_child(child)
print("parent", right(backend))
provider.close()
""")
    first, told, told_again, child, again = lines
    assert (first, child, again) == ("parent True", "child True", "parent True")
    for line in (told, told_again):
        assert "does not survive a fork; make a ClusterProvider in this process" in line


def test_a_fork_before_use():
    lines = said("""
provider = ClusterProvider()
backend = provider.get_backend("aer-local", workers=1)
in_child(lambda: print("child", right(backend)))
print("parent", right(backend))
provider.close()
""")
    assert lines == ["child True", "parent True"]


def test_a_fork_after_use_of_executors_and_a_client():
    lines = said("""
from distributed import Client, LocalCluster
if __name__ == "__main__":
    backend = ClusterProvider().get_backend("aer-local", workers=1)
    with (
        ThreadPoolExecutor(1) as threads,
        LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        all_of_them = (threads, client, client.get_executor())
        for executor in all_of_them:
            print("parent", right(backend, executor=executor))

        def child():
            for executor in all_of_them:
                print(refused(lambda: backend.run(circuit, executor=executor)))
            with ThreadPoolExecutor(1) as own:
                print("child", right(backend, executor=own))

        in_child(child)
        for executor in all_of_them:
            print("parent", right(backend, executor=executor))
""")
    assert lines[:3] == lines[-3:] == ["parent True"] * 3
    assert "no running thread, as after a fork; make one in this process" in lines[3]
    assert all("does not survive a fork; make a client in this process" in line for line in lines[4:6])
    assert lines[6] == "child True"


def in_another_process(seed):
    with ClusterProvider() as provider:
        return counts(provider.get_backend("aer-local", workers=1), seed)


def test_in_a_child_process(aer):
    with get_context("spawn").Pool(1) as pool:
        found = pool.apply_async(in_another_process, (5,)).get(timeout=120)
    assert found == aer.run([quick()] * 3, seed_simulator=5).result().get_counts()


@pytest.mark.slow
def test_in_a_notebook():
    """A kernel runs an event loop; a refused call leaves it as it was."""
    cells = [
        BEGIN + "backend = ClusterProvider().get_backend('aer-local', workers=1)",
        "right(backend)",
        "try:\n    backend.run([])\nexcept ValueError as error:\n    print(error)",
        "import asyncio\nawait asyncio.to_thread(right, backend)",
        "backend.close()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    NotebookClient(notebook, timeout=100, kernel_name="python3").execute()
    outputs = [cell.outputs for cell in notebook.cells]
    assert outputs[1][0].data["text/plain"] == "True"
    assert "at least one" in outputs[2][0].text
    assert outputs[3][0].data["text/plain"] == "True"
