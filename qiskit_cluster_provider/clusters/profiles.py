"""Profiles: named kinds with options, in a TOML file.

::

    [profiles.lab]
    kind = "aer-dask"
    address = "tcp://10.0.0.1:8786"
    max_job_size = 20
    shots = 4096

The file is ``$QISKIT_CLUSTER_PROFILES`` or ``~/.qiskit/cluster.toml``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ClusterConfigError
from .base import ENV_PREFIX

PROFILES_VARIABLE = f"{ENV_PREFIX}PROFILES"


@dataclass(frozen=True)
class Profile:
    """A kind with options for the cluster and for the backend.

    Attributes:
        name: The name of the profile.
        kind: The name of the kind.
        options: The values that the profile sets.
    """

    name: str
    kind: str
    options: Mapping[str, Any]


def profiles_path() -> Path:
    """The path of the file of profiles, whether or not the file exists."""
    given = os.environ.get(PROFILES_VARIABLE)
    return Path(given).expanduser() if given else Path.home() / ".qiskit" / "cluster.toml"


def load_profiles(path: Path | None = None) -> dict[str, Profile]:
    """Read the profiles in ``path``. There are none if the default file does not exist.

    Raises:
        ClusterConfigError: The file cannot be read, or a profile names no kind.
    """
    wanted = path is not None or PROFILES_VARIABLE in os.environ
    path = path or profiles_path()
    if not wanted and not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text()).get("profiles", {})
    except OSError as error:
        raise ClusterConfigError(f"the profiles {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ClusterConfigError(f"the profiles {path} are no TOML: {error}.") from error
    if not isinstance(tables, dict):
        raise ClusterConfigError(f"the profiles {path} have no table [profiles.NAME].")
    profiles = {}
    for name, table in tables.items():
        if not isinstance(table, dict) or not isinstance(table.get("kind"), str):
            raise ClusterConfigError(
                f"profile {name!r} in {path} names no kind", hint='add for example kind = "aer-local".'
            )
        options = {key: value for key, value in table.items() if key != "kind"}
        profiles[name] = Profile(name, table["kind"], options)
    return profiles
