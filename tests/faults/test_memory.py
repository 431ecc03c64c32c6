"""What does not fit is refused with the figures, what is large waits for its place, an OOM kill has a name."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from qiskit.circuit import Instruction, Parameter, QuantumCircuit
from qiskit.quantum_info import Kraus, Pauli, StabilizerState
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_cluster_provider import ClusterProvider, EstimatorV2, SamplerV2
from qiskit_cluster_provider.engines.aer.memory import too_big
from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.resources import AerEstimate
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.engines.aer.shapes import shape_of
from qiskit_cluster_provider.errors import PubsFailedError
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import cut
from qiskit_cluster_provider.progress import SliceFailed, SliceStarted
from qiskit_cluster_provider.versions import PROCESS_BYTES
from qiskit_cluster_provider.worker import entry
from qiskit_cluster_provider.worker.fair_semaphore import FairSemaphore
from qiskit_cluster_provider.worker.sandbox.exit_status import exit_status
from qiskit_cluster_provider.worker.sandbox.memory import _cgroups, memory_kills, memory_limit

from ..columns import columns_of
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
    return prepare(circuits, None, RunSettings({"shots": 100, "seed_simulator": 1, **options}, SliceOptions()))


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
    assert "matrix_product_state" in first.hint
    refused = {e.index for e in events if isinstance(e, SliceFailed)}
    assert len(refused) == 2
    assert not refused & {e.index for e in events if isinstance(e, SliceStarted)}, "they were never sent"
    theirs = aer.run(batch, seed_simulator=3, memory=True, method="statevector").result()
    for index in (0, 1, 3, 5):
        assert ours.get_memory(index) == theirs.get_memory(index)


SIZES = {
    "45 qubits": (45, {"method": "statevector"}, r"16 * 2**45 bytes"),
    "46 qubits, single": (46, {"method": "statevector", "precision": "single"}, r"8 * 2**46 bytes"),
    "70 qubits": (70, {"method": "statevector"}, r"16 * 2**70 bytes"),
    "62 qubits without a limit": (62, {"method": "statevector", "max_memory_mb": -1}, r"2**62"),
    "62 qubits without a limit, automatic": (62, {"max_memory_mb": -1}, r"2**62"),
    "23 qubits of a density matrix": (23, {"method": "density_matrix"}, r"2**46 bytes"),
    "70 qubits of a density matrix": (70, {"method": "density_matrix"}, r"2**140 bytes"),
    "23 qubits of a unitary": (23, {"method": "unitary"}, r"2**46 bytes"),
    "12 qubits of a superoperator": (12, {"method": "superop"}, r"2**48 bytes"),
}


@pytest.mark.parametrize("how", ["cluster", "here", "executor"])
@pytest.mark.parametrize("what", SIZES)
def test_what_is_larger_than_any_machine_fails_alone(backend, aer, same, what, how):
    qubits, options, says = SIZES[what]
    unitary = options.get("method") in ("unitary", "superop")
    batch = [quick("a"), wide(qubits, "too big"), quick("b")]
    if unitary:
        for index, circuit in enumerate(batch):
            batch[index] = circuit.remove_final_measurements(inplace=False)
            getattr(batch[index], f"save_{options['method']}")()
    options = {"seed_simulator": 3, "shots": 50, **options}
    with ThreadPoolExecutor(1) as pool:
        where = {"executor": pool} if how == "executor" else {"placement": how}
        job = backend.run(batch, **options, **where)
        result = job.result(timeout=60)
    assert [one.success for one in result.results] == [True, False, True]
    assert says in result.results[1].status
    assert "'too big' (index 1)" in result.results[1].status
    assert "no machine has as much" in result.results[1].status or how == "cluster"
    theirs = aer.run([batch[0], quick("unused"), batch[2]][:: 2 if unitary else 1], **options).result()
    for index in (0, 2):
        one = theirs.results[index // 2 if unitary else index]
        if not unitary:
            assert result.get_counts(index) == theirs.get_counts(index)
        assert one.success


def test_the_text_of_a_plan_says_nothing_wrong_of_what_is_too_large(backend):
    text = str(backend.explain([quick(), wide(70)], method="statevector"))
    assert "2 experiments" in text


def test_each_range_of_shots_of_what_is_too_large_is_refused(backend, aer):
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h"])
    options = {"method": "statevector", "noise_model": noise, "shots": 40, "seed_simulator": 5}
    batch = [quick("a"), wide(50, "too big"), quick("b")]
    result = backend.run(batch, max_shot_size=10, **options).result(timeout=60)
    assert [one.success for one in result.results] == [True, False, True]
    assert "2**50" in result.results[1].status
    theirs = aer.run([quick("a"), quick("-"), quick("b")], **options).result()
    assert [result.get_counts(i) for i in (0, 2)] == [theirs.get_counts(i) for i in (0, 2)]


@pytest.mark.parametrize("estimation", ["exact", "shots"])
def test_an_estimators_pub_that_is_larger_than_any_machine(backend, estimation):
    options = {"backend_options": {"method": "statevector"}, "estimation": estimation, "default_precision": 0.1}
    big = wide(50, "too big").remove_final_measurements(inplace=False)
    job = EstimatorV2(backend, options=options).run([(QuantumCircuit(1), "Z"), (big, "Z" * 50)])
    with pytest.raises(PubsFailedError, match=r"1 of 2 PUBs failed: PUB 1 \(circuit 'too big'\).* 2\*\*50"):
        job.result(timeout=60)
    assert job.partial_result()[0].data.evs.shape == ()


AUTOMATIC = {
    "save_matrix_product_state": lambda c: c.save_matrix_product_state(),
    "save_unitary": lambda c: c.save_unitary(),
    "save_superop": lambda c: c.save_superop(),
    "save_statevector": lambda c: c.save_statevector(),
    "save_statevector_dict": lambda c: c.save_statevector_dict(),
    "save_density_matrix": lambda c: c.save_density_matrix(),
    "save_amplitudes": lambda c: c.save_amplitudes([0]),
    "save_amplitudes_sq": lambda c: c.save_amplitudes_squared([0]),
    "save_probabilities": lambda c: c.save_probabilities(),
    "save_probabilities_dict": lambda c: c.save_probabilities_dict(),
    "save_expval": lambda c: c.save_expectation_value(Pauli("Z"), [0]),
    "save_expval_var": lambda c: c.save_expectation_value_variance(Pauli("Z"), [0]),
    "save_state": lambda c: c.save_state(),
    "save_stabilizer": lambda c: c.save_stabilizer(),
    "save_clifford": lambda c: c.save_clifford(),
    "kraus": lambda c: c.append(Kraus([np.diag([1, 0.6]), [[0, 0.8], [0, 0]]]).to_instruction(), [0]),
    "superop": lambda c: c.append(Instruction("superop", 1, 0, [np.eye(4)]), [0]),
    "set_statevector": lambda c: c.set_statevector([1, 0, 0, 0]),
    "set_density_matrix": lambda c: c.set_density_matrix(np.diag([1, 0, 0, 0])),
    "set_stabilizer": lambda c: c.set_stabilizer(StabilizerState(QuantumCircuit(2))),
    "in a loop": lambda c: c.for_loop(range(1), None, saving_products(), [0, 1], []),
}


def saving_products():
    body = QuantumCircuit(2)
    body.save_matrix_product_state()
    return body


@pytest.mark.parametrize("clifford", [True, False])
@pytest.mark.parametrize("name", AUTOMATIC)
def test_the_method_that_aer_chooses_by_what_stands_in_a_circuit(aer, name, clifford):
    circuit = QuantumCircuit(2, 1)
    circuit.h(0)
    circuit.cx(0, 1)
    if not clifford:
        circuit.t(0)
    AUTOMATIC[name](circuit)
    if name not in ("save_unitary", "save_superop"):
        circuit.measure(0, 0)
    result = aer.run(circuit, shots=5).result().results[0]
    if result.success:  # else Aer says that no method has all of it
        assert shape_of(columns_of(circuit)).automatic == result.metadata["method"]


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
    assert "60 qubits" in too_big(whole, 1000)[0].message


def test_a_users_own_limit_is_left_to_aer():
    assert too_big(work_of([wide(33)], method="statevector", max_memory_mb=10**6), 8000) == {}
    assert list(too_big(work_of([wide(33)], method="statevector"), 8000)) == [0]


def saving(qubits, what="statevector"):
    circuit = wide(qubits).remove_final_measurements(inplace=False)
    getattr(circuit, f"save_{what}")()
    return circuit


GIB = {
    "25 qubits": (wide(25), "statevector", True),
    "26 qubits": (wide(26), "statevector", False),
    "12 qubits of a density matrix": (wide(12), "density_matrix", True),
    "13 qubits of a density matrix": (wide(13), "density_matrix", False),
    "24 saved": (saving(24), "statevector", True),
    "25 saved": (saving(25), "statevector", False),
    "25 saved, automatic": (saving(25), "automatic", False),
    "25 saved from products": (saving(25), "matrix_product_state", False),
    "12 saved as a density matrix": (saving(12, "density_matrix"), "density_matrix", True),
    "13 saved as a density matrix, of a state vector": (saving(13, "density_matrix"), "statevector", False),
    "13 saved as a unitary": (saving(13, "unitary"), "unitary", False),
    "of a dictionary nobody knows": (saving(25, "statevector_dict"), "statevector", True),
}


@pytest.mark.parametrize("what", GIB)
def test_what_a_worker_of_1_gib_holds_beside_python_qiskit_aer_and_what_is_saved(what):
    circuit, method, fits = GIB[what]
    found = too_big(work_of([circuit], method=method), 1024)
    assert (not found) == fits, found
    if not fits:
        assert "160 MB for Python, Qiskit and Aer, and the largest worker has 1,024 MB." in found[0].message


def test_aer_is_told_of_what_the_processes_leave(monkeypatch):
    class Worker:
        class memory_manager:  # noqa: N801  (Dask's name)
            memory_limit = 2**30

    monkeypatch.setattr(entry, "_MEMORY", [])
    assert entry._memory(Worker).capacity == 1024 - 160


WITHIN = """
import os, resource, sys
from qiskit.circuit import QuantumCircuit
from qiskit_aer import AerSimulator
def anonymous(field):
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith(field))) << 10
mapped = anonymous("VmRSS") - anonymous("RssAnon")
circuit = QuantumCircuit(23)
circuit.h(range(23))
circuit.measure_all()
print(anonymous("RssAnon"))
assert AerSimulator(method="statevector", max_parallel_threads=1).run(circuit, shots=10).result().success
print(anonymous("VmHWM") - mapped)
"""


def test_what_a_process_with_aer_needs_beside_its_state():
    done = subprocess.run([sys.executable, "-c", WITHIN], capture_output=True, text=True, check=True, timeout=60)
    before, height = map(int, done.stdout.split())
    assert 30 * 2**20 < before < PROCESS_BYTES
    assert 2**23 * 16 + before - 8 * 2**20 < height < 2**23 * 16 + PROCESS_BYTES


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
    assert least <= AerEstimate(work).memory(cut(work, 1).slices[0]) <= most


def test_saved_states_and_clifford_circuits_count_as_what_they_are():
    saved = wide(24)
    saved.save_statevector()
    plain = work_of([wide(24)] * 4)
    states = work_of([saved] * 4)
    need = [AerEstimate(w).memory(cut(w, 1).slices[0]) for w in (plain, states)]
    assert need[1] > 3 * need[0] / 2
    ghz = QuantumCircuit(40)
    ghz.h(0)
    for qubit in range(39):
        ghz.cx(qubit, qubit + 1)
    ghz.measure_all()
    assert AerEstimate(work_of([ghz])).memory(cut(work_of([ghz]), 1).slices[0]) == 0


def test_large_slices_wait_for_each_other():
    room = FairSemaphore(1000)
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


@pytest.mark.slow
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


def kernel(root, cgroups, **files):
    """The files of a kernel, with the cgroups of this process and what is written in files of theirs."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("\n".join(cgroups))
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


V1 = "4:cpu,cpuacct:/x", "5:memory:/slurm/job_7/step", "0::/"
V2 = ("0::/kubepods.slice/pod7/box",)
NO_LIMIT = "9223372036854771712\n"


@pytest.mark.parametrize(
    ("cgroups", "files"),
    [
        (V1, {"sys/fs/cgroup/memory/slurm/job_7/step/memory.limit_in_bytes": f"{2**27}\n"}),
        (V1, {"sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes": f"{2**27}\n"}),
        (V1, {"sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**27}\n"}),
        (V2, {"sys/fs/cgroup/kubepods.slice/pod7/box/memory.max": f"{2**27}\n"}),
        (V2, {"sys/fs/cgroup/kubepods.slice/memory.max": f"{2**27}\n"}),
        (V2, {"sys/fs/cgroup/memory.max": f"{2**27}\n"}),
        (("0::/a",), {"sys/fs/cgroup/unified/a/memory.max": f"{2**27}\n"}),
        (
            V1,
            {
                "sys/fs/cgroup/memory/slurm/job_7/step/memory.limit_in_bytes": NO_LIMIT,
                "sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes": f"{2**28}\n",
                "sys/fs/cgroup/memory/slurm/memory.limit_in_bytes": f"{2**27}\n",
            },
        ),
    ],
)
def test_the_limit_of_a_cgroup_and_of_those_around_it(tmp_path, cgroups, files):
    assert memory_limit(kernel(tmp_path, cgroups, **files)) == 2**27


MOUNTS = {
    "a container that sees the names outside": (
        "5:memory:/docker/abc/inner",
        "36 25 0:31 /docker/abc /sys/fs/cgroup/memory ro,nosuid master:11 - cgroup cgroup rw,memory",
        "sys/fs/cgroup/memory/inner/memory.limit_in_bytes",
    ),
    "another place": (
        "5:memory:/a/b",
        "36 25 0:31 / /my\\040groups rw - cgroup none rw,seclabel,cpu,memory",
        "my groups/a/memory.limit_in_bytes",
    ),
    "version 2 beside version 1": (
        "0::/user.slice/me",
        "40 25 0:38 / /sys/fs/cgroup/hybrid rw - cgroup2 cgroup2 rw",
        "sys/fs/cgroup/hybrid/user.slice/memory.max",
    ),
    "outside the namespace": (
        "0::/../other/me",
        "40 25 0:38 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
        "sys/fs/cgroup/other/me/memory.max",
    ),
}


@pytest.mark.parametrize(("cgroup", "mount", "file"), MOUNTS.values(), ids=MOUNTS)
def test_cgroups_are_looked_for_where_they_are_mounted(tmp_path, cgroup, mount, file):
    others = (
        "22 1 0:20 / /proc rw - proc proc rw\nnonsense\n37 25 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
    )
    files = {"proc/self/mountinfo": f"{others}{mount}\n", file: f"{2**27}\n"}
    assert memory_limit(kernel(tmp_path, (cgroup,), **files)) == 2**27


def test_no_limit_is_the_machine(tmp_path):
    machine = memory_limit(tmp_path)
    assert machine > 2**28
    assert memory_limit(kernel(tmp_path, V2, **{"sys/fs/cgroup/memory.max": "max\n"})) == machine
    other = {"sys/fs/cgroup/memory/other/memory.limit_in_bytes": "7\n"}
    assert memory_limit(kernel(tmp_path / "b", V1, **other)) == machine, "it is another's"
    assert memory_limit(kernel(tmp_path / "c", ["nonsense", "5:memory:relative", ""])) == machine
    assert memory_limit() <= machine


def test_a_nested_cgroup_of_this_machine():
    """A real one; the kernel has to let us make it."""
    mine = next(
        (folder for folder, version in _cgroups(Path("/")) if version == 1 and os.access(folder, os.W_OK)), None
    )
    if mine is None:
        pytest.skip("no cgroup of version 1 that this process may make others in")
    inner = mine / f"test-{os.getpid()}"
    try:
        inner.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        (inner / "memory.limit_in_bytes").write_text(str(2**28))
        script = (
            "import os, pathlib, sys; pathlib.Path(sys.argv[1], 'cgroup.procs').write_text(str(os.getpid()))\n"
            "from qiskit_cluster_provider.worker.sandbox.memory import memory_limit; print(memory_limit())"
        )
        said = subprocess.run([sys.executable, "-c", script, str(inner)], capture_output=True, text=True, check=True)
        assert int(said.stdout) == 2**28
    finally:
        inner.rmdir()


def test_the_kernels_words(tmp_path):
    v2 = {"sys/fs/cgroup/kubepods.slice/pod7/box/memory.events": "low 0\nmax 7\noom 2\noom_kill 2\n"}
    assert memory_kills(kernel(tmp_path / "v2", V2, **v2)) == 2
    v1 = {"sys/fs/cgroup/memory/slurm/job_7/step/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"}
    assert memory_kills(kernel(tmp_path / "v1", V1, **v1)) == 3
    assert memory_kills(kernel(tmp_path / "machine", V1, **{"proc/vmstat": "pgfault 9\noom_kill 4\n"})) == 4
    assert memory_kills(tmp_path / "nothing") == 0
    assert memory_kills() >= 0
    assert exit_status(-9, killed_for_memory=True) == "was ended by the kernel, which had no memory left (SIGKILL)"
    assert exit_status(-9, killed_for_memory=False) == "was ended by SIGKILL"
    assert exit_status(-6, killed_for_memory=True) == "was ended by SIGABRT"
    assert exit_status(3, killed_for_memory=False) == "exited with code 3"
