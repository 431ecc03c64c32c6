"""Aer's experiments in compressed chunks; one is decoded when it is asked for, and not its neighbours.

What an experiment *is* (shots, seed, header, metadata) and what it *found* (counts, memory, saved quantities) lie in
chunks of their own, so that one can be looked at without the other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, Self

import msgpack
import zstandard

from ..errors import WireError
from ..plan import Experiment, PackedCounts, PackedMemory
from .beside import Beside, InMemory, bytes_of
from .envelope import DAMAGE, UNPACKABLE, Arrays, packer, unpack

_CHUNK = 64 * 2**10  # bytes before compression: larger ones compress little better, and one is opened as a whole


class PackedExperiments:
    """The experiments of a slice, as they travel.

    Attributes:
        message: plain lists and bytes.
        arrays: the large arrays of what was packed here.

    Args:
        message: of :meth:`of`, or what came in its place.
        beside: the large arrays beside it.

    Raises:
        WireError: it cannot be one.
    """

    def __init__(self, message: Any, beside: Beside | None = None) -> None:
        self.message = message
        self.arrays: Arrays = []
        self._beside = beside
        try:
            self._heads, self._data = (_Chunks(message[name]) for name in ("heads", "data"))
        except DAMAGE as error:
            raise WireError(f"the experiments are damaged: {type(error).__name__}: {error}.") from error
        if len(self._heads) != len(self._data):
            raise WireError(f"{len(self._heads)} experiments came with the data of {len(self._data)}.")

    @classmethod
    def of(cls, experiments: Iterable[Experiment]) -> Self:
        """Pack ``experiments``, whose counts and memory are packed already.

        Raises:
            WireError: a saved quantity has a type that the format does not know.
        """
        arrays: Arrays = []
        pack, pack_data = packer(), packer(arrays)
        heads, data = [], []
        try:
            for experiment in experiments:
                head = dict(experiment)
                rest = dict(head.pop("data", {}))
                counts, memory = rest.get("counts"), rest.get("memory")
                parts: list[Any] = [None, None, rest]
                if isinstance(counts, PackedCounts):
                    del rest["counts"]
                    parts[0] = [counts.size, counts.outcomes, counts.numbers, counts.digits]
                if isinstance(memory, PackedMemory):
                    del rest["memory"]
                    parts[1] = [memory.size, memory.outcomes, memory.digits]
                heads.append(pack(head))
                data.append(pack_data(parts))
        except UNPACKABLE as error:
            raise WireError(f"cannot be sent: {error}") from error
        message = {"heads": list(_chunks(heads)), "data": list(_chunks(data))}
        packed = cls(message, InMemory([bytes_of(array) for array in arrays]))
        packed.arrays = arrays
        return packed

    def __len__(self) -> int:
        return len(self._heads)

    def head(self, index: int) -> Experiment:
        """All but the data of an experiment.

        Raises:
            WireError: it is damaged.
        """
        try:
            return {**unpack(self._heads[index])}
        except DAMAGE as error:
            raise _damaged(index, error) from error

    def data(self, index: int) -> dict[str, Any]:
        """The data of an experiment: counts and memory packed, the rest as Aer returns it.

        Raises:
            WireError: it is damaged.
        """
        try:
            counts, memory, rest = unpack(self._data[index], beside=self._beside)
            found = {**rest}
            if counts is not None:
                found["counts"] = PackedCounts(*counts)
            if memory is not None:
                found["memory"] = PackedMemory(*memory)
        except DAMAGE as error:
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


def _damaged(index: int, error: BaseException) -> WireError:
    return WireError(
        f"experiment {index} of its slice is damaged: {type(error).__name__}: {error}",
        hint="install the same release on client and workers.",
    )
