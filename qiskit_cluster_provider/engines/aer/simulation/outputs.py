"""What is asked of experiments: the circuits that Aer is given for it, and what is kept of its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.quantum_info import Clifford, SparsePauliOp, StabilizerState
from qiskit_aer.library import SaveExpectationValue

from ....plan import Bits, ExpectationValues, Output, PackedCounts, PackedMemory, Readout
from ....plan.circuits.columns import Columns, Word
from ....plan.circuits.joining import joined, with_operation
from ....plan.circuits.reading import Reader
from ....plan.circuits.rebuilding import circuit_of
from ....plan.outputs import measured as with_readout
from ..operations import MAKERS, WRITERS
from .simulator import Experiment

STATE = "_qcp_state"
"""The label under which a state is saved."""
_STATES = 2**26  # bytes of states that are held at a time
_PACKED: dict[str, Callable[[Any], Any]] = {"counts": PackedCounts.of, "memory": PackedMemory.of}


def saving(circuit: Columns, output: ExpectationValues) -> Columns:
    """``circuit``, with each operator saved at its end under its number."""
    saves = QuantumCircuit(circuit.num_qubits)
    for index, (labels, coefficients) in enumerate(output.operators):
        operator = SparsePauliOp(list(labels), np.asarray(coefficients))
        # All qubits, as qiskit_aer.primitives does it, so that Aer drops none of them.
        saves.append(SaveExpectationValue(operator, label=label(index)), range(circuit.num_qubits))
    return joined(circuit, Reader(WRITERS).read(saves))


def chunks(circuit: Columns, rows: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows whose states fit into memory together."""
    size = max(1, _STATES // (16 * 2**circuit.num_qubits))
    for start in range(0, rows, size):
        yield start, min(rows, start + size)


def with_state(circuit: Columns, state: npt.NDArray[np.complex128]) -> Columns:
    """A circuit of the shape of ``circuit`` that is in ``state``."""
    word = Word("aer.SetStatevector", "set_statevector", None, circuit.num_qubits, 0, 0)
    empty = Columns(circuit.name, circuit.num_qubits, circuit.num_clbits)
    return with_operation(empty, word, ([state],))


def with_saved_state(circuit: Columns) -> Columns:
    """``circuit``, with its state saved at its end."""
    word = Word("aer.SaveStatevector", "save_statevector", STATE, circuit.num_qubits, 0, 0)
    return with_operation(circuit, word, ([], "single"))


def measured(circuit: Columns, readout: Readout) -> Columns:
    """``circuit`` and then ``readout``, whose clbits come after those of ``circuit``."""
    if not circuit.inner_bits[1]:
        return with_readout(circuit, readout)
    # Bits of blocks alone are numbered where the new ones would be.
    whole, other = circuit_of(circuit, MAKERS), circuit_of(readout.circuit, MAKERS)
    whole.add_bits(other.clbits)
    whole.compose(other, whole.qubits, other.clbits, inplace=True)
    return Reader(WRITERS).read(whole)


def collect(
    output: Output, circuit: Columns, start: int, shots: int, experiments: Sequence[Experiment]
) -> npt.NDArray[Any]:
    """The numbers of consecutive experiments, as :mod:`..plan.outputs` has them; zeros for one that failed.

    Args:
        output: what was asked.
        circuit: the item's circuit.
        start: place of the first one within the item's rows.
        shots: of each.
        experiments: Aer's.
    """
    if isinstance(output, Bits):
        return np.stack([_bits(one, circuit.num_clbits, shots) for one in experiments])
    if isinstance(output, ExpectationValues):
        names = [label(index) for index in range(len(output.operators))]
        rows = [[one["data"][name] if one["success"] else 0.0 for name in names] for one in experiments]
        return np.asarray(rows, dtype=np.float64).ravel()
    parts = []
    for index, one in enumerate(experiments, start):
        support = output.readouts[index % output.variants].support
        parts.append(_odd(one, support, circuit.num_clbits))
    return np.concatenate(parts)


def label(index: int) -> str:
    """Under which an operator is saved."""
    return f"_qcp_{index}"


def _bits(experiment: Experiment, clbits: int, shots: int) -> npt.NDArray[np.uint8]:
    """Aer's memory as bytes. A circuit without measurement has none, and all its bits are 0."""
    size = -(-clbits // 8)
    memory = experiment["data"].get("memory")
    if not memory or not size:
        return np.zeros((shots, size), dtype=np.uint8)
    table = {outcome: int(outcome, 16).to_bytes(size, "big") for outcome in set(memory)}
    packed = b"".join([table[outcome] for outcome in memory])
    return np.frombuffer(packed, dtype=np.uint8).reshape(-1, size)


def _odd(experiment: Experiment, support: npt.NDArray[np.bool_], before: int) -> npt.NDArray[np.int64]:
    """For each Pauli, the shots in which an odd number of its bits is 1; its bits come after ``before`` others."""
    paulis, clbits = support.shape
    counts: Mapping[str, int] = experiment["data"].get("counts", {})
    if not counts:
        return np.zeros(paulis, dtype=np.int64)
    size = -(-clbits // 8)
    mask = 2**clbits - 1
    packed = b"".join([((int(outcome, 16) >> before) & mask).to_bytes(size, "little") for outcome in counts])
    rows = np.frombuffer(packed, dtype=np.uint8).reshape(-1, size)
    outcomes = np.unpackbits(rows, axis=1, count=clbits, bitorder="little")
    parities = (outcomes.astype(np.int64) @ support.T.astype(np.int64)) & 1
    return np.asarray(np.fromiter(counts.values(), np.int64, len(counts)) @ parities)


def plain(experiment: Experiment) -> Experiment:
    """Counts and memory packed, saved quantities plain arrays and dictionaries; the client dresses them again."""
    header = experiment.get("header")
    if header is not None:
        header = header if isinstance(header, dict) else header.to_dict()
        experiment["header"] = {k: v for k, v in header.items() if k != "metadata"}
    types = experiment.get("metadata", {}).get("result_types", {})
    experiment["data"] = {
        key: _undress(value) if key in types else _PACKED[key](value) if key in _PACKED else value
        for key, value in experiment["data"].items()
    }
    return experiment


def _undress(value: Any) -> Any:
    if isinstance(value, StabilizerState):
        return value.clifford.to_dict()
    if isinstance(value, Clifford):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {key: _undress(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_undress(one) for one in value]
    data = getattr(value, "data", None)
    if isinstance(data, np.ndarray) and not isinstance(value, np.ndarray):
        return data  # Statevector, DensityMatrix, Operator, SuperOp
    return value
