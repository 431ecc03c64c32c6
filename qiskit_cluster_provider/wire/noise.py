"""Noise models to bytes: as data of the engine, or in a pickle if they have parts that are not data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import WireError
from ..plan import Engine, pickles
from .envelope import seal, unseal


@dataclass(frozen=True)
class SentNoise:
    """A noise model that came over the wire.

    Attributes:
        data: of the engine, which checks it; ``None`` if the model is in a pickle.
        pickle: of the model and the errors of channel instructions.
    """

    data: Mapping[str, Any] | None
    pickle: bytes = b""

    def unpickled(self) -> tuple[Any, tuple[Any, ...]]:
        """The model, or ``None``, and the errors. Runs on workers only: it executes what the client sent.

        Raises:
            PickleRefusedError: this worker unpickles nothing.
        """
        noise_model, channel_errors = pickles.loads(self.pickle, "the noise model")
        return noise_model, channel_errors


def encode_noise(engine: Engine, noise_model: Any, channel_errors: Sequence[Any]) -> bytes:
    """The bytes of ``noise_model`` with the errors of the channel instructions of a batch.

    Args:
        engine: knows what is data.
        noise_model: or ``None``.
        channel_errors: which the engine adds to it.

    Raises:
        WireError: it has something that cannot be sent at all.
    """
    data = engine.noise_data(noise_model, channel_errors)
    if data is not None:
        return seal(b"n", {"data": data})
    try:
        pickled = pickles.dumps((noise_model, tuple(channel_errors)))
    except Exception as error:
        raise WireError(f"the noise model cannot be sent: {error}") from error
    return seal(b"n", {"pickle": pickled})


def decode_noise(message: bytes) -> SentNoise:
    """The inverse of :func:`encode_noise`; it executes nothing.

    Raises:
        WireError: bytes of another version or kind.
    """
    body = unseal(b"n", message)
    if type(body) is dict and type(body.get("data")) is dict:
        return SentNoise(body["data"])
    if type(body) is dict and type(body.get("pickle")) is bytes:
        return SentNoise(None, body["pickle"])
    raise WireError("the message has no noise model", hint="install the same release on client and workers.")
