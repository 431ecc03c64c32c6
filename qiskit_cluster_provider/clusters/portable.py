"""A connection as data, from which another process, or a later one, can connect anew."""

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
    """The name of a connection, its kind, and the given settings that are plain data and not secret.

    Raises:
        ClusterConfigError: The kind has no entry point, so that no other process could find it.
    """
    kinds = {type(kind): name for name, kind in find_kinds()[0].items()}
    if type(connection.kind) not in kinds:
        raise ClusterConfigError(
            f"{connection.name!r} cannot be pickled: its kind {type(connection.kind).__name__} has no entry point."
        )
    return connection.name, kinds[type(connection.kind)], connection.kind.portable(connection.config)


def connection_of(name: str, kind: str, settings: Mapping[str, Any]) -> Connection:
    """Make the connection that :func:`portable` describes, without connecting it.

    If the same connection was restored before in this process, that one is returned. Secret settings are read from
    the environment, or from the profile of this process.

    Raises:
        ClusterConfigError: The kind is not installed here, or a setting is wrong here.
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
