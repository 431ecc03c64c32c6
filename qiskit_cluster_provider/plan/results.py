"""What comes back for a slice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy.typing as npt

Experiment = dict[str, Any]
"""As Aer's C++ returns it: ``shots``, ``success``, ``data``, ``metadata``, ``status``, ``header`` ..."""


class Experiments(Protocol):
    """The experiments of a slice, of which one is decoded when it is asked for."""

    def __len__(self) -> int: ...

    def head(self, index: int) -> Experiment:
        """All but the data of an experiment."""

    def data(self, index: int) -> dict[str, Any]:
        """The data of an experiment: counts and memory packed, the rest as Aer returns it."""


@dataclass(frozen=True)
class SliceResult:
    """What came back for a slice.

    Attributes:
        index: of the slice.
        experiments: of items without an ``output``.
        metadata: of Aer's result as a whole.
        seconds: wall time on the worker.
        arrays: for items with an ``output``, one array for each piece of the slice's runs.
        refused: the experiments that Aer could not run: place in the slice -> status.
        paths: for items with an ``output``, the simulation methods used, and whether shots were sampled from a final
            state.
        caches: kind of thing -> how often the worker had it already, and how often it had to make it.
    """

    index: int
    experiments: Experiments
    metadata: Mapping[str, Any]
    seconds: float
    arrays: tuple[npt.NDArray[Any], ...] = ()
    refused: Mapping[int, str] = field(default_factory=dict)
    paths: frozenset[tuple[str, bool]] = frozenset()
    caches: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """How many of its experiments Aer could not run."""
        return len(self.refused)
