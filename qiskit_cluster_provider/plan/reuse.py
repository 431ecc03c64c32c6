"""What later jobs use again of earlier ones."""

from __future__ import annotations

import threading

from .cache import ByteCache, Renewed
from .calibration import Calibration
from .circuits.templates import PatternMemory

_BYTES_OF_NOISE = 64 * 2**20
_BYTES_OF_ASSEMBLED = 32 * 2**20


class Reuse(Renewed):
    """The circuits, the noise models and the speed of earlier jobs.

    Each connection to a cluster has one of its own: what one provider remembers is not another's, and goes with it.
    It decides how fast a job is, and nothing of its answer. Any thread may use it.

    Attributes:
        circuits: patterns of circuits that were met.
        noise: parts of noise models that were met.
        assembled: what was made for circuits that were simulated in this process.
        simulating: held while something is. Aer holds the GIL, so that two at once would be no faster.
    """

    def __init__(self) -> None:
        self.circuits = PatternMemory()
        self.noise = ByteCache(_BYTES_OF_NOISE)
        self.assembled = ByteCache(_BYTES_OF_ASSEMBLED)
        self._calibrations: dict[str, Calibration] = {}
        super().__init__()

    def _begin(self) -> None:
        self.simulating = threading.Lock()

    def clear(self) -> None:
        """Forget circuits and noise models, which are large. What a job holds stays with the job."""
        self.circuits.clear()
        self.noise.clear()
        self.assembled.clear()

    def calibration(self, place: str) -> Calibration:
        """What has been learned of the speed of ``place``."""
        return self._calibrations.setdefault(place, Calibration())
