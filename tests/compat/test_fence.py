"""No module outside of ``_compat`` touches a private name of another library."""

import ast
import re
import sys
from pathlib import Path

import pytest

from qiskit_cluster_provider import _compat

from .fence import ASKED_FOR, findings, is_private, records, sources


@pytest.mark.parametrize("module", sources())
def test_no_private_name_is_used(module):
    assert not [f"{module}:{line}: {words}" for line, words in findings(module, sources()[module])]


CAUGHT = """
from distributed._x import y
from qiskit import _z
import qiskit_aer.backends.aer_compiler
importlib.import_module("dask._z")
from unittest.mock import patch
circuit._append(step)
getattr(model, "_custom_noise_passes", None)
vars(model)["_local_quantum_errors"] = {}
thing.__dict__["_pass_manager"]
executor._something_new
"""
ALLOWED = """
from qiskit_aer.noise import NoiseModel
from __future__ import annotations
call._replace(marker="")
other._calibration
thing.__dict__
"""


@pytest.mark.parametrize("line", CAUGHT.strip().splitlines())
def test_what_is_caught(line):
    assert list(findings("qiskit_cluster_provider", ast.parse(line)))


@pytest.mark.parametrize("line", ALLOWED.strip().splitlines())
def test_what_is_allowed(line):
    assert not list(findings("qiskit_cluster_provider", ast.parse(line)))


def test_the_exceptions_are_needed(monkeypatch):
    for cls, name in dict(ASKED_FOR):
        with monkeypatch.context() as patch:
            patch.delitem(ASKED_FOR, (cls, name))
            found = [words for module, tree in sources().items() for _, words in findings(module, tree)]
        assert [words for words in found if words.startswith(f"{cls}.{name} ")]


@pytest.mark.parametrize("record", records().values(), ids=records())
def test_each_record_is_complete(record):
    assert record.reason.startswith(("to ", "because "))
    assert record.without.endswith(".")
    assert record.tried
    assert record.library == "qiskit-aer" or any(map(is_private, re.split("[:.]", record.name)))
    assert f"{record.tried[-1]}" in str(record.error())
    assert record.reason in str(record.error())


def test_each_record_is_taken_away_somewhere():
    """By the tests beside this one: each names the records that it does without."""
    named = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = sys.modules.get(f"{_compat.__name__}.{node.value.id}")
                value = getattr(module, node.attr, None)
                named.update(value if isinstance(value, tuple) else {value})
    assert {name for name, record in records().items() if record not in named} == set()
