"""What others need to test a cluster kind of their own."""

from .compare import differences
from .kinds import check_cluster_kind

__all__ = ["check_cluster_kind", "differences"]
