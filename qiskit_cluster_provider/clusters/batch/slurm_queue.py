"""What Slurm tells of jobs: what they wait for, and whether they have ended."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

_ANSWER_WITHIN = 20  # seconds
_OVER = {
    "BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED",
    "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT",
}  # fmt: skip


@dataclass(frozen=True)
class SlurmState:
    """The state of a job in its batch system.

    Attributes:
        said: The state and the reason, for example ``PENDING (Priority)``.
        over: Whether the job has ended.
    """

    said: str
    over: bool


def job_states(ids: Iterable[str]) -> dict[str, SlurmState]:
    """The states of the jobs that ``squeue`` knows. It knows a job that has ended for some minutes more."""
    command = ["squeue", "--noheader", "--states=all", "--format=%i|%T|%r", f"--jobs={','.join(ids)}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_WITHIN, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return {}
    rows = [line.strip().split("|") for line in done.stdout.splitlines()]
    return {row[0]: SlurmState(f"{row[1]} ({row[2]})", row[1] in _OVER) for row in rows if len(row) == 3}
