"""Run by :mod:`.files` in a process of its own: can the QPY on stdin be read within a limit of memory?

Qiskit's reader takes what a file declares: 200 bytes can ask for all memory, and where there is none left, Rust
aborts the process. Prints nothing if it can be read, else the type of the error and its words.
"""

import io
import resource
import sys
from pathlib import Path

from qiskit import qpy
from qiskit.exceptions import QiskitError


def main() -> None:
    """The limit, in bytes, is the first argument; it counts from what Qiskit itself has taken."""
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:  # not Linux: no limit
        pass
    else:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = used + int(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
    try:
        qpy.load(io.BytesIO(sys.stdin.buffer.read()))
    except Exception as error:
        print(type(error).__name__, error.message if isinstance(error, QiskitError) else error, sep="\n")


if __name__ == "__main__":
    main()
