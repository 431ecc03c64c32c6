"""``qiskit-cluster run``: files to circuits that a backend runs, and its results to what is printed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qiskit import QuantumCircuit, transpile
from qiskit.exceptions import QiskitError
from rich.table import Table
from rich.text import Text

from ..backend.cluster_backend import ClusterBackend
from ..errors import ClusterConfigError, InvalidCircuitError, MissingExtraError, SlicesLostError
from ..jobs.circuit_job import ClusterJob
from ..plan.circuits.instructions import instructions
from .files.reading import printable, read_circuits

MAX_PLOTS = 60
"""Histograms in a picture; more would not fit into what image formats allow."""
_BARS = 16
_ROWS = 10


@dataclass(frozen=True)
class CircuitOutcome:
    """What is known of one circuit after a run.

    Attributes:
        name: of the circuit.
        file: that it came from.
        shots: that were run; 0 if it failed.
        seed: of its simulation; ``None`` if it never came to that.
        success: whether it has counts.
        status: Aer's; with a failure, the circuit's name and the reason.
        method: that Aer chose; ``None`` if it failed before that.
        counts: bit string, with a space between registers -> shots.
    """

    name: str
    file: str
    shots: int
    seed: int | None
    success: bool
    status: str
    method: str | None
    counts: Mapping[str, int]

    @property
    def ranked(self) -> list[tuple[str, int]]:
        """The counts, the most frequent first; those that are equal in the order of their bits."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))


def load(files: Sequence[Path], backend: ClusterBackend) -> tuple[list[Path], list[QuantumCircuit]]:
    """The circuits of all files, transpiled for ``backend``, and the file that each came from.

    Raises:
        InvalidCircuitError: a file or a circuit that cannot be run; the message names both.
        MissingExtraError: OpenQASM 3 needs another package.
        OSError: a file cannot be read.
    """
    sources, circuits = [], []
    for file in files:
        for circuit in read_circuits(file):
            sources.append(file)
            circuits.append(_runnable(file, circuit, backend))
    return sources, circuits


def outcomes(job: ClusterJob, sources: Sequence[Path]) -> list[CircuitOutcome]:
    """Wait for ``job``, whose circuits came from ``sources``. A circuit that failed hides no other.

    Raises:
        ClusterJobError: it was cancelled.
        ClusterConnectionError: the cluster could not be reached.
    """
    try:
        result = job.result()
    except SlicesLostError:
        result = job.partial_result()
    found = []
    for index, (file, experiment) in enumerate(zip(sources, result.results, strict=True)):
        fields = experiment.to_dict()
        found.append(
            CircuitOutcome(
                name=fields["header"]["name"],
                file=str(file),
                shots=fields["shots"],
                seed=fields.get("seed_simulator"),
                success=fields["success"],
                status=fields["status"],
                method=fields.get("metadata", {}).get("method"),
                counts=result.get_counts(index) if fields["success"] else {},
            )
        )
    return found


def tables(found: Sequence[CircuitOutcome]) -> Iterator[Text | Table]:
    """The most frequent outcomes of each circuit that has counts: a headline, a table, and what is left out."""
    for one in found:
        if not one.success:
            continue
        yield Text(f"{printable(one.name)}: {one.shots} shots, seed {one.seed}, {one.method}", "bold")
        table = Table("CircuitOutcome")
        table.add_column("Counts", justify="right")
        table.add_column("Share", justify="right")
        for outcome, count in one.ranked[:_ROWS]:
            table.add_row(outcome, str(count), f"{count / one.shots:.1%}")
        yield table
        if len(one.counts) > _ROWS:
            yield Text(f"and {len(one.counts) - _ROWS} more outcomes; --json has all", "dim")


def check_plot(path: Path) -> None:
    """Refuse what :func:`draw` could not write, before anything is run.

    Raises:
        MissingExtraError: matplotlib is not installed.
        ClusterConfigError: an ending that matplotlib does not know, or a folder that is not there.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError as error:
        raise MissingExtraError(
            "--plot needs matplotlib", hint=f"pip install 'qiskit-cluster-provider[plot]' ({error})"
        ) from error
    known = FigureCanvasAgg.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in known:
        raise ClusterConfigError(f"--plot {path}: the ending must be one of {', '.join(sorted(known))}.")
    if not path.parent.is_dir():
        raise ClusterConfigError(f"--plot {path}: there is no folder {path.parent}", hint="make it first.")


def draw(found: Sequence[CircuitOutcome], path: Path) -> None:
    """A histogram of each circuit that has counts, of its most frequent outcomes, at most :data:`MAX_PLOTS`.

    No circuit with counts, no picture.

    Raises:
        OSError: the file cannot be written.
    """
    # Not pyplot: a figure of its own needs no display and leaves no global state.
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    there = [one for one in found if one.success]
    if not there:
        return
    if len(there) > MAX_PLOTS:
        warnings.warn(f"{path} shows the first {MAX_PLOTS} of {len(there)} circuits.", stacklevel=2)
    drawn = there[:MAX_PLOTS]
    columns = min(3, len(drawn))
    rows = -(-len(drawn) // columns)
    figure = Figure(figsize=(5.2 * columns, 3.6 * rows), layout="constrained")
    for place, one in enumerate(drawn, start=1):
        axes: Any = figure.add_subplot(rows, columns, place)
        shown = one.ranked[:_BARS]
        bars = axes.bar(range(len(shown)), [count for _, count in shown], color="#4062bb")
        axes.bar_label(bars, fontsize=7)
        labels = [_label(outcome) for outcome, _ in shown]
        turned: dict[str, Any] = {"rotation": 60, "ha": "right"} if sum(map(len, labels)) > 60 else {}
        axes.set_xticks(range(len(shown)), labels, fontsize=7, parse_math=False, **turned)
        air = max(0.6, (6 - len(shown)) / 2)  # so that two outcomes are no walls
        axes.set_xlim(-air, len(shown) - 1 + air)
        left = "" if len(one.counts) <= _BARS else f"; {_BARS} of {len(one.counts)} outcomes"
        axes.set_title(f"{printable(one.name)} ({one.shots} shots{left})", fontsize=9, parse_math=False)
        axes.set_ylabel("counts")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100)


def _label(outcome: str) -> str:
    return outcome if len(outcome) <= 24 else f"{outcome[:11]}…{outcome[-11:]}"


def _runnable(file: Path, circuit: QuantumCircuit, backend: ClusterBackend) -> QuantumCircuit:
    what = f"{file}: circuit {circuit.name!r}"
    if circuit.num_parameters:
        names = ", ".join(repr(parameter.name) for parameter in list(circuit.parameters)[:5])
        raise InvalidCircuitError(
            f"{what} has {circuit.num_parameters} parameters without values ({names})",
            hint="bind them before the file is written (QuantumCircuit.assign_parameters).",
            circuit=circuit.name,
        )
    try:
        # One by one: with a list, Qiskit would fork. The seed matters only to a backend with a coupling map.
        ready = transpile(circuit, backend, optimization_level=0, seed_transpiler=0)
    except QiskitError as error:
        raise InvalidCircuitError(
            f"{what} cannot be run on {backend.name!r}: {error.message}", circuit=circuit.name
        ) from error
    # Asked of the transpiled circuit, where no measurement is hidden in a composite instruction any more.
    if not any(operation.name == "measure" for operation in instructions(ready)):
        raise InvalidCircuitError(
            f"{what} has no measurement, so that it has no counts",
            hint="add measurements, for example with QuantumCircuit.measure_all() or OpenQASM's measure.",
            circuit=circuit.name,
        )
    return ready
