"""Large arrays of a job, which children on this machine hand over beside their messages."""

from __future__ import annotations

from ..plan import ResourceEstimate, Slice
from ..wire import Mailbox


class HandedOver:
    """The mailbox of one job, opened when a slice first may have large arrays."""

    def __init__(self, estimate: ResourceEstimate) -> None:
        self._estimate = estimate
        self._mailbox: Mailbox | None = None
        self._works = True

    def address(self, piece: Slice) -> tuple[bytes, bytes] | None:
        """Where the arrays of a slice are to be handed over, if it may have large ones."""
        if not self._works or not self._estimate.has_arrays(piece):
            return None
        if self._mailbox is None:
            self._mailbox = Mailbox.open()
            self._works = self._mailbox is not None
        return None if self._mailbox is None else self._mailbox.address(piece.index)

    def take(self, index: int) -> int | None:
        """The descriptor of what came for slice ``index``; if nothing did, later ones travel with messages."""
        found = None if self._mailbox is None else self._mailbox.take(index)
        self._works = self._works and found is not None
        return found

    def close(self) -> None:
        """Let go of what nobody has taken."""
        if self._mailbox is not None:
            self._mailbox.close()
