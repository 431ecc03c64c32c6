"""How much memory there is, and whether it ran out, by the kernel's files."""

from __future__ import annotations

import os
from pathlib import Path

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_COUNTERS = ("/sys/fs/cgroup/memory.events", "/proc/vmstat")


def memory_limit(files: tuple[str, ...] = _LIMITS) -> int:
    """Bytes that this process and its children may use: the cgroup's limit, and not more than the machine has.

    Args:
        files: of one number, or a word for no limit.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in files:
        try:
            limits.append(int(Path(file).read_text()))
        except (OSError, ValueError):
            continue
    return min(limits)


def memory_kills(files: tuple[str, ...] = _COUNTERS) -> int:
    """How many processes the kernel has ended for want of memory: in our cgroup, else on the machine.

    Args:
        files: of lines ``name number``; the first that has ``oom_kill`` counts.
    """
    for file in files:
        try:
            lines = Path(file).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0
