"""The command line, through its own entry point."""

import json
import platform
import subprocess
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qasm2, qasm3, qpy, transpile
from qiskit.circuit import Parameter
from qiskit_aer import AerSimulator
from typer.testing import CliRunner

from qiskit_cluster_provider import __version__
from qiskit_cluster_provider.cli.app import app

BELL = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[2];
creg c[2];
h q[0];
cx q[0], q[1];
measure q -> c;
"""
FEEDBACK = """OPENQASM 3.0;
include "stdgates.inc";
qubit[3] q;
bit[3] c;
bit[1] m;
ry(0.7) q[0];
m[0] = measure q[0];
if (m[0]) { ry(1.1) q[1]; }
h q[2];
c = measure q;
"""


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """In a folder of its own, without the user's profiles, and with room for tables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def invoke():
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def bell(tmp_path):
    (tmp_path / "bell.qasm").write_text(BELL)
    return "bell.qasm"


@pytest.fixture
def profile(tmp_path, monkeypatch):
    def profile(text):
        (tmp_path / "profiles.toml").write_text(text)
        monkeypatch.setenv("QISKIT_CLUSTER_PROFILES", "profiles.toml")

    return profile


@pytest.fixture
def running(provider, monkeypatch):
    """The cluster of all tests, by its address: most tests here need no cluster of their own."""
    client = provider.get_backend("aer-local", workers=2).connection.client()
    monkeypatch.setenv("QISKIT_CLUSTER_ADDRESS", client.scheduler.address)
    monkeypatch.setenv("QISKIT_CLUSTER_BACKEND", "aer-dask")


def write_qpy(path, *circuits):
    with open(path, "wb") as file:
        qpy.dump(list(circuits), file)
    return path


def random_circuit(qubits, seed, name):
    circuit = QuantumCircuit(qubits, name=name)
    for qubit in range(qubits):
        circuit.u(seed + qubit, 0.3 * seed, 0.1, qubit)
        circuit.cx(qubit, (qubit + 1) % qubits)
    circuit.measure_all()
    return circuit


def refused(done, *said):
    """Bad input: one line on stderr, nothing on stdout, and no traceback."""
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    for text in said:
        assert text in done.stderr


# version, help


def test_version(invoke):
    expected = {name: version(name) for name in ("qiskit", "qiskit-aer", "distributed", "dask")}
    expected = {"qiskit-cluster-provider": __version__, **expected, "python": platform.python_version()}
    assert json.loads(invoke("version", "--json").stdout) == expected
    assert invoke("version").stdout.splitlines() == [f"{name} {text}" for name, text in expected.items()]


def test_the_installed_script(tmp_path):
    script = Path(sys.executable).with_name("qiskit-cluster")
    (tmp_path / "bell.qasm").write_text(BELL)
    command = [script, "run", "bell.qasm", "--shots", "100", "--seed", "3", "--workers", "1", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    counts = AerSimulator().run(qasm2.loads(BELL), shots=100, seed_simulator=3).result().get_counts()
    assert json.loads(done.stdout)["experiments"][0]["counts"] == counts


def test_help_imports_no_qiskit():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom qiskit_cluster_provider.cli.app import app\n"
        "done = CliRunner().invoke(app, ['--help'])\n"
        "assert done.exit_code == 0, done.output\n"
        "assert all(name in done.stdout for name in ('demo', 'backends', 'run', 'version')), done.stdout\n"
        "found = {'qiskit', 'qiskit_aer', 'distributed', 'dask', 'numpy'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


# backends


def rows(done):
    """Cells of the table's body, by first cell."""
    lines = [line.strip("│").split("│") for line in done.stdout.splitlines() if line.startswith("│")]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


@pytest.mark.parametrize("default", [None, "aer-dask", "lab"])
def test_backends(invoke, profile, monkeypatch, default):
    profile('[profiles.lab]\nkind = "aer-local"\nshots = 77\n[profiles.gone]\nkind = "aer-gone"\n')
    if default:
        monkeypatch.setenv("QISKIT_CLUSTER_BACKEND", default)
    done = invoke("backends")
    assert (done.exit_code, done.stderr) == (0, "")
    table = rows(done)
    assert [name for name, cells in table.items() if cells[2] == "yes"] == [default or "aer-local"]
    assert table["aer-local"][:2] == ["aer-local", "yes"]
    assert table["aer-local"][3].startswith("A Dask cluster on this machine")
    assert table["lab"][:2] == ["aer-local", "yes"]
    assert table["lab"][3] == "Profile: shots=77"
    assert table["gone"][1] == "no kind 'aer-gone'"


def test_backends_shows_plugins_that_need_something_or_are_broken(invoke, tmp_path, monkeypatch):
    (tmp_path / "a_plugin.py").write_text(
        "from qiskit_cluster_provider.clusters import ClusterKind\n"
        "class Kind(ClusterKind):\n    description = 'Mine'\n    requires = ('no_such_module',)\n    extra = 'a[b]'\n"
    )
    info = tmp_path / "a_plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[qiskit_cluster_provider.clusters]\naer-mine = a_plugin:Kind\naer-broken = a_plugin:Absent\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    done = invoke("backends")
    assert done.exit_code == 0, done.output
    assert rows(done)["aer-mine"] == ["aer-mine", "pip install 'a[b]'", "", "Mine"]
    assert rows(done)["aer-broken"][1] == "broken"
    assert "a_plugin:Absent: AttributeError" in rows(done)["aer-broken"][3]
    (tmp_path / "bell.qasm").write_text(BELL)
    refused(invoke("run", "bell.qasm", "--backend", "aer-mine"), "no_such_module", "pip install 'a[b]'")
    refused(invoke("run", "bell.qasm", "--backend", "aer-broken"), "a_plugin:Absent: AttributeError")


def test_backends_shows_the_table_even_if_the_default_is_wrong(invoke, monkeypatch):
    monkeypatch.setenv("QISKIT_CLUSTER_BACKEND", "aer-locl")
    done = invoke("backends")
    assert done.exit_code == 2
    assert "aer-local" in rows(done)
    assert "Did you mean 'aer-local'" in done.stderr


# run: what comes out


@pytest.mark.parametrize("seed", [11, -4])
def test_the_counts_are_those_of_one_aersimulator(invoke, bell, running, tmp_path, seed):
    (tmp_path / "feedback.qasm").write_text(FEEDBACK)
    written = [random_circuit(4, 1, "first"), random_circuit(3, 2, "second")]
    write_qpy("two.qpy", *written)
    done = invoke("run", bell, "feedback.qasm", "two.qpy", "--shots", 500, "--seed", seed, "--json")
    assert (done.exit_code, done.stderr) == (0, "")

    aer = AerSimulator()
    circuits = [qasm2.loads(BELL), qasm3.loads(FEEDBACK), *written]
    circuits = [transpile(circuit, aer, optimization_level=0) for circuit in circuits]
    result = aer.run(circuits, shots=500, seed_simulator=seed).result()
    document = json.loads(done.stdout)
    assert document["backend"] == "aer-dask"
    found = document["experiments"]
    assert [one["counts"] for one in found] == result.get_counts()
    assert [one["seed"] for one in found] == [one.seed_simulator for one in result.results]
    assert [one["method"] for one in found] == [one.metadata["method"] for one in result.results]
    assert [one["file"] for one in found] == [bell, "feedback.qasm", "two.qpy", "two.qpy"]
    assert [one["name"] for one in found] == ["bell", "feedback", "first", "second"]
    assert {(one["shots"], one["success"], one["status"]) for one in found} == {(500, True, "DONE")}
    assert any(" " in bits for bits in found[1]["counts"]), "registers are told apart"


def test_a_drawn_seed_is_told_and_gives_the_same_again(invoke, bell, running):
    first = json.loads(invoke("run", bell, "--json").stdout)["experiments"]
    assert first[0]["shots"] == 1024
    again = json.loads(invoke("run", bell, "--json", "--seed", first[0]["seed"]).stdout)["experiments"]
    assert again == first


def test_the_table_has_the_top_outcomes(invoke, running):
    write_qpy("wide.qpy", random_circuit(5, 1, "wide"))
    done = invoke("run", "wide.qpy", "--shots", 1000, "--seed", 5)
    assert (done.exit_code, done.stderr) == (0, "")
    counts = json.loads(invoke("run", "wide.qpy", "--shots", 1000, "--seed", 5, "--json").stdout)["experiments"]
    counts = counts[0]["counts"]
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    assert list(rows(done).items()) == [(bits, [str(n), f"{n / 1000:.1%}"]) for bits, n in ranked[:10]]
    assert done.stdout.startswith("wide: 1000 shots, seed 5, statevector\n")
    assert f"and {len(counts) - 10} more outcomes" in done.stdout


def test_a_cluster_of_its_own_takes_workers_and_settings_of_a_profile(invoke, bell, profile):
    profile('[profiles.small]\nkind = "aer-local"\nshots = 33\nworkers = 1\n')
    done = invoke("run", bell, "--backend", "small", "--json")
    assert json.loads(done.stdout)["backend"] == "small"
    assert json.loads(done.stdout)["experiments"][0]["shots"] == 33


def test_names_cannot_write_to_the_terminal(invoke, running):
    write_qpy("x.qpy", random_circuit(2, 1, "a\x1b[31mb"))
    done = invoke("run", "x.qpy")
    assert "a�[31mb: 1024 shots" in done.stdout
    assert "\x1b" not in done.stdout


# run: circuits that fail, and clusters


def test_a_circuit_that_fails_hides_no_other(invoke, bell, profile, caplog):
    profile('[profiles.small]\nkind = "aer-local"\nworkers = 1\nmax_memory_mb = 4\n')
    write_qpy("big.qpy", random_circuit(20, 1, "big"), random_circuit(3, 2, "little"))
    done = invoke("run", bell, "big.qpy", "--backend", "small", "--shots", 100, "--seed", 9, "--json")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: big.qpy: ")
    assert "circuit 'big' (index 1): Insufficient memory" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not [one for one in caplog.records if one.name == "qiskit_cluster_provider"], "it is said once"
    found = json.loads(done.stdout)["experiments"]
    assert [one["success"] for one in found] == [True, False, True]
    assert (found[1]["counts"], found[1]["name"]) == ({}, "big")
    alone = AerSimulator().run(random_circuit(3, 2, "little"), shots=100, seed_simulator=found[2]["seed"])
    assert found[2]["counts"] == alone.result().get_counts()

    done = invoke("run", bell, "big.qpy", "--backend", "small", "--seed", 9, "--plot", "some.png")
    assert done.exit_code == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines() if "shots" in line] == ["bell", "little"]
    assert Path("some.png").stat().st_size > 0


def test_a_cluster_that_is_not_there_is_one_line_and_exit_code_1(invoke, bell, monkeypatch):
    monkeypatch.setenv("QISKIT_CLUSTER_ADDRESS", "tcp://127.0.0.1:1")
    monkeypatch.setenv("QISKIT_CLUSTER_TIMEOUT", "1")
    done = invoke("run", bell, "--backend", "aer-dask")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("Error: 'aer-dask' cannot be connected")


# run: bad input


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.qasm"], "none.qasm: No such file or directory"),
        (["."], "Is a directory"),
        (["bell.qasm", "junk.qasm"], "junk.qasm is neither OpenQASM 2, OpenQASM 3 nor QPY"),
        (["bell.qasm", "--backend", "aer-locl"], "Did you mean 'aer-local'"),
        (["bell.qasm", "--workers", "0"], "workers: Input should be greater than or equal to 1"),
        (["bell.qasm", "--seed", str(2**70)], "does not fit into 64 bits"),
        (["bell.qasm", "--backend", "aer-dask"], "does not know which cluster"),
        (["bell.qasm", "--plot", "out.xyz"], "the ending must be one of"),
        (["bell.qasm", "--plot", "none/out.png"], "there is no folder none"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(invoke, bell, tmp_path, arguments, said):
    (tmp_path / "junk.qasm").write_text("import os")
    refused(invoke("run", *arguments, "--json"), said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not = [toml", "are no TOML"),
        ('[profiles.p]\nkind = "aer-local"\nshots = "abc"', "option shots must be int, not str"),
        ('[profiles.p]\nkind = "aer-gone"', "names the kind 'aer-gone', which is not installed"),
        ('[profiles.p]\nkind = "aer-local"\nshotz = 1', "has no option 'shotz'. Did you mean 'shots'"),
    ],
)
def test_a_wrong_profile_is_one_line_and_exit_code_2(invoke, bell, profile, text, said):
    profile(text)
    refused(invoke("run", bell, "--backend", "p"), said)


def test_a_variable_without_effect_is_a_warning(invoke, monkeypatch):
    monkeypatch.setenv("QISKIT_CLUSTER_WORKRES", "3")
    shown = warnings.showwarning
    done = invoke("backends")
    assert done.exit_code == 0
    assert done.stderr.startswith("Warning: the environment variable QISKIT_CLUSTER_WORKRES has no effect.")
    assert warnings.showwarning is shown


def test_circuits_need_measurements(invoke, running):
    none = QuantumCircuit(2, 2, name="none")
    none.h(0)
    write_qpy("none.qpy", random_circuit(2, 1, "fine"), none)
    refused(invoke("run", "none.qpy"), "none.qpy: circuit 'none' has no measurement", "add measurements")


def test_measurements_are_found_wherever_they_are(invoke, running):
    inner = QuantumCircuit(1, 1, name="inner")
    inner.x(0)
    inner.measure(0, 0)
    composite = QuantumCircuit(1, 1, name="composite")
    composite.append(inner.to_instruction(), [0], [0])
    loop = QuantumCircuit(1, 2, name="loop")
    with loop.for_loop(range(3)):
        loop.x(0)
        loop.measure(0, 1)
    write_qpy("hidden.qpy", composite, loop)
    done = invoke("run", "hidden.qpy", "--shots", 10, "--json")
    assert [one["counts"] for one in json.loads(done.stdout)["experiments"]] == [{"1": 10}, {"10": 10}]


def test_circuits_need_values_for_their_parameters(invoke):
    circuit = QuantumCircuit(1, name="rotate")
    circuit.rx(Parameter("angle"), 0)
    circuit.measure_all()
    write_qpy("p.qpy", circuit)
    refused(invoke("run", "p.qpy"), "p.qpy: circuit 'rotate' has 1 parameters without values ('angle')", "bind")


def test_what_cannot_be_transpiled_is_named(invoke, tmp_path):
    (tmp_path / "opaque.qasm").write_text(BELL.replace("h q[0]", "opaque magic a;\nmagic q[0]"))
    refused(invoke("run", "opaque.qasm"), "opaque.qasm: circuit 'opaque' cannot be run on 'aer-local'", "magic")


def test_without_the_extra_openqasm_3_says_what_to_install(invoke, tmp_path, monkeypatch):
    (tmp_path / "feedback.qasm").write_text(FEEDBACK)
    monkeypatch.setitem(sys.modules, "qiskit_qasm3_import", None)
    refused(invoke("run", "feedback.qasm"), "pip install 'qiskit-cluster-provider[qasm3]'")


# run --plot


def test_plot(invoke, bell, running):
    done = invoke("run", bell, "--plot", "out.png")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "11" in rows(done)
    assert Path("out.png").read_bytes().startswith(b"\x89PNG")


def test_without_the_extra_plot_says_what_to_install(invoke, bell, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    refused(invoke("run", bell, "--plot", "out.png"), "pip install 'qiskit-cluster-provider[plot]'")


# run --report


def test_report(invoke, bell, running):
    done = invoke("run", bell, "--json", "--report")
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)["experiments"]) == 1, "the report is not in what a program reads"
    assert "experiments  1 of 1 done" in done.stderr.splitlines()
    assert done.stderr.startswith("job ")


def test_report_of_a_job_that_could_not_go_on(invoke, bell, monkeypatch):
    monkeypatch.setenv("QISKIT_CLUSTER_ADDRESS", "tcp://127.0.0.1:1")
    monkeypatch.setenv("QISKIT_CLUSTER_TIMEOUT", "0.5")
    done = invoke("run", bell, "--backend", "aer-dask", "--report")
    assert done.exit_code == 1
    assert "the job could not go on" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")
