"""Plan to slice results: submit, retry, cancel, and tell what happens."""

from .base import Dispatch
from .capacity import Capacity
from .choice import dispatch_of, foreseen
from .ledger import Attempt, SliceInfo
from .transport import Transport, choose_transport
from .unfinished import unfinished

__all__ = [
    "Attempt",
    "Capacity",
    "Dispatch",
    "SliceInfo",
    "Transport",
    "choose_transport",
    "dispatch_of",
    "foreseen",
    "unfinished",
]
