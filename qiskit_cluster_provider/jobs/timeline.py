"""The tries of a job's slices as bars in time, a row for each slice that a worker runs at the same time."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..dispatch import Attempt
from ..errors import MissingExtraError
from ..outcomes import Outcome

COLOURS = {
    Outcome.DONE: "#4f9d69",
    Outcome.RUNNING: "#4062bb",
    Outcome.CRASHED: "#c8323b",
    Outcome.TIMED_OUT: "#e0812d",
    Outcome.ERROR: "#7b2d8b",
    Outcome.UNREADY: "#b5a642",
    Outcome.LOST: "#8c6d46",
    Outcome.DISCONNECTED: "#5b7c99",
    Outcome.CANCELLED: "#9a9a9a",
}
"""Outcome -> colour, in the order of the legend."""
NAMELESS = "(worker not named)"
"""Stands for the workers of an executor, which tells no names."""
_TROUBLE = "#f2c1c1"
_WAIT = "#dcdcdc"
_SVG_BARS = 2000  # a notebook that holds more gets slow
_JITTER = 0.02  # seconds by which news of two slices of one thread may overtake each other
_RAN = (
    Outcome.CRASHED,
    Outcome.TIMED_OUT,
    Outcome.UNREADY,
    Outcome.ERROR,
    Outcome.RUNNING,
)  # outcomes that say that somebody has begun, even if nobody told when

Trouble = tuple[float, float, str]


@dataclass(frozen=True)
class Bar:
    """One try on a worker.

    Attributes:
        attempt: which.
        worker: who had it, or :data:`NAMELESS`.
        lane: the place among those that ran at the same time on this worker, from 0.
        taken: when the worker took it: before ``begin`` it waited there, for its child to start or for memory.
        begin, end: seconds since the job began.
    """

    attempt: Attempt
    worker: str
    lane: int
    taken: float
    begin: float
    end: float

    def __str__(self) -> str:
        one = self.attempt
        what = f"slice {one.slice}, experiments {one.experiments[0]} to {one.experiments[1] - 1}: {one.outcome}"
        said = f": {one.reason}" if one.reason else ""
        return f"{what}, {self.begin:.2f} to {self.end:.2f} s{said}"


def bars(attempts: Sequence[Attempt]) -> list[Bar]:
    """The tries that a worker has begun, in order of their begin."""
    spans = sorted(((begin, one) for one in attempts if (begin := _begin(one)) is not None), key=lambda pair: pair[0])
    lanes: dict[str, list[float]] = {}  # ends
    found = []
    for begin, one in spans:
        worker = one.worker or NAMELESS
        ends = lanes.setdefault(worker, [])
        lane = next((i for i, end in enumerate(ends) if end <= begin + _JITTER), len(ends))
        taken = begin if one.started is None else min(begin, max(one.started, *ends[lane : lane + 1], 0.0))
        ends[lane : lane + 1] = [one.ended]
        found.append(Bar(one, worker, lane, taken, begin, one.ended))
    return found


def _begin(one: Attempt) -> float | None:
    if one.seconds is not None:  # by the worker's own clock; our news of the begin may be late
        return max(0.0, one.ended - one.seconds)
    if one.started is not None:
        return one.started
    return one.submitted if one.outcome in _RAN and one.submitted < one.ended else None


def rows(found: Sequence[Bar]) -> dict[tuple[str, int], int]:
    """``(worker, lane)`` -> number of its row, the workers in order of their names."""
    return {key: row for row, key in enumerate(sorted({(bar.worker, bar.lane) for bar in found}))}


def svg(found: Sequence[Bar], troubles: Sequence[Trouble], seconds: float) -> str:
    """The picture for a notebook, where nothing is installed; each bar says what it is when pointed at."""
    if not found or len(found) > _SVG_BARS:
        return ""
    place = rows(found)
    left, wide, high = 190, 700, 16
    scale = wide / max(seconds, 1e-9)
    bottom = high * len(place)
    drawn = []

    def box(x: float, y: int, end: float, height: int, colour: str, text: str) -> None:
        drawn.append(
            f'<rect x="{left + x * scale:.1f}" y="{y}" width="{max(1.0, (end - x) * scale):.1f}" height="{height}" '
            f'fill="{colour}"><title>{html.escape(text)}</title></rect>'
        )

    for begin, end, reason in troubles:
        box(begin, 0, end, bottom, _TROUBLE, reason)
    for bar in found:
        y = high * place[bar.worker, bar.lane] + 2
        if bar.begin - bar.taken > _JITTER:
            box(bar.taken, y, bar.begin, high - 4, _WAIT, f"slice {bar.attempt.slice} waits, or its process starts")
        box(bar.begin, y, bar.end, high - 4, COLOURS[bar.attempt.outcome], str(bar))
    for (worker, lane), row in place.items():
        if lane == 0:
            drawn.append(f'<text x="0" y="{high * row + 12}" font-size="11">{html.escape(worker)}</text>')
    for part in range(5):
        x = left + wide * part / 4
        drawn.append(f'<text x="{x:.0f}" y="{bottom + 14}" font-size="11">{seconds * part / 4:.3g} s</text>')
    size = f'width="{left + wide + 60}" height="{bottom + 20}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="monospace">{"".join(drawn)}</svg>'


def draw(found: Sequence[Bar], troubles: Sequence[Trouble], seconds: float, title: str, ax: Any) -> Any:
    """The same with matplotlib.

    Args:
        found: the bars.
        troubles: ``(begin, end, reason)``, shaded.
        seconds: that the job took.
        title: above it.
        ax: ``Axes`` to draw into; ``None`` for new ones of pyplot, so that a notebook shows them.

    Returns:
        The ``Axes``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
        from matplotlib.patches import Patch
    except ImportError as error:
        raise MissingExtraError(
            "report.plot() needs matplotlib",
            hint=f"pip install 'qiskit-cluster-provider[plot]' ({error}). print(report) needs nothing.",
        ) from error
    place = rows(found)
    if ax is None:
        height = min(20.0, 1.6 + 0.28 * max(2, len(place)))
        _, ax = pyplot.subplots(figsize=(9, height), layout="constrained")
    least = seconds / 500  # what is shorter would not be seen
    spans: dict[tuple[str, int], list[tuple[float, float]]] = {}  # one collection for each colour of each row
    for bar in found:
        row = place[bar.worker, bar.lane]
        if bar.begin - bar.taken > _JITTER:
            spans.setdefault((_WAIT, row), []).append((bar.taken, bar.begin - bar.taken))
        spans.setdefault((COLOURS[bar.attempt.outcome], row), []).append((bar.begin, max(least, bar.end - bar.begin)))
    for (colour, row), widths in sorted(spans.items(), key=lambda item: item[0][0] != _WAIT):
        ax.broken_barh(widths, (row - 0.4, 0.8), facecolors=colour, edgecolor="none")
    for begin, end, _ in troubles:
        ax.axvspan(begin, end, color=_TROUBLE, zorder=0)
    counts = Counter(bar.attempt.outcome for bar in found)
    legend = [Patch(color=c, label=f"{name} ({counts[name]})") for name, c in COLOURS.items() if counts[name]]
    if any(colour == _WAIT for colour, _ in spans):
        legend.append(Patch(color=_WAIT, label="waits, or its process starts"))
    if troubles:
        legend.append(Patch(color=_TROUBLE, label="no slice could run"))
    if legend:
        ax.legend(handles=legend, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    lanes = Counter(worker for worker, _ in place)
    ax.set_yticks(
        [place[worker, 0] + (number - 1) / 2 for worker, number in lanes.items()],
        list(lanes),
        fontsize=7,
        parse_math=False,
    )
    ax.set_ylim(max(1, len(place)) - 0.5, -0.5)  # the first worker on top
    ax.set_xlim(0, max(seconds, 1e-3))
    ax.set_xlabel("seconds since the job began")
    ax.set_title(title, fontsize=9, parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
