"""The command line, read from the functions that typer runs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo

from qiskit_cluster_provider.cli.app import app

_VALUES = {int: "N", float: "N", str: "TEXT", Path: "FILE"}


def markdown() -> str:
    """A section for each command."""
    return "\n".join(line for name, function in commands(app).items() for line in _section(name, function))


def commands(group: typer.Typer) -> dict[str, Callable[..., Any]]:
    """Name -> function."""
    found = {}
    for command in group.registered_commands:
        assert command.callback is not None
        found[command.name or command.callback.__name__.replace("_", "-")] = command.callback
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        prefix = f"{inner.name} " if isinstance(inner.name, str) else ""
        found.update({prefix + name: function for name, function in commands(inner.typer_instance).items()})
    return found


def _section(name: str, function: Callable[..., Any]) -> Iterator[str]:
    hints = get_type_hints(function, include_extras=True)
    parameters = [
        _Parameter(hints[parameter.name], parameter) for parameter in inspect.signature(function).parameters.values()
    ]
    usage = [f"{app.info.name} {name}", *(one.usage for one in parameters if one.positional)]
    if not all(one.positional for one in parameters):
        usage.append("[OPTIONS]")
    yield from ("", f"## `{app.info.name} {name}`", "", "```text", " ".join(usage), "```", "")
    for paragraph in re.split(r"\n\s*\n", inspect.getdoc(function) or ""):
        yield from (_escaped(" ".join(paragraph.split())), "")
    if parameters:
        yield from ("| argument or option | default | meaning |", "|---|---|---|", *(one.row for one in parameters))


class _Parameter:
    """A parameter of such a function: ``Annotated[int, typer.Option(...)] = 1``."""

    def __init__(self, hint: Any, parameter: inspect.Parameter) -> None:
        kind, self.info = get_args(hint)[:2]
        self.name = parameter.name.replace("_", "-")
        self.default = parameter.default
        self.positional = isinstance(self.info, ArgumentInfo)
        inner = [one for one in get_args(kind) or (kind,) if one is not NoneType]
        self.several = any(list in (one, get_origin(one)) for one in (kind, *inner))
        flat = [leaf for one in inner for leaf in get_args(one) or (one,)]
        self.value = "" if bool in flat else str(self.info.metavar or _VALUES.get(flat[0], "VALUE"))

    @property
    def usage(self) -> str:
        """As an argument in a line of usage."""
        name = f"{self.info.metavar or self.name.upper()}{'…' if self.several else ''}"
        return name if self.default is inspect.Parameter.empty else f"[{name}]"

    @property
    def row(self) -> str:
        """A line of the table."""
        text, _, default = (self.info.help or "").partition("default: ")
        if not default and self.default not in (None, False, inspect.Parameter.empty):
            default = f"`{self.default}`"
        # In an annotation, the first name is where the default is elsewhere.
        first = [self.info.default] if isinstance(self.info.default, str) else []
        names = [*first, *(self.info.param_decls or ())] or [f"--{self.name}"]
        shown = self.usage.strip("[]") if self.positional else " ".join(filter(None, [", ".join(names), self.value]))
        again = " It can be repeated." if self.several and not self.positional else ""
        text = f"{_escaped(text.rstrip(' ;.'))}.{again}"
        return f"| `{shown}` | {_escaped(default.rstrip('.')) or '–'} | {text} |"


def _escaped(text: str) -> str:
    return re.sub(r"(\$\w+|\w+=\w+)", r"`\1`", text).replace("|", "\\|")
