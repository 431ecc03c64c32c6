"""Counts and memory as arrays: so they travel and are kept, until somebody asks for Aer's dictionaries and lists.

An outcome is a row of bytes, the most significant one first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_WORDS = (1, 2, 4, 8)  # bytes of outcomes that numpy can sort as numbers

Rows = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class PackedCounts:
    """How often each outcome was seen.

    Attributes:
        outcomes: of shape ``(outcomes, bytes)``, in Aer's order.
        numbers: unsigned, of shape ``(outcomes,)``.
    """

    outcomes: Rows
    numbers: npt.NDArray[np.unsignedinteger[Any]]

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> PackedCounts:
        """Pack Aer's ``{"0x3": 17, ...}``."""
        return cls(_rows(list(counts)), np.fromiter(counts.values(), np.uint64, len(counts)))

    def unpacked(self) -> dict[str, int]:
        """As Aer has it."""
        return dict(zip(_texts(self.outcomes), self.numbers.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class PackedMemory:
    """The outcome of each shot.

    Attributes:
        outcomes: of shape ``(shots, bytes)``.
    """

    outcomes: Rows

    @classmethod
    def of(cls, memory: Sequence[str]) -> PackedMemory:
        """Pack Aer's ``["0x3", ...]``."""
        places = {outcome: place for place, outcome in enumerate(dict.fromkeys(memory))}
        which = np.fromiter(map(places.__getitem__, memory), np.uint32, len(memory))
        return cls(_rows(list(places))[which])

    def unpacked(self, text: Callable[[str], str] = str) -> list[str]:
        """As Aer has it, with ``text`` applied to each outcome; those of equal outcomes are one object."""
        seen, which = _distinct(self.outcomes)
        texts = np.empty(len(seen), dtype=object)
        texts[:] = [text(one) for one in _texts(seen)]
        found: list[str] = texts[which].tolist()
        return found


def added(parts: Sequence[PackedCounts]) -> PackedCounts:
    """The counts of all ``parts`` together, the outcomes in ascending order."""
    seen, which = _distinct(_joined([part.outcomes for part in parts]))
    numbers = np.zeros(len(seen), dtype=np.uint64)
    np.add.at(numbers, which, np.concatenate([part.numbers for part in parts]).astype(np.uint64))
    ascending = np.lexsort(seen.T[::-1])
    return PackedCounts(seen[ascending], numbers[ascending])


def joined(parts: Sequence[PackedMemory]) -> PackedMemory:
    """The shots of all ``parts``, in order."""
    return PackedMemory(_joined([part.outcomes for part in parts]))


def _rows(texts: Sequence[str]) -> Rows:
    size = (max(map(len, texts), default=3) - 1) // 2  # two hexadecimal digits a byte, after the "0x"
    packed = bytes.fromhex("".join([text[2:].zfill(2 * size) for text in texts]))
    return np.frombuffer(packed, np.uint8).reshape(-1, size)


def _texts(rows: Rows) -> list[str]:
    return [hex(int.from_bytes(row, "big")) for row in _cut(rows)]


def _cut(rows: Rows) -> list[bytes]:
    packed, size = rows.tobytes(), rows.shape[1]
    return [packed[place : place + size] for place in range(0, len(packed), size)]


def _joined(parts: Sequence[Rows]) -> Rows:
    size = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(part, ((0, 0), (size - part.shape[1], 0))) for part in parts])


def _distinct(rows: Rows) -> tuple[Rows, npt.NDArray[np.intp]]:
    """The different rows, and which of them each row is."""
    count, size = rows.shape
    word = next((word for word in _WORDS if word >= size), None)
    if word is None:
        cut = _cut(rows)
        places = {row: place for place, row in enumerate(dict.fromkeys(cut))}
        which = np.fromiter(map(places.__getitem__, cut), np.intp, count)
        return np.frombuffer(b"".join(places), np.uint8).reshape(-1, size), which
    words = np.zeros((count, word), dtype=np.uint8)
    words[:, word - size :] = rows
    numbers, which = np.unique(words.view(f">u{word}").ravel().astype(f"=u{word}"), return_inverse=True)
    table = numbers.astype(f">u{word}").view(np.uint8).reshape(-1, word)
    return table[:, word - size :], which
