"""How a child ended, or why it did not begin, in words."""

from __future__ import annotations

import errno
import os
import resource
import signal
from typing import IO

from .threads import is_shortage

_LAST_WORDS = 2000  # bytes of an ended child's stderr that go into the error


_SCARCE = {
    errno.EMFILE: "this process has its {files} files open; raise its limit (ulimit -n), or run fewer slices at once",
    errno.ENFILE: "the machine has too many files open; run fewer slices at once",
    errno.EAGAIN: "the limit of processes and threads is reached (ulimit -u, or pids.max of a container); raise it",
    errno.ENOMEM: "there is no memory for one more process; run fewer slices at once",
}


class NotStarted(RuntimeError):
    """A child could not be started, or ended before it was ready: that is the machine's fault, and no circuit's.

    Attributes:
        scarce: the machine has not enough of something, so that it may be possible later.
        final: another try cannot help.
    """

    def __init__(self, reason: str, *, scarce: bool = False, final: bool = False) -> None:
        super().__init__(f"a simulating process cannot be started: {reason}")
        self.scarce = scarce
        self.final = final

    @classmethod
    def because(cls, error: Exception) -> NotStarted:
        """Of what the start raised."""
        hint = shortage(error)
        if not hint and not isinstance(error, OSError):
            return cls(str(error), final=True)
        return cls(f"{error}" + (f"; {hint}" if hint else ""), scarce=bool(hint))


def shortage(error: BaseException) -> str:
    """What this machine has too little of, and what to do, if that is why ``error`` was raised."""
    number = errno.EAGAIN if is_shortage(error) else getattr(error, "errno", None) or 0
    return _SCARCE.get(number, "").format(files=resource.getrlimit(resource.RLIMIT_NOFILE)[0])


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
