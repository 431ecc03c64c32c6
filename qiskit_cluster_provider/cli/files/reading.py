"""Circuits from files: OpenQASM 2, OpenQASM 3 and QPY. Files are parsed; nothing in them is executed.

A few lines can ask for all memory and for hours. So a file is counted before it is read, and read in a process of its
own, within limits, before it is read here.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
from pathlib import Path

from qiskit import QuantumCircuit, qpy

from ...errors import ClusterError, InvalidCircuitError, MissingExtraError
from ...outcomes import Reason
from ...worker.sandbox import processes
from .parsing import READY, Source, is_small, parse, shortened

MAX_BYTES = 64 * 2**20
"""The largest file that is read."""

MAX_BITS = 100_000
"""The bits that OpenQASM may declare: a few bytes of text would fill the memory otherwise."""

MAX_INSTRUCTIONS = 1_000_000
"""Instructions that a circuit from OpenQASM may gain when statements about whole registers, and gates, are replaced
by what they are made of: twenty lines, each of which defines a gate as two of the one before, are a million."""

MAX_MEMORY = 4 * 2**30
"""Bytes of memory that reading a file may take: what it declares has nothing to do with its size."""

MAX_SECONDS = 30.0
"""Seconds that reading a file may take, and a tenth of a millisecond more for each byte: OpenQASM 3 takes a fifth."""

_QPY_MAGIC = b"QISKIT"
# The version statement stands first, but for comments. Possessive, so that no file makes it backtrack.
_HEADER = re.compile(r"(?:\s++|//[^\n]*+|/\*.*?\*/)*+OPENQASM\s++(\d++)(?:\.\d++)?+\s*+;", re.DOTALL)
_SYMENGINE_VERSIONS = range(10, 13)
_SYMENGINE_OFFSET = 18  # of the symbol encoding in the header of these versions: "!6sBBBBQc"


def read_circuits(path: Path) -> list[QuantumCircuit]:
    """The circuits in a file. What kind of file it is, is decided by its content.

    OpenQASM 2 has the gates and functions that ``QuantumCircuit.from_qasm_str`` gives it. ``include`` finds
    ``qelib1.inc`` and ``stdgates.inc``, and never a file. OpenQASM has no names, so that its circuit is named
    after the file; circuits from QPY keep their own.

    Args:
        path: of the file, at most :data:`MAX_BYTES` long; see the other limits of this module, too.

    Returns:
        One circuit from OpenQASM, all of them from QPY.

    Raises:
        InvalidCircuitError: the file is too large, of another kind, or wrong; the message names it.
        MissingExtraError: OpenQASM 3 needs another package.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        raw = file.read(MAX_BYTES + 1)  # not st_size, which is 0 for a pipe or a device
    if len(raw) > MAX_BYTES:
        raise InvalidCircuitError(
            f"{path} is larger than {MAX_BYTES // 2**20} MiB",
            hint="divide it, or load it in Python and use ClusterBackend.run.",
        )
    source = Source(path, _kind(path, raw), raw, MAX_INSTRUCTIONS, MAX_BITS)
    if is_small(source):
        return parse(source)
    answer = _probed(source)
    # OpenQASM 3 takes so long to read that what was made of it is taken from the process that did.
    return list(qpy.load(io.BytesIO(answer))) if answer else parse(source)


def printable(text: str) -> str:
    """``text`` without the characters that a terminal would obey: names come from files, and anyone wrote those."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _kind(path: Path, raw: bytes) -> str:
    """``qpy``, or the version of OpenQASM."""
    if raw.startswith(_QPY_MAGIC):
        version = raw[len(_QPY_MAGIC)] if len(raw) > _SYMENGINE_OFFSET else 0
        if version in _SYMENGINE_VERSIONS and raw[_SYMENGINE_OFFSET : _SYMENGINE_OFFSET + 1] == b"e":
            # Read by symengine's own deserializer, which trusts its input (CVE-2025-1403).
            raise InvalidCircuitError(
                f"{path} is QPY {version} with symengine expressions, which is not safe to read",
                hint="write it again with use_symengine=False or a newer Qiskit.",
            )
        return "qpy"
    try:
        header = _HEADER.match(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        header = None
    if header is None:
        raise InvalidCircuitError(
            f"{path} is neither OpenQASM 2, OpenQASM 3 nor QPY.",
            hint=("OpenQASM begins with 'OPENQASM 2.0;' or 'OPENQASM 3.0;'; QPY is what qiskit.qpy.dump writes."),
        )
    number = header[1].lstrip("0")  # not as a number: Python makes none of thousands of digits
    if number not in ("2", "3"):
        raise InvalidCircuitError(
            f"{path} is OpenQASM {shortened(number or '0')}", hint="OpenQASM 2 and 3 can be read."
        )
    if number == "3":
        try:
            import qiskit_qasm3_import  # noqa: F401
        except ImportError as error:
            raise MissingExtraError(
                f"{path} is OpenQASM 3", hint="to read it, pip install 'qiskit-cluster-provider[qasm3]'"
            ) from error
    return number


def _probed(source: Source) -> bytes:
    """Read ``source`` in a process within limits. Returns QPY of what it made of OpenQASM 3, else nothing.

    Raises:
        InvalidCircuitError: it cannot be read, or not within the limits.
        ClusterError: no process can be started here.
    """
    what = "QPY" if source.kind == "qpy" else f"OpenQASM {source.kind}"
    seconds = MAX_SECONDS + len(source.raw) * 1e-4
    limits = {name: getattr(source, name) for name in ("kind", "instructions", "bits")}
    limits |= {"memory": MAX_MEMORY, "seconds": seconds, "path": str(source.path)}
    try:
        tried = subprocess.run(
            processes.command("qiskit_cluster_provider.cli.files.probe", json.dumps(limits)),
            input=source.raw,
            capture_output=True,
            env=processes.environment(os.environ),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InvalidCircuitError(
            f"{source.path} cannot be read as {what} within {seconds:.0f} s",
            hint="divide the file, or load it in Python and use ClusterBackend.run.",
        ) from error
    except (processes.NoPython, OSError) as error:
        raise ClusterError(
            f"{source.path} is not read: the process that would try it cannot start: {error}."
        ) from error
    _, ready, answer = tried.stdout.partition(READY)
    if not ready:
        said = tried.stderr.decode(errors="replace").strip().rpartition("\n")[2] or f"exit code {tried.returncode}"
        raise ClusterError(f"{source.path} is not read: the process that would try it does not start: {said}")
    word, _, rest = answer.partition(b"\n")
    if tried.returncode == 0 and word == b"read":
        return rest
    if tried.returncode == 0 and word == b"wrong":
        raise InvalidCircuitError.because(Reason(**json.loads(rest)))
    raise InvalidCircuitError(
        f"{source.path} cannot be read as {what}: the reader needs over "
        f"{MAX_MEMORY / 2**30:.3g} GiB of memory, or crashes on it",
        hint="divide the file, or load it in Python and use ClusterBackend.run.",
    )
