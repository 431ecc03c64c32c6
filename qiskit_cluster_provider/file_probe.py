"""Run by :mod:`.files` in a process of its own: can what is on stdin be read within a limit of memory?

Qiskit's readers take what a file declares: 200 bytes can ask for all memory, and where there is none left, Rust
aborts the process. Who started it limits the time.
"""

import io
import json
import os
import resource
import sys
from pathlib import Path

from qiskit import QuantumCircuit, qpy

from .errors import InvalidCircuitError
from .file_parsing import Source, parse


def main() -> None:
    """The limits are a JSON object in the first argument; memory counts from what Qiskit itself has taken.

    Prints ``read`` and, if it can be, QPY of what OpenQASM 3 has become; or ``wrong`` and why it cannot be read.
    """
    given = json.loads(sys.argv[1])
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:  # not Linux: no limit
        pass
    else:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = used + given["memory"]
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
    source = Source(Path(given["path"]), given["kind"], sys.stdin.buffer.read(), given["instructions"], given["bits"])
    answer = io.BytesIO()
    try:
        circuits = parse(source)
        answer.write(b"read\n")
        if source.kind == "3":
            answer.write(_qpy_of(circuits))
    except InvalidCircuitError as error:
        answer = io.BytesIO(b"wrong\n" + str(error.message).encode(errors="replace"))
    with os.fdopen(os.dup(1), "wb") as out:
        out.write(answer.getvalue())


def _qpy_of(circuits: list[QuantumCircuit]) -> bytes:
    """Nothing if QPY does not bring them back as they are, as where a duration is a whole number."""
    packed = io.BytesIO()
    qpy.dump(circuits, packed)
    packed.seek(0)
    return packed.getvalue() if qpy.load(packed) == circuits else b""
