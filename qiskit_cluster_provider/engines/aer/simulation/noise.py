"""A noise model in the form of Aer's C++."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from qiskit_aer.noise import NoiseModel

from ...._compat import aer_noise
from .relaxation import is_plain


class Noise:
    """A noise model that is converted once, and not in each call of Aer.

    Attributes:
        model: not to be changed any more.

    Args:
        model: what to convert when it is needed.
    """

    def __init__(self, model: NoiseModel) -> None:
        self.model = model

    @cached_property
    def has_passes(self) -> bool:
        """Whether it may change a circuit before it is simulated."""
        return aer_noise.has_passes(self.model)

    @cached_property
    def relaxes(self) -> bool:
        """Whether all that it makes of a circuit can be remembered."""
        return is_plain(self.model)

    def with_errors(self, errors: Sequence[dict[str, Any]]) -> Noise:
        """The same with further errors on all qubits, which are in the form of Aer's C++ already."""
        found = Noise(self.model)
        given, first = self._converted, len(aer_noise.DEFAULT_QUANTUM.of(self.model))
        found.__dict__["_converted"] = {
            **given,
            "errors": [*given["errors"][:first], *errors, *given["errors"][first:]],
        }
        return found

    @cached_property
    def _converted(self) -> dict[str, Any]:
        found: dict[str, Any] = self.model.to_dict(serializable=True)
        return found

    def to_dict(self, serializable: bool = True) -> dict[str, Any]:
        """What Aer asks a noise model for before it hands it to its C++ code, which does not change it."""
        assert serializable
        return self._converted
