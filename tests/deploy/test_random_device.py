"""deploy/random_device.c: it is loaded by a child, it is used, and no result changes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from qiskit.circuit import QuantumCircuit

from qiskit_cluster_provider.wire import decode_result
from qiskit_cluster_provider.worker.sandbox.pool import ChildPool
from tests.worker.test_pool import call, task

SOURCE = Path(__file__).parents[2] / "deploy/random_device.c"
COUNTED = """
from qiskit_aer.backends.controller_wrappers import AerCircuit

seeds = {AerCircuit().seed for _ in range(100)}
print(len(seeds))
"""
"""A circuit of Aer's begins with a seed from std::random_device."""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler")
    made = tmp_path_factory.mktemp("library") / "random_device.so"
    command = [compiler, "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-o", made, SOURCE, "-ldl"]
    subprocess.run(command, check=True)
    return str(made)


def run(circuit):
    """The data of a child, and the files that processes of this one have in their memory."""
    pool = ChildPool()
    try:
        result = decode_result(pool.run(call(), "w", 1, task(circuit, shots=200), {}))
        files = {file.path for child in psutil.Process().children(recursive=True) for file in child.memory_maps()}
    finally:
        pool.close()
    return result.experiments.data(0), files


def test_a_child_that_loads_it_has_the_same_answer(library, monkeypatch):
    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.measure(0, 0)
    circuit.reset(0)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    expected, files = run(circuit)
    assert library not in files
    monkeypatch.setenv("LD_PRELOAD", library)
    found, files = run(circuit)
    assert found == expected
    assert library in files


def test_random_numbers_are_still_random(library):
    environment = {**os.environ, "LD_PRELOAD": library, "LD_DEBUG": "bindings"}
    found = subprocess.run(
        [sys.executable, "-c", COUNTED], env=environment, capture_output=True, text=True, check=True
    )
    assert int(found.stdout.splitlines()[-1]) > 90
    bound = [line for line in found.stderr.splitlines() if "random_device7_M_init" in line]
    assert any(library in line.rpartition(" to ")[2] for line in bound), "it takes the place of libstdc++'s"
