"""Kubernetes' way of writing amounts: ``500m``, ``2``, ``4Gi``."""

from __future__ import annotations

import re

_SUFFIXES = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}
_QUANTITY = re.compile(r"^(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d+))?([a-zA-Z]*)$")


def parse_quantity(text: float | str) -> float:
    """The number of CPUs or bytes.

    Raises:
        ValueError: it is none.
    """
    found = _QUANTITY.match(str(text).strip())
    if found is None or found[3] not in _SUFFIXES:
        raise ValueError(f"{text!r} is no amount as Kubernetes writes it; give for example 2, '500m' or '4Gi'")
    return float(found[1]) * 10.0 ** int(found[2] or 0) * _SUFFIXES[found[3]]
