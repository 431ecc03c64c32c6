"""Qiskit's ``Result``, of which each experiment is made when somebody reads it.

It hooks into what Qiskit keeps to itself: :func:`.._compat.qiskit.has_lazy_results` says whether that is there.

A copy of such a result, a pickled one too, has Qiskit's own types alone: it can be read where this package is not
installed.
"""

from __future__ import annotations

from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.result import Counts, Result
from qiskit.result.models import ExperimentResult, ExperimentResultData, MeasLevel
from qiskit.result.postprocess import format_counts_memory

from .._compat.private import overriding
from .._compat.qiskit import DATA_ATTRIBUTES, GET_EXPERIMENT, METADATA
from ..plan import PackedCounts, PackedMemory
from .source import Source

_FIRST = ("counts", "snapshots", "memory", "statevector", "unitary")
"""The order in which Qiskit lists data; what is not among these comes after them."""
_OF_COUNTS = ("time_taken", "creg_sizes", "memory_slots")
"""What ``Counts`` takes from a header."""


@overriding(DATA_ATTRIBUTES, needed=False)
class LazyData(ExperimentResultData):
    """Data that is read from ``source`` with the first attribute; counts and memory are unpacked one by one."""

    __slots__ = ("_lazy_index", "_lazy_packed", "_lazy_source")

    def __init__(self, source: Source, index: int) -> None:
        object.__setattr__(self, "_lazy_source", source)
        object.__setattr__(self, "_lazy_index", index)
        object.__setattr__(self, "_lazy_packed", None)

    def _lazy_peek(self, name: str) -> Any:
        """What is packed under ``name``, which stays so; ``None`` if it was unpacked, or is none."""
        with self._lazy_source.lock:
            self._lazy_read()
            return self._lazy_packed.get(name)

    def _lazy_read(self) -> None:
        if self._lazy_packed is not None:
            return
        data = self._lazy_source.data(self._lazy_index)
        packed = {key: one for key, one in data.items() if isinstance(one, (PackedCounts, PackedMemory))}
        self.__dict__.update((key, one) for key, one in data.items() if key not in packed)
        first = [key for key in _FIRST if key in data]
        self.__dict__[DATA_ATTRIBUTES.key] = [*first, *(key for key in data if key not in _FIRST)]
        object.__setattr__(self, "_lazy_packed", packed)

    def __getattr__(self, name: str) -> Any:
        with self._lazy_source.lock:
            self._lazy_read()
            if name in self._lazy_packed:
                self.__dict__[name] = self._lazy_packed.pop(name).unpacked()
            if name in self.__dict__:
                return self.__dict__[name]
        raise AttributeError(f"'ExperimentResultData' object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        with self._lazy_source.lock:
            self._lazy_read()
            self._lazy_packed.pop(name, None)
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        with self._lazy_source.lock:
            getattr(self, name)
            super().__delattr__(name)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        self.to_dict()
        return ExperimentResultData, (), vars(self)


@overriding(METADATA, needed=False)
class LazyExperiment(ExperimentResult):
    """An experiment that is read from ``source`` with the first attribute, but for its data."""

    __slots__ = ("_index", "_source")

    def __init__(self, source: Source, index: int) -> None:
        object.__setattr__(self, "_source", source)
        object.__setattr__(self, "_index", index)

    def _named(self) -> str | None:
        """The circuit's name, while nobody has read or changed this; else ``None``."""
        source = self._source
        return None if source is None else str(source.name(self._index))

    def _peek(self, name: str) -> tuple[Any, Any] | None:
        """Its header and its packed ``counts`` or ``memory``, without keeping what is read for it.

        ``None`` if there are none, or if they are packed no more.
        """
        source: Source | None = self._source
        if source is not None:
            return source.readout(self._index, name)
        data = self.data
        if not self.success or self.meas_level != MeasLevel.CLASSIFIED or not isinstance(data, LazyData):
            return None
        packed = LazyData._lazy_peek(data, name)  # something may have been saved under any name
        return None if packed is None else (getattr(self, "header", None), packed)

    def _read(self) -> None:
        source = self._source
        if source is None:
            return
        with source.lock:
            if self._source is not None:
                made = source.experiment(self._index, LazyData(source, self._index))
                self.__dict__.update(vars(made))
                object.__setattr__(self, "_source", None)

    @property
    def _metadata(self) -> Any:
        self._read()
        return self.__dict__[METADATA.key]

    def __getattr__(self, name: str) -> Any:
        if self._source is not None:
            self._read()
            return getattr(self, name)
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._read()
        super().__setattr__(name, value)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        self._read()
        return ExperimentResult, (self.shots, self.success, self.data), vars(self)


@overriding(GET_EXPERIMENT, needed=False)
class LazyResult(Result):
    """A result whose ``results`` are :class:`LazyExperiment`; counts and memory are made without keeping them."""

    __slots__ = ("_named",)

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self._named: tuple[Any, dict[Any, list[int]]] | None = None

    def get_counts(self, experiment: Any = None) -> Any:
        """As Qiskit's; decodes the counts of ``experiment`` alone, and never its memory."""
        if experiment is None and len(self.results) != 1:
            return [self.get_counts(index) for index in range(len(self.results))]
        found = self._packed(experiment, "counts")
        if found is None:
            return super().get_counts(experiment)
        header, counts = found
        return Counts(counts.unpacked(), **{key: header[key] for key in _OF_COUNTS if key in (header or {})})

    def get_memory(self, experiment: Any = None) -> Any:
        """As Qiskit's; makes one text for each different outcome, and not for each shot."""
        found = self._packed(experiment, "memory")
        if found is None:
            return super().get_memory(experiment)
        header, memory = found
        return memory.unpacked(lambda outcome: format_counts_memory(outcome, header))

    def _packed(self, key: Any, name: str) -> tuple[Any, Any] | None:
        place = self._place(key)
        experiment = self._get_experiment(key) if place is None else self.results[place]
        return experiment._peek(name) if isinstance(experiment, LazyExperiment) else None

    def _place(self, key: Any) -> int | None:
        """Where the experiment is that ``key`` means, if that can be told without reading any."""
        if key is None:
            return 0 if len(self.results) == 1 else None
        if isinstance(key, int):
            return key if -len(self.results) <= key < len(self.results) else None
        places = self._places(key)
        one = self.results[places[0]] if len(places) == 1 else None
        return places[0] if isinstance(one, LazyExperiment) and one._named() == _name(key) else None

    def _get_experiment(self, key: Any = None) -> Any:
        """As Qiskit's, which reads the headers of all experiments for each name that is looked up."""
        some = [self.results[place] for place in self._places(key)[:2]]
        if some and all(_name_of(experiment) == _name(key) for experiment in some):
            return GET_EXPERIMENT.found(Result(results=some, status=self.status), key)
        return super()._get_experiment(key)

    def _places(self, key: Any) -> list[int]:
        """Where the experiments of that name were when a name was first looked up."""
        name = _name(key)
        if not isinstance(name, str):
            return []
        if self._named is None or self._named[0] is not self.results:
            places: dict[Any, list[int]] = {}
            for place, one in enumerate(self.results):
                places.setdefault(_name_of(one), []).append(place)
            self._named = self.results, places
        found = self._named[1].get(name, [])
        return found if not found or found[-1] < len(self.results) else []

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return Result, (), vars(self)


def _name(key: Any) -> Any:
    return key.name if isinstance(key, QuantumCircuit) else key


def _name_of(experiment: Any) -> Any:
    name = experiment._named() if isinstance(experiment, LazyExperiment) else None
    return (getattr(experiment, "header", None) or {}).get("name") if name is None else name
