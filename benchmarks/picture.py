"""The table of workloads as a picture: a line for each workload, a dot for each contender, ours at 1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .contenders import DEFAULT, IDEAL, NAIVE, OURS, SINGLE
from .measure import Row

MARKS = {
    DEFAULT: ("o", "#d55e00"),
    SINGLE: ("s", "#0072b2"),
    NAIVE: ("D", "#7f7f7f"),
    IDEAL: ("|", "#009e73"),
}
"""Contender -> marker and colour; the colours differ for colour-blind eyes too."""


def draw(rows: Sequence[Row], title: str, path: Path) -> None:
    """Write it to ``path``, in the format of its suffix.

    Raises:
        ImportError: matplotlib is not installed (extra ``plot``).
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    figure = Figure(figsize=(9, 1.6 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(1, color="black", linewidth=1, label=f"{OURS} = 1")
    for name, (marker, colour) in MARKS.items():
        found = [(place, row) for place, row in enumerate(rows) if name in row.seconds]
        for place, row in found:
            spread = row.ratio(name)
            axes.plot([spread.least, spread.most], [place, place], color=colour, linewidth=1.5, alpha=0.5)
        whole = [row.part[name] == 1.0 for _, row in found]
        axes.scatter(
            [row.ratio(name).median for _, row in found],
            [place for place, _ in found],
            marker=marker,
            s=120 if marker == "|" else 36,
            facecolors=colour if marker == "|" else [colour if one else "white" for one in whole],
            edgecolors=None if marker == "|" else colour,
            label=name if all(whole) else f"{name} (hollow: extrapolated)",
            zorder=3,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("time, in times of ours (right of 1: slower than ours)")
    axes.set_yticks(range(len(rows)), [row.name for row in rows], parse_math=False)
    axes.set_ylim(len(rows) - 0.5, -0.5)  # the first on top
    axes.grid(axis="x", which="major", color="#dddddd")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=len(MARKS) + 1, frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=8, color="#555555", y=-0.02)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, bbox_inches="tight")
