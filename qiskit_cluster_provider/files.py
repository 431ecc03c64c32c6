"""Circuits from files: OpenQASM 2, OpenQASM 3 and QPY. Files are parsed; nothing in them is executed."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path

from qiskit import QuantumCircuit, qasm2, qasm3, qpy
from qiskit.circuit.controlflow import ControlFlowOp
from qiskit.exceptions import QiskitError

from .errors import InvalidCircuitError, MissingExtraError

MAX_BYTES = 64 * 2**20
"""The largest file that is read."""

MAX_BITS = 100_000
"""The bits that OpenQASM may declare: a few bytes of text would fill the memory otherwise."""

MAX_INSTRUCTIONS = 1_000_000
"""Instructions that a circuit from OpenQASM may gain when its gates are replaced by what they are made of: twenty
lines, each of which defines a gate as two of the one before, are a million."""

MAX_MEMORY = 4 * 2**30
"""Bytes of memory that reading a QPY file may take: what it declares has nothing to do with its size."""

_DEEPEST = 100  # definitions inside each other; Qiskit's transpiler recurses into them

_QPY_MAGIC = b"QISKIT"
# The version statement stands first, but for comments. Possessive, so that no file makes it backtrack.
_HEADER = re.compile(r"(?:\s++|//[^\n]*+|/\*.*?\*/)*+OPENQASM\s++(\d++)(?:\.\d++)?+\s*+;", re.DOTALL)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_TOKEN = re.compile(r"[{};]|[^\W\d]\w*")
_REGISTER = re.compile(r"\b(?:[qc]reg\s+\w+|qubit|bit)\s*\[([^\]]*)\]")
# Qiskit's QPY reader draws a coloured backtrace around what went wrong.
_RUST_CAUSE = re.compile(r"Backtrace.*?Error: ([^\n\x1b]+)", re.DOTALL)
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
            f"{path} is larger than {MAX_BYTES // 2**20} MiB; divide it, or load it in Python and use "
            "ClusterBackend.run."
        )
    if raw.startswith(_QPY_MAGIC):
        return _read_qpy(path, raw)
    circuit = _read_qasm(path, raw)
    _check_size(path, circuit)
    circuit.name = path.stem
    return [circuit]


def printable(text: str) -> str:
    """``text`` without the characters that a terminal would obey: names come from files, and anyone wrote those."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def _check_gates(path: Path, text: str) -> None:
    """Refuse gates that are made of too many, before OpenQASM 3's reader begins to make them."""
    sizes: dict[str, int] = {}
    name, depth, size = "", 0, 0
    words = (found[0] for found in _TOKEN.finditer(text)) if "gate" in text else iter(())
    for word in words:
        if word == "gate" and not depth:
            name, size = next(words, ""), 0
        elif word in "{}":
            depth = depth + 1 if word == "{" else max(0, depth - 1)
            if name and not depth:
                sizes[name], name = size, ""
                if size > MAX_INSTRUCTIONS:
                    raise InvalidCircuitError(
                        f"{path} defines a gate of over {MAX_INSTRUCTIONS} instructions; load it in Python and use "
                        "ClusterBackend.run."
                    )
        elif name and depth:
            size += 1 if word == ";" else sizes.get(word, 0)


def _check_size(path: Path, circuit: QuantumCircuit) -> None:
    sizes: dict[str, int] = {}  # a file has one gate of a name

    def size(circuit: QuantumCircuit, depth: int) -> int:
        if depth > _DEEPEST:
            raise InvalidCircuitError(f"{path} has gates that are defined by others over {_DEEPEST} times in a row.")
        total = 0
        for instruction in circuit.data:
            if instruction.is_standard_gate():
                total += 1
                continue
            operation = instruction.operation
            if isinstance(operation, ControlFlowOp):
                total += sum(size(block, depth + 1) for block in operation.blocks)
                continue
            if operation.name not in sizes:
                definition = getattr(operation, "definition", None)
                sizes[operation.name] = 1 if definition is None else size(definition, depth + 1)
            total += sizes[operation.name]
        return total

    if (more := size(circuit, 0) - len(circuit.data)) > MAX_INSTRUCTIONS:
        raise InvalidCircuitError(
            f"{path} has {more} more instructions once its gates are replaced by what they are made of; up to "
            f"{MAX_INSTRUCTIONS} are read. Load it in Python and use ClusterBackend.run."
        )


def _read_qasm(path: Path, raw: bytes) -> QuantumCircuit:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        header = None
    else:
        header = _HEADER.match(text)
    if header is None:
        raise InvalidCircuitError(
            f"{path} is neither OpenQASM 2, OpenQASM 3 nor QPY. OpenQASM begins with 'OPENQASM 2.0;' or "
            "'OPENQASM 3.0;'; QPY is what qiskit.qpy.dump writes."
        )
    bits = 0
    bare = _COMMENT.sub(" ", text)
    for found in _REGISTER.finditer(bare):
        try:
            bits += int(found[1], 0)
        except ValueError as error:  # OpenQASM 3 may compute it
            raise InvalidCircuitError(f"{path} declares {found[0]}; write the size as a number.") from error
        if bits > MAX_BITS:
            raise InvalidCircuitError(
                f"{path} declares {found[0]}; registers of up to {MAX_BITS} bits are read, all of a file together."
            )
    _check_gates(path, bare)
    version = int(header[1])
    if version == 3:
        return _read_qasm3(path, text)
    if version != 2:
        raise InvalidCircuitError(f"{path} is OpenQASM {version}; OpenQASM 2 and 3 can be read.")
    try:
        return qasm2.loads(
            text,
            include_path=(),
            custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS,
            custom_classical=qasm2.LEGACY_CUSTOM_CLASSICAL,
        )
    except Exception as error:
        raise _unreadable(path, "OpenQASM 2", error) from error


def _read_qasm3(path: Path, text: str) -> QuantumCircuit:
    try:
        import qiskit_qasm3_import  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"{path} is OpenQASM 3; to read it, pip install 'qiskit-cluster-provider[qasm3]'"
        ) from error
    try:
        with redirect_stderr(io.StringIO()):  # antlr prints some of the errors that it raises
            return qasm3.loads(text)
    except Exception as error:
        raise _unreadable(path, "OpenQASM 3", error) from error


def _read_qpy(path: Path, raw: bytes) -> list[QuantumCircuit]:
    version = raw[len(_QPY_MAGIC)] if len(raw) > _SYMENGINE_OFFSET else 0
    if version in _SYMENGINE_VERSIONS and raw[_SYMENGINE_OFFSET : _SYMENGINE_OFFSET + 1] == b"e":
        # Read by symengine's own deserializer, which trusts its input (CVE-2025-1403).
        raise InvalidCircuitError(
            f"{path} is QPY {version} with symengine expressions, which is not safe to read; write it again "
            "with use_symengine=False or a newer Qiskit."
        )
    # -P: this package's own modules must not stand in for others of their names.
    probe = [sys.executable, "-P", str(Path(__file__).with_name("qpy_probe.py")), str(MAX_MEMORY)]
    tried = subprocess.run(probe, input=raw, capture_output=True, check=False)
    if tried.returncode != 0:
        raise InvalidCircuitError(
            f"{path} cannot be read as QPY: the reader needs over {MAX_MEMORY / 2**30:.3g} GiB of memory, or "
            "crashes on it; divide the file, or load it in Python and use ClusterBackend.run."
        )
    kind, _, said = tried.stdout.decode(errors="replace").partition("\n")
    if kind:
        raise InvalidCircuitError(_words(path, "QPY", kind, said.strip()))
    return list(qpy.load(io.BytesIO(raw)))


def _unreadable(path: Path, what: str, error: Exception) -> InvalidCircuitError:
    """The parsers' errors share no base, so that this is the one place where all are translated."""
    said = error.message if isinstance(error, QiskitError) else str(error)
    return InvalidCircuitError(_words(path, what, type(error).__name__, said or _antlr_place(error)))


def _words(path: Path, what: str, kind: str, said: str) -> str:
    if (rust := _RUST_CAUSE.search(said)) is not None:
        said = rust[1]
    return f"{path} cannot be read as {what}: {kind}: {said or 'no reason given'}"


def _antlr_place(error: Exception) -> str:
    """Where a syntax error is: openqasm3 raises it without a word, and antlr keeps it three levels down."""
    refusal = error.__cause__.args[0] if error.__cause__ is not None and error.__cause__.args else None
    token = getattr(refusal, "offendingToken", None)
    return "no reason given" if token is None else f"line {token.line}, before or at {token.text!r}"
