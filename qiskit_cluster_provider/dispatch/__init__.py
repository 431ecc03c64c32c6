"""Plan to slice results: submit, retry, cancel, and tell what happens."""

from .base import Dispatch
from .creation import connect, create, preview
from .tracker import Attempt, SliceInfo
from .transports.base import Capacity, Future, Health, Transport
from .transports.choose import choose_transport
from .unfinished import unfinished

__all__ = [
    "Attempt",
    "Capacity",
    "Dispatch",
    "Future",
    "Health",
    "SliceInfo",
    "Transport",
    "choose_transport",
    "connect",
    "create",
    "preview",
    "unfinished",
]
