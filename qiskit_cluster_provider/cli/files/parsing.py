"""Texts and bytes to circuits, in whatever process: what reads and counts them. Nothing in them is executed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from qiskit import QuantumCircuit, qasm2, qasm3, qpy
from qiskit.circuit.controlflow import ControlFlowOp
from qiskit.exceptions import QiskitError

from ...errors import InvalidCircuitError

READY = b"\0qiskit-cluster-provider: ready\n"
"""Comes before the answer of :mod:`.probe`: what an environment prints while Python starts is none."""

_DEEPEST = 100  # definitions inside each other; Qiskit's transpiler recurses into them
_COMMENT = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_TOKEN = re.compile(r"[{};]|[^\W\d]\w*")
# Possessive, and at the end of the file without its bracket: no file makes it look at the rest again and again.
_REGISTER = re.compile(r"\b(?:[qc]reg\s++(\w++)|(?:qubit|bit))\s*+\[([^\]]*+)(?:\]|\Z)(?:\s*+(\w++))?+")
_LONGEST = 300  # letters that a message quotes of a file
_NESTED = re.compile(r"(?:\([^()]*){40}")  # parentheses; a parser recurses into them
_SMALL = 2**20  # bytes
_WHOLE = re.compile(r"\b[^\W\d]\w*\b(?!\s*\[)")  # a name, and no bit of it
# Qiskit's QPY reader draws a coloured backtrace around what went wrong.
_RUST_CAUSE = re.compile(r"Backtrace.*?Error: ([^\n\x1b]+)", re.DOTALL)


@dataclass(frozen=True)
class Source:
    """What a file holds.

    Attributes:
        path: for messages.
        kind: ``2`` or ``3`` for OpenQASM of this version, ``qpy``.
        raw: its bytes.
        instructions: that a circuit from OpenQASM may gain by broadcasting and by definitions.
        bits: that OpenQASM may declare.
    """

    path: Path
    kind: str
    raw: bytes
    instructions: int
    bits: int


def parse(source: Source) -> list[QuantumCircuit]:
    """The circuits of ``source``; it takes what memory and time it takes.

    Raises:
        InvalidCircuitError: it is wrong; the message names the file.
    """
    if source.kind == "qpy":
        try:
            return list(qpy.load(io.BytesIO(source.raw)))
        except Exception as error:
            raise _unreadable(source.path, "QPY", error) from error
    circuit = _parse_2(source) if source.kind == "2" else _parse_3(source)
    _check_size(source, circuit)
    circuit.name = source.path.stem
    return [circuit]


def is_small(source: Source) -> bool:
    """Whether ``source`` is OpenQASM 2 whose circuit is known to be small before it is read.

    This language has no loops, so that what it can ask for can be counted.

    Raises:
        InvalidCircuitError: it declares or asks for more than it may.
    """
    if source.kind == "qpy":
        return False
    text = _bare(source)
    sizes = _registers(source, text)
    _check_gates(source, text)
    largest, statements = max(sizes.values(), default=1), text.count(";")
    if statements * largest > source.instructions:
        _check_broadcasts(source, text, sizes)
    return (
        source.kind == "2"
        and len(source.raw) <= _SMALL
        and statements * largest <= _SMALL // 10
        and "gate" not in text
        and not _NESTED.search(text)
    )


def shortened(text: str) -> str:
    """``text``, or its beginning: parsers quote a name of a million letters whole."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _bare(source: Source) -> str:
    return _COMMENT.sub(" ", source.raw.decode("utf-8-sig"))


def _registers(source: Source, text: str) -> dict[str, int]:
    """Name -> bits of each register."""
    sizes: dict[str, int] = {}
    bits = 0
    for number, found in enumerate(_REGISTER.finditer(text)):
        said = shortened(found[0])
        try:
            size = max(0, int(found[2], 0))
        except ValueError as error:  # OpenQASM 3 may compute it
            raise InvalidCircuitError(f"{source.path} declares {said}", hint="write the size as a number.") from error
        bits += size
        if bits > source.bits:
            raise InvalidCircuitError(
                f"{source.path} declares {said}",
                hint=f"registers of up to {source.bits} bits are read, all of a file together.",
            )
        sizes[found[1] or found[3] or f" {number}"] = size
    return sizes


def _check_broadcasts(source: Source, text: str, sizes: dict[str, int]) -> None:
    """Refuse statements about whole registers that stand for too many instructions: ``h q;`` is one for each bit."""
    gained = 0
    for statement in _statements(text):
        if statement.lstrip().startswith("barrier"):
            continue
        whole = [sizes[word] for word in _WHOLE.findall(statement) if word in sizes]
        gained += max(whole, default=1) - 1
        if gained > source.instructions:
            raise InvalidCircuitError(
                f"{source.path} applies gates to whole registers, which are over {source.instructions} "
                "instructions more.",
                hint="Load it in Python and use ClusterBackend.run.",
            )


def _statements(text: str) -> Iterator[str]:
    start = 0
    while (end := text.find(";", start)) >= 0:
        yield text[start:end]
        start = end + 1


def _check_gates(source: Source, text: str) -> None:
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
                if size > source.instructions:
                    raise InvalidCircuitError(
                        f"{source.path} defines a gate of over {source.instructions} instructions",
                        hint="load it in Python and use ClusterBackend.run.",
                    )
        elif name and depth:
            size += 1 if word == ";" else sizes.get(word, 0)


def _check_size(source: Source, circuit: QuantumCircuit) -> None:
    sizes: dict[str, int] = {}  # a file has one gate of a name

    def size(circuit: QuantumCircuit, depth: int) -> int:
        if depth > _DEEPEST:
            raise InvalidCircuitError(
                f"{source.path} has gates that are defined by others over {_DEEPEST} times in a row."
            )
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

    if (more := size(circuit, 0) - len(circuit.data)) > source.instructions:
        raise InvalidCircuitError(
            f"{source.path} has {more} more instructions once its gates are replaced by what they are "
            f"made of; up to {source.instructions} are read.",
            hint="Load it in Python and use ClusterBackend.run.",
        )


def _parse_2(source: Source) -> QuantumCircuit:
    try:
        return qasm2.loads(
            source.raw.decode("utf-8-sig"),
            include_path=(),
            custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS,
            custom_classical=qasm2.LEGACY_CUSTOM_CLASSICAL,
        )
    except Exception as error:
        raise _unreadable(source.path, "OpenQASM 2", error) from error


def _parse_3(source: Source) -> QuantumCircuit:
    try:
        with redirect_stderr(io.StringIO()):  # antlr prints some of the errors that it raises
            return qasm3.loads(source.raw.decode("utf-8-sig"))
    except Exception as error:
        raise _unreadable(source.path, "OpenQASM 3", error) from error


def _unreadable(path: Path, what: str, error: Exception) -> InvalidCircuitError:
    """The parsers' errors share no base, so that this is the one place where all are translated."""
    said = error.message if isinstance(error, QiskitError) else str(error)
    return InvalidCircuitError(_words(path, what, type(error).__name__, said or _antlr_place(error)))


def _words(path: Path, what: str, kind: str, said: str) -> str:
    if (rust := _RUST_CAUSE.search(said)) is not None:
        said = rust[1]
    return f"{path} cannot be read as {what}: {kind}: {shortened(said) or 'no reason given'}"


def _antlr_place(error: Exception) -> str:
    """Where a syntax error is: openqasm3 raises it without a word, and antlr keeps it three levels down."""
    refusal = error.__cause__.args[0] if error.__cause__ is not None and error.__cause__.args else None
    token = getattr(refusal, "offendingToken", None)
    return "no reason given" if token is None else f"line {token.line}, before or at {token.text!r}"
