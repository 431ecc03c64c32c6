"""What runs, and how it is cut: pure data, made and tested without a cluster and without Aer."""

from .circuits import prepare
from .model import Batch, Item, Plan, Run, Simulator, Slice, SliceResult, Work
from .needs import Needs
from .outputs import Bits, ExpectationValues, Operator, Output, Parities, Readout
from .slices import cut, parts
from .width import full_state, too_big

__all__ = [
    "Batch",
    "Bits",
    "ExpectationValues",
    "Item",
    "Needs",
    "Operator",
    "Output",
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
