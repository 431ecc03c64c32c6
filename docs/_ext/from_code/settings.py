"""The settings of each cluster kind, read from its pydantic model, and the options of a run."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from qiskit_cluster_provider.clusters.base import ENV_PREFIX, ClusterConfig
from qiskit_cluster_provider.clusters.registry import find_kinds
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.provider import FROM_ENVIRONMENT

from .docstrings import attributes, sentence

_HEAD = "| {}, environment variable | type | default | meaning |\n|---|---|---|---|"
_DEFAULT_IN_WORDS = re.compile(r"(?:; d|\. D)efault: ([^;.]*)")
_LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def markdown() -> str:
    """A section for each kind. Kinds with common settings follow a section with these."""
    kinds = configs()
    bases = {config: config.__mro__[1] for config in kinds.values()}
    shared = [base for base in dict.fromkeys(bases.values()) if base is not ClusterConfig]
    alone = [config for config in bases if bases[config] not in shared and config not in shared]
    lines = [line for config in alone for line in _section(_named(kinds, config), config)]
    for base in shared:
        lines += _section(_named(kinds, base), base)
        for config in bases:
            if bases[config] is base:
                lines += _section(f"Only {_named(kinds, config)}", config, besides=base)
    return "\n".join(lines)


def configs() -> dict[str, type[ClusterConfig]]:
    """Name of each kind of this package -> its settings.

    Raises:
        RuntimeError: one cannot be loaded.
    """
    kinds, broken = find_kinds()
    if broken:
        raise RuntimeError(f"kinds that cannot be loaded: {broken}; install this package anew")
    return {name: kind.Config for name, kind in kinds.items() if type(kind).__module__.startswith("qiskit_cluster_")}


def run_options() -> str:
    """Our options of a run."""
    meanings = attributes(SliceOptions)
    lines = [_HEAD.format("option")]
    for field in dataclasses.fields(SliceOptions):
        variable = _variable(field.name) if field.name in FROM_ENVIRONMENT else ""
        lines.append(_row(field.name, str(field.type), _shown(field.default), variable, meanings[field.name]))
    return "\n".join(lines)


def _named(kinds: dict[str, type[ClusterConfig]], config: type[ClusterConfig]) -> str:
    return ", ".join(f"`{name}`" for name, one in kinds.items() if issubclass(one, config))


def _section(title: str, config: type[ClusterConfig], besides: type[ClusterConfig] | None = None) -> Iterator[str]:
    meanings = attributes(config)
    yield from ("", f"## {title}", "", _HEAD.format("setting"))
    for name, field in config.model_fields.items():
        if besides is None or name in config.__annotations__:
            variable = "" if name in config.only_in_code else _variable(name)
            yield _row(name, _type(config, name, field), _default(field), variable, meanings[name])


def _type(config: type[ClusterConfig], name: str, field: FieldInfo) -> str:
    """The annotation as it is written, and the limits of a number."""
    written = next(one.__annotations__[name] for one in config.__mro__ if name in one.__annotations__)
    limits = [
        f"{words} {getattr(one, key):g}"
        for one in field.metadata
        for key, words in _LIMITS.items()
        if hasattr(one, key)
    ]
    return ", ".join([written, *limits])


def _default(field: FieldInfo) -> str:
    if field.default_factory not in (None, dict):
        return "–"
    return _shown(field.get_default(call_default_factory=True))


def _variable(name: str) -> str:
    return f" <br> `{ENV_PREFIX}{name.upper()}`"


def _row(name: str, kind: str, default: str, variable: str, meaning: str) -> str:
    """A line of the table. A default that only words can describe moves from the meaning to its column."""
    if default == "–" and (words := _DEFAULT_IN_WORDS.search(meaning)):
        default, meaning = words[1].strip(), meaning.replace(words[0], "")
    kind = kind.replace(" | None", "").replace("Any", "object").replace("|", "or")
    return f"| `{name}`{variable} | {kind} | {default} | {sentence(meaning)} |"


def _shown(value: Any) -> str:
    return "–" if value is None or value == {} else f"`{value!r}`"
