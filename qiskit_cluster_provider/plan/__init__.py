"""What runs, and how it is cut: pure data, made and tested without a cluster and without Aer."""

from .calibration import Calibration
from .model import Batch, Item, Plan, Run, Simulator, Slice, Work
from .needs import Needs
from .outputs import Bits, ExpectationValues, Operator, Output, Parities, Readout
from .packed import PackedCounts, PackedMemory
from .placement import Placement, place
from .preparation import checked, prepare
from .results import Experiment, Experiments, SliceResult
from .slices import cut, longest_first, parts
from .width import too_big

__all__ = [
    "Batch",
    "Bits",
    "Calibration",
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
    "Placement",
    "Plan",
    "Readout",
    "Run",
    "Simulator",
    "Slice",
    "SliceResult",
    "Work",
    "checked",
    "cut",
    "longest_first",
    "parts",
    "place",
    "prepare",
    "too_big",
]
