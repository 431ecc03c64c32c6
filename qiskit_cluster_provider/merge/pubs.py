"""The numbers of items to the results of PUBs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub

from ..plan import Planned, SliceResult
from ..plan.observables import Estimate
from .numbers import Collected, Numbers, collect


def merge_sampler(
    plan: Planned, results: Mapping[int, SliceResult], pubs: Sequence[SamplerPub], *, partial: bool = False
) -> PrimitiveResult[SamplerPubResult]:
    """The result that one ``qiskit_aer.primitives.SamplerV2`` would have returned.

    Args:
        plan: of the job.
        results: slice index -> result, of those that came back.
        pubs: of the run.
        partial: mark what is missing in each PUB's metadata.
    """
    found = collect(plan, results)
    simulator = _Simulator(plan, results)
    batches = [number for number, batch in enumerate(plan.manifest.batches) for _ in range(batch.items)]
    places = {item.source: index for index, item in enumerate(plan.manifest.items)}
    merged = []
    for index, pub in enumerate(pubs):
        place = places.get(index)
        if place is None:
            size = -(-pub.circuit.num_clbits // 8)
            numbers = Numbers(np.zeros((0, pub.shots, size), dtype=np.uint8), np.zeros(0, dtype=np.bool_))
        else:
            numbers = found.items[place]
        metadata = {
            "shots": pub.shots,
            "circuit_metadata": pub.circuit.metadata,
            "simulator_metadata": simulator.metadata(None if place is None else batches[place]),
        }
        if partial:
            metadata["missing"] = numbers.missing.reshape(pub.shape)
        registers = _registers(pub.circuit, numbers.values, pub.shape)
        merged.append(SamplerPubResult(DataBin(**registers, shape=pub.shape), metadata=metadata))
    return PrimitiveResult(merged, metadata=_whole(partial))


def _registers(circuit: QuantumCircuit, packed: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> dict[str, BitArray]:
    """A BitArray for each classical register; ``packed`` has all clbits, of shape ``(sets, shots, bytes)``."""
    shots = packed.shape[1]
    clbits = circuit.num_clbits
    found = {}
    for register in circuit.cregs:
        bits = [circuit.find_bit(bit).index for bit in register]
        if bits == list(range(clbits)):
            array = packed
        else:
            every = np.unpackbits(packed, axis=-1, bitorder="big")
            # Clbit 0 is the last bit; packbits pads on the right, so that the padding comes first.
            columns = every.shape[-1] - 1 - np.array(bits[::-1], dtype=np.intp)
            padded = np.zeros((*packed.shape[:2], -len(bits) % 8 + len(bits)), dtype=np.uint8)
            padded[..., -len(bits) % 8 :] = every[..., columns]
            array = np.packbits(padded, axis=-1, bitorder="big")
        found[register.name] = BitArray(array.reshape(*shape, shots, array.shape[-1]), len(bits))
    return found


def merge_estimator(
    plan: Planned,
    results: Mapping[int, SliceResult],
    pubs: Sequence[EstimatorPub],
    estimates: Sequence[Estimate],
    seed: int | None,
    *,
    partial: bool = False,
) -> PrimitiveResult[PubResult]:
    """The result that one ``qiskit_aer.primitives.EstimatorV2`` would have returned.

    Sums are made element by element in the order of the terms, so that no slicing changes their last bits.

    Args:
        plan: of the job.
        results: slice index -> result, of those that came back.
        pubs: of the run.
        estimates: how the values of each PUB are put together.
        seed: of the noise that stands for a precision; ``None`` takes the one that was drawn for the PUB.
        partial: NaN for what is missing, and a mask in each PUB's metadata.
    """
    found = collect(plan, results)
    simulator = _Simulator(plan, results)
    merged = []
    for pub, estimate in zip(pubs, estimates, strict=True):
        evs, stds, missing = _values(plan, found, pub, estimate)
        metadata: dict[str, Any] = {"target_precision": pub.precision}
        if estimate.shots is not None:
            metadata["shots"] = estimate.shots
        elif pub.precision > 0:
            drawn = 0 if estimate.batch is None else plan.manifest.batches[estimate.batch].base_seed
            rng = np.random.default_rng(drawn if seed is None else seed)
            evs = rng.normal(evs, pub.precision, evs.shape)
        metadata["circuit_metadata"] = pub.circuit.metadata
        metadata["simulator_metadata"] = simulator.metadata(estimate.batch)
        if partial:
            evs[missing], stds[missing] = np.nan, np.nan
            metadata["missing"] = missing
        merged.append(PubResult(DataBin(evs=evs, stds=stds, shape=evs.shape), metadata=metadata))
    return PrimitiveResult(merged, metadata=_whole(partial))


def _values(
    plan: Planned, found: Collected, pub: EstimatorPub, estimate: Estimate
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Expectation values, standard errors and what is missing, each of the PUB's shape."""
    cells = estimate.cells
    evs = np.zeros(len(cells.rows))
    stds = np.full(len(cells.rows), pub.precision if estimate.shots is None else 0.0, dtype=np.float64)
    missing = np.zeros(len(cells.rows), dtype=np.bool_)
    by_row = np.argsort(cells.rows, kind="stable")
    sorted_rows = cells.rows[by_row]
    for share in estimate.shares:
        first, last = share.rows
        numbers = found.items[share.item]
        variants = plan.manifest.items[share.item].variants
        table = numbers.values.reshape(last - first, -1)
        absent = np.asarray(numbers.missing.reshape(last - first, variants).any(axis=1))
        if estimate.shots is not None:
            table = (estimate.shots - 2 * table) / estimate.shots
        start, stop = np.searchsorted(sorted_rows, share.rows)
        here = by_row[start:stop]
        for column, (places, coefficients) in share.sums.items():
            chosen = here[cells.columns[here] == column]
            rows = cells.rows[chosen] - first
            total, spread = np.zeros(len(rows)), np.zeros(len(rows))
            for place, coefficient in zip(places, coefficients, strict=True):
                mean = table[rows, place]
                total += mean * coefficient
                if estimate.shots is not None:
                    spread += np.abs(coefficient) * (1 - mean**2) ** 0.5
            evs[chosen] = total
            if estimate.shots is not None:
                stds[chosen] = spread / np.sqrt(estimate.shots)
            missing[chosen] = absent[rows]
    return evs.reshape(cells.shape), stds.reshape(cells.shape), missing.reshape(cells.shape)


class _Simulator:
    """Aer's metadata of each batch, from the first of its slices that is there, and ours."""

    def __init__(self, plan: Planned, results: Mapping[int, SliceResult]) -> None:
        self._plan = plan
        self._slices: list[list[int]] = [[] for _ in plan.manifest.batches]
        for piece in plan.slices:
            for batch in dict.fromkeys(run.batch for run in piece.runs):
                self._slices[batch].append(piece.index)
        self._results = results

    def metadata(self, batch: int | None) -> dict[str, Any]:
        """Of ``batch``; nothing if nothing ran."""
        if batch is None:
            return {}
        slices = self._slices[batch]
        there = [self._results[index] for index in slices if index in self._results]
        return {
            **(there[0].metadata if there else {}),
            "base_seed": self._plan.manifest.batches[batch].base_seed,
            "seed_mode": self._plan.manifest.seed_mode,
            "slices": len(slices),
        }


def _whole(partial: bool) -> dict[str, Any]:
    return {"version": 2, "partial": True} if partial else {"version": 2}
