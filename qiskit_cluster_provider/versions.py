"""What a client and its workers must have in common, with the standard library alone.

A scheduler and a worker are asked for their :func:`report` before the first slice; every slice carries the
client's :func:`key`, so that a worker that joins later is noticed too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata

from .outcomes import Reason

WIRE_VERSION = 2
"""Version of the format of all messages."""

PROCESS_BYTES = 160 * 2**20
"""Bytes that a worker of these versions needs before it simulates, so that they are no room for a state. Measured: 90
MB of a Dask worker, 61 MB of the process that forks its children, with Qiskit and Aer, and 7 MB of a child, without
the files that they have mapped."""

_PACKAGES = ("qiskit", "qiskit-aer", "qiskit-cluster-provider")
_DIGITS = {"python": 2, "qiskit": 2, "qiskit-aer": 2, "wire": 1}
"""Leading numbers of a version that must agree. Pickles need Python's and qiskit's; another qiskit-aer may
give other samples. A version of this package may be any that speaks the same wire format."""


@cache
def report() -> Mapping[str, str]:
    """Versions in this process, by name; a package that is not installed is missing."""
    found = {"python": ".".join(map(str, sys.version_info[:3])), "wire": str(WIRE_VERSION)}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def key(versions: Mapping[str, str]) -> str:
    """What of ``versions`` must agree, as a text to compare."""
    return " ".join(_leading(versions.get(name, "none"), digits) for name, digits in _DIGITS.items())


def complaint(where: str, theirs: Mapping[str, str], ours: Mapping[str, str] | None = None) -> Reason | None:
    """What does not fit to this process, and what to install; ``None`` if all does.

    Args:
        where: who has ``theirs``, for example ``worker tcp://10.0.0.3:34567``.
        theirs: a :func:`report`.
        ours: default: that of this process.
    """
    ours = report() if ours is None else ours
    said, install = [], []
    for name, digits in _DIGITS.items():
        mine, other = ours.get(name, "none"), theirs.get(name, "none")
        if _leading(mine, digits) == _leading(other, digits):
            continue
        said.append(f"{name} {other} (here {mine})")
        if name == "wire":
            package = "qiskit-cluster-provider"
            install.append(f"pip install {package}=={ours.get(package, 'none')}")
        elif name == "python":
            install.append(f"use Python {_leading(mine, 2)}")
        else:
            install.append(f"pip install {name}=={mine}")
    return Reason(f"{where} has {' and '.join(said)}", f"there: {', '.join(install)}") if said else None


def _leading(version: str, digits: int) -> str:
    return ".".join(version.split(".")[:digits])
