"""Programs whose ``sys.executable`` is themselves: they start no copies of themselves that start copies again."""

import multiprocessing.spawn
import os
import subprocess
import sys
import textwrap

import pytest

from qiskit_cluster_provider.worker.sandbox import processes

MOST = 40  # copies after which a program gives up by itself, whatever is broken here

PROGRAM = """
import os, sys, time
sys.executable = {program!r}
if {frozen}:
    sys.frozen = True
with open({copies!r}, "a") as file:
    file.write(f"{{len(sys.argv)}}\\n")
with open({copies!r}) as file:
    if len(file.readlines()) > {most}:
        sys.exit("too many copies")

from concurrent.futures import ThreadPoolExecutor
from qiskit import QuantumCircuit
from qiskit_cluster_provider import ClusterProvider

if __name__ == "__main__":
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.measure_all()
    options = dict(placement={placement!r}, seed_simulator=1, retries=1)
    with ThreadPoolExecutor(2) as executor, ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=2)
        if {executor}:
            options["executor"] = executor
        job = backend.run([circuit] * 8, max_job_size=1, **options)
        print(job.result(timeout=100).get_counts(0), flush=True)
"""


@pytest.fixture
def program(tmp_path):
    """Runs a launcher that stands for a frozen program: whatever its arguments, it runs one script.

    Gives what it printed, and how many copies of it ran.
    """

    def run(name, *, frozen=False, placement="cluster", executor=False):
        launcher, script, copies = tmp_path / name, tmp_path / "main.py", tmp_path / "copies"
        settings = {
            "program": str(launcher), "frozen": frozen, "copies": str(copies), "most": MOST,
            "placement": placement, "executor": executor,
        }  # fmt: skip
        script.write_text(textwrap.dedent(PROGRAM.format(**settings)))
        launcher.write_text(f'#!/bin/sh\nexec {sys.executable} {script} "$@"\n')
        launcher.chmod(0o755)
        done = subprocess.run([launcher], capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr, len(copies.read_text().splitlines())

    return run


@pytest.mark.parametrize("executor", [False, True], ids=["aer-local", "executor"])
def test_a_frozen_program_is_refused_without_a_copy(program, executor):
    said, copies = program("app", frozen=True, executor=executor)
    assert "is a program of its own and no Python" in said
    assert "set_executable" in said
    assert copies == 1


def test_a_frozen_program_can_simulate_by_itself(program):
    said, copies = program("app", frozen=True, placement="here")
    assert said.startswith("{'")
    assert copies == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["app", "python3"])
@pytest.mark.parametrize("executor", [False, True], ids=["aer-local", "executor"])
def test_a_program_that_does_not_say_that_it_is_one_is_asked_once(program, name, executor):
    """The copy that is asked is a whole program of its own; what it wants to start is refused."""
    said, copies = program(name, executor=executor)
    assert "does not answer as a Python" in said
    assert copies == 2


def test_a_process_of_ours_starts_none(monkeypatch):
    monkeypatch.setenv(processes.MARK, "1")
    with pytest.raises(processes.NoPython, match="starts no others"):
        processes.python()


def test_a_python_of_another_name_answers(monkeypatch, tmp_path):
    name = tmp_path / "my-interpreter"
    name.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    name.chmod(0o755)
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", os.fsencode(name))
    assert processes.python() == str(name)


@pytest.mark.parametrize("program", ["/bin/true", "/bin/cat", "/no/such/program", "", None])
def test_what_is_no_python_is_refused(monkeypatch, program):
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", program)
    for _ in range(2):
        with pytest.raises(processes.NoPython, match=r"(is no|does not answer as a) Python"):
            processes.python()


def test_a_frozen_program_may_name_a_python(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", sys.executable)
    monkeypatch.setattr(sys, "executable", "/opt/app/app")
    assert processes.python() == multiprocessing.spawn.get_executable()


def test_the_python_path_of_a_process_of_ours(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    path = os.pathsep.join(["", "/mine", ".", str(tmp_path), "", "/yours"])
    assert processes.environment({"PYTHONPATH": path})["PYTHONPATH"] == os.pathsep.join(["/mine", "/yours"])
    assert "PYTHONPATH" not in processes.environment({"PYTHONPATH": os.pathsep})


def test_nothing_that_others_start_meanwhile_imports_from_the_current_directory(monkeypatch):
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    with processes.safe_path():
        assert subprocess.check_output([sys.executable, "-c", "import sys; print('' in sys.path)"]) == b"False\n"
    assert "PYTHONSAFEPATH" not in os.environ
    monkeypatch.setenv("PYTHONSAFEPATH", "yes")
    with processes.safe_path():
        assert os.environ["PYTHONSAFEPATH"] == "1"
    assert os.environ["PYTHONSAFEPATH"] == "yes"
