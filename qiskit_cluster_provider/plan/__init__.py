"""What runs, and how it is cut: pure data, made and tested without a cluster and without Aer."""

from .circuits import prepare
from .model import Batch, Experiment, Experiments, Item, Plan, Run, Simulator, Slice, SliceResult, Work
from .needs import Needs
from .outputs import Bits, ExpectationValues, Operator, Output, Parities, Readout
from .packed import PackedCounts, PackedMemory
from .slices import cut, parts
from .width import full_state, too_big

__all__ = [
    "Batch",
    "Bits",
    "ExpectationValues",
    "Experiment",
    "Experiments",
    "Item",
    "Needs",
    "Operator",
    "Output",
    "PackedCounts",
    "PackedMemory",
    "Parities",
    "Plan",
    "Readout",
    "Run",
    "Simulator",
    "Slice",
    "SliceResult",
    "Work",
    "cut",
    "full_state",
    "parts",
    "prepare",
    "too_big",
]
