"""Estimator PUBs to work: exact expectation values, or means over shots."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from qiskit.circuit import ClassicalRegister, QuantumCircuit
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.quantum_info import Pauli, PauliList

from ...plan.circuits.columns import Columns, Kind
from ...plan.circuits.reading import Reader
from ...plan.model import Batch, Item, Work, pub_name
from ...plan.observables import Cells, Estimate, Share, Sum, cells_of
from ...plan.outputs import ExpectationValues, Operator, Output, Parities, Readout
from .gates import BESIDE_GATES, CLIFFORD, NOT_UNITARY, SAVES, SETS
from .operations import WRITERS
from .preparation import channel_errors, gather
from .pubs import Items, by_shots, values_of
from .rotations.choice import pays
from .seconds import saves_whole_operators, splits_rows
from .settings import RunSettings

SHARED_STATE_QUBITS = 22  # 64 MB a state


def exact_work(
    pubs: Sequence[EstimatorPub],
    settings: RunSettings,
) -> tuple[Work, list[Estimate]]:
    """The work of an EstimatorV2 run that saves expectation values.

    As in ``qiskit_aer.primitives.EstimatorV2``, each PUB is a call of Aer of its own, which starts at the seed.

    Args:
        pubs: coerced, with precision.
        settings: of the run.

    Raises:
        InvalidPubError: with the PUB's index.
        ShotSlicingError: ``max_shot_size`` would change the answer.
    """
    values = [values_of(index, pub.circuit, pub.parameter_values) for index, pub in enumerate(pubs)]
    estimates: list[Estimate] = []

    def batches(shots: int, seed: Callable[[], int]) -> list[Batch]:
        maker = Items((pub.circuit for pub in pubs), settings.reuse.circuits)
        found: list[Batch] = []
        for index, pub in enumerate(pubs):
            cells = cells_of(pub, pub_name(index, pub.circuit.name), index)
            items, shares = [], []
            for first, last, needed in _exact_needs(cells, pub.circuit):
                output, sums = _saved(
                    cells, needed, pays(len(pub.circuit.data), pub.circuit.num_qubits, last - first)
                )
                shares.append(Share(maker.count, (first, last), sums))
                rows = values[index]
                items.append(
                    maker.make(index, pub.circuit, None if rows is None else rows[first:last], output, first)
                )
            estimates.append(Estimate(cells, tuple(shares), len(found) if items else None))
            if items:
                found.append(Batch(tuple(items), shots, seed(), channel_errors([pub.circuit])))
        return found

    work = gather(batches, settings)
    return work, estimates


def _exact_needs(cells: Cells, circuit: QuantumCircuit) -> list[tuple[int, int, tuple[int, ...]]]:
    if not len(cells.rows):
        return []
    needs = list(cells.needs())
    if len(needs) == 1:
        return needs
    together = tuple(sorted({column for _, _, needed in needs for column in needed}))
    sizes = [len(labels) for labels, _ in cells.observables]
    apart_terms = sum((last - first) * sum(sizes[c] for c in needed) for first, last, needed in needs)
    together_terms = needs[-1][1] * sum(sizes[column] for column in together)
    if splits_rows(circuit, len(needs), together_terms - apart_terms):
        return needs
    return [(0, needs[-1][1], together)]


def _saved(cells: Cells, needed: tuple[int, ...], as_rotations: bool) -> tuple[ExpectationValues, dict[int, Sum]]:
    """What to save so that the observables ``needed`` can be had, each as few times as possible."""
    observables = [cells.observables[column] for column in needed]
    paulis = list(dict.fromkeys(label for labels, _ in observables for label in labels))
    if saves_whole_operators(len(paulis), sum(len(labels) for labels, _ in observables)):
        operators: list[Operator] = list(observables)
        sums: dict[int, Sum] = {c: (np.array([i], dtype=np.intp), (1.0,)) for i, c in enumerate(needed)}
        return ExpectationValues(tuple(operators), as_rotations), sums
    places = {pauli: index for index, pauli in enumerate(paulis)}
    return ExpectationValues(tuple(((pauli,), (1.0,)) for pauli in paulis), as_rotations), _sums(
        cells, needed, places
    )


def _sums(cells: Cells, needed: tuple[int, ...], places: Mapping[str, int]) -> dict[int, Sum]:
    return {
        column: (np.array([places[label] for label in labels], dtype=np.intp), coefficients)
        for column in needed
        for labels, coefficients in [cells.observables[column]]
    }


def shots_work(
    pubs: Sequence[EstimatorPub],
    settings: RunSettings,
    *,
    abelian_grouping: bool,
    translate: Callable[[list[QuantumCircuit]], list[QuantumCircuit]],
) -> tuple[Work, list[Estimate]]:
    """The work of an EstimatorV2 run that measures.

    Circuits, their order, shots and seeds are those of ``qiskit.primitives.BackendEstimatorV2``, and so are the
    samples. Where a state is shared they are other samples of the same distribution: Aer would drop the
    gates that a readout does not see before it samples.

    Args:
        pubs: coerced, with a positive precision.
        settings: of the run.
        abelian_grouping: measure Paulis that commute qubit by qubit together.
        translate: readout circuits to the gates of the backend.

    Raises:
        InvalidPubError: with the PUB's index.
        ShotSlicingError: ``max_shot_size`` would change the answer.
    """
    values = [values_of(index, pub.circuit, pub.parameter_values) for index, pub in enumerate(pubs)]
    cells = [cells_of(pub, pub_name(index, pub.circuit.name), index) for index, pub in enumerate(pubs)]
    shots = [math.ceil(1.0 / pub.precision**2) for pub in pubs]
    readouts = _Readouts(abelian_grouping, translate)
    estimates: list[Estimate | None] = [None] * len(pubs)

    def batches(_: int, seed: Callable[[], int]) -> list[Batch]:
        maker = Items((pub.circuit for pub in pubs), settings.reuse.circuits)
        found: list[Batch] = []
        for count, members in by_shots(shots).items():
            items: list[Item] = []
            for index in members:
                circuit, rows = pubs[index].circuit, values[index]
                share_state = _shares_state(maker.columns(circuit), settings.aer)
                shares = []
                for first, last, needed in cells[index].needs() if len(cells[index].rows) else ():
                    output, places = readouts.output(cells[index], needed, circuit.num_qubits, share_state)
                    shares.append(Share(maker.count, (first, last), _sums(cells[index], needed, places)))
                    part = None if rows is None else rows[first:last]
                    items.append(maker.make(index, circuit, part, output, first))
                estimates[index] = Estimate(cells[index], tuple(shares), len(found) if shares else None, count)
            if items:
                circuits = [pubs[item.source].circuit for item in items]
                found.append(Batch(tuple(items), count, seed(), channel_errors(circuits)))
        return found

    work = gather(batches, settings)
    return work, [estimate for estimate in estimates if estimate is not None]


class _Readouts:
    """Makes readouts, those of the same Paulis once."""

    def __init__(
        self, abelian_grouping: bool, translate: Callable[[list[QuantumCircuit]], list[QuantumCircuit]]
    ) -> None:
        self._grouping = abelian_grouping
        self._translate = translate
        self._made: dict[Any, tuple[Output, Mapping[str, int]]] = {}

    def output(
        self, cells: Cells, needed: tuple[int, ...], qubits: int, share_state: bool
    ) -> tuple[Output, Mapping[str, int]]:
        """What to measure for the observables ``needed``, and the column of each Pauli in a row's numbers."""
        paulis = tuple(sorted({label for column in needed for label in cells.observables[column][0]}))
        key = paulis, share_state
        if key not in self._made:
            self._made[key] = self._make(paulis, qubits, share_state)
        return self._made[key]

    def _make(self, paulis: tuple[str, ...], qubits: int, share_state: bool) -> tuple[Output, Mapping[str, int]]:
        whole = PauliList(list(paulis))
        groups = list(whole.group_commuting(qubit_wise=True)) if self._grouping else [PauliList(p) for p in whole]
        circuits, supports, labels = [], [], []
        for group in groups:
            basis = Pauli((np.logical_or.reduce(group.z), np.logical_or.reduce(group.x)))
            circuit, measured = _readout_circuit(qubits, basis)
            circuits.append(circuit)
            supports.append((group.z | group.x)[:, measured])
            labels += group.to_labels()
        read = Reader(WRITERS).read
        readouts = tuple(Readout(read(c), s) for c, s in zip(self._translate(circuits), supports, strict=True))
        return Parities(readouts, share_state), {label: place for place, label in enumerate(labels)}


def _readout_circuit(qubits: int, basis: Pauli) -> tuple[QuantumCircuit, list[int]]:
    """Measures each qubit that ``basis`` acts on, or the first if there is none."""
    measured = np.flatnonzero(basis.z | basis.x).tolist() or [0]
    circuit = QuantumCircuit(qubits)
    circuit.add_register(ClassicalRegister(len(measured), "readout"))
    for clbit, qubit in enumerate(measured):
        if basis.x[qubit]:
            if basis.z[qubit]:
                circuit.sdg(qubit)
            circuit.h(qubit)
        circuit.measure(qubit, clbit)
    return circuit, measured


def _shares_state(circuit: Columns, options: Mapping[str, Any]) -> bool:
    """Whether the state of a row can be simulated once for all its readouts.

    So it is for a pure state that the statevector method simulates. With noise each shot has a state of its own.
    """
    method = options.get("method") or "automatic"
    if options.get("noise_model") is not None or method not in ("automatic", "statevector"):
        return False
    if circuit.num_qubits > SHARED_STATE_QUBITS or not circuit.num_qubits:
        return False
    names = {word.name for word in circuit.words}
    if any(word.kind == Kind.PICKLE for word in circuit.words) or not CONTROL_FLOW_OP_NAMES.isdisjoint(names):
        return False
    if "quantum_channel" in names or any(name in NOT_UNITARY or name.startswith((SAVES, SETS)) for name in names):
        return False
    # 'automatic' takes the stabilizer method for Clifford circuits, which is as fast for each readout.
    return method == "statevector" or not names <= CLIFFORD | BESIDE_GATES
