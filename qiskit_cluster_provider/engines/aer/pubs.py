"""Sampler PUBs to work, and what all PUBs have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.sampler_pub import SamplerPub

from ...errors import InvalidPubError
from ...plan.circuits.columns import Columns
from ...plan.circuits.templates import PatternMemory, Templates
from ...plan.model import Batch, Item, Work, pub_name
from ...plan.outputs import Bits, Output
from .operations import WRITERS
from .preparation import channel_errors, gather, item_of
from .settings import RunSettings

_BITS = Bits()


class Items:
    """Makes the items of a run, numbered through.

    Args:
        circuits: of the PUBs; those of one structure travel once.
        memory: of earlier runs.
    """

    def __init__(self, circuits: Iterable[QuantumCircuit], memory: PatternMemory) -> None:
        self.first = 0
        self.count = 0
        self._templates = Templates(circuits, memory, WRITERS)

    def columns(self, circuit: QuantumCircuit) -> Columns:
        """Those of the circuit of a PUB."""
        return self._templates.columns(circuit)

    def make(
        self,
        source: int,
        circuit: QuantumCircuit,
        values: npt.NDArray[np.float64] | None,
        output: Output,
        first_row: int = 0,
    ) -> Item:
        """The next item: ``values`` for ``circuit`` of PUB ``source``."""
        snapshot = self._templates.of(circuit)
        item = item_of(snapshot, circuit, values, self.first, source=source, first_row=first_row, output=output)
        self.first += item.experiments
        self.count += 1
        return item


def sampler_work(
    pubs: Sequence[SamplerPub],
    settings: RunSettings,
) -> Work:
    """The work of a SamplerV2 run.

    As in ``qiskit_aer.primitives.SamplerV2``, PUBs of the same number of shots are one call of Aer, in the
    order in which these numbers first appear, and each call starts again at the seed.

    Args:
        pubs: coerced, with shots.
        settings: of the run.

    Raises:
        InvalidPubError: with the PUB's index.
        ShotSlicingError: ``max_shot_size`` would change the answer.
    """
    groups = by_shots(pub.shots for pub in pubs)
    values = [values_of(index, pub.circuit, pub.parameter_values) for index, pub in enumerate(pubs)]

    def batches(_: int, seed: Callable[[], int]) -> list[Batch]:
        maker = Items((pub.circuit for pub in pubs), settings.reuse.circuits)
        found = []
        for shots, members in groups.items():
            full = [index for index in members if pubs[index].size]
            items = tuple(maker.make(i, pubs[i].circuit, values[i], _BITS) for i in full)
            if items:
                found.append(Batch(items, shots, seed(), channel_errors(pubs[i].circuit for i in full)))
        return found

    return gather(batches, settings.with_aer(memory=True))


def by_shots(shots: Iterable[int]) -> dict[int, list[int]]:
    """Numbers of shots in order of first appearance -> the indices that have them."""
    groups: dict[int, list[int]] = {}
    for index, count in enumerate(shots):
        groups.setdefault(int(count), []).append(index)
    return groups


def values_of(index: int, circuit: QuantumCircuit, bindings: BindingsArray) -> npt.NDArray[np.float64] | None:
    """The parameter sets of a PUB as an array of shape ``(sets, parameters)``; ``None`` for a single empty one.

    Raises:
        InvalidPubError: a value is no finite real number.
    """
    where = pub_name(index, circuit.name)
    parameters = list(circuit.parameters)
    array = bindings.as_array(circuit.parameters)
    if np.iscomplexobj(array):
        raise InvalidPubError(
            f"{where}: parameter values must be real numbers, not complex ones.", circuit=circuit.name, index=index
        )
    if not parameters and bindings.shape == ():
        return None
    values = np.array(array, dtype=np.float64, order="C").reshape(bindings.size, len(parameters))
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        place = tuple(int(i) for i in np.unravel_index(row, bindings.shape)) if bindings.shape else ()
        raise InvalidPubError(
            f"{where}: the value of {parameters[column].name!r} in parameter set {place} is {values[row, column]}",
            hint="Aer needs finite numbers.",
            circuit=circuit.name,
            index=index,
        )
    return values
