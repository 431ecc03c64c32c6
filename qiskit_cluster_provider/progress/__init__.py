"""What happens to a job, as frozen data, and the listeners that show it: a bar and a log."""

from .events import (
    ClusterTrouble,
    Event,
    JobFinished,
    JobStarted,
    Listener,
    Progress,
    SliceDone,
    SliceFailed,
    SliceRetried,
    SliceSplit,
    SliceStarted,
)

__all__ = [
    "ClusterTrouble",
    "Event",
    "JobFinished",
    "JobStarted",
    "Listener",
    "Progress",
    "SliceDone",
    "SliceFailed",
    "SliceRetried",
    "SliceSplit",
    "SliceStarted",
]
