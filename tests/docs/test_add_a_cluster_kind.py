"""docs/howto/add-a-cluster-kind.md names all that a kind, and its settings, can say."""

import inspect
import re
from pathlib import Path

from pydantic_settings import BaseSettings

from qiskit_cluster_provider.clusters import ClusterConfig, ClusterKind

PAGE = (Path(__file__).parents[2] / "docs/howto/add-a-cluster-kind.md").read_text()


def rows(heading):
    """The first cells of the tables below a heading, without the arguments of methods, and their second cells."""
    section = PAGE.partition(f"### {heading}\n")[2].partition("\n#")[0]
    found = re.findall(r"^\| `(\w+)[^|]*\| ([^|]*) \|", section, re.MULTILINE)
    assert len(found) == len(dict(found)), "each stands there once"
    return dict(found)


def own(cls, base):
    """Public names that a class has over its base."""
    return {name for name in dir(cls) if not name.startswith("_")} - set(dir(base))


def test_all_that_a_kind_can_say_is_named():
    told = rows("What a kind can say")
    assert set(told) == own(ClusterKind, object)
    assert "connect" in told


def test_the_defaults_of_attributes_are_right():
    told = rows("What a kind can say")
    defaults = {name: getattr(ClusterKind, name) for name in told}
    plain = {name: one for name, one in defaults.items() if not inspect.isroutine(one)}
    assert len(plain) == 7
    for name, default in plain.items():
        text = default.__name__ if inspect.isclass(default) else repr(default).replace("'", '"')
        assert told[name] == (f"`{text}`" if default != "" else "empty")


def test_the_arguments_of_methods_are_right():
    for name in own(ClusterKind, object):
        if inspect.isroutine(method := getattr(ClusterKind, name)):
            arguments = ", ".join(list(inspect.signature(method).parameters)[1:])
            assert f"| `{name}({arguments})` |" in PAGE


def test_all_that_settings_can_say_is_named():
    methods = {name for name in dir(ClusterConfig) if inspect.isroutine(getattr(ClusterConfig, name))}
    assert set(rows("Settings")) == own(ClusterConfig, BaseSettings) - methods
