"""``run(parameterizations=...)`` has the forms and the answers that it has with Aer."""

import numpy as np
import pytest
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit.library import CRXGate
from qiskit_aer import AerError

from qiskit_cluster_provider.errors import InvalidCircuitError, OptionTypeError

OPTIONS = {"shots": 50, "seed_simulator": 3, "memory": True}
ANGLES = [0.0, 0.4, np.pi]


def plain(name="plain"):
    circuit = QuantumCircuit(2, 2, name=name)
    circuit.h(0)
    circuit.barrier()
    circuit.rx(0.3, 0)
    circuit.u(0.1, 0.2, 0.3, 1)
    circuit.cp(0.7, 0, 1)
    circuit.append(CRXGate(0.4, ctrl_state=0), [0, 1])
    circuit.h(1)
    circuit.measure([0, 1], [0, 1])
    return circuit


FORMS = {
    "one place": [[[(1, 0), ANGLES]]],
    "lists of lists": [[[[1, 0], ANGLES]]],
    "tuples": [((((1, 0), tuple(ANGLES))),)],
    "arrays": [[[(1, 0), np.array(ANGLES)]]],
    "whole numbers": [[[(1, 0), [0, 1, 2]]]],
    "several places": [[[(1, 0), ANGLES], [(2, 0), ANGLES[::-1]], [(2, 2), ANGLES]]],
    "a controlled gate": [[[(3, 0), ANGLES]]],
    "an open control": [[[(5, 0), ANGLES], [(1, 0), ANGLES]]],
    "the global phase": [[[(-1, -1), ANGLES], [(1, 0), ANGLES]]],
    "no place": [[]],
    "none": [],
    "not given": None,
}


@pytest.mark.parametrize("size", [1, None])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_that_aer_takes(backend, aer, same, form, size):
    given = FORMS[form]
    theirs = aer.run(plain(), parameterizations=given, **OPTIONS).result()
    assert theirs.success
    same(backend.run(plain(), parameterizations=given, max_job_size=size, **OPTIONS).result(), theirs)


def test_several_circuits(backend, aer, same):
    batch = [plain("a"), plain("b"), plain("c")]
    batch[1].metadata = {"mine": 1}
    given = [[[(1, 0), ANGLES]], [], [[(2, 1), ANGLES[:2]]]]
    theirs = aer.run(batch, parameterizations=given, **OPTIONS).result()
    ours = backend.run(batch, parameterizations=given, **OPTIONS).result()
    same(ours, theirs)
    assert len(ours.results) == 6
    assert batch[0].num_parameters == 0, "the user's circuits are not touched"
    assert backend.explain(batch, parameterizations=given, **OPTIONS).experiments == 6


def test_binds_come_first(backend, aer, same):
    angle = Parameter("angle")
    circuit = QuantumCircuit(1, 1)
    circuit.rx(angle, 0)
    circuit.measure(0, 0)
    both = {"parameter_binds": [{angle: ANGLES}], "parameterizations": [[[(0, 0), [1.0]]]]}
    same(backend.run(circuit, **both, **OPTIONS).result(), aer.run(circuit, **both, **OPTIONS).result())


def looping():
    circuit = QuantumCircuit(1, 1, name="plain")
    circuit.for_loop(range(2), None, QuantumCircuit(1), [0], [])
    circuit.measure(0, 0)
    return circuit


def free():
    circuit = QuantumCircuit(1, 1, name="plain")
    circuit.rx(Parameter("a"), 0)
    circuit.measure(0, 0)
    return circuit


@pytest.mark.parametrize(
    ("circuit", "given", "error", "says"),
    [
        (plain(), (((0, 0), [1.0]),), OptionTypeError, "must be a list, not a tuple"),
        (plain(), [[[(1, 0), [1.0]]], []], InvalidCircuitError, "2 lists for 1 circuits"),
        (plain(), [[[(77, 0), [1.0]]]], InvalidCircuitError, r"'plain' \(index 0\) has no .* operation 77"),
        (plain(), [[[(1, 1), [1.0]]]], InvalidCircuitError, "no parameter 1 of an operation 1"),
        (plain(), [[[(0, 0), [1.0]]]], InvalidCircuitError, "no parameter 0 of an operation 0"),
        (plain(), [[[(1, 0), [1.0, 2.0]], [(2, 0), [1.0]]]], InvalidCircuitError, "one length"),
        (plain(), [[[(1, 0), []]]], InvalidCircuitError, "empty lists"),
        (plain(), [[[(1, 0), ["x"]]]], InvalidCircuitError, "no real numbers|not real numbers"),
        (plain(), [[[(1, 0), [np.nan]]]], InvalidCircuitError, "finite"),
        (plain(), [[[(1, 0), [1j]]]], InvalidCircuitError, "not real numbers"),
        (plain(), [[7]], OptionTypeError, r"\[\(operation, position\), \[values\]\]"),
        (plain(), [7], OptionTypeError, r"\[\(operation, position\), \[values\]\]"),
        (looping(), [[[(0, 0), [1.0]]]], InvalidCircuitError, "parameter_binds"),
        (free(), [[[(0, 0), [1.0]]]], InvalidCircuitError, "unbound"),
        ([], [[[(0, 0), [1.0]]]], InvalidCircuitError, "no circuits"),
    ],
)  # fmt: skip
def test_wrong_ones_are_refused_by_name_and_place(backend, circuit, given, error, says):
    with pytest.raises(error, match=says) as caught:
        backend.run(circuit, parameterizations=given)
    assert isinstance(caught.value, AerError)


def test_they_are_of_a_run_and_no_option_of_a_backend(backend, aer):
    with pytest.raises(AerError):
        aer.set_options(parameterizations=[])
    with pytest.raises(AerError, match="parameterizations"):
        backend.set_options(parameterizations=[])
