"""Plan to slice results: submit, retry, cancel, and tell what happens."""

from .base import Dispatch
from .choice import calibration_of, dispatch_of
from .ledger import Attempt, SliceInfo
from .transport import Transport, choose_transport
from .unfinished import unfinished

__all__ = [
    "Attempt",
    "Dispatch",
    "SliceInfo",
    "Transport",
    "calibration_of",
    "choose_transport",
    "dispatch_of",
    "unfinished",
]
