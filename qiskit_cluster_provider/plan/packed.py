"""Counts and memory as bytes: so they travel and are kept, until somebody asks for Aer's dictionaries and lists.

An outcome is as many bytes as the largest of its kind needs, the most significant one first. Aer 0.18 writes a
register in words of 64 bits: the first one, which may have fewer, without leading zeros, and all others with their 16
digits. So 127 bits that are all zero are ``0x`` and 17 zeros, and 128 are ``0x`` and 32. An experiment without
classical bits has one outcome, the empty text.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_OF_NUMBERS = 16  # digits that a number of 64 bits has at most
_NO_BITS = -1  # instead of a number of digits: each outcome is the empty text
_WORDS = (1, 2, 4, 8)  # bytes of numbers that numpy knows
_COUNTABLE = 2  # bytes of numbers of which a table is small

Rows = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class PackedCounts:
    """How often each outcome was seen.

    Attributes:
        size: bytes of an outcome.
        outcomes: in Aer's order.
        numbers: one for each outcome, little-endian, each of 1, 2, 4 or 8 bytes.
        digits: hexadecimal ones that an outcome has at least; 0 for as many as it needs; -1 if there are no bits.

    Raises:
        ValueError: they do not fit together.
    """

    size: int
    outcomes: bytes
    numbers: bytes
    digits: int = 0

    def __post_init__(self) -> None:
        _check(self.size, self.outcomes, self.digits)
        count = len(self.outcomes) // self.size
        if len(self.numbers) not in [count * word for word in _WORDS]:
            raise ValueError(f"{len(self.numbers)} bytes are no numbers for {count} outcomes")

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> PackedCounts:
        """Pack Aer's ``{"0x3": 17, ...}``."""
        return cls(*_packed(counts), _shortest(list(counts.values())), _digits(counts))

    def unpacked(self) -> dict[str, int]:
        """As Aer has it."""
        return dict(zip(_texts(self.size, self.outcomes, self.digits), self._numbers().tolist(), strict=True))

    def _numbers(self) -> npt.NDArray[np.unsignedinteger[Any]]:
        word = len(self.numbers) * self.size // max(1, len(self.outcomes))
        return np.frombuffer(self.numbers, f"<u{word or 1}")


@dataclass(frozen=True)
class PackedMemory:
    """The outcome of each shot.

    Attributes:
        size: bytes of an outcome.
        outcomes: in the order of the shots.
        digits: as of :class:`PackedCounts`.

    Raises:
        ValueError: they do not fit together.
    """

    size: int
    outcomes: bytes
    digits: int = 0

    def __post_init__(self) -> None:
        _check(self.size, self.outcomes, self.digits)

    @classmethod
    def of(cls, memory: Sequence[str]) -> PackedMemory:
        """Pack Aer's ``["0x3", ...]``."""
        places: dict[str, int] = defaultdict(itertools.count().__next__)  # a new outcome gets the next
        which = np.fromiter(map(places.__getitem__, memory), np.uint32, len(memory))
        size, outcomes = _packed(places)
        return cls(size, _rows(size, outcomes)[which].tobytes(), _digits(places))

    def unpacked(self, text: Callable[[str], str] = str) -> list[str]:
        """As Aer has it, with ``text`` applied to each outcome; those of equal outcomes are one object."""
        seen, which = _distinct(_rows(self.size, self.outcomes))
        texts = np.empty(len(seen), dtype=object)
        texts[:] = [text(one) for one in _texts(self.size, seen.tobytes(), self.digits)]
        found: list[str] = texts[which].tolist()
        return found


def added(parts: Sequence[PackedCounts]) -> PackedCounts:
    """The counts of all ``parts`` together, the outcomes in ascending order."""
    size = max(part.size for part in parts)
    seen, which = _distinct(np.concatenate([_widened(part, size) for part in parts]))
    numbers = np.zeros(len(seen), dtype=np.uint64)
    np.add.at(numbers, which, np.concatenate([part._numbers() for part in parts]).astype(np.uint64))
    ascending = np.lexsort(seen.T[::-1])
    return PackedCounts(size, seen[ascending].tobytes(), _shortest(numbers[ascending].tolist()), _common(parts))


def joined(parts: Sequence[PackedMemory]) -> PackedMemory:
    """The shots of all ``parts``, in order."""
    size = max(part.size for part in parts)
    return PackedMemory(size, np.concatenate([_widened(part, size) for part in parts]).tobytes(), _common(parts))


def _common(parts: Sequence[PackedCounts | PackedMemory]) -> int:
    return min((part.digits for part in parts if part.outcomes), default=0)


def _check(size: Any, outcomes: Any, digits: Any) -> None:
    if type(digits) is not int or not _NO_BITS <= digits <= 2 * (size if type(size) is int else 0):
        raise ValueError(f"{digits!r:.20} is no number of digits")
    if type(size) is not int or size < 1 or type(outcomes) is not bytes or len(outcomes) % size:
        raise ValueError(f"a {type(outcomes).__name__} that holds no outcomes of {size!r:.20} bytes")


def _packed(texts: Collection[str]) -> tuple[int, bytes]:
    size = max(1, (max(map(len, texts), default=3) - 1) // 2)  # two hexadecimal digits a byte, after the "0x"
    width = 2 * size + 2
    digits = "".join([text.zfill(width) for text in texts]).replace("x", "0")  # a byte more than cutting each text
    return size, _rows(size + 1, bytes.fromhex(digits))[:, 1:].tobytes()


def _digits(texts: Collection[str]) -> int:
    shortest = min(map(len, texts), default=_OF_NUMBERS)
    if shortest == 0:
        return _NO_BITS
    digits = shortest - 2
    return digits if digits > _OF_NUMBERS else 0


def _texts(size: int, outcomes: bytes, digits: int) -> list[str]:
    if digits == _NO_BITS:
        return [""] * (len(outcomes) // size)
    if digits:
        return [f"0x{row.hex().lstrip('0').zfill(digits)}" for row in _cut(size, outcomes)]
    numbers = outcomes if size == 1 else [int.from_bytes(row, "big") for row in _cut(size, outcomes)]
    return list(map(hex, numbers))


def _cut(size: int, outcomes: bytes) -> list[bytes]:
    return [outcomes[place : place + size] for place in range(0, len(outcomes), size)]


def _shortest(numbers: Sequence[int]) -> bytes:
    """Each in as many bytes as the largest of them needs."""
    largest = max(numbers, default=0)
    if largest < 2**8:
        return bytes(numbers)
    word = next(word for word in _WORDS if largest < 2 ** (8 * word))
    return np.array(numbers, f"<u{word}").tobytes()


def _rows(size: int, outcomes: bytes) -> Rows:
    return np.frombuffer(outcomes, np.uint8).reshape(-1, size)


def _widened(part: PackedCounts | PackedMemory, size: int) -> Rows:
    return np.pad(_rows(part.size, part.outcomes), ((0, 0), (size - part.size, 0)))


def _distinct(rows: Rows) -> tuple[Rows, npt.NDArray[np.intp]]:
    """The different rows, and which of them each row is."""
    number, size = rows.shape
    word = next((word for word in _WORDS if word >= size), None)
    if word is None:
        cut = _cut(size, rows.tobytes())
        places = {row: place for place, row in enumerate(dict.fromkeys(cut))}
        which = np.fromiter(map(places.__getitem__, cut), np.intp, number)
        return _rows(size, b"".join(places)), which
    words = np.zeros((number, word), dtype=np.uint8)
    words[:, word - size :] = rows
    values = words.view(f">u{word}").ravel().astype(f"=u{word}")
    if word <= _COUNTABLE:  # a table is faster than sorting
        numbers = np.flatnonzero(np.bincount(values)).astype(values.dtype)
        table = np.zeros(2 ** (8 * word), dtype=np.intp)
        table[numbers] = np.arange(len(numbers))
        which = table[values]
    else:
        numbers, which = np.unique(values, return_inverse=True)
    return numbers.astype(f">u{word}").view(np.uint8).reshape(-1, word)[:, word - size :], which
