"""Label selectors and field selectors, as text and as the ``matchLabels`` of a spec."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .resources import Object

Predicate = Callable[[Object], bool]

_SET = re.compile(r"^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$")
_EQUALITY = re.compile(r"^\s*([^\s=!]+)\s*(==|!=|=)\s*(.*?)\s*$")


def predicate(label_selector: str = "", field_selector: str = "") -> Predicate:
    """Whether an object is selected by both."""
    labels = [_label(term) for term in _terms(label_selector)]
    fields = [_field(term) for term in _terms(field_selector)]
    return lambda item: (
        all(term(item["metadata"].get("labels") or {}) for term in labels) and all(term(item) for term in fields)
    )


def matches(labels: Mapping[str, str], selector: Mapping[str, str]) -> bool:
    """Whether labels are those of a Service's selector, or of ``matchLabels``."""
    return all(labels.get(key) == value for key, value in selector.items())


def _terms(selector: str) -> Iterator[str]:
    """Split at the commas that stand outside of parentheses."""
    yield from (term for term in re.split(r",(?![^(]*\))", selector) if term.strip())


def _label(term: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.match(term):
        key, operator, text = found.groups()
        values = {value.strip() for value in text.split(",")}
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found := _EQUALITY.match(term):
        key, operator, value = found.groups()
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    key = term.strip()
    if key.startswith("!"):
        return lambda labels: key[1:].strip() not in labels
    return lambda labels: key in labels


def _field(term: str) -> Predicate:
    found = _EQUALITY.match(term)
    if not found:
        raise ValueError(f"invalid selector: {term!r}; can't understand it")
    path, operator, expected = found.groups()

    def check(item: Object) -> bool:
        value: Any = item
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return (("" if value is None else str(value)) == expected) != (operator == "!=")

    return check
