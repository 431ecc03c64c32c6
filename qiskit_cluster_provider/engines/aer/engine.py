"""qiskit-aer, as a plan knows it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...plan import Batch, Calibration, Engine, Item, Placement, ResourceEstimate, Work
from ...plan.engine import PickledPart
from .error_data import NotDataError
from .noise_data import Body, noise_data
from .pickling import pickled_parts
from .placement import place
from .resources import AerEstimate
from .seeds import aer_seed
from .shots import changes_nothing


class AerEngine(Engine):
    """Aer's seeds, and estimates that were fitted to Aer."""

    def seed(self, base: int, experiment: int, first_shot: int = 0) -> int:
        """As of :func:`.seeds.aer_seed`."""
        return aer_seed(base, experiment, first_shot)

    def noise_data(self, noise_model: Any, channel_errors: Iterable[Any]) -> Body | None:
        """As of :func:`.noise_data.noise_data`."""
        try:
            return noise_data(noise_model, channel_errors)
        except NotDataError:
            return None

    def pickled_parts(self, work: Work) -> Iterable[PickledPart]:
        """As of :func:`.pickling.pickled_parts`."""
        return pickled_parts(work)

    def estimate(self, work: Work, calibration: Calibration | None = None) -> AerEstimate:
        """As of :class:`.resources.AerEstimate`."""
        return AerEstimate(work, calibration)

    def divisible(self, work: Work, batch: Batch, item: Item) -> bool:
        """As of :func:`.shots.changes_nothing`."""
        return changes_nothing(work, batch, item)

    def place(self, estimate: ResourceEstimate, *, safe_in_process: bool) -> Placement:
        """As of :func:`.placement.place`."""
        assert isinstance(estimate, AerEstimate), "it is this engine's own"
        return place(estimate, safe_in_process=safe_in_process)


AER = AerEngine()
"""The one that all runs share."""
