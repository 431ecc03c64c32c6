"""Plan to slice results: submit, retry, cancel, and tell what happens."""

from .base import Dispatch
from .capacity import Capacity
from .creation import dispatch_of, foreseen
from .tracker import Attempt, SliceInfo
from .transports.base import Transport, choose_transport
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
