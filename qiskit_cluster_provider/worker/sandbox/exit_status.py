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


def shortage(error: BaseException) -> str:
    """What this machine has too little of, and what to do, if that is why ``error`` was raised."""
    number = errno.EAGAIN if is_shortage(error) else getattr(error, "errno", None) or 0
    return _SCARCE.get(number, "").format(files=resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def exit_status(code: int, killed_for_memory: bool) -> str:
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


def written(stderr: IO[bytes]) -> int:
    """How many bytes the child has written so far. Not by seeking: a child and its parent share the position."""
    return os.fstat(stderr.fileno()).st_size


def last_words(stderr: IO[bytes], since: int = 0) -> tuple[str, str]:
    """The end of what the child wrote after ``since`` bytes: its last line, and all of it if there are more lines.

    The last line is where Python and C++ say what was the matter. Both are empty if the child was silent.
    """
    start = max(since, written(stderr) - _LAST_WORDS)
    text = os.pread(stderr.fileno(), _LAST_WORDS, start).decode(errors="replace").strip()
    lines = text.splitlines()
    return (lines[-1].strip() if lines else "", text if len(lines) > 1 else "")
