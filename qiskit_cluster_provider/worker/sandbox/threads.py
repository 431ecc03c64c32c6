"""Threads on a machine that may be short of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

_PAUSES = (0.05, 0.1, 0.2, 0.4)  # seconds between tries: a limit of processes is often full for a moment
_REFUSED = "can't start new thread"  # Python has no class for it

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
