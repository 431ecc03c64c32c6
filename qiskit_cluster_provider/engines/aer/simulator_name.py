"""The name of a backend without a device, for code that looks in a name for the word *simulator*."""

from __future__ import annotations

from typing import Any

_SAID_OF_AERS = ("simulator", "aer_simulator", "aer")
"""What libraries look for in the name of ``AerSimulator()``, which is ``aer_simulator``."""


class SimulatorName(str):
    """A text like any other, but ``"simulator" in name`` is true, whatever the name is.

    Qiskit has no other word for it: code that treats a simulator unlike a device, such as the randomized
    benchmarking of qiskit-experiments, asks the name. Ours are those of clusters (``aer-k8s``, ``lab``). It is
    printed, compared, hashed and looked up as its text, and pickled and copied as a plain text.
    """

    __slots__ = ()

    def __contains__(self, text: object) -> bool:
        return text in _SAID_OF_AERS or super().__contains__(text)  # type: ignore[operator]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return str, (str(self),)

    def __str__(self) -> str:
        """A plain text."""
        return "".join(self)
