"""What does not fit is refused with the figures, what is large waits for its place, an OOM kill has a name."""

import threading

import pytest
from qiskit.circuit import Parameter, QuantumCircuit

from qiskit_cluster_provider import ClusterProvider, SamplerV2
from qiskit_cluster_provider.errors import PubsFailedError
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import Needs, Simulator, cut, prepare, too_big
from qiskit_cluster_provider.progress import SliceFailed, SliceStarted
from qiskit_cluster_provider.worker.deaths import how
from qiskit_cluster_provider.worker.memory import memory_kills, memory_limit
from qiskit_cluster_provider.worker.permits import Permits

from ..slow import quick
from .processes import cluster


def wide(qubits, name="wide", measured=None):
    circuit = QuantumCircuit(qubits, measured or qubits, name=name)
    circuit.h(range(qubits))
    circuit.t(range(qubits))
    for qubit in range(qubits - 1):
        circuit.cx(qubit, qubit + 1)
    circuit.measure(range(measured or qubits), range(measured or qubits))
    return circuit


def work_of(circuits, **options):
    return prepare(circuits, None, {"shots": 100, "seed_simulator": 1, **options}, SliceOptions(), Simulator())


@pytest.mark.parametrize("size", [1, 3, None])
def test_what_fits_on_no_worker_is_refused_with_the_figures_and_costs_nobody_else(backend, aer, size):
    batch = [quick("a"), quick("b"), wide(40, "too big"), quick("c"), wide(41, "bigger"), quick("d")]
    events = []
    options = {"seed_simulator": 3, "memory": True, "method": "statevector", "max_job_size": size}
    job = backend.run(batch, callback=events.append, **options)
    ours = job.result(timeout=60)
    assert [one.success for one in ours.results] == [True, True, False, True, False, True]
    first, second = job.errors()
    assert (first.name, first.index, second.name, second.index) == ("too big", 2, "bigger", 4)
    assert "needs 16 * 2**40 bytes (16,777,216 MB) for 40 qubits with method 'statevector'" in first.message
    assert "the largest worker has" in first.message
    assert "matrix_product_state" in first.message
    refused = {e.index for e in events if isinstance(e, SliceFailed)}
    assert len(refused) == 2
    assert not refused & {e.index for e in events if isinstance(e, SliceStarted)}, "they were never sent"
    theirs = aer.run(batch, seed_simulator=3, memory=True, method="statevector").result()
    for index in (0, 1, 3, 5):
        assert ours.get_memory(index) == theirs.get_memory(index)


def test_aer_refuses_what_it_chooses_itself_and_we_say_what_to_do(backend):
    result = backend.run([quick(), wide(40)]).result(timeout=60)
    assert result.results[0].success
    assert "Insufficient memory" in result.results[1].status
    assert "Take workers with more memory" in result.results[1].status


def test_a_pub_that_fits_nowhere(backend):
    angle = Parameter("angle")
    big = wide(40, "too big")
    big.rx(angle, 0)
    sampler = SamplerV2(backend, seed=1, options={"backend_options": {"method": "statevector"}})
    job = sampler.run([quick(), (big, [0.1, 0.2, 0.3])])
    with pytest.raises(
        PubsFailedError, match=r"1 of 2 PUBs failed: PUB 1 \(circuit 'too big'\).* needs 16 \* 2\*\*40"
    ):
        job.result(timeout=60)
    assert job.partial_result()[0].data.c.num_shots == 1024


def test_aer_drops_qubits_that_nobody_looks_at_and_so_do_we(backend):
    circuit = QuantumCircuit(60, 2, name="looks wide")
    circuit.h(range(60))
    circuit.t(range(60))
    circuit.measure([0, 1], [0, 1])
    assert too_big(work_of([circuit], method="statevector"), 1000) == {}
    assert backend.run(circuit, method="statevector").result(timeout=60).success
    whole = work_of([circuit], method="statevector", enable_truncation=False)
    assert "60 qubits" in too_big(whole, 1000)[0]


def test_a_users_own_limit_is_left_to_aer():
    assert too_big(work_of([wide(33)], method="statevector", max_memory_mb=10**6), 8000) == {}
    assert list(too_big(work_of([wide(33)], method="statevector"), 8000)) == [0]


@pytest.mark.parametrize(
    ("qubits", "options", "least", "most"),
    [
        (26, {}, 1024, 1100),
        (26, {"precision": "single"}, 512, 600),
        (13, {"method": "density_matrix"}, 1024, 1100),
        (26, {"method": "matrix_product_state"}, 0, 0),
        (5, {}, 0, 0),
        (26, {"max_parallel_threads": 2}, 1024, 1100),
    ],
)
def test_the_need_of_a_slice(qubits, options, least, most):
    work = work_of([wide(qubits)], **options)
    assert least <= Needs(work).memory(cut(work, 1).slices[0]) <= most


def test_saved_states_and_clifford_circuits_count_as_what_they_are():
    saved = wide(24)
    saved.save_statevector()
    plain = work_of([wide(24)] * 4)
    states = work_of([saved] * 4)
    need = [Needs(w).memory(cut(w, 1).slices[0]) for w in (plain, states)]
    assert need[1] > 3 * need[0] / 2
    ghz = QuantumCircuit(40)
    ghz.h(0)
    for qubit in range(39):
        ghz.cx(qubit, qubit + 1)
    ghz.measure_all()
    assert Needs(work_of([ghz])).memory(cut(work_of([ghz]), 1).slices[0]) == 0


def test_large_slices_wait_for_each_other():
    room = Permits(1000)
    inside, most, lock, done = [0], [0], threading.Lock(), []
    barrier = threading.Barrier(6)

    def take():
        barrier.wait()
        for _ in range(50):
            with room.reserve(400):
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                with lock:
                    inside[0] -= 1
        done.append(True)

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(done) == 6
    assert 1 <= most[0] <= 2
    with room.reserve(10**9) as granted:
        assert granted == 1000, "what asks for more than there is gets all, and Aer refuses it with its figures"


def test_a_worker_gives_its_children_its_own_limit_and_resources_are_used():
    """Aer itself takes the machine's memory for its own, and knows neither Dask nor cgroups."""
    with cluster(workers=0) as processes, ClusterProvider() as provider:
        processes.start_worker(1, "--memory-limit=1GB", "--resources=MEMORY=1e9")
        backend = provider.get_backend("aer-dask", address=processes.address)
        small = backend.run(quick(), seed_simulator=1).result(timeout=60)
        assert small.metadata["max_memory_mb"] <= 1000
        large = backend.run(wide(24), shots=10).result(timeout=100)
        assert large.success
        assert 256 <= large.metadata["max_memory_mb"] <= 1000
        client = backend.connection.client()
        restrictions = client.run_on_scheduler(
            lambda dask_scheduler: [dict(w.resources) for w in dask_scheduler.workers.values()]
        )
        assert restrictions == [{"MEMORY": 1e9}]
        refused = backend.run([quick(), wide(28)], method="statevector").result(timeout=60)
        assert [one.success for one in refused.results] == [True, False]
        assert "(4,096 MB)" in refused.results[1].status
        assert "the largest worker has 953 MB" in refused.results[1].status
        assert backend.run(wide(24), max_memory_mb=1, shots=1).result(timeout=60).success is False


def test_the_kernels_words(tmp_path):
    before, after = tmp_path / "before", tmp_path / "after"
    before.write_text("low 0\nhigh 0\nmax 7\noom 2\noom_kill 2\n")
    after.write_text("low 0\nhigh 0\nmax 9\noom 3\noom_kill 3\n")
    missing = str(tmp_path / "missing")
    assert memory_kills((missing, str(before))) == 2
    assert memory_kills((str(after),)) == 3
    assert memory_kills((missing,)) == 0
    assert memory_kills() >= 0
    assert how(-9, killed_for_memory=True) == "was ended by the kernel, which had no memory left (SIGKILL)"
    assert how(-9, killed_for_memory=False) == "was ended by SIGKILL"
    assert how(-6, killed_for_memory=True) == "was ended by SIGABRT"
    assert how(3, killed_for_memory=False) == "exited with code 3"


def test_the_limit_of_a_cgroup(tmp_path):
    machine = memory_limit(())
    assert machine > 2**28
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "limit").write_text(f"{2**27}\n")
    assert memory_limit((str(tmp_path / "max"),)) == machine
    assert memory_limit((str(tmp_path / "max"), str(tmp_path / "limit"))) == 2**27
    assert memory_limit((str(tmp_path / "missing"),)) == machine
