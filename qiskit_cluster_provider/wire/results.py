"""What a slice came back with: msgpack and arrays, nothing that executes when it is read."""

from __future__ import annotations

from ..errors import WireError
from ..plan import Plan, Slice, SliceResult
from .envelope import seal, unseal
from .experiments import PackedExperiments


def encode_result(result: SliceResult) -> bytes:
    """The bytes of ``result``, whose experiments are :class:`.PackedExperiments`.

    Raises:
        WireError: a number has a type that the format does not know.
    """
    assert isinstance(result.experiments, PackedExperiments)
    body = {
        "index": result.index,
        "experiments": result.experiments.message,
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

    It runs on the client, on what a worker sent: nothing in it is executed. Its experiments are decoded, and found
    damaged, when they are asked for.

    Raises:
        WireError: damaged bytes, or of another version or kind.
    """
    body = unseal(b"r", message)
    try:
        return SliceResult(
            index=body["index"],
            experiments=PackedExperiments(body["experiments"]),
            metadata=body["metadata"],
            seconds=body["seconds"],
            arrays=tuple(body["arrays"]),
            refused={int(place): str(status) for place, status in body["refused"].items()},
            paths=frozenset((method, sampled) for method, sampled in body["paths"]),
            caches={kind: (hits, misses) for kind, hits, misses in body["caches"]},
        )
    except WireError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise WireError(
            f"the result lacks what this release expects: {type(error).__name__}: {error}; install the same release "
            "on client and workers."
        ) from error


def check_result(result: SliceResult, plan: Plan, piece: Slice) -> None:
    """Refuse what is no result of ``piece``.

    Raises:
        WireError: it is of another slice, or has other experiments.
    """
    raw = plan.work.items[piece.item].output is None
    arrays = 0 if raw else sum(len(plan.work.rows(run.start, run.stop)) for run in piece.runs)
    expected = (piece.size, 0) if raw else (0, arrays)
    numbers = (len(result.experiments), len(result.arrays))
    strangers = [place for place in result.refused if not 0 <= place < piece.size]
    if result.index != piece.index or numbers != expected or strangers:
        raise WireError(
            f"slice {piece.index} came back as slice {result.index} with {numbers[0]} experiments and {numbers[1]} "
            f"arrays in place of {expected[0]} and {expected[1]}; install the same release on client and workers."
        )
