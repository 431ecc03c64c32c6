"""Settings as text: ``KEY=VALUE`` on the command line."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable
from typing import Any

from ..errors import ClusterConfigError


def settings(pairs: Iterable[str]) -> dict[str, Any]:
    """The settings in ``KEY=VALUE``, with values as a profile has them; what is no TOML is text.

    ``workers=4`` is a number, ``workers=[0, 4]`` a list, ``memory=16GB`` and ``walltime=02:00:00`` are texts.

    Raises:
        ClusterConfigError: something has no name, or is given twice.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name:
            raise ClusterConfigError(f"{pair!r} is no setting", hint="write KEY=VALUE, for example workers=4.")
        if name in found:
            raise ClusterConfigError(f"{name} is given twice.")
        found[name] = _value(text.strip())
    return found


def _value(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    value = read.get("value")
    # No setting is a date, but 02:00:00 may be a walltime; and a text of several lines is no table.
    return text if len(read) > 1 or isinstance(value, datetime.date | datetime.time) else value
