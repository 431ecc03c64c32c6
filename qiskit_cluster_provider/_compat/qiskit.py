"""What Qiskit keeps to itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from operator import attrgetter
from typing import Any

from .private import Attribute, Symbol

TRIED = ("2.1", "2.6")

APPEND = Symbol(
    "qiskit",
    "qiskit.circuit:QuantumCircuit._append",
    reason="to copy instructions without checking each again",
    tried=TRIED,
    without="append() checks each instruction again.",
)
LAYOUT = Attribute(
    "qiskit",
    "QuantumCircuit._layout",
    reason="to leave out of a copy what only a transpiler wants, and what is large",
    tried=TRIED,
    without="The copy keeps it.",
)
DATA = Attribute(
    "qiskit",
    "QuantumCircuit._data",
    reason="to count the instructions of the 26,000 circuits in the noise of a large device",
    tried=TRIED,
    without="len() of each circuit counts them, a twelfth more slowly.",
)

_PICKLED = "Gates with expressions over parameters are pickled."
REPLAY = Attribute(
    "qiskit",
    "ParameterExpression._qpy_replay",
    reason="to write expressions over parameters as data",
    tried=TRIED,
    without=_PICKLED,
)
VALUE = Symbol(
    "qiskit",
    "qiskit.circuit:ParameterExpression._Value",
    reason="to read expressions that begin with a number",
    tried=TRIED,
    without=_PICKLED,
)

_EAGER = "Experiments of a result are made at once, and not when they are read."
_of_result = partial(Symbol, "qiskit", tried=TRIED, without=_EAGER)
GET_EXPERIMENT = _of_result(
    "qiskit.result:Result._get_experiment", reason="to look up an experiment without reading all headers"
)
METADATA = _of_result(
    "qiskit.result.models:ExperimentResult._metadata", reason="to make an experiment when it is first read"
)
DATA_ATTRIBUTES = Attribute(
    "qiskit",
    "ExperimentResultData._data_attributes",
    reason="to unpack counts and memory when they are first read",
    tried=TRIED,
    without=_EAGER,
)


def appender(circuit: Any) -> Callable[[Any], Any]:
    """What appends an instruction to ``circuit``, which takes it as it is: the object and no copy."""
    quick = getattr(circuit, APPEND.key, None)
    return partial(circuit.append, copy=False) if quick is None else quick


def replay_of(expression: Any) -> Any | None:
    """The steps by which Qiskit makes ``expression``; ``None`` if this Qiskit does not tell."""
    return REPLAY.of(expression, None) if VALUE.there else None


def value_of(number: Any) -> Any:
    """``number`` as an expression."""
    return VALUE.found(number)


def sizes(circuits: Iterable[Any]) -> list[int]:
    """The number of instructions of each circuit."""
    try:
        return [*map(len, map(attrgetter(DATA.key), circuits))]
    except AttributeError:
        return [*map(len, circuits)]


def drop_layout(circuit: Any) -> None:
    """Let ``circuit`` forget how it was laid out on a device."""
    if LAYOUT.of(circuit, None) is not None:
        LAYOUT.put(circuit, None)


def has_lazy_results() -> bool:
    """Whether this Qiskit's results can be made when they are read."""
    from qiskit.result.models import ExperimentResultData

    return GET_EXPERIMENT.there and METADATA.there and hasattr(ExperimentResultData(), DATA_ATTRIBUTES.key)
