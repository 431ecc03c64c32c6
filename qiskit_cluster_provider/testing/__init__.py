"""What others need to test a cluster kind of their own, and to compare with one machine."""

from .compare import differences
from .kinds import check_cluster_kind
from .pubs import pub_differences

__all__ = ["check_cluster_kind", "differences", "pub_differences"]
