"""Threads on a machine that may be short of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

_PAUSES = (0.05, 0.1, 0.2, 0.4)  # seconds between tries: a limit of processes is often full for a moment
_REFUSED = "can't start new thread"  # Python has no class for it

_SPARE = 32
"""Threads and processes to leave to others. Dask needs some, and waits for ever without them."""

Made = TypeVar("Made", bound=threading.Thread)


def started(make: Callable[[], Made]) -> Made:
    """A new thread, started; where the machine has none left, it is tried again for most of a second.

    Raises:
        RuntimeError: it still has none.
    """
    for pause in _PAUSES:
        thread = make()
        try:
            thread.start()
        except RuntimeError:
            time.sleep(pause)
        else:
            return thread
    thread = make()
    thread.start()
    return thread


def is_shortage(error: BaseException) -> bool:
    """Whether ``error`` says that no thread could be started."""
    return isinstance(error, RuntimeError) and _REFUSED in str(error)


def has_spare_threads(root: Path = Path("/")) -> bool:
    """Whether the container leaves room for threads and processes that only save time; where nobody says, yes.

    Args:
        root: where ``proc`` and ``sys`` lie.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return True
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number != "0" and "pids" not in controllers.split(","):
            continue
        top = root / ("sys/fs/cgroup" if number == "0" else "sys/fs/cgroup/pids")
        mine = top / path.lstrip("/")
        for folder in (mine, *mine.parents):
            with suppress(OSError, ValueError):  # "max" is no limit
                if int((folder / "pids.max").read_text()) - int((folder / "pids.current").read_text()) < _SPARE:
                    return False
            if folder == top:
                break
    return True
