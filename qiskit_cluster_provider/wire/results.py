"""What a slice came back with: msgpack and arrays, nothing that executes when it is read."""

from __future__ import annotations

from ..errors import WireError
from ..plan import SliceResult
from .envelope import seal, unseal


def encode_result(result: SliceResult) -> bytes:
    """The bytes of ``result``.

    Raises:
        WireError: a saved quantity has a type that the format does not know.
    """
    body = {
        "index": result.index,
        "experiments": list(result.experiments),
        "metadata": dict(result.metadata),
        "seconds": result.seconds,
        "arrays": list(result.arrays),
        "refused": dict(result.refused),
        "paths": [list(path) for path in sorted(result.paths)],
        "caches": [[kind, *uses] for kind, uses in sorted(result.caches.items())],
    }
    return seal(b"r", body)


def decode_result(message: bytes) -> SliceResult:
    """The inverse of :func:`encode_result`.

    It runs on the client, on what a worker sent: nothing in it is executed.

    Raises:
        WireError: damaged bytes, or of another version or kind.
    """
    body = unseal(b"r", message)
    try:
        return SliceResult(
            index=body["index"],
            experiments=tuple(body["experiments"]),
            metadata=body["metadata"],
            seconds=body["seconds"],
            arrays=tuple(body["arrays"]),
            refused=body["refused"],
            paths=frozenset((method, sampled) for method, sampled in body["paths"]),
            caches={kind: (hits, misses) for kind, hits, misses in body["caches"]},
        )
    except (KeyError, ValueError, TypeError) as error:
        raise WireError(
            f"the result lacks what this release expects: {type(error).__name__}: {error}; install the same release "
            "on client and workers."
        ) from error
