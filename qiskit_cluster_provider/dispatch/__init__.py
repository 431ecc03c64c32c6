"""Plan to slice results: submit, retry, cancel, and tell what happens."""

from .engine import Dispatch
from .ledger import Attempt, SliceInfo
from .transport import Transport, choose_transport
from .unfinished import unfinished

__all__ = ["Attempt", "Dispatch", "SliceInfo", "Transport", "choose_transport", "unfinished"]
