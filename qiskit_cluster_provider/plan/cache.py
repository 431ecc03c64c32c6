"""The one cache of this package: values by name, bounded in bytes, the least recently used go first."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeVar
from weakref import WeakSet

T = TypeVar("T")

_ALL: WeakSet[Renewed] = WeakSet()


class Renewed(ABC):
    """What begins anew in a fork, where a lock of the parent may be held by a thread that the fork does not have."""

    def __init__(self) -> None:
        self._begin()
        _ALL.add(self)

    @staticmethod
    @cache
    def _renew_in_forks() -> None:
        """Called before a lock is taken. The first call in a process sees to it that all begin anew in its forks."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_renew)

    @abstractmethod
    def _begin(self) -> None:
        """Make what does not outlive a fork: locks, and what they guard. Called by ``__init__``, and in a fork."""


class ByteCache(Renewed):
    """Keeps values by name, up to a limit in bytes.

    The caller says how many bytes a value has, since Python and C++ do not tell how much an object holds. A single
    value larger than the limit is kept until the next one comes.

    Any thread may use it. In a fork it is empty, and so is a pickled or copied one.

    Args:
        limit: bytes.

    Attributes:
        limit: bytes.
        size: bytes of all values that it keeps.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self.size = 0
        self._kept: OrderedDict[Hashable, tuple[int, Any]] = OrderedDict()
        self._hits: Counter[str] = Counter()
        self._misses: Counter[str] = Counter()

    def get(self, kind: str, name: Hashable, make: Callable[[], T], weigh: Callable[[T], int]) -> T:
        """The value that is kept under ``name``; else the one that ``make`` makes, which is kept from now on.

        Two threads may make the value of one name at the same time. Both get the one that was kept first.

        Args:
            kind: under which the use is counted; empty is not reported.
            name: all that the value follows from.
            make: makes the value; it may call this cache.
            weigh: the bytes of the value.
        """
        self._renew_in_forks()
        with self._lock:
            entry = self._kept.get(name)
            if entry is not None:
                self._kept.move_to_end(name)
                self._hits[kind] += 1
                found: T = entry[1]
                return found
            self._misses[kind] += 1
        made = make()
        size = weigh(made)
        with self._lock:
            if (entry := self._kept.get(name)) is not None:
                first: T = entry[1]
                return first
            gone = self._put(name, made, size)
        del gone  # outside of the lock, since a value that goes may call this cache
        return made

    def find(self, kind: str, name: Hashable) -> Any:
        """The value that is kept under ``name``; ``None`` if there is none.

        Args:
            kind: under which the use is counted; empty is not reported.
            name: of the value.
        """
        self._renew_in_forks()
        with self._lock:
            entry = self._kept.get(name)
            if entry is None:
                self._misses[kind] += 1
                return None
            self._kept.move_to_end(name)
            self._hits[kind] += 1
            return entry[1]

    def put(self, name: Hashable, value: Any, size: int) -> None:
        """Keep ``value``, in the place of what was kept under ``name``.

        Args:
            name: of the value.
            value: what to keep.
            size: its bytes.
        """
        self._renew_in_forks()
        with self._lock:
            gone = self._put(name, value, size)
        del gone

    def _put(self, name: Hashable, value: Any, size: int) -> list[Any]:
        """Keep ``value``; returns what had to go for it."""
        gone = [self._kept.pop(name, (0, None))]
        self.size += size - gone[0][0]
        self._kept[name] = size, value
        while self.size > self.limit and len(self._kept) > 1:
            gone.append(self._kept.popitem(last=False)[1])
            self.size -= gone[-1][0]
        return gone

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            gone, self._kept, self.size = self._kept, OrderedDict(), 0
        del gone

    def uses(self) -> dict[str, tuple[int, int]]:
        """The hits and misses of each kind since this was last asked."""
        with self._lock:
            kinds = sorted({*self._hits, *self._misses} - {""})
            found = {kind: (self._hits[kind], self._misses[kind]) for kind in kinds}
            self._hits.clear()
            self._misses.clear()
        return found

    def __contains__(self, name: Hashable) -> bool:
        return name in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def __reduce__(self) -> Any:
        return type(self), (self.limit,)


def _renew() -> None:
    for each in list(_ALL):
        each._begin()
