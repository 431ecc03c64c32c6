"""Where the experiments of a result come from: each is put together from slice results when it is asked for."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qiskit.exceptions import QiskitError
from qiskit.result.models import ExperimentResult, ExperimentResultData

from .._compat.aer import FORMAT_SAVE_TYPE
from ..errors import WireError
from ..outcomes import Reason
from ..plan import Experiment, PackedCounts, PackedMemory, Planned, SliceResult
from .failures import Failure, reason_in
from .shots import merge_data, merge_heads

_DAMAGE = (KeyError, TypeError, ValueError, AttributeError, IndexError, QiskitError)

Part = tuple[int, int, SliceResult | None]
"""Index of a slice, global number of its first experiment, and its result if that is there."""


class Source:
    """The experiments of a plan, by their global numbers.

    It holds slice results as they came, and of the plan only what a result shows, so that a result keeps no circuits.

    Args:
        plan: of the job.
        results: slice index -> result, of those that came back.
        lost: slice index -> why it was given up.

    Attributes:
        names: of the circuits, by experiment.
        lock: held while an experiment is made.
    """

    def __init__(self, plan: Planned, results: Mapping[int, SliceResult], lost: Mapping[int, Reason]) -> None:
        manifest = plan.manifest
        self.lock = threading.RLock()
        self.size = manifest.experiments
        self._circuits = [(item.name, item.ran, item.metadata) for item in manifest.items]
        self._firsts = [item.first for item in manifest.items]
        self._by_shot = manifest.seed_mode == "aer"
        self._binds_at_run_time = manifest.binds_at_run_time
        self._lost = dict(lost)
        ordered = sorted(plan.slices, key=lambda piece: (piece.experiments[0], piece.shots or (0, 0)))
        self._starts = [piece.experiments[0] for piece in ordered]
        self._stops = [piece.experiments[1] for piece in ordered]
        self._parts: list[Part] = [(one.index, one.experiments[0], results.get(one.index)) for one in ordered]

    def name(self, index: int) -> str:
        """The name of the circuit of an experiment."""
        return self._circuits[self._item_of(index)][0]

    def failed(self) -> set[int]:
        """The experiments without data."""
        found: set[int] = set()
        ranges_of_shots: dict[int, None] = {}
        for place, (_, start, result) in enumerate(self._parts):
            if result is None:
                found.update(range(start, self._stops[place]))
            else:
                found.update(start + offset for offset in result.refused)
            if place and self._starts[place - 1] == start:
                ranges_of_shots[start] = None
        found.update(index for index in ranges_of_shots if index not in found and not self.status(index)[0])
        return found

    def experiment(self, index: int, data: ExperimentResultData) -> ExperimentResult:
        """An experiment, with ``data`` for its data.

        Raises:
            WireError: what a worker sent cannot be read.
        """
        try:
            return ExperimentResult(data=data, **self._fields(index, self._heads(index)))
        except _DAMAGE as error:
            raise self._unreadable(index, error) from error

    def status(self, index: int) -> tuple[bool, str]:
        """Whether an experiment has data, and its status.

        Raises:
            WireError: what a worker sent cannot be read.
        """
        try:
            fields = self._fields(index, self._heads(index))
            return bool(fields["success"]), str(fields["status"])
        except _DAMAGE as error:
            raise self._unreadable(index, error) from error

    def data(self, index: int) -> dict[str, Any]:
        """Its data: counts and memory packed, saved quantities in Qiskit's types.

        Raises:
            WireError: what a worker sent cannot be read.
        """
        try:
            heads = self._heads(index)
            if not self._fields(index, heads)["success"]:
                return {}
            metadata = merge_heads(heads, by_shot=self._by_shot)["metadata"]
            types, subtypes = metadata.get("result_types", {}), metadata.get("result_subtypes", {})
            data = merge_data(list(self._data(index)), [head["shots"] for head in heads], subtypes)
            dressed = FORMAT_SAVE_TYPE.needed() if types.keys() & data.keys() else None
            return {
                key: dressed(value, types[key], subtypes[key]) if dressed and key in types else value
                for key, value in data.items()
            }
        except _DAMAGE as error:
            raise self._unreadable(index, error) from error

    def readout(self, index: int, name: str) -> tuple[Any, PackedCounts | PackedMemory] | None:
        """The header of an experiment and its ``counts`` or ``memory``; ``None`` if there are none.

        Raises:
            WireError: what a worker sent cannot be read.
        """
        try:
            heads = self._heads(index)
            fields = self._fields(index, heads)
            if not fields["success"]:
                return None
            parts = [data.get(name) for data in self._data(index)]
            if not all(isinstance(part, (PackedCounts, PackedMemory)) for part in parts):
                return None
            whole = merge_data([{name: part} for part in parts], [0] * len(parts), {})
            return fields["header"], whole[name]
        except _DAMAGE as error:
            raise self._unreadable(index, error) from error

    def _fields(self, index: int, heads: Sequence[Experiment]) -> Experiment:
        parts = self._of(index)
        if len(heads) < len(parts):
            missing = next(which for which, _, result in reversed(parts) if result is None)
            reason = self._lost.get(missing)
            if reason is None:
                return self._missing(index, Reason(f"NOT DONE: slice {missing} has not finished"), prefix="")
            return self._missing(index, reason)
        head = merge_heads(heads, by_shot=self._by_shot)
        if not head["success"]:
            name, ran, _ = self._circuits[self._item_of(index)]
            return self._missing(index, reason_in(str(head["status"]), ran, name), head)
        item = self._item_of(index)
        name, _, metadata = self._circuits[item]
        found = {**head, "header": {**head["header"], "name": name, "metadata": metadata}}
        if self._binds_at_run_time and (rows := [*self._firsts, self.size][item + 1] - self._firsts[item]) > 1:
            found["metadata"] = _bound_at_run_time(head["metadata"], index - self._firsts[item], rows)
        return found

    def _missing(
        self, index: int, reason: Reason, head: Mapping[str, Any] | None = None, prefix: str = "ERROR: "
    ) -> Experiment:
        """An experiment without data. Its status names the circuit, its header lets it be found by name.

        A status is one line: some print it for each of a thousand experiments.
        """
        item = self._item_of(index)
        name, _, metadata = self._circuits[item]
        what = Failure(index, item, name, reason.message, reason.hint)
        more = " (job.errors() has the rest)" if reason.detail else ""
        return {
            "shots": 0,
            "metadata": {},
            "time_taken": 0.0,
            **(head or {}),
            "success": False,
            "status": f"{prefix}{what}{more}",
            "header": {"name": name, "metadata": metadata},
        }

    def _item_of(self, index: int) -> int:
        return bisect_right(self._firsts, index) - 1

    def _of(self, index: int) -> list[Part]:
        """The slices that an experiment is in: one, or one for each of its ranges of shots."""
        last = bisect_right(self._starts, index)
        return self._parts[bisect_left(self._starts, self._starts[last - 1]) : last]

    def _heads(self, index: int) -> list[Experiment]:
        return [result.experiments.head(index - start) for _, start, result in self._of(index) if result is not None]

    def _data(self, index: int) -> Iterator[dict[str, Any]]:
        for _, start, result in self._of(index):
            if result is not None:
                yield result.experiments.data(index - start)

    def _unreadable(self, index: int, error: Exception) -> WireError:
        item = self._item_of(index)
        name = self._circuits[item][0]
        reason = error.reason if isinstance(error, WireError) else Reason(f"{type(error).__name__}: {error}")
        said = f"experiment {index}, circuit {name!r} (index {item}), cannot be read: {reason.message}"
        return WireError(said, hint=reason.hint, detail=reason.detail, circuit=name, index=item)


def _bound_at_run_time(metadata: Mapping[str, Any], row: int, rows: int) -> dict[str, Any]:
    """What Aer 0.18 tells of one of several rows that it bound while it ran; a slice may have had one of them alone.

    Where it draws noise for each shot (``circuit``) it does not fuse gates, and says nothing of fusion.
    """
    own = {"runtime_parameter_bind": True, "num_bind_params": rows, "bind_param_index": row}
    left_out = {"fusion"} if metadata.get("noise") == "circuit" else set()
    return {key: value for key, value in metadata.items() if key not in left_out} | own
