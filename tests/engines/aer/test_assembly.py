"""Circuits that are assembled once and run again give what Aer's own ``run`` gives, every time."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import CPhaseGate, CRXGate, UnitaryGate
from qiskit.quantum_info import SparsePauliOp, random_unitary
from qiskit_aer.backends.backend_utils import format_save_type
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_aer.noise.passes import RelaxationNoisePass

from qiskit_cluster_provider.engines.aer.simulation import assembly
from qiskit_cluster_provider.engines.aer.simulation import simulator as aer_module
from qiskit_cluster_provider.engines.aer.simulation import template as template_module
from qiskit_cluster_provider.engines.aer.simulation.assembly import assemble, available
from qiskit_cluster_provider.engines.aer.simulation.noise import Noise
from qiskit_cluster_provider.engines.aer.simulation.outputs import plain
from qiskit_cluster_provider.engines.aer.simulation.simulator import Aer
from qiskit_cluster_provider.engines.aer.simulation.template import Template
from qiskit_cluster_provider.plan import Simulator
from qiskit_cluster_provider.plan.cache import ByteCache
from qiskit_cluster_provider.plan.circuits.rebuilding import rebuild
from tests.columns import columns_of
from tests.parity.circuits import circuits, kraus_and_unitary, templates
from tests.parity.test_parity import NOISE

_PASSING = ("time_taken", "time_taken_execute", "time_taken_parameter_binding", "sample_measure_time")


def lasting(experiments):
    """What does not change from call to call, dressed as on the client."""
    found = []
    for one in experiments:
        one = plain(dict(one))
        one.pop("time_taken", None)
        one.pop("circ_id", None)
        one.pop("meas_level", None)
        one["metadata"] = {k: v for k, v in one.get("metadata", {}).items() if k not in _PASSING}
        one["metadata"].pop("max_memory_mb", None)
        if "fusion" in one["metadata"]:
            one["metadata"]["fusion"] = {k: v for k, v in one["metadata"]["fusion"].items() if k != "time_taken"}
        if "input_qubit_map" in one["metadata"]:
            one["metadata"]["input_qubit_map"] = sorted(one["metadata"]["input_qubit_map"])
        types, subtypes = (one["metadata"].get(f"result_{what}types", {}) for what in ("", "sub"))
        one["data"] = {
            key: format_save_type(value, types[key], subtypes[key]) if key in types else value
            for key, value in one["data"].items()
        }
        found.append(one)
    return found


def equal(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(getattr(one, "data", None), np.ndarray) and not isinstance(one, np.ndarray):
        return type(one) is type(other) and equal(one.data, other.data)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)


def template(circuit, values, bind=False, name=None):
    """A template that remembers what its columns were read from."""
    return Remembering(columns_of(circuit), values, bind, name, circuit)


@dataclass(frozen=True, eq=False)
class Remembering(Template):
    original: QuantumCircuit | None = None


def runs(templates, options, noise=None, times=3):
    """The answer of Aer's public run to the circuits themselves; that to circuits that are made of their columns,
    and those of calls that share a cache."""
    originals = {id(one.circuit): one.original for one in templates}

    def original(columns, makers):
        found = originals.get(id(columns))
        return rebuild(columns, makers) if found is None else (found.copy(), tuple(found.parameters))

    cache, noise = ByteCache(2**27), None if noise is None else Noise(noise)
    widths = (max(t.circuit.num_qubits for t in templates), max(t.circuit.num_clbits for t in templates))
    direct = [Aer(options, Simulator(), noise, cache).run(templates, 7, 20, widths)[0] for _ in range(times)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aer_module, "available", lambda: False)
        rebuilt, _ = Aer(options, Simulator(), noise).run(templates, 7, 20, widths)
        patch.setattr(template_module, "rebuild", original)
        public, _ = Aer(options, Simulator(), noise).run(templates, 7, 20, widths)
    return lasting(public), [lasting(one) for one in [rebuilt, *direct]]


def check(templates, options, noise=None):
    public, direct = runs(templates, options, noise)
    for one in direct:
        assert equal(one, public)
    return public


def test_this_aer_is_one_of_those_that_were_tried():
    assert available()


@settings(max_examples=40)
@given(
    batch=st.lists(circuits(), min_size=1, max_size=4),
    noise=st.sampled_from(sorted(NOISE)),
    method=st.sampled_from(["automatic", "statevector", "density_matrix", "matrix_product_state"]),
    truncation=st.booleans(),
)
def test_any_circuits(batch, noise, method, truncation):
    options = {"method": method, "memory": True, "enable_truncation": truncation}
    named = [template(circuit, None, name=index) for index, circuit in enumerate(batch)]
    check([*named, *named[:2]], options, NOISE[noise])


@settings(max_examples=15)
@given(
    rows=st.lists(st.lists(st.floats(-4, 4), min_size=2, max_size=2), min_size=1, max_size=6),
    noise=st.sampled_from(sorted(NOISE)),
    save=st.booleans(),
)
def test_rows(rows, noise, save):
    circuit, _ = templates(qubits=3)
    if save:
        circuit.save_expectation_value(SparsePauliOp(["ZZI", "XIX"], [0.5, 1.0]), range(3), label="value")
    values = np.array(rows)
    one = template(circuit, values, name="template")
    check([one, template(circuit, values[:1], name="template")], {"memory": True}, NOISE[noise])


SAVES = ["save_statevector", "save_density_matrix", "save_probabilities", "save_probabilities_dict", "save_state"]


@pytest.mark.parametrize("save", SAVES)
def test_saves_of_rows_with_a_phase(save):
    angle = Parameter("angle")
    circuit = QuantumCircuit(2, global_phase=angle / 2)
    circuit.h(0)
    circuit.append(CPhaseGate(angle), [0, 1])
    circuit.append(CRXGate(2 * angle, ctrl_state=0), [0, 1])
    getattr(circuit, save)()
    first = template(circuit, np.array([[0.1], [0.2], [0.3]]), True, "phase")
    second = template(circuit, np.array([[0.4]]), True, "phase")
    other = template(circuit.assign_parameters([0.9]), None, name="bound")
    found = check([first, other, second, first], {"method": "statevector"})
    assert [one["header"]["global_phase"] for one in found] == [0.05, 0.1, 0.15, 0.45, 0.2, 0.05, 0.1, 0.15]


@pytest.mark.parametrize("method", ["stabilizer", "unitary", "superop", "matrix_product_state"])
def test_other_methods(method):
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.cx(0, 1)
    if method in ("unitary", "superop"):
        circuit.save_state()
    else:
        circuit.measure([0, 1], [0, 1])
    check([template(circuit, None, name="circuit")] * 3, {"method": method})


def test_what_is_assembled_without_an_object_for_each_instruction(monkeypatch):
    angle = Parameter("angle")
    circuit = QuantumCircuit(3, 3)
    circuit.unitary(random_unitary(4, seed=1), [2, 0])
    circuit.append(UnitaryGate(random_unitary(8, seed=2).data, label="mine"), [1, 0, 2])
    circuit.measure(0, 1)
    circuit.reset(0)
    circuit.barrier()
    circuit.u(angle, 0.2, 2 * angle, 0)
    circuit.measure([0, 2], [2, 0])
    values = np.array([[0.3], [1.9]])
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.3, 3), "mine")
    bound = [template(circuit.assign_parameters(row), None) for row in values]
    monkeypatch.setattr(assembly, "_by_aer", None)
    for model in (None, noise):
        found = check([template(circuit, values, name="circuit")], {"memory": True}, model)
        assert [one["data"] for one in found] == [one["data"] for one in check(bound, {"memory": True}, model)]


def test_what_only_the_public_call_can_do():
    channel = kraus_and_unitary()
    noisy = QuantumCircuit(1, 1)
    noisy.append(depolarizing_error(0.2, 1), [0])
    noisy.measure(0, 0)
    assert assemble(columns_of(noisy), None) is None
    check([template(channel, None, name="kraus"), template(noisy, None, name="error")], {"memory": True})

    delayed = QuantumCircuit(1, 1)
    delayed.x(0)
    delayed.delay(1000, 0)
    delayed.measure(0, 0)
    noise = NOISE["pauli"].__class__()
    noise._custom_noise_passes.append(RelaxationNoisePass([10.0], [10.0], dt=1.0))
    found = check([template(delayed, None, name="delayed")], {"memory": True}, noise)
    assert set(found[0]["data"]["memory"].unpacked()) != {"0x1"}, "the delay decays"


def test_a_row_that_fails_alone_fails_again_and_alone():
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, 1)
    circuit.rx(1 / angle, 0)
    circuit.measure(0, 0)
    one = template(circuit, np.array([[0.5], [0.0], [0.25]]), name="inverse")
    _, direct = runs([one], {"memory": True})
    for one in direct:
        assert [experiment["success"] for experiment in one] == [True, False, True]


def test_gates_after_a_measurement_of_another_qubit():
    """qiskit-aer 0.17 sorts them before it looks for the place of a parameter."""
    angle = Parameter("angle")
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.rx(angle, 1)
    circuit.measure(1, 1)
    values = np.array([[0.3], [1.3], [3.1]])
    bound = [template(circuit.assign_parameters(row), None) for row in values]
    truth = check(bound, {"memory": True})
    found = check([template(circuit, values, True, "late")], {"memory": True})
    assert [one["data"] for one in found] == [one["data"] for one in truth]


def test_a_phase_is_taken_modulo_two_pi_as_a_bound_circuit_has_it():
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, global_phase=angle)
    circuit.rx(angle, 0)
    circuit.save_statevector()
    values = np.array([[-1.2], [7.0], [0.5], [-1e-20]])
    found = check([template(circuit, values, bind=True, name="phase")], {})
    phases = [one["header"]["global_phase"] for one in found]
    assert phases == [circuit.assign_parameters(row).global_phase for row in values]
