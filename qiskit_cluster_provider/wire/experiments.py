"""Aer's experiments in compressed chunks; one is decoded when it is asked for, and not its neighbours.

What an experiment *is* (shots, seed, header, metadata) and what it *found* (counts, memory, saved quantities) lie in
chunks of their own, so that one can be looked at without the other.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, Self

import msgpack
import numpy as np
import zstandard

from ..errors import WireError
from ..plan import Experiment, PackedCounts, PackedMemory
from .envelope import packed, unpack

_CHUNK = 64 * 2**10  # bytes before compression: larger ones compress little better, and one is opened as a whole
_DAMAGE = (ValueError, TypeError, KeyError, OverflowError, MemoryError, struct.error, zstandard.ZstdError)


class PackedExperiments:
    """The experiments of a slice, as they travel.

    Attributes:
        message: plain lists and bytes.

    Args:
        message: of :meth:`of`, or what came in its place.

    Raises:
        WireError: it cannot be one.
    """

    def __init__(self, message: Any) -> None:
        self.message = message
        try:
            self._heads, self._data = (_Chunks(message[name]) for name in ("heads", "data"))
        except _DAMAGE as error:
            raise WireError(f"the experiments are damaged: {type(error).__name__}: {error}.") from error
        if len(self._heads) != len(self._data):
            raise WireError(f"{len(self._heads)} experiments came with the data of {len(self._data)}.")

    @classmethod
    def of(cls, experiments: Iterable[Experiment]) -> Self:
        """Pack ``experiments``, whose counts and memory are packed already.

        Raises:
            WireError: a saved quantity has a type that the format does not know.
        """
        heads, data = [], []
        for experiment in experiments:
            heads.append(packed({key: value for key, value in experiment.items() if key != "data"}))
            rest = dict(experiment.get("data", {}))
            counts, memory = (
                rest.pop(name) if isinstance(rest.get(name), kind) else None
                for name, kind in (("counts", PackedCounts), ("memory", PackedMemory))
            )
            parts = [
                None if counts is None else [*_pack_rows(counts.outcomes), _shortest(counts.numbers)],
                None if memory is None else _pack_rows(memory.outcomes),
                rest,
            ]
            data.append(packed(parts))
        return cls({"heads": list(_chunks(heads)), "data": list(_chunks(data))})

    def __len__(self) -> int:
        return len(self._heads)

    def head(self, index: int) -> Experiment:
        """All but the data of an experiment.

        Raises:
            WireError: it is damaged.
        """
        try:
            return {**unpack(self._heads[index])}
        except _DAMAGE as error:
            raise _damaged(index, error) from error

    def data(self, index: int) -> dict[str, Any]:
        """The data of an experiment: counts and memory packed, the rest as Aer returns it.

        Raises:
            WireError: it is damaged.
        """
        try:
            counts, memory, rest = unpack(self._data[index])
            found = {**rest}
            if counts is not None:
                found["counts"] = _read_counts(*counts)
            if memory is not None:
                found["memory"] = PackedMemory(_read_rows(*memory))
        except _DAMAGE as error:
            raise _damaged(index, error) from error
        return found


class _Chunks:
    """Byte strings in chunks: a list of ``[number, compressed list of them]``."""

    def __init__(self, message: Sequence[tuple[int, bytes]]) -> None:
        numbers = [number for number, _ in message]
        self._frames = [frame for _, frame in message]
        self._ends = list(accumulate(numbers))
        if not all(type(number) is int and number > 0 for number in numbers):
            raise ValueError("a chunk of no experiments")
        if not all(type(frame) is bytes for frame in self._frames):
            raise TypeError("a chunk that is no bytes")

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> bytes:
        which = bisect_right(self._ends, index)
        start = self._ends[which - 1] if which else 0
        documents = _open(self._frames[which])
        if len(documents) != self._ends[which] - start:
            raise ValueError(f"a chunk of {len(documents)} experiments in place of {self._ends[which] - start}")
        return documents[index - start]


def _chunks(documents: Sequence[bytes]) -> Iterator[list[Any]]:
    compress = zstandard.ZstdCompressor(level=3, write_checksum=True).compress
    chunk: list[bytes] = []
    size = 0
    for document in documents:
        if chunk and size + len(document) > _CHUNK:
            yield [len(chunk), compress(msgpack.packb(chunk))]
            chunk, size = [], 0
        chunk.append(document)
        size += len(document)
    if chunk:
        yield [len(chunk), compress(msgpack.packb(chunk))]


def _open(frame: bytes) -> list[bytes]:
    # Experiments are mostly read in order. What is large is alone in its chunk, and not kept.
    small = zstandard.frame_content_size(frame) < 2 * _CHUNK
    return _opened(frame) if small else _decompressed(frame)


def _decompressed(frame: bytes) -> list[bytes]:
    documents = msgpack.unpackb(zstandard.ZstdDecompressor().decompress(frame))
    if type(documents) is not list or not all(type(document) is bytes for document in documents):
        raise TypeError("a chunk that holds no list of bytes")
    return documents


_opened = lru_cache(maxsize=4)(_decompressed)


def _pack_rows(rows: Any) -> list[Any]:
    return [rows.shape[1], rows.tobytes()]


def _read_rows(size: int, packed: bytes) -> Any:
    if type(size) is not int or size < 1:
        raise ValueError(f"outcomes of {size} bytes")
    return np.frombuffer(packed, np.uint8).reshape(-1, size)


def _read_counts(size: int, packed: bytes, numbers: bytes) -> PackedCounts:
    outcomes = _read_rows(size, packed)
    width = len(numbers) // max(1, len(outcomes))
    read = np.frombuffer(numbers, f"<u{width}" if numbers else "<u1")
    if len(read) != len(outcomes):
        raise ValueError(f"{len(read)} numbers for {len(outcomes)} outcomes")
    return PackedCounts(outcomes, read)


def _shortest(numbers: Any) -> bytes:
    """Unsigned numbers in the fewest bytes that hold the largest of them."""
    kind = np.min_scalar_type(numbers.max(initial=0))
    packed: bytes = numbers.astype(kind.newbyteorder("<")).tobytes()
    return packed


def _damaged(index: int, error: BaseException) -> WireError:
    return WireError(
        f"experiment {index} of its slice is damaged: {type(error).__name__}: {error}; install the same release on "
        "client and workers."
    )
