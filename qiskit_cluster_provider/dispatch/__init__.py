"""Plan to slice results: submit, retry, cancel, and tell what happens."""

from .engine import Dispatch, unfinished
from .ledger import Attempt, SliceInfo
from .transport import Transport, choose_transport

__all__ = ["Attempt", "Dispatch", "SliceInfo", "Transport", "choose_transport", "unfinished"]
