"""What a child keeps between slices: what it decoded and assembled, by content, up to a limit in bytes."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

LIMIT = 128 * 2**20
"""Bytes of one child; an estimate, since Python and C++ do not tell how much an object holds."""

T = TypeVar("T")


class Cache:
    """The least recently used goes first. A single entry larger than the limit is kept until the next one comes.

    Attributes:
        limit: bytes.
        size: bytes that it holds now.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.size = 0
        self._kept: OrderedDict[Hashable, tuple[int, Any]] = OrderedDict()
        self._hits: Counter[str] = Counter()
        self._misses: Counter[str] = Counter()

    def __contains__(self, name: Hashable) -> bool:
        return name in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, kind: str, name: Hashable, make: Callable[[], T], weigh: Callable[[T], int]) -> T:
        """What is kept under ``name``, or what ``make`` makes, which is kept then.

        Args:
            kind: under which the use is counted.
            name: says all that the value follows from.
            make: makes the value.
            weigh: its bytes.
        """
        found = self._kept.get(name)
        if found is not None:
            self._kept.move_to_end(name)
            self._hits[kind] += 1
            value: T = found[1]
            return value
        self._misses[kind] += 1
        made = make()
        weight = weigh(made)
        self._kept[name] = weight, made
        self.size += weight
        while self.size > self.limit and len(self._kept) > 1:
            _, (freed, _) = self._kept.popitem(last=False)
            self.size -= freed
        return made

    def uses(self) -> dict[str, tuple[int, int]]:
        """Kind -> hits and misses since this was last asked."""
        found = {kind: (self._hits[kind], self._misses[kind]) for kind in sorted({*self._hits, *self._misses})}
        self._hits.clear()
        self._misses.clear()
        return found
