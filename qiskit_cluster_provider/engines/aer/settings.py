"""What holds for a run beside its circuits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from ...options import SliceOptions
from ...plan import Simulator
from ...plan.reuse import Reuse


@dataclass(frozen=True, eq=False)
class RunSettings:
    """The options of a run, and what it runs on.

    Attributes:
        aer: Aer's effective options, ``shots``, ``seed_simulator`` and ``noise_model`` among them.
        ours: the options of this package.
        simulator: what the workers must rebuild.
        reuse: what is known from earlier runs; default: nothing.
    """

    aer: Mapping[str, Any]
    ours: SliceOptions = field(default_factory=SliceOptions)
    simulator: Simulator = field(default_factory=Simulator)
    reuse: Reuse = field(default_factory=Reuse)

    @property
    def threads(self) -> int:
        """What each slice takes; 0 for all threads of a worker."""
        given = self.aer.get("max_parallel_threads")
        return 1 if given is None else int(given)

    def with_aer(self, **options: Any) -> Self:
        """The same with other options of Aer."""
        return replace(self, aer={**self.aer, **options})
