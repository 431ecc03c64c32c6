"""What was measured as Markdown tables, and as data for JSON and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .contenders import NAMES, OURS
from .measure import Row, Spread, spread_of
from .tasks import Efficiency, Overhead
from .wire import Bytes

LEGEND = """\
"ours" is our time in seconds, the median of all rounds. Each cell to the right of it is that contender's time divided
by ours in the same round: the median, then the least and the greatest. Above 1 ×, ours is faster. "ideal" is the time
that Aer's C++ code alone takes with one thread, divided by the number of workers: no cluster can be faster with the
same simulations. "≈" marks a time that was extrapolated, because only a part of the experiments was run. For PUBs,
"Aer" is `qiskit_aer.primitives`. "identical" says whether our result has the same bits as Aer's with one thread."""


@dataclass
class Report:
    """All that was measured; what was not asked for is empty.

    Attributes:
        about: versions, and the machine.
        rows: of the workloads.
        wire: bytes, of the same workloads.
        overhead: of a task.
        efficiency: by number of workers.
    """

    about: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    wire: list[Bytes] = field(default_factory=list)
    overhead: Overhead | None = None
    efficiency: list[Efficiency] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        """For JSON: every figure, and the ratios that the tables have."""
        rows = []
        for row in self.rows:
            ratios = {name: row.ratio(name)._asdict() for name in row.seconds}
            rows.append({**asdict(row), "ratios": ratios, "identical": row.identical})
        return {**asdict(self), "rows": rows}

    @property
    def identical(self) -> bool:
        """Whether all our results were Aer's."""
        return all(row.identical for row in self.rows)


def head(about: dict[str, Any]) -> str:
    """The line above the tables."""
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    return f"{versions} · CPUs: {about['cpus']}, workers: {about['workers']}, rounds: {about['rounds']}"


def workload_head() -> str:
    """The first lines of the table of workloads."""
    return _line("workload", "experiments", *NAMES, "identical") + "\n" + _rule(len(NAMES) + 3)


def workload_line(row: Row) -> str:
    """One more."""
    cells = [f"{row.time(OURS).median:.3g} s"]
    for name in NAMES[1:]:
        sampled = row.part.get(name, 1.0) < 1.0
        cells.append(f"{'≈ ' if sampled else ''}{_cell(row.ratio(name), '×')}" if name in row.seconds else "")
    return _line(row.name, f"{row.experiments:,}", *cells, "yes" if row.identical else "**NO**")


def wire_table(wire: Sequence[Bytes]) -> str:
    """Bytes for each experiment."""
    return "\n".join(_wire_lines(wire))


def _wire_lines(wire: Sequence[Bytes]) -> Iterator[str]:
    yield _line(
        "workload", "sent per experiment", "one pickled circuit", "sent, as a share of it", "received per experiment"
    )
    yield _rule(5)
    for one in wire:
        name = f"{one.workload}, {one.call}" if one.call else one.workload
        share = f"{100 * one.sent / one.pickled:.1f} %"
        yield _line(name, f"{one.sent:,.0f} B", f"{one.pickled:,.0f} B", share, f"{one.received:,.0f} B")


def overhead_table(overhead: Overhead) -> str:
    """Milliseconds a task."""
    ratios = [ours / noop for ours, noop in zip(overhead.slices, overhead.noops, strict=True)]
    columns = ((overhead.slices, "ms"), (overhead.noops, "ms"), (ratios, "×"))
    cells = [_cell(spread_of(figures), unit) for figures, unit in columns]
    heads = ("a slice of one tiny circuit", "a Dask task that does nothing", "the slice, in times of the task")
    return "\n".join([_line(*heads), _rule(3), _line(*cells)])


def efficiency_table(found: Sequence[Efficiency]) -> str:
    """By number of workers."""
    heads = ("workers", "slices", "C++ time of a slice", "wall time", "efficiency", "share of time in C++")
    lines = [_line(*heads), _rule(len(heads))]
    for one in found:
        seconds, wall = spread_of(one.seconds), spread_of(one.wall)
        percents = ([100 * share for share in shares] for shares in (one.efficiency, one.simulating))
        shares = (_cell(spread_of(figures), "%") for figures in percents)
        cells = f"{seconds.median:.2f} s", f"{wall.median:.2f} s", *shares
        lines.append(_line(str(one.workers), str(one.slices), *cells))
    return "\n".join(lines)


def _cell(spread: Spread, unit: str) -> str:
    """The median with its unit, and the least and the greatest where they differ."""
    middle = f"{_figure(spread.median)} {unit}"
    if spread.least == spread.most:
        return middle
    return f"{middle} ({_figure(spread.least)}–{_figure(spread.most)})"


def _figure(number: float) -> str:
    """Two digits behind the point below 10, one below 100, none above."""
    return f"{number:,.{2 if number < 10 else 1 if number < 100 else 0}f}"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return f"|---|{'---:|' * (columns - 1)}"
