"""``aer-local`` with ``processes=True``: each process imports the main module, as multiprocessing has it."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
from qiskit import QuantumCircuit
from qiskit_cluster_provider import ClusterProvider

circuit = QuantumCircuit(1)
circuit.x(0)
circuit.measure_all()
{guard}
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=1, processes=True, shots=3)
        print(backend.run(circuit, placement="cluster").result().get_counts())
"""
GUARDED = PROGRAM.format(guard="if __name__ == '__main__':")
PLAIN = PROGRAM.format(guard="if True:")


def run(*arguments, **options):
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, **options)


@pytest.mark.parametrize("text", [GUARDED, PLAIN])
def test_a_program_on_standard_input(text):
    done = run("-", input=text)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "<stdin> is not a file that they can read. Save the program in a file, or leave out processes=True" in last


def test_a_program_in_a_pipe_of_the_shell():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as file:
        file.write(GUARDED)
    done = run(f"/dev/fd/{reader}", pass_fds=[reader])
    os.close(reader)
    assert done.returncode == 1
    assert f"/dev/fd/{reader} is not a file that they can read" in done.stderr


OWN_POOL = """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from qiskit import QuantumCircuit
from qiskit_cluster_provider import ClusterProvider

if __name__ == "__main__":
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    with ClusterProvider() as provider, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        backend = provider.get_backend("aer-local", executor=executor, placement="cluster")
        backend.run(circuit).result(60)
"""


def test_processes_of_an_executor():
    done = run("-", input=OWN_POOL)
    last = done.stderr.strip().splitlines()[-1]
    assert (
        "its processes import the main module, and <stdin> is not a file that they can read. Save the program" in last
    )


def test_a_file_without_a_guard(tmp_path):
    (tmp_path / "program.py").write_text(PLAIN)
    done = run(str(tmp_path / "program.py"))
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "Each imports your program, whose work must be below if __name__ == '__main__':" in last
    assert "a process of a worker has run this program" in done.stderr, "what the process itself says"


@pytest.mark.slow
def test_what_works(tmp_path):
    (tmp_path / "program.py").write_text(GUARDED)
    for arguments in ([str(tmp_path / "program.py")], ["-m", "program"], ["-c", PLAIN]):
        done = run(*arguments, cwd=tmp_path)
        assert done.stdout == "{'1': 3}\n", done.stderr
