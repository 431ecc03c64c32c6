"""Circuits to bytes: their columns. What columns do not carry is pickled, operation by operation."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import WireError
from ..plan.circuits.columns import Columns
from .columns import columns_of, data_of
from .envelope import DAMAGE, UNPACKABLE, seal, unseal


def encode_circuits(circuits: Sequence[Columns]) -> bytes:
    """The bytes of ``circuits``; of equal circuits the same, up to how they are compressed.

    Raises:
        WireError: a circuit has something that has no place in the format.
    """
    body = []
    for circuit in circuits:
        try:
            body.append(data_of(circuit))
        except UNPACKABLE as error:
            raise WireError(
                f"circuit {circuit.name!r} cannot be sent: {error}",
                hint="transpile(circuit, backend) makes gates of its operations.",
            ) from error
    return seal(b"c", body)


def decode_circuits(message: bytes) -> list[Columns]:
    """The inverse of :func:`encode_circuits`. Nothing in the message is executed.

    Raises:
        WireError: damaged bytes, or of another version or kind.
    """
    body = unseal(b"c", message)
    try:
        return [columns_of(one) for one in body]
    except WireError:
        raise
    except (*DAMAGE, AttributeError) as error:
        raise WireError(
            f"the circuits in a message are damaged: {type(error).__name__}: {error}",
            hint="install the same release on client and workers.",
        ) from error
