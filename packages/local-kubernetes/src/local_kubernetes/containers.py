"""From a container's specification to a local command and its environment."""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import dask
from .nodes import quantity
from .resources import Object

_ENTRY_POINTS = {dask.IMAGE: dask.ENTRY_POINT}
_FROM_HERE = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_VARIABLE = re.compile(r"\$(\$|\(([A-Za-z_][\w.-]*)\))")


class StartError(Exception):
    """A container cannot be started."""


def environment(container: Object, pod: Object, node: Object) -> dict[str, str]:
    """The variables that the specification sets."""
    found: dict[str, str] = {}
    for entry in container.get("env") or ():
        source = entry.get("valueFrom", {})
        if "fieldRef" in source:
            found[entry["name"]] = _field(pod, source["fieldRef"]["fieldPath"])
        elif "resourceFieldRef" in source:
            found[entry["name"]] = _resource(container, node, source["resourceFieldRef"])
        elif source:
            raise StartError(f"{', '.join(source)} of the variable {entry['name']} is not served here")
        else:
            found[entry["name"]] = expand(entry.get("value") or "", found)
    address = pod["status"]["podIP"]
    return {name: value.replace("0.0.0.0", address) for name, value in found.items()}


def process_environment(own: Mapping[str, str], pod: Object, folder: Path, names: Path) -> dict[str, str]:
    """All variables of the process: a container's own, and what a local process needs to be one."""
    inherited = {name: os.environ[name] for name in _FROM_HERE if name in os.environ}
    path = [str(names.parent), own.get("PYTHONPATH", "")]
    return {
        **inherited,
        "HOSTNAME": pod["metadata"]["name"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        **own,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "LOCAL_KUBERNETES_NAMES": str(names),
        "LOCAL_KUBERNETES_NAMESPACE": pod["metadata"]["namespace"],
    }


def command(container: Object, own: Mapping[str, str], address: str) -> list[str]:
    """What to run. Dask's commands and Python are those of this environment, and listen on the pod's address only."""
    entry_point = container.get("command") or _ENTRY_POINTS.get(container["image"], [])
    words = [expand(word, own) for word in [*entry_point, *(container.get("args") or ())]]
    words = [word.replace("0.0.0.0", address) for word in words]
    match words:
        case []:
            raise StartError("no command specified")
        case ["dask-scheduler" | "dask-worker" as name, *rest]:
            return dask.command(name.removeprefix("dask-"), rest, address)
        case ["dask", "scheduler" | "worker" as name, *rest]:
            return dask.command(name, rest, address)
        case ["python", "-m", module, *rest] if module in dask.MODULES.values():
            return dask.command(module.rpartition("_")[2], rest, address)
        case ["python" | "python3", *rest]:
            return [sys.executable, *rest]
        case ["kopf", *rest]:
            return [sys.executable, "-P", "-m", "kopf", *rest]
        case [name, *_] if shutil.which(name) is None:
            raise StartError(f'exec: "{name}": executable file not found in $PATH')
    return words


def expand(text: str, variables: Mapping[str, str]) -> str:
    """``$(NAME)`` as Kubernetes expands it: ``$$`` is a dollar sign, an unknown name stays as it is."""
    return _VARIABLE.sub(lambda found: "$" if found[1] == "$" else variables.get(found[2], found[0]), text)


def _field(pod: Object, path: str) -> str:
    found = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    value: Any = pod
    for key in ("metadata", *found.groups()) if found else path.split("."):
        value = value.get(key, "")
    return str(value)


def _resource(container: Object, node: Object, reference: Object) -> str:
    """A request or limit; without one, what the node has."""
    kind, _, name = reference["resource"].partition(".")
    amounts = (container.get("resources") or {}).get(kind) or {}
    amount = quantity(amounts.get(name, node["status"]["allocatable"].get(name, 0)))
    divisor = quantity(reference.get("divisor") or 1) or 1
    return str(math.ceil(amount / divisor))
