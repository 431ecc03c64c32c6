"""Makes errors of this package that stand for one of Aer's catchable as ``AerError``.

``errors`` is loaded where Aer is not, by the command line and by what only connects to clusters, and Aer takes a
second to load. So the classes get their base when the first backend is made. They stay the same classes: a pickle of
such an error can be read where Aer is not loaded.
"""

from __future__ import annotations

from qiskit_aer import AerError

from ...errors import ClusterConfigError, InvalidCircuitError, InvalidPubError

_STAND_FOR_AERS: tuple[type[Exception], ...] = (ClusterConfigError, InvalidCircuitError, InvalidPubError)


def stand_for_aers() -> None:
    """Put ``AerError`` among the bases of the errors that stand for one of Aer's. A second call changes nothing."""
    for one in _STAND_FOR_AERS:
        if not issubclass(one, AerError):
            ours, pythons = one.__bases__
            one.__bases__ = ours, AerError, pythons
