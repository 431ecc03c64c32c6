"""Children of an Aer without a private name: they start, and take Aer's public run."""

import pytest
from qiskit.circuit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_cluster_provider.wire import decode_result
from qiskit_cluster_provider.worker.sandbox.pool import ChildPool
from tests.worker.test_pool import call, task

MODULES = {
    "compile_circuit": "qiskit_aer.backends.aer_compiler",
    "generate_aer_config": "qiskit_aer.backends.aer_compiler",
    "BACKEND_RUN_ARG_TYPES": "qiskit_aer.backends.aer_compiler",
    "AerCircuit": "qiskit_aer.backends.controller_wrappers",
}

WITHOUT = """
import importlib, sys, types
if "qiskit_cluster_provider.worker.child" in sys.orig_argv:
    from qiskit_aer.backends.aerbackend import AerBackend

    inner = importlib.import_module({module!r})
    outer = types.ModuleType(inner.__name__)
    vars(outer).update((name, value) for name, value in vars(inner).items() if name != {name!r})
    sys.modules[inner.__name__] = outer
    setattr(sys.modules["qiskit_aer.backends"], inner.__name__.rpartition(".")[2], outer)
    run = AerBackend.run

    def told(*args, **options):
        open({said!r}, "w").close()
        return run(*args, **options)

    AerBackend.run = told
"""
"""Aer's own functions go on, since they have their names from the inner module."""


@pytest.mark.parametrize("name", [*MODULES, "nothing"])
def test_a_child_without(tmp_path, monkeypatch, name):
    circuit = QuantumCircuit(2, 2)
    circuit.h([0, 1])
    circuit.measure([0, 1], [0, 1])
    said = tmp_path / "public"
    module = MODULES.get(name, "qiskit_aer.backends.aer_compiler")
    (tmp_path / "sitecustomize.py").write_text(WITHOUT.format(name=name, module=module, said=str(said)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    pool = ChildPool()
    try:
        result = decode_result(pool.run(call(), "w", 1, task(circuit, shots=100), {}))
    finally:
        pool.close()
    expected = AerSimulator().run(circuit, shots=100, seed_simulator=1).result()
    assert result.failed == 0, result.experiments.head(0)
    assert result.experiments.data(0)["counts"].unpacked() == expected.data(0)["counts"]
    assert said.exists() is (name != "nothing")
