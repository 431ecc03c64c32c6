"""How much memory there is, and whether it ran out, by the kernel's files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_ROOT = Path("/")


def memory_limit(root: Path = _ROOT) -> int:
    """Bytes that this process and its children may use: what the machine has, and no more than the limit of any
    cgroup that this process is in, of version 1 or 2.

    Args:
        root: where ``proc`` and ``sys`` lie.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for folder, version in _cgroups(root):
        try:
            text = (folder / ("memory.max" if version == 2 else "memory.limit_in_bytes")).read_text()
            limits.append(int(text))
        except (OSError, ValueError):  # "max" is no limit
            continue
    return min(limits)


def memory_kills(root: Path = _ROOT) -> int:
    """How many processes the kernel has ended for want of memory: in our cgroup, else on the machine.

    Args:
        root: where ``proc`` and ``sys`` lie.
    """
    files = [
        folder / ("memory.events" if version == 2 else "memory.oom_control") for folder, version in _cgroups(root)
    ]
    for file in (*files, root / "proc/vmstat"):
        try:
            lines = file.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def _cgroups(root: Path) -> Iterator[tuple[Path, int]]:
    """The folder of this process's cgroup, those around it, and their version: of version 2 first, the inner first.

    A container may see its own cgroup as the outermost one, whatever ``/proc/self/cgroup`` calls it.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    inner = {1: PurePosixPath("/"), 2: PurePosixPath("/")}
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            inner[2] = PurePosixPath("/", path)
        elif "memory" in controllers.split(","):
            inner[1] = PurePosixPath("/", path)
    for version, mount in ((2, "sys/fs/cgroup"), (2, "sys/fs/cgroup/unified"), (1, "sys/fs/cgroup/memory")):
        for folder in (inner[version], *inner[version].parents):
            yield root / mount / folder.relative_to("/"), version
