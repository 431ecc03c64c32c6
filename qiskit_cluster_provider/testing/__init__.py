"""What others need to test a cluster kind of their own, and to compare with one machine."""

from .compare import differences
from .kinds import check_cluster_kind
from .pubs import pub_differences
from .watchdog import Watchdog

__all__ = ["Watchdog", "check_cluster_kind", "differences", "pub_differences"]
