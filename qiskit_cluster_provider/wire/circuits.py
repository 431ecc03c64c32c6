"""Circuits to bytes: QPY where it carries the circuit whole, pickle where it does not.

QPY is smaller and faster, but it turns Aer's save, set and channel instructions into generic ones, which
is seen only when they run. So a circuit goes as QPY only if every operation is of a type that is known to
come back whole; anything else is pickled, with one correction (see :class:`_Pickler`).
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Collection, Sequence
from typing import Any

import cloudpickle
from qiskit import qpy
from qiskit.circuit import Barrier, Delay, Measure, QuantumCircuit, Register, Reset
from qiskit.circuit.controlflow import (
    CASE_DEFAULT,
    CONTROL_FLOW_OP_NAMES,
    BreakLoopOp,
    ContinueLoopOp,
    ControlFlowOp,
    ForLoopOp,
    IfElseOp,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.library import UnitaryGate

from ..errors import WireError
from . import pickles
from .envelope import seal, unseal

_QPY_TYPES = frozenset({Measure, Reset, Barrier, Delay, UnitaryGate, BreakLoopOp, ContinueLoopOp})
_QPY_FLOW_TYPES = frozenset({IfElseOp, WhileLoopOp, ForLoopOp, SwitchCaseOp})


def encode_circuits(circuits: Sequence[QuantumCircuit]) -> bytes:
    """The bytes of ``circuits``: name, registers, parameters and every instruction; no metadata.

    Raises:
        WireError: a circuit holds something that cannot be pickled.
    """
    by_qpy = [carried_by_qpy(circuit) for circuit in circuits]
    plain = [c for c, ok in zip(circuits, by_qpy, strict=True) if ok]
    rest = [c for c, ok in zip(circuits, by_qpy, strict=True) if not ok]
    body = {"qpy": b"", "pickle": b"", "by_qpy": by_qpy}
    if plain:
        file = io.BytesIO()
        qpy.dump(plain, file)
        body["qpy"] = file.getvalue()
    if rest:
        file = io.BytesIO()
        try:
            _Pickler(file, protocol=pickle.HIGHEST_PROTOCOL).dump(rest)
        except Exception as error:
            names = ", ".join(repr(circuit.name) for circuit in rest[:5])
            raise WireError(
                f"circuit {names} cannot be sent: {error}.",
                hint="Give its custom instructions a definition by transpiling it for this backend.",
            ) from error
        body["pickle"] = file.getvalue()
    return seal(b"c", body)


def decode_circuits(message: bytes) -> list[QuantumCircuit]:
    """The inverse of :func:`encode_circuits`. Runs on workers only: it unpickles.

    Raises:
        WireError: bytes of another version or kind.
    """
    body = unseal(b"c", message)
    plain = iter(qpy.load(io.BytesIO(body["qpy"])) if body["qpy"] else ())
    rest = iter(pickles.loads(body["pickle"], "a circuit") if body["pickle"] else ())
    return [next(plain if by_qpy else rest) for by_qpy in body["by_qpy"]]


def carried_by_qpy(circuit: QuantumCircuit) -> bool:
    """Whether QPY brings ``circuit`` back whole."""
    if _share_bits(circuit.cregs) or _share_bits(circuit.qregs):
        return False  # it changes their order
    if CONTROL_FLOW_OP_NAMES.isdisjoint(circuit.count_ops()):  # its bits need not be found: that costs 1 kB of it
        return _carried(circuit, ())
    # QPY makes a second bit of one without a register that a condition inside another block is about.
    loose = any(not circuit.find_bit(bit).registers for bit in circuit.clbits)
    return _carried(circuit, () if loose else _QPY_FLOW_TYPES)


def _share_bits(registers: Sequence[Register]) -> bool:
    return len(registers) > 1 and len({bit for one in registers for bit in one}) < sum(one.size for one in registers)


def _carried(circuit: QuantumCircuit, flow: Collection[type]) -> bool:
    for instruction in circuit.data:
        if instruction.is_standard_gate():
            continue
        if instruction.name == "unitary" and instruction.matrix is not None:
            continue  # only a UnitaryGate has it, and the gate itself would have to be made
        operation = instruction.operation
        kind = getattr(operation, "base_class", type(operation))  # of a singleton, too
        if kind is Delay and not (operation.unit == "dt" and isinstance(operation.duration, int)):
            return False  # QPY loses the unit
        if kind in _QPY_TYPES:
            continue
        if kind not in flow or not isinstance(operation, ControlFlowOp):
            return False
        if not all(_carried(block, flow) for block in operation.blocks):
            return False
    return True


class _Pickler(cloudpickle.Pickler):
    """cloudpickle, so that gates defined in a notebook travel, with ``switch`` defaults kept whole.

    ``CASE_DEFAULT`` is compared by identity, and a plain pickle makes a second one of it.
    """

    def reducer_override(self, obj: Any) -> Any:
        if obj is CASE_DEFAULT:
            return "CASE_DEFAULT"  # a global of its module, so that loading finds the same object
        return super().reducer_override(obj)
