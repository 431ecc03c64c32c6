"""What is known of a cluster without starting it: the lines of ``qiskit-cluster doctor``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import ClusterConnectionError, ClusterError


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        what: What was checked, in a word or two.
        said: What was found: one sentence without its full stop.
        ok: ``True`` if all is well. ``False`` if nothing can work before this is mended. ``None`` if it is not known,
            or may be intended.
        mend: The command or the sentence that mends it.
    """

    what: str
    said: str
    ok: bool | None = True
    mend: str = ""

    @classmethod
    def failed(cls, what: str, error: ClusterError) -> Finding:
        """An error, as what was found."""
        return cls(what, error.message, False, error.hint)


def refuse(findings: Iterable[Finding]) -> None:
    """Raise an error if something cannot work.

    Raises:
        ClusterConnectionError: A finding is not ok. The message has each of these findings, and what mends it.
    """
    wrong = [one for one in findings if one.ok is False]
    if wrong:
        first, *rest = wrong
        others = "\n".join(f"{one.said}. {one.mend}".rstrip() for one in rest)
        raise ClusterConnectionError(f"{first.said}.", hint=first.mend, detail=others)
