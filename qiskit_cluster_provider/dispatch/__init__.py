"""Plan to slice results: submit, retry, cancel, and tell what happens."""

from .engine import Dispatch, SliceInfo
from .transport import Transport, choose_transport

__all__ = ["Dispatch", "SliceInfo", "Transport", "choose_transport"]
