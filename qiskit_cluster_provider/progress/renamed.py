"""Attributes that users know under an earlier name, which stays for one release."""

from __future__ import annotations

import warnings
from typing import Any


def renamed(old: str, new: str) -> Any:
    """A property that gives the attribute ``new`` under its earlier name, and warns."""

    def get(self: Any) -> Any:
        warnings.warn(
            f"{type(self).__name__}.{old} is called {new} now; the old name goes with the next release.",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(self, new)

    return property(get, doc=f"The earlier name of ``{new}``.")
