"""How long a slice should take."""

from __future__ import annotations

from typing import NamedTuple

SLICES_PER_SLOT = 4
"""Slices for each worker thread, if there is work enough: to balance uneven circuits and to show progress."""
LONGEST = 60.0
"""Seconds after which a job should show that it moves."""
OVERHEAD_LOCAL, OVERHEAD_NETWORK = 0.008, 0.025
"""Seconds that a slice costs besides its simulation, on this machine and over a network."""
LITTLE_MEMORY = 64 * 2**20
"""Bytes of results that a slice may hold without needing a worker of its own."""
_SHARE = 0.05  # of a slice's time: more should not be spent on sending it and fetching its result


class SliceTime(NamedTuple):
    """How long a slice should take.

    Attributes:
        seconds: of one slice.
        why: in words.
    """

    seconds: float
    why: str


def minimum_slice_time(overhead: float) -> float:
    """Seconds that a slice should take at least, if each costs ``overhead`` seconds besides."""
    return overhead / _SHARE


def target_slice_time(
    total: float, slots: int, least: float, longest: float = LONGEST, known: bool = True
) -> SliceTime:
    """How long the slices should take if the user gives no ``max_job_size``.

    Args:
        total: seconds of the whole run on one thread.
        slots: worker threads that can run slices at the same time.
        least: seconds that a slice should take, unless there is too little work for all slots.
        longest: seconds that no slice should exceed.
        known: whether ``total`` is more than a guess.
    """
    slots = max(1, slots)
    usual = total / (slots * SLICES_PER_SLOT)
    each = f"for each of {slots} slots" if slots > 1 else "for the one slot"
    if not known:
        return SliceTime(usual, f"{SLICES_PER_SLOT} {each}, as nobody knows how long they take")
    rounds = int(total / (slots * least))
    if rounds < 1:
        # A slot more is worth its while as long as it spares twice what it costs.
        count = max(1, min(slots, int(total / (2 * _SHARE * least))))
        if count == 1:
            return SliceTime(total, "there is too little work to share it out")
        return SliceTime(total / count, f"{count} slots get one each, as there is little work")
    if usual > longest:
        return SliceTime(longest, f"no slice longer than {longest:g} s")
    if rounds < SLICES_PER_SLOT:
        return SliceTime(total / (slots * rounds), f"{rounds} {each}, none so short that sending it would count")
    return SliceTime(usual, f"{SLICES_PER_SLOT} {each}, to balance and to show progress")
