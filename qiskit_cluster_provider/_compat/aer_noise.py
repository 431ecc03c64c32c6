"""What the noise models of qiskit-aer keep to themselves.

A model has no public way to its errors but ``to_dict()``, which converts all of them: a second for a large device.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from .aer import TRIED
from .private import MISSING, Attribute, Symbol

_of_model = partial(Attribute, "qiskit-aer", tried=TRIED)
_WHOLE = "The model is copied whole, and sent whole."
_REFUSED = "A run with a noise model says which version to install."
_PART = "to send the part of a noise model that the circuits can meet"

BASIS_GATES = _of_model("NoiseModel._basis_gates", reason=_PART, without=_WHOLE)
NOISE_INSTRUCTIONS = _of_model("NoiseModel._noise_instructions", reason=_PART, without=_WHOLE)
NOISE_QUBITS = _of_model("NoiseModel._noise_qubits", reason=_PART, without=_WHOLE)
DEFAULT_QUANTUM = _of_model("NoiseModel._default_quantum_errors", reason=_PART, without=_WHOLE)
LOCAL_QUANTUM = _of_model("NoiseModel._local_quantum_errors", reason=_PART, without=_WHOLE)
DEFAULT_READOUT = _of_model("NoiseModel._default_readout_error", reason=_PART, without=_WHOLE)
LOCAL_READOUT = _of_model("NoiseModel._local_readout_errors", reason=_PART, without=_WHOLE)
PASSES = _of_model(
    "NoiseModel._custom_noise_passes", reason="to tell whether a noise model changes circuits", without=_REFUSED
)

_DELAYS = "to tell what the delays of one circuit change for the others"
_of_pass = partial(Attribute, "qiskit-aer", tried=TRIED, reason=_DELAYS)
_PASS = "A run with a noise model that has such a pass says which version to install."

FUNC = _of_pass("LocalNoisePass._func", without=_PASS)
OPS = _of_pass("LocalNoisePass._ops", without=_PASS)
METHOD = _of_pass("LocalNoisePass._method", without=_PASS)
T1S = _of_pass("RelaxationNoisePass._t1s", without=_PASS)
T2S = _of_pass("RelaxationNoisePass._t2s", without=_PASS)
P1S = _of_pass("RelaxationNoisePass._p1s", without=_PASS)
DT = _of_pass("RelaxationNoisePass._dt", without=_PASS)
TARGET = _of_pass("RelaxationNoisePass._target", without=_PASS)

ERROR_ID = Attribute(
    "qiskit-aer",
    "BaseQuantumError._id",
    reason="to name the error of a channel instruction as the noise model does",
    tried=TRIED,
    without="Aer adds the error to the noise model a second time, under a name of its own.",
)

_AGAIN = "Workers take Aer's public run for circuits with delays, which runs the passes in each call."
PASS_MANAGER = Symbol(
    "qiskit-aer",
    "qiskit_aer.noise:NoiseModel._pass_manager",
    reason="to tell whether a model may change a circuit before it is simulated",
    tried=TRIED,
    without=_AGAIN,
)
RELAXATION_ERROR = Symbol(
    "qiskit-aer",
    "qiskit_aer.noise:RelaxationNoisePass._thermal_relaxation_error",
    reason="to tell Aer's own pass of relaxation from one with a function of the user's",
    tried=TRIED,
    without=_AGAIN,
)
ASSEMBLE_NOISE_MODEL = Symbol(
    "qiskit-aer",
    "qiskit_aer:AerSimulator._assemble_noise_model",
    reason="to run the passes of a noise model once for a circuit",
    tried=TRIED,
    without=_AGAIN,
)


class ModelParts(NamedTuple):
    """What a ``NoiseModel`` is made of; the objects themselves, which belong to it."""

    basis_gates: Any
    noise_instructions: Any
    noise_qubits: Any
    passes: Sequence[Any]
    default_quantum: dict[str, Any]
    local_quantum: dict[str, dict[tuple[int, ...], Any]]
    default_readout: Any
    local_readout: dict[tuple[int, ...], Any]

    @property
    def quantum(self) -> list[Any]:
        """All quantum errors."""
        local = (error for errors in self.local_quantum.values() for error in errors.values())
        return [*self.default_quantum.values(), *local]

    @property
    def readouts(self) -> list[Any]:
        """The default error of readout, which may be ``None``, and all others."""
        return [self.default_readout, *self.local_readout.values()]


MODEL = (
    *(BASIS_GATES, NOISE_INSTRUCTIONS, NOISE_QUBITS, PASSES),
    *(DEFAULT_QUANTUM, LOCAL_QUANTUM, DEFAULT_READOUT, LOCAL_READOUT),
)
"""The names of :class:`ModelParts`, in its order."""


def parts_of(model: Any) -> ModelParts | None:
    """What ``model`` is made of; ``None`` if it lacks a part."""
    found = [one.of(model) for one in MODEL]
    return None if any(part is MISSING for part in found) else ModelParts(*found)


def has_more(model: Any) -> bool:
    """Whether ``model`` is made of more than its parts."""
    return not set(vars(model)) <= {one.key for one in MODEL}


def put_parts(model: Any, parts: ModelParts) -> None:
    """Make ``model`` of ``parts``."""
    for one, part in zip(MODEL, parts, strict=True):
        one.put(model, part)


class PassParts(NamedTuple):
    """What a ``RelaxationNoisePass`` is made of."""

    func: Any
    ops: tuple[type, ...]
    method: str
    t1s: Any
    t2s: Any
    p1s: Any
    dt: float | None
    target: Any


PASS = (FUNC, OPS, METHOD, T1S, T2S, P1S, DT, TARGET)


def pass_parts(one: Any) -> PassParts:
    """What a pass of relaxation is made of.

    Raises:
        LibraryVersionError: a part is missing.
    """
    return PassParts(*(part.needed_of(one) for part in PASS))


def passes_of(model: Any) -> Sequence[Any]:
    """The passes of a noise model, by which it changes circuits; of ``None`` none.

    Raises:
        LibraryVersionError: it does not tell.
    """
    found: Sequence[Any] = () if model is None else PASSES.needed_of(model)
    return found


def model_of_passes(empty: Any, passes: Sequence[Any]) -> Any:
    """``empty``, a new ``NoiseModel``, with ``passes``."""
    PASSES.put(empty, passes)
    return empty


def can_remember(model: Any) -> bool:
    """Whether what the passes of ``model`` make of a circuit can be had without Aer's public ``run``."""
    return (
        PASS_MANAGER.there
        and ASSEMBLE_NOISE_MODEL.there
        and RELAXATION_ERROR.there
        and all(name.of(model) is not MISSING for name in (PASSES, DEFAULT_QUANTUM))
    )


def has_passes(model: Any) -> bool:
    """Whether ``model`` may change a circuit before it is simulated; in doubt, yes."""
    return not PASS_MANAGER.there or getattr(model, PASS_MANAGER.key)() is not None
