"""The one place where something is pickled for a worker, and unpickled there.

A worker on which ``QISKIT_CLUSTER_ALLOW_PICKLE`` is off unpickles nothing, whoever sends it.
"""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from typing import Any

import cloudpickle
from qiskit.circuit.controlflow import CASE_DEFAULT

from ..errors import PickleRefusedError
from ..options import yes_or_no

VARIABLE = "QISKIT_CLUSTER_ALLOW_PICKLE"


Name = tuple[str, int]
"""Of something that is there already: what it is, and its number."""


def dumps(thing: Any, name_of: Callable[[Any], Name | None] = lambda _: None) -> bytes:
    """``thing``, with what was defined in a notebook.

    Args:
        thing: of any sort.
        name_of: names what the reader has already; ``None`` for all else.
    """
    file = io.BytesIO()
    _Pickler(file, name_of).dump(thing)
    return file.getvalue()


def loads(pickled: bytes, what: str, named: Callable[[str, int], Any] | None = None) -> Any:
    """The inverse of :func:`dumps`. Runs on workers only: it executes what the client sent.

    Args:
        pickled: what was sent.
        what: it is, for an error.
        named: gives what is there already.

    Raises:
        PickleRefusedError: this process executes nothing that is sent.
    """
    check_allowed(what)
    return _Unpickler(io.BytesIO(pickled), named).load()


class _Pickler(cloudpickle.Pickler):
    """cloudpickle, so that gates that are defined in a notebook travel, with ``switch`` defaults kept whole.

    ``CASE_DEFAULT`` is compared by identity, and a plain pickle makes a second one of it.
    """

    def __init__(self, file: io.BytesIO, name_of: Callable[[Any], Name | None]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._name_of = name_of

    def persistent_id(self, thing: Any) -> Any:
        """The name of ``thing``."""
        return self._name_of(thing)

    def reducer_override(self, obj: Any) -> Any:
        if obj is CASE_DEFAULT:
            return "CASE_DEFAULT"  # a global of its module, so that loading finds the same object
        return super().reducer_override(obj)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, named: Callable[[str, int], Any] | None) -> None:
        super().__init__(file)
        self._named = named

    def persistent_load(self, name: Any) -> Any:
        """What has that name."""
        if self._named is None:
            raise pickle.UnpicklingError(f"{name!r:.40} is not there")
        return self._named(*name)


def check_allowed(what: str) -> None:
    """Refuse to unpickle ``what``, if the environment of this process says so.

    Raises:
        PickleRefusedError: it does; or it says something that is neither yes nor no, which is taken for no.
    """
    try:
        allowed = yes_or_no(os.environ.get(VARIABLE, "1"))
    except ValueError:
        allowed = False
    if not allowed:
        raise PickleRefusedError(
            f"{what} came in a pickle, and this worker unpickles nothing ({VARIABLE} is off)",
            hint="set allow_pickle=False to be told before sending; explain() says what is pickled.",
        )
