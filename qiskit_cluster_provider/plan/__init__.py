"""What runs, and how it is cut: pure data, made and tested without a cluster and without Aer."""

from .circuits import prepare
from .model import Item, Plan, Run, Simulator, Slice, SliceResult, Work
from .slices import cut

__all__ = ["Item", "Plan", "Run", "Simulator", "Slice", "SliceResult", "Work", "cut", "prepare"]
