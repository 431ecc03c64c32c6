"""Threads on a machine that may be short of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)  # seconds between tries: a limit of processes is often full for a moment


def start_thread(target: Callable[..., Any], name: str, args: Sequence[Any] = ()) -> threading.Thread:
    """Start a daemon thread; where the machine has none left, try again for about three seconds.

    Raises:
        RuntimeError: it still has none.
    """
    for pause in (*_PAUSES, None):
        thread = threading.Thread(target=target, name=name, args=tuple(args), daemon=True)
        try:
            thread.start()
        except RuntimeError:
            if pause is None:
                raise
            time.sleep(pause)
        else:
            return thread
    raise AssertionError("the last try returns or raises")
