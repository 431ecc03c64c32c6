"""How a child ended, in words."""

from __future__ import annotations

import os
import signal
from typing import IO

_LAST_WORDS = 2000  # bytes of an ended child's stderr that go into the error


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


def said(stderr: IO[bytes]) -> int:
    """How many bytes it has written so far. Not by seeking: a child and its parent share the position."""
    return os.fstat(stderr.fileno()).st_size


def last_words(stderr: IO[bytes], since: int = 0) -> str:
    """The end of what it wrote after ``since`` bytes, for a message: its last line, then, if there are more, all.
    Empty if it was silent.

    The last line is where Python and C++ say what was the matter.
    """
    start = max(since, said(stderr) - _LAST_WORDS)
    text = os.pread(stderr.fileno(), _LAST_WORDS, start).decode(errors="replace").strip()
    lines = text.splitlines()
    if not lines:
        return ""
    return f"; its last words: {lines[-1].strip()}" + (f"\n\n{text}" if len(lines) > 1 else "")
