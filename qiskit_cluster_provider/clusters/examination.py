"""``qiskit-cluster doctor``: examines a kind or a profile before anything is started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ClusterConfigError, nearest
from .doctor.findings import Finding
from .profiles import load_profiles
from .registry import find_kinds


def examine(name: str, given: Mapping[str, Any]) -> Iterator[Finding]:
    """Examine a kind or a profile, one thing after the other.

    This imports nothing of Qiskit, so that the answer comes at once.

    Args:
        name: The name of a kind or of a profile.
        given: Settings, which count more than those of the environment and of the profile.

    Raises:
        ClusterConfigError: No kind and no profile has this name, or the profiles cannot be read.
    """
    kinds, broken = find_kinds()
    profiles = load_profiles()
    profile = profiles.get(name)
    kind_name = profile.kind if profile is not None else name
    for one in broken:
        if one.name == kind_name:
            yield Finding("plugin", f"{kind_name} is installed but broken: {one.reason}", False)
            return
    if kind_name not in kinds:
        raise ClusterConfigError(f"no kind or profile {kind_name!r}.", hint=nearest(kind_name, [*kinds, *profiles]))
    kind = kinds[kind_name]
    fields = set(kind.Config.model_fields)
    if unknown := sorted(set(given) - fields):
        raise ClusterConfigError(f"{kind_name} has no setting {unknown[0]!r}.", hint=nearest(unknown[0], fields))
    if missing := kind.missing():
        yield Finding("installed", f"{', '.join(missing)} is not installed", False, f"pip install '{kind.extra}'")
        return
    yield Finding("installed", f"{', '.join(kind.requires)} can be imported")
    options = profile.options if profile is not None else {}
    try:
        config = kind.Config.load(given, {key: value for key, value in options.items() if key in fields})
    except ClusterConfigError as error:
        yield Finding.failed("settings", error)
        return
    yield from kind.findings(config)
