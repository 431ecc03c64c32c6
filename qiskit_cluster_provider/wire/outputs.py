"""What is asked of experiments, to bytes and back."""

from __future__ import annotations

from ..errors import WireError
from ..plan import Bits, ExpectationValues, Output, Parities, Readout
from .circuits import decode_circuits, encode_circuits
from .envelope import seal, unseal


def encode_output(output: Output) -> bytes:
    """The bytes of ``output``."""
    if isinstance(output, Bits):
        return seal(b"e", {"kind": "bits"})
    if isinstance(output, ExpectationValues):
        # One text for all labels: they are of one length, and compress well.
        operators = [["".join(labels), list(coefficients)] for labels, coefficients in output.operators]
        return seal(b"e", {"kind": "values", "operators": operators, "as_rotations": output.as_rotations})
    body = {
        "kind": "parities",
        "circuits": encode_circuits([readout.circuit for readout in output.readouts]),
        "supports": [readout.support for readout in output.readouts],
        "share_state": output.share_state,
    }
    return seal(b"e", body)


def decode_output(message: bytes) -> Output:
    """The inverse of :func:`encode_output`. Runs on workers only: it decodes circuits.

    Raises:
        WireError: bytes of another version or kind.
    """
    body = unseal(b"e", message)
    if body["kind"] == "bits":
        return Bits()
    if body["kind"] == "values":
        return ExpectationValues(
            tuple((_split(text, len(coefficients)), tuple(coefficients)) for text, coefficients in body["operators"]),
            body["as_rotations"],
        )
    if body["kind"] == "parities":
        circuits = decode_circuits(body["circuits"])
        readouts = tuple(Readout(c, s) for c, s in zip(circuits, body["supports"], strict=True))
        return Parities(readouts, body["share_state"])
    raise WireError(f"unknown output {body['kind']!r}", hint="install the same release on client and workers.")


def _split(text: str, count: int) -> tuple[str, ...]:
    size = len(text) // count
    return tuple(text[i * size : (i + 1) * size] for i in range(count))
