"""Circuits of which one begins where another ends: their columns, one after the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .columns import Columns, Word


def joined(first: Columns, second: Columns, *, new_clbits: bool = False) -> Columns:
    """``first``, and then the instructions of ``second``.

    Args:
        first: names the whole, and has its registers.
        second: as wide, without parameters and control flow.
        new_clbits: whether the clbits of ``second`` come after those of ``first``, and are not the same.
    """
    places: dict[Word, int] = {}
    for place, word in enumerate(first.words):
        places.setdefault(word, place)
    codes = [places.setdefault(word, len(places)) for word in second.words]
    shift = first.num_clbits if new_clbits else 0
    return replace(
        first,
        num_clbits=first.num_clbits + (second.num_clbits if new_clbits else 0),
        words=tuple(places),
        codes=np.concatenate([first.codes, np.array(codes, dtype=np.uint32)[second.codes]]),
        qubits=np.concatenate([first.qubits, second.qubits]),
        clbits=np.concatenate([first.clbits, second.clbits + np.uint32(shift)]),
        numbers=np.concatenate([first.numbers, second.numbers]),
        matrices=np.concatenate([first.matrices, second.matrices]),
        operands=(*first.operands, *second.operands),
    )


def with_operation(circuit: Columns, word: Word, operand: Any) -> Columns:
    """``circuit``, and then an instruction of ``word`` on all of its qubits, without clbits and numbers."""
    one = Columns(
        num_qubits=circuit.num_qubits,
        words=(word,),
        codes=np.zeros(1, dtype=np.uint32),
        qubits=np.arange(circuit.num_qubits, dtype=np.uint32),
        operands=(operand,),
    )
    return joined(circuit, one)
