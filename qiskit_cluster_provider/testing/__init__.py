"""What others need to test a cluster kind or a transport of their own, and to compare with one machine."""

from .compare import differences
from .kinds import check_cluster_kind
from .pubs import pub_differences
from .transports import TRANSPORT_CHECKS, check_transport
from .watchdog import Watchdog

__all__ = [
    "TRANSPORT_CHECKS",
    "Watchdog",
    "check_cluster_kind",
    "check_transport",
    "differences",
    "pub_differences",
]
