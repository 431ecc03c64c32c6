"""Circuits to bytes: their columns. What columns do not carry is pickled, operation by operation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from ..errors import WireError
from ..plan.circuits.columns import Columns
from .columns import columns_of, data_of
from .envelope import DAMAGE, UNPACKABLE, pack, seal, unseal

_MOST = 2**30
"""Bytes of the circuits of a message, before they were compressed: about 100 million gates."""


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


def digest(circuit: Columns) -> str:
    """The SHA-256 of ``circuit`` in hexadecimal digits: the same in each process, on each machine and of each release
    that has this format.

    The name of the circuit is no part of it: Qiskit's own names are numbered through in each process. Metadata is a
    part if the columns have it.

    Raises:
        TypeError: the circuit has something that has no place in the format.
    """
    return hashlib.sha256(pack(data_of(replace(circuit, name="")))).hexdigest()


def decode_circuits(message: bytes) -> list[Columns]:
    """The inverse of :func:`encode_circuits`. Nothing in the message is executed.

    Raises:
        WireError: damaged bytes, or of another version or kind.
    """
    body = unseal(b"c", message, most=_MOST)
    try:
        return [columns_of(one) for one in body]
    except WireError:
        raise
    except (*DAMAGE, AttributeError) as error:
        raise WireError(
            f"the circuits in a message are damaged: {type(error).__name__}: {error}",
            hint="install the same release on client and workers.",
        ) from error
