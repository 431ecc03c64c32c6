"""What a user holds while a run goes on and afterwards: jobs, their reports, and the explanation of a run."""

from .base import JobHandle
from .circuit_job import ClusterJob
from .explanation import Explanation
from .primitive_job import ClusterPrimitiveJob, PubFailure
from .record import JobRecord
from .report import Report

__all__ = [
    "ClusterJob",
    "ClusterPrimitiveJob",
    "Explanation",
    "JobHandle",
    "JobRecord",
    "PubFailure",
    "Report",
]
