"""Every error that this package raises, as one tree.

::

    QiskitError
    └── ClusterError                        caught alone, it catches all of ours
        ├── ClusterConfigError              (ValueError)   a setting, an option or a profile
        │   ├── UnknownOptionError          (TypeError)    a name that nobody knows, with the nearest one
        │   └── OptionTypeError             (TypeError)    a value of a type that cannot be cast
        ├── InvalidCircuitError             (ValueError)   a circuit or its parameters, by name and index
        │   └── CircuitTypeError            (TypeError)    something that is no circuit, by index
        ├── InvalidPubError                 (ValueError)   a PUB of a primitive, by index
        │   └── PubTypeError                (TypeError)    something in it has the wrong type
        ├── ShotSlicingError                (ValueError)   max_shot_size would change the answer
        ├── MissingExtraError               (ImportError)  what to install
        ├── LibraryVersionError             (ImportError)  a library lacks something; which version to install
        ├── ClusterConnectionError          (ConnectionError)  no cluster, a dead address, no workers
        │   ├── ClusterApiError                                Kubernetes does not answer, or refuses
        │   ├── ClusterClosedError                             closed for good: no retry can help
        │   └── ClusterVersionError                            a worker has other versions
        ├── WireError                       (ValueError)   bytes that this version cannot read or write
        └── ClusterJobError                 (JobError)
            ├── ClusterJobTimeoutError      (JobTimeoutError, TimeoutError)  nothing is lost: ask again
            ├── ClusterJobCancelledError    (CancelledError)
            ├── PubsFailedError             PUBs that Aer could not run; the others are kept
            └── SlicesLostError             slices that no retry could save; the others are kept

ClusterConfigError, InvalidCircuitError and InvalidPubError, and what is below them, are AerErrors too as soon as
there is a backend (:mod:`.engines.aer.errors`). A message states the fact and then the next step.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from concurrent.futures import CancelledError

from qiskit.exceptions import QiskitError
from qiskit.providers.exceptions import JobError, JobTimeoutError


class ClusterError(QiskitError):
    """Base of every error of this package."""

    def __str__(self) -> str:
        return str(self.message)  # Qiskit shows its repr, in which a traceback of many lines is one long line


class ClusterConfigError(ClusterError, ValueError):
    """A setting, an option or a profile cannot be used."""


class UnknownOptionError(ClusterConfigError, TypeError):
    """An option that does not exist; the message names the nearest one that does."""


class OptionTypeError(ClusterConfigError, TypeError):
    """An option has a value of a type that it cannot be cast to."""


class InvalidCircuitError(ClusterError, ValueError):
    """A circuit, or its parameter values, cannot be run. Names the circuit and its index."""


class CircuitTypeError(InvalidCircuitError, TypeError):
    """Something among the circuits is no circuit. Names its index."""


class InvalidPubError(ClusterError, ValueError):
    """A PUB cannot be run. Names its index."""


class PubTypeError(InvalidPubError, TypeError):
    """Something in a PUB has the wrong type. Names the PUB's index."""


class ShotSlicingError(ClusterError, ValueError):
    """``max_shot_size`` would change the answer of this experiment."""


class MissingExtraError(ClusterError, ImportError):
    """An optional dependency is not installed; the message says what to install."""


class LibraryVersionError(ClusterError, ImportError):
    """A library is of a version that lacks what is needed; the message says which version to install."""


class ClusterConnectionError(ClusterError, ConnectionError):
    """The cluster cannot be started or reached."""


class ClusterApiError(ClusterConnectionError):
    """Kubernetes does not answer, or refuses.

    Attributes:
        status: of HTTP; 0 if there was no answer.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ClusterClosedError(ClusterConnectionError):
    """The cluster, the client or the executor was closed, or belongs to the process before a fork."""


class ClusterVersionError(ClusterConnectionError):
    """A worker or the scheduler has versions that do not fit to this process; says what to install where."""


class WireError(ClusterError, ValueError):
    """Bytes that cannot be written or read by this version."""


class ClusterJobError(JobError, ClusterError):
    """Base of the errors that a job raises."""


class ClusterJobTimeoutError(ClusterJobError, JobTimeoutError, TimeoutError):
    """The job did not finish in time. It goes on; its result can be asked for again."""


class ClusterJobCancelledError(ClusterJobError, CancelledError):
    """The job was cancelled before it finished."""


class PubsFailedError(ClusterJobError):
    """PUBs that Aer could not run, by index and with Aer's words. ``partial_result()`` has the others."""


class SlicesLostError(ClusterJobError):
    """Slices failed for a reason that is not the circuits', and no retry mended it."""


def headline(text: str) -> str:
    """The first line of a message. What follows it is the long tale: a traceback, the last words of a process."""
    return text.partition("\n")[0]


def amended(text: str, note: str) -> str:
    """A message with ``note`` at the end of its first line."""
    first, newline, rest = text.partition("\n")
    return f"{first}{note}{newline}{rest}"


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that names what ``name`` was probably meant to be.

    Returns:
        ``"Did you mean 'x' or 'y'?"`` or, if nothing is near, ``"Known: ..."``.
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(repr(n) for n in near)}?"
    return f"Known: {', '.join(names)}." if names else ""
