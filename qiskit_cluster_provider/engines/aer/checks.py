"""What is refused before anything is sent: what Aer would refuse for a whole batch, or crash or hang on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from qiskit.circuit import Instruction, Operation, QuantumCircuit
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES
from qiskit.exceptions import QiskitError
from qiskit_aer.noise import NoiseModel

from ..._compat.aer import AER_CONFIG, ASSEMBLE_CIRCUITS, RUN_ARG_TYPES, quantum_error
from ...errors import ClusterConfigError, InvalidCircuitError, InvalidPubError, OptionTypeError
from ...options import check_aer_values
from ...outcomes import Reason
from ...plan import Batch, Work
from ...plan.circuits.columns import Columns
from ...plan.circuits.instructions import instructions
from ...plan.circuits.rebuilding import circuit_of
from .contents import Contents, contents_of
from .gates import CONTROL_FLOW, GATES, INSTRUCTIONS
from .operations import MAKERS

_KNOWN = CONTROL_FLOW | GATES | INSTRUCTIONS

_DATA = ("counts", "memory")
"""Names under which Aer's result keeps something else."""


def check_options(given: Mapping[str, Any], stacklevel: int) -> None:
    """Check the values of Aer's options, as Aer would.

    Args:
        given: option names and values; ``None`` means "not set".
        stacklevel: of a warning, so that it points at the user's line.

    Raises:
        OptionTypeError: a value cannot be cast to its type.
        ClusterConfigError: a value that is out of its range.
    """
    noise_model = given.get("noise_model")
    if noise_model is not None and not isinstance(noise_model, NoiseModel):
        raise OptionTypeError(
            f"noise_model must be a qiskit_aer.noise.NoiseModel, not {type(noise_model).__name__}",
            hint="NoiseModel.from_backend(device) makes one.",
        )
    types = RUN_ARG_TYPES.get({})
    check_aer_values(given, types, stacklevel=stacklevel + 1)
    if not AER_CONFIG.there:
        return
    config = AER_CONFIG.found()
    for name, value in given.items():
        if value is None or not hasattr(config, name) or name not in types:
            continue
        expected = types[name]
        kind = expected[0] if isinstance(expected, tuple) else expected
        try:
            setattr(config, name, kind(value))
        except TypeError as error:  # Aer's numbers have no sign and 64 bits
            raise ClusterConfigError(f"{name}={value!r:.60} is out of the range that Aer has for it.") from error


def check_work(work: Work, basis_gates: Collection[str] | None) -> bool:
    """Check each circuit of ``work``.

    Args:
        work: of a run.
        basis_gates: of the device that is simulated, or ``None``.

    Returns:
        Whether all circuits are safe_in_process, as in :class:`.contents.Contents`.

    Raises:
        InvalidCircuitError: with the circuit's name and index.
        InvalidPubError: with the PUB's.
    """
    basis = None if basis_gates is None else frozenset(basis_gates)
    checked, safe_in_process = set(), True
    tried: dict[str, bool] = {}  # names that Aer's assembler was asked for, and whether it knows them
    for batch in work.batches:
        for item in batch.items:
            if id(item.circuit) in checked:
                continue
            checked.add(id(item.circuit))
            contents = item.memoised("contents", contents_of)
            safe_in_process &= contents.safe_in_process
            reason = (
                _unsent(contents)
                or _unknown(item.circuit, contents, basis, tried)
                or _not_finite(contents)
                or _clashing(contents, batch, work)
            )
            if reason is None:
                continue
            kind = InvalidCircuitError if item.output is None else InvalidPubError
            raise kind(f"{item.where} {reason.message}", hint=reason.hint, circuit=item.name, index=item.source)
    return safe_in_process


def _not_finite(contents: Contents) -> Reason | None:
    return Reason(f"has {contents.strange}", "Aer needs finite numbers.") if contents.strange else None


def _unsent(contents: Contents) -> Reason | None:
    if contents.unsent is None or contents.strange is not None:
        return None
    return Reason(
        f"has the operation {contents.unsent}", "change it, or let transpile(circuit, backend) make gates of it."
    )


def _clashing(contents: Contents, batch: Batch, work: Work) -> Reason | None:
    if not contents.labels:
        return None
    label, times = Counter(contents.labels).most_common(1)[0]
    if times > 1:
        return Reason(
            f"saves more than once under the label {label!r} (a for loop counts each round)",
            hint="give each save instruction a label of its own: label=.",
        )
    taken = set(_DATA[: 2 if work.options.get("memory") else 1]) if batch.widths[1] else set()
    for label in taken.intersection(contents.labels):
        return Reason(
            f"saves under the label {label!r}, which is the name of Aer's own {label}", hint="choose another label."
        )
    return None


def _unknown(
    circuit: Columns, contents: Contents, basis: frozenset[str] | None, tried: dict[str, bool]
) -> Reason | None:
    if basis is None and _KNOWN.issuperset(contents.names):
        return None
    for name in sorted(contents.names - CONTROL_FLOW - INSTRUCTIONS):
        if _is_gate(name, basis):
            continue
        if name not in tried:
            made = circuit_of(circuit, MAKERS)
            tried[name] = _assembles(next(one for one in instructions(made) if one.name == name), basis)
        if not tried[name]:
            if name in CONTROL_FLOW_OP_NAMES:
                return Reason(
                    f"has control flow of the kind {name!r}, which Aer does not have", hint="write out what is in it."
                )
            where = "Aer does not know" if basis is None else "the simulated device does not have"
            return Reason(
                f"has the instruction {name!r}, which {where}",
                hint="transpile(circuit, backend) makes it of those that it has.",
            )
    return None


def _is_gate(name: str, basis: frozenset[str] | None) -> bool:
    place = name.find("_o")  # an open control: cx_o0
    gate = name[:place] if place > 0 and name[place + 2 :].isdecimal() else name
    return gate in GATES and (basis is None or gate in basis)


def _assembles(operation: Operation, basis: frozenset[str] | None) -> bool:
    """Whether Aer's assembler knows ``operation``; what else it may find is left to the run."""
    if quantum_error(operation) is not None:
        return True  # Aer moves it into the noise model before it assembles
    if not isinstance(operation, Instruction):
        return False  # such as a Clifford: it is to be synthesized first
    if not ASSEMBLE_CIRCUITS.there:
        return True
    alone = QuantumCircuit(operation.num_qubits, operation.num_clbits)
    try:
        alone.append(operation, alone.qubits, alone.clbits)
        ASSEMBLE_CIRCUITS.found([alone], basis)
    except QiskitError as error:
        return not str(error.message).startswith("unknown instruction")
    except ValueError:
        return "_o" not in operation.name  # x_out: Aer takes it for an x with an open control
    except (TypeError, AttributeError, LookupError, RuntimeError):
        return True
    return True
