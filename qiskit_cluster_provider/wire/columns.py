"""Columns to plain data for a message, and back: checked, since the bytes may come from anywhere.

A circuit is a list of its attributes in a fixed order. Arrays are of the smallest integers that hold them, in little
endian; what nests is a list that begins with what it is. Equal columns give equal bytes on every machine, before
they are compressed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import WireError
from ..plan.circuits.columns import (
    WITHOUT_OPERAND,
    Columns,
    Declaration,
    Free,
    Kind,
    Pickled,
    Register,
    Scope,
    Symbol,
    Variable,
    Word,
    numbers_of,
)

_DEEPEST = 128  # lists inside each other, blocks of control flow among them
_MOST_QUBITS = 14  # of a matrix: one of 14 qubits has 4 GB
_MOST_BITS = 2**20  # of a circuit, of its blocks, and elements of a vector of parameters
_PLAIN = (str, int, float, complex, bytes)
_LIST, _TUPLE, _DICT, _FREE, _CIRCUIT, _REGISTER, _PICKLED = range(7)
_INTEGERS = (np.dtype("<u1"), np.dtype("<u2"), np.dtype("<u4"))


def data_of(columns: Columns) -> list[Any]:
    """``columns`` as lists, texts, numbers and arrays.

    Raises:
        TypeError: an operand is none of what operands may be.
    """
    return [
        columns.name,
        columns.num_qubits,
        columns.num_clbits,
        [[name, _bits(bits), owns] for name, bits, owns in columns.qregs],
        [[name, _bits(bits), owns] for name, bits, owns in columns.cregs],
        [list(word) for word in columns.words],
        _short(columns.codes),
        _short(columns.qubits),
        _short(columns.clbits),
        columns.numbers.astype("<f8", copy=False),
        columns.matrices.astype("<c16", copy=False),
        [_packed(one, 0) for one in columns.operands],
        _short(columns.free),
        columns.phase,
        columns.phase_expression,
        [_symbol(symbol) for symbol in columns.parameters],
        columns.num_parameters,
        [_packed(one, 0) for one in columns.expressions],
        [[name, list(kind)] for name, kind in columns.variables],
        [list(one) for one in columns.declarations],
        None if columns.scope is None else [list(columns.scope.qubits), list(columns.scope.clbits)],
        list(columns.inner_bits),
        None if columns.metadata is None else _packed(columns.metadata, 0),
    ]


def columns_of(data: Any, depth: int = 0) -> Columns:
    """The inverse of :func:`data_of`: columns that fit together.

    Args:
        data: of a message.
        depth: of what is around it.

    Raises:
        WireError, ValueError, TypeError, LookupError: they are no columns.
    """
    name, num_qubits, num_clbits, qregs, cregs, words, codes, qubits, clbits, numbers, matrices, operands = data[:12]
    free, phase, phase_expression, parameters, num_parameters, expressions, variables, declarations = data[12:20]
    scope, inner_bits, metadata = data[20:]
    found = Columns(
        name=_text(name),
        num_qubits=_count(num_qubits),
        num_clbits=_count(num_clbits),
        qregs=tuple(map(_register, qregs)),
        cregs=tuple(map(_register, cregs)),
        words=tuple(map(_word, words)),
        codes=_integers(codes),
        qubits=_integers(qubits),
        clbits=_integers(clbits),
        numbers=_floats(numbers, np.float64),
        matrices=_floats(matrices, np.complex128),
        operands=tuple(_unpacked(one, depth + 1) for one in operands),
        free=_integers(free).reshape(-1, 2),
        phase=float(phase),
        phase_expression=None if phase_expression is None else _count(phase_expression),
        parameters=tuple(map(_symbol_of, parameters)),
        num_parameters=_count(num_parameters),
        expressions=tuple(one if type(one) is int else _unpacked(one, depth + 1) for one in expressions),
        variables=tuple(Variable(_text(one), tuple(kind)) for one, kind in variables),
        declarations=tuple(Declaration(_text(how), _count(number)) for how, number in declarations),
        scope=None if scope is None else Scope(*(tuple(map(_count, bits)) for bits in scope)),
        inner_bits=(_count(inner_bits[0]), _count(inner_bits[1])),
        metadata=None if metadata is None else _unpacked(metadata, depth + 1),
    )
    _check(found)
    return found


def _check(columns: Columns) -> None:
    """Refuse columns of which one is too short or too long, or that refer to what is not there."""
    if max(columns.num_qubits, columns.num_clbits, *columns.inner_bits) > _MOST_BITS:
        raise ValueError(f"more than {_MOST_BITS} bits")
    if sum({(one.name, one.size, one.uuid): one.size for one in columns.parameters}.values()) > _MOST_BITS:
        raise ValueError(f"vectors of more than {_MOST_BITS} parameters")
    kinds = [word.kind for word in columns.words]
    if len(columns.codes) and int(columns.codes.max()) >= len(columns.words):
        raise ValueError("a code has no word")
    counts = np.bincount(columns.codes, minlength=len(columns.words)).tolist()
    wanted = {"qubits": 0, "clbits": 0, "numbers": 0, "matrices": 0, "operands": 0}
    for word, count in zip(columns.words, counts, strict=True):
        if not count:
            raise ValueError(f"no instruction has the word {word.name!r:.40}")
        for name in ("qubits", "clbits", "numbers"):
            wanted[name] += count * getattr(word, name)
        if word.kind == Kind.UNITARY:
            if word.qubits > _MOST_QUBITS:
                raise ValueError(f"a matrix of {word.qubits} qubits")
            wanted["matrices"] += count * 4**word.qubits
        wanted["operands"] += count * (word.kind not in WITHOUT_OPERAND)
    for name, size in wanted.items():
        if len(getattr(columns, name)) != size:
            raise ValueError(f"{len(getattr(columns, name))} {name} for {size}, of {len(kinds)} words")
    scope = columns.scope
    for bits, width in ((columns.qubits, columns.num_qubits), (columns.clbits, columns.num_clbits)):
        if len(bits) and int(bits.max()) >= width:
            raise ValueError(f"bit {int(bits.max())} of {width}")
    if scope is not None and (len(scope.qubits), len(scope.clbits)) != (columns.num_qubits, columns.num_clbits):
        raise ValueError("a block has other bits than its width")
    if len(columns.free) and int(columns.free[:, 0].max()) >= len(columns.numbers):
        raise ValueError("an expression stands nowhere")
    if columns.num_parameters > len(columns.parameters):
        raise ValueError(f"{len(columns.parameters)} parameters in place of {columns.num_parameters}")
    if scope is None:
        places = [*columns.free[:, 1].tolist(), columns.phase_expression or 0]
        if max(places) >= max(1, len(columns.expressions)):
            raise ValueError("an expression is not there")


def _short(integers: npt.NDArray[np.uint32]) -> npt.NDArray[Any]:
    most = int(integers.max()) if integers.size else 0
    return integers.reshape(-1).astype(next(kind for kind in _INTEGERS if most <= np.iinfo(kind).max))


def _integers(array: Any) -> npt.NDArray[np.uint32]:
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype not in _INTEGERS:
        raise ValueError("these are no integers of a column")
    return array.astype(np.uint32)


def _floats(array: Any, kind: Any) -> npt.NDArray[Any]:
    if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != np.dtype(kind).newbyteorder("<"):
        raise ValueError("these are no numbers of a column")
    return array.astype(kind, copy=False)


def _bits(bits: range | tuple[int, ...]) -> Any:
    """The numbers of the bits of a register; of neighbours, the first and how many they are."""
    return [bits.start, len(bits)] if isinstance(bits, range) else [list(bits)]


def _register(data: Any) -> Register:
    name, bits, owns = data
    if len(bits) == 2:
        first, count = map(_count, bits)
        return Register(_text(name), range(first, first + count), bool(owns))
    return Register(_text(name), numbers_of([*map(_count, bits[0])]), bool(owns))


def _word(data: Any) -> Word:
    kind, name, label, *widths = data
    return Word(_text(kind), _text(name), None if label is None else _text(label), *map(_count, widths))


def _symbol(symbol: Symbol) -> list[Any]:
    """Only what differs from a parameter of no vector."""
    uuid = symbol.uuid.to_bytes(16, "big") if symbol.uuid else b""
    return [symbol.name, symbol.place, symbol.size, uuid] if symbol.place >= 0 or uuid else [symbol.name]


def _symbol_of(data: Any) -> Symbol:
    if len(data) == 1:
        return Symbol(_text(data[0]))
    name, place, size, uuid = data
    if type(place) is not int or not -1 <= place < _count(size) + (place < 0) or len(uuid) not in (0, 16):
        raise ValueError(f"{data!r:.80} is no parameter")
    return Symbol(_text(name), place, size, int.from_bytes(uuid, "big"))


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError(f"a {type(value).__name__} in place of a text")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**32:
        raise ValueError(f"{value!r:.40} in place of a count")
    return value


def _packed(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise WireError(f"more than {_DEEPEST} blocks or expressions are inside each other.")
    if isinstance(value, Free):
        return [_FREE, value.expression]
    if isinstance(value, Register):
        return [_REGISTER, value.name, _bits(value.bits), value.owns]
    if isinstance(value, Pickled):
        return [_PICKLED, value.data, value.about, [_packed(one, depth + 1) for one in value.numbers]]
    if isinstance(value, Columns):
        return [_CIRCUIT, data_of(value)]
    if isinstance(value, tuple):
        return [_TUPLE, *(_packed(one, depth + 1) for one in value)]
    if isinstance(value, list):
        return [_LIST, *(_packed(one, depth + 1) for one in value)]
    if isinstance(value, dict):
        return [_DICT, *(_packed(one, depth + 1) for pair in value.items() for one in pair)]
    if isinstance(value, np.ndarray):
        return value.astype(value.dtype.newbyteorder("<"), copy=False)
    if value is None or isinstance(value, _PLAIN):
        return value
    raise TypeError(f"a {type(value).__name__} has no place in a circuit")


def _unpacked(data: Any, depth: int) -> Any:
    if not isinstance(data, list):
        return data
    if depth > _DEEPEST:
        raise WireError(f"the message has more than {_DEEPEST} blocks or expressions inside each other.")
    what, *rest = data
    if what == _FREE:
        return Free(_count(rest[0]))
    if what == _REGISTER:
        return _register(rest)
    if what == _PICKLED:
        return Pickled(rest[0], _text(rest[1]), tuple(_unpacked(one, depth + 1) for one in rest[2]))
    if what == _CIRCUIT:
        return columns_of(rest[0], depth + 1)
    if what == _TUPLE:
        return tuple(_unpacked(one, depth + 1) for one in rest)
    if what == _LIST:
        return [_unpacked(one, depth + 1) for one in rest]
    if what == _DICT:
        pairs = [_unpacked(one, depth + 1) for one in rest]
        return dict(zip(pairs[::2], pairs[1::2], strict=True))
    raise ValueError(f"there is no operand of the sort {what!r:.40}")
