"""How a child ended, in words."""

from __future__ import annotations

import os
import signal
from typing import BinaryIO

_LAST_WORDS = 2000  # bytes of a dead child's stderr that go into the error


def how(code: int, killed_for_memory: bool) -> str:
    """What a return code of ``subprocess`` means.

    Args:
        code: negative for a signal.
        killed_for_memory: the kernel ended some process for want of memory meanwhile.
    """
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL" and killed_for_memory:
        return "was ended by the kernel, which had no memory left (SIGKILL)"
    return f"was ended by {name}"


def last_words(stderr: BinaryIO) -> str:
    """The end of what it wrote."""
    size = stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, size - _LAST_WORDS))
    return stderr.read().decode(errors="replace").strip()
