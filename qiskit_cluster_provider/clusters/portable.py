"""A connection as data: what another process, or the same one next year, needs to connect anew."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

from ..errors import ClusterConfigError, nearest
from .connection import Connection
from .profiles import load_profiles
from .registry import find_kinds

_RESTORED: WeakSet[Connection] = WeakSet()
_LOCK = threading.Lock()


def portable(connection: Connection) -> tuple[str, str, dict[str, Any]]:
    """Name, kind, and the settings that were given, without what is secret and without what is no plain data.

    Raises:
        ClusterConfigError: the kind is not installed under a name, so that nobody could find it again.
    """
    kinds = {type(kind): name for name, kind in find_kinds()[0].items()}
    if type(connection.kind) not in kinds:
        raise ClusterConfigError(
            f"{connection.name!r} cannot be pickled: its kind {type(connection.kind).__name__} is no entry point."
        )
    return connection.name, kinds[type(connection.kind)], connection.kind.portable(connection.config)


def connection_of(name: str, kind: str, settings: Mapping[str, Any]) -> Connection:
    """The connection of :func:`portable`, not connected yet; one that was restored before and is the same, if any.

    What is secret comes from the environment or the profile of this process.

    Raises:
        ClusterConfigError: the kind is not installed here, or a setting is wrong here.
    """
    kinds, _ = find_kinds()
    if kind not in kinds:
        raise ClusterConfigError(f"the kind {kind!r} is not installed here.", hint=nearest(kind, kinds))
    private = kinds[kind].Config.private
    profile = load_profiles().get(name)
    secrets = {} if profile is None else {key: one for key, one in profile.options.items() if key in private}
    config = kinds[kind].Config.load(settings, secrets)
    with _LOCK:
        for one in _RESTORED:
            if (one.name, type(one.kind), one.config) == (name, type(kinds[kind]), config) and one.usable:
                return one
        found = Connection(name, kinds[kind], config)
        _RESTORED.add(found)
        return found
