"""What qiskit-aer keeps to itself, in its modules and in its simulator; :mod:`.aer_noise` has its noise models."""

from __future__ import annotations

from functools import partial
from importlib import metadata
from typing import Any

from .private import MISSING, Attribute, Symbol

TRIED = ("0.17", "0.18")
"""Versions of qiskit-aer with which all of this does what is needed."""

_PUBLIC_RUN = "Workers take Aer's public run, which assembles each circuit of each call in Python."
_direct = partial(Symbol, "qiskit-aer", tried=TRIED, without=_PUBLIC_RUN)

COMPILE_CIRCUIT = _direct(
    "qiskit_aer.backends.aer_compiler:compile_circuit", reason="to write out control flow once for all calls"
)
GENERATE_CONFIG = _direct(
    "qiskit_aer.backends.aer_compiler:generate_aer_config", reason="to hand options to Aer's C++"
)
CIRCUIT_OPTYPES = _direct(
    "qiskit_aer.backends.backend_utils:circuit_optypes", reason="to compile a circuit as Aer's run does"
)
CIRCUIT_HEADER = _direct(
    "qiskit_aer.backends.backend_utils:CircuitHeader", reason="to name the circuits of Aer's C++"
)
AER_CIRCUIT = _direct(
    "qiskit_aer.backends.controller_wrappers:AerCircuit", reason="to make circuits of Aer's C++ without its assembler"
)
CHANNEL_INSTRUCTION = _direct(
    "qiskit_aer.noise.errors.base_quantum_error:QuantumChannelInstruction",
    reason="to find the circuits whose errors go into the noise model",
)
EXECUTE_CIRCUITS = _direct(
    "qiskit_aer:AerSimulator._execute_circuits", reason="to run circuits that are assembled already"
)
ASSEMBLE_CIRCUITS = Symbol(
    "qiskit-aer",
    "qiskit_aer.backends.aer_compiler:assemble_circuits",
    reason="to count the operations that Aer makes of an instruction",
    tried=TRIED,
    without=f"{_PUBLIC_RUN} An unknown instruction fails on the worker. parameterizations= is refused.",
)
AER_CONFIG = Symbol(
    "qiskit-aer",
    "qiskit_aer.backends.controller_wrappers:AerConfig",
    reason="to tell which options Aer's C++ has, and their ranges",
    tried=TRIED,
    without=f"{_PUBLIC_RUN} Options that are out of range fail on the worker.",
)
RUN_ARG_TYPES = Symbol(
    "qiskit-aer",
    "qiskit_aer.backends.aer_compiler:BACKEND_RUN_ARG_TYPES",
    reason="to check the types of options where they are set",
    tried=TRIED,
    without=f"{_PUBLIC_RUN} Only names are checked, by AerSimulator().options; Aer casts values on the worker.",
)
FORMAT_SAVE_TYPE = Symbol(
    "qiskit-aer",
    "qiskit_aer.backends.backend_utils:format_save_type",
    reason="to dress saved data in the types that Aer's result has",
    tried=TRIED,
    without="Reading a result with saved states says which version to install; counts and memory are read as ever.",
)
DIRECT = (
    *(COMPILE_CIRCUIT, GENERATE_CONFIG, CIRCUIT_OPTYPES, CIRCUIT_HEADER, AER_CIRCUIT),
    *(CHANNEL_INSTRUCTION, EXECUTE_CIRCUITS, ASSEMBLE_CIRCUITS, AER_CONFIG, RUN_ARG_TYPES),
)
"""What it takes to run circuits without Aer's public ``run``."""

FROM_DEVICE = Attribute(
    "qiskit-aer",
    "AerSimulator._from_backend",
    reason="to tell a simulator that was made from a device",
    tried=TRIED,
    without="Making a backend says which version to install.",
)
CONFIGURATION = Attribute(
    "qiskit-aer",
    "AerSimulator._configuration",
    reason="to rebuild a device's simulator without the options that were set on it",
    tried=TRIED,
    without="It is taken from configuration(), less the custom instructions that this adds.",
)
QUANTUM_ERROR = Attribute(
    "qiskit-aer",
    "QuantumChannelInstruction._quantum_error",
    reason="to find the errors that were appended to circuits",
    tried=TRIED,
    without="A circuit with such an instruction is refused with the version to install.",
)
SUBTYPE = Attribute(
    "qiskit-aer",
    "SaveData._subtype",
    reason="to tell how saved data of several shots are put together",
    tried=TRIED,
    without="The shots of a circuit that saves data are not spread over slices.",
)

UNKNOWN = "unknown"
GLOBAL_PHASE = -1
"""The operation of which a circuit's global phase is a parameter, in Aer's ``parameterizations``."""
_CHANNEL = "quantum_channel"
_SAVES = "save_"


def runs_directly() -> bool:
    """Whether the Aer that is installed was tried and has all that it takes to do without its public ``run``."""
    version = metadata.version("qiskit-aer")
    return version.startswith(tuple(f"{tried}." for tried in TRIED)) and all(name.there for name in DIRECT)


def quantum_error(operation: Any) -> Any | None:
    """The error of a quantum channel instruction; ``None`` for any other operation.

    Raises:
        LibraryVersionError: it is one, and its error is not where it was.
    """
    found = QUANTUM_ERROR.of(operation, None)
    if found is None and operation.name == _CHANNEL and type(operation).__module__.startswith("qiskit_aer."):
        raise QUANTUM_ERROR.error()
    return found


def saved_subtype(operation: Any) -> str | None:
    """How the data of a save instruction is put together, or :data:`UNKNOWN`; ``None`` for any other operation."""
    found: str | None = SUBTYPE.of(operation, None)
    return UNKNOWN if found is None and operation.name.startswith(_SAVES) else found


def is_from_device(simulator: Any) -> bool:
    """Whether an ``AerSimulator`` was made from a device.

    Raises:
        LibraryVersionError: that cannot be told.
    """
    return bool(FROM_DEVICE.needed_of(simulator))


def configuration_of(simulator: Any) -> dict[str, Any]:
    """The configuration with which an ``AerSimulator`` was made."""
    made_with = CONFIGURATION.of(simulator)
    if made_with is not MISSING:
        found: dict[str, Any] = made_with.to_dict()
        return found
    found = simulator.configuration().to_dict()
    custom = set(found.get("custom_instructions", ()))
    return {**found, "basis_gates": [gate for gate in found["basis_gates"] if gate not in custom]}


def run_option_names() -> set[str]:
    """The options of ``AerSimulator.run`` that have an effect, but for ``noise_model``."""
    if not RUN_ARG_TYPES.there:
        from importlib import import_module

        return set(import_module("qiskit_aer").AerSimulator().options.__dict__)
    config = AER_CONFIG.found
    return {key for key in RUN_ARG_TYPES.found if config is MISSING or hasattr(config, key)}
