"""Run by :mod:`.reading` in a process of its own: can what is on stdin be read within a limit of memory?

Qiskit's readers take what a file declares: 200 bytes can ask for all memory, and where there is none left, Rust
aborts the process. Who started it limits the time.
"""

import io
import json
import math
import os
import resource
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from qiskit import QuantumCircuit, qpy

from ...errors import InvalidCircuitError
from .parsing import READY, Source, parse


def main() -> None:
    """The limits are a JSON object in the first argument; memory counts from what Qiskit itself has taken.

    Writes :data:`READY`; then ``read`` and, if it can be, QPY of what OpenQASM 3 has become; or ``wrong`` and a
    JSON object with the parts of the reason.
    """
    given = json.loads(sys.argv[1])
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # whatever else is printed is no answer
        out.write(READY)
        out.flush()
        _limit(given["memory"], given["seconds"])
        source = Source(
            Path(given["path"]), given["kind"], sys.stdin.buffer.read(), given["instructions"], given["bits"]
        )
        try:
            circuits = parse(source)
            packed = _qpy_of(circuits) if source.kind == "3" else b""
        except InvalidCircuitError as error:
            out.write(b"wrong\n" + json.dumps(asdict(error.reason)).encode())
        else:
            out.write(b"read\n" + packed)


def _limit(memory: int, seconds: float) -> None:
    """Take no more memory, nor more time, even if nobody waits any more; and be the first that the kernel ends."""
    with suppress(OSError):  # not Linux
        Path("/proc/self/oom_score_adj").write_text("1000")
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    most = math.ceil(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard < 0 else min(most, hard), hard))
    try:
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:  # not Linux: no limit
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = used + memory
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))


def _qpy_of(circuits: list[QuantumCircuit]) -> bytes:
    """Nothing if QPY does not bring them back as they are, as where a duration is a whole number."""
    packed = io.BytesIO()
    qpy.dump(circuits, packed)
    packed.seek(0)
    return packed.getvalue() if qpy.load(packed) == circuits else b""
