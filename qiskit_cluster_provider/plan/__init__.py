"""What runs, and how it is cut: pure data, made and tested without a cluster and without Aer."""

from .calibration import Calibration
from .engine import Cost, Engine, Placement, ResourceEstimate
from .manifest import BatchManifest, Form, ItemManifest, Manifest, Planned
from .model import Batch, Item, Plan, Run, Simulator, Slice, Work
from .outputs import Bits, ExpectationValues, Operator, Output, Parities, Readout
from .packed import PackedCounts, PackedMemory
from .results import Experiment, Experiments, SliceResult
from .slices import cut, longest_first, parts

__all__ = [
    "Batch",
    "BatchManifest",
    "Bits",
    "Calibration",
    "Cost",
    "Engine",
    "ExpectationValues",
    "Experiment",
    "Experiments",
    "Form",
    "Item",
    "ItemManifest",
    "Manifest",
    "Operator",
    "Output",
    "PackedCounts",
    "PackedMemory",
    "Parities",
    "Placement",
    "Plan",
    "Planned",
    "Readout",
    "ResourceEstimate",
    "Run",
    "Simulator",
    "Slice",
    "SliceResult",
    "Work",
    "cut",
    "longest_first",
    "parts",
]
