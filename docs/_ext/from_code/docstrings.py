"""Reads our docstrings, which are in Google's style."""

from __future__ import annotations

import inspect
import re

_SECTION = re.compile(r"^Attributes:\n((?:(?:    .*)?\n)+)", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+(?:, \w+)*): (.*(?:\n     .*)*)", re.MULTILINE)
_ROLE = re.compile(r":\w+(?::\w+)?:`[~.]?(?:[\w.]+\.)?(\w+)`")


def attributes(owner: type) -> dict[str, str]:
    """What the docstring of a class says of each attribute, as one line of Markdown."""
    section = _SECTION.search(inspect.getdoc(owner) + "\n")
    if section is None:
        return {}
    entries = _ENTRY.findall(section[1])
    return {name: markdown(text) for names, text in entries for name in names.split(", ")}


def markdown(text: str) -> str:
    """A paragraph of reStructuredText, as one line that can stand in a table."""
    return _ROLE.sub(r"`\1`", " ".join(text.split())).replace("``", "`").replace("|", "\\|")


def sentence(text: str) -> str:
    """The first paragraph with a capital letter and a full stop."""
    text = text.strip()
    return text if not text else text[0].upper() + text[1:].rstrip(".") + "."
