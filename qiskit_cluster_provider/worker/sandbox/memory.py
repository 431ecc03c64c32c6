"""How much memory there is, and whether it ran out, by the kernel's files."""

from __future__ import annotations

import os
import re
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
    inner = {1: PurePosixPath("/"), 2: PurePosixPath("/")}
    for line in _lines(root / "proc/self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            inner[2] = _absolute(path)
        elif "memory" in controllers.split(","):
            inner[1] = _absolute(path)
    for version, mount, top in sorted(_mounts(root), key=lambda one: -one[0]):
        mine = inner[version]
        if mine.is_relative_to(top):  # the mount begins at the cgroup of a container, and we are in one inside it
            mine = PurePosixPath("/", mine.relative_to(top))
        for folder in (mine, *mine.parents):
            yield root / mount.relative_to("/") / folder.relative_to("/"), version


def _mounts(root: Path) -> Iterator[tuple[int, PurePosixPath, PurePosixPath]]:
    """The trees of cgroups: version, where it is mounted, and which cgroup is found there."""
    found = False
    for line in _lines(root / "proc/self/mountinfo"):
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.partition(" ")
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(" ")[-1].split(",")):
            found = True
            _, _, _, top, mount, *_ = fields.split(" ")
            yield 2 if kind == "cgroup2" else 1, _absolute(_unescaped(mount)), _absolute(_unescaped(top))
    if not found:
        for version, place in ((2, "/sys/fs/cgroup"), (2, "/sys/fs/cgroup/unified"), (1, "/sys/fs/cgroup/memory")):
            yield version, PurePosixPath(place), PurePosixPath("/")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []


def _absolute(path: str) -> PurePosixPath:
    """``..`` stands for what lies outside a namespace, and cannot be read."""
    return PurePosixPath("/", *(part for part in path.split("/") if part not in ("", ".", "..")))


def _unescaped(text: str) -> str:
    """The kernel writes a space as a backslash and three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
