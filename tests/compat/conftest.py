"""A library without one of its private names."""

from functools import _lru_cache_wrapper

import pytest

from qiskit_cluster_provider.engines.aer import options
from qiskit_cluster_provider.engines.aer.simulation import assembly


def forget():
    """Let nobody remember what the library had."""
    for module in (assembly, options):
        for value in vars(module).values():
            if isinstance(value, _lru_cache_wrapper):
                value.cache_clear()


@pytest.fixture
def without():
    """Takes names away, as a version does in which they are called something else: the library itself goes on."""
    changed = []

    def take(*records):
        for record in records:
            changed.append((record, record.name))
            rename(record, f"{record.name}_of_another_version")
        forget()

    yield take
    for record, name in changed:
        rename(record, name)
    forget()


def rename(record, name):
    object.__setattr__(record, "name", name)
    for known in ("found", "key"):
        vars(record).pop(known, None)
