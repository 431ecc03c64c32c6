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
        ├── PickleRefusedError              (ValueError)   what only a pickle carries, where pickles are switched off
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
from typing import Self

from qiskit.exceptions import QiskitError
from qiskit.providers.exceptions import JobError, JobTimeoutError

from .outcomes import Reason


class ClusterError(QiskitError):
    """Base of every error of this package.

    ``str()`` reads as a fact and the next step. A program reads the attributes, and never has to take the text apart.

    Attributes:
        message: The fact, without the full stop or colon after it, so that another sentence can quote it.
        hint: The next step. Empty if there is none.
        detail: What is too long for a sentence, such as a traceback. Empty if there is none.
        code: One short word for the kind of error. It stays the same from release to release.
        circuit: The name of the circuit at fault, or ``None``.
        index: The index of the circuit, or of the PUB, in the list that the user gave, or ``None``.
        reason: Message, hint and detail as they were given, for an error that tells the same of something larger.
    """

    code = "error"

    def __init__(
        self,
        message: str = "",
        *,
        hint: str = "",
        detail: str = "",
        code: str | None = None,
        circuit: str | None = None,
        index: int | None = None,
    ) -> None:
        """Describe what went wrong.

        Args:
            message: The fact. If it ends with a full stop or a colon, ``str()`` puts the hint behind that; otherwise
                it puts a semicolon between them.
            hint: The next step.
            detail: What is too long for a sentence.
            code: Replaces the code of the class.
            circuit: The name of the circuit at fault.
            index: Its index, or that of its PUB.
        """
        self.reason = Reason(message, hint, detail)
        super().__init__(str(self.reason))  # so that args, and a pickle, have all that is said
        self.message = self.reason.fact
        self.hint = hint
        self.detail = detail
        self.circuit = circuit
        self.index = index
        if code is not None:
            self.code = code

    @classmethod
    def because(cls, reason: Reason) -> Self:
        """An error of this class that says ``reason``."""
        return cls(reason.message, hint=reason.hint, detail=reason.detail)

    def __str__(self) -> str:
        return str(self.reason)  # Qiskit shows its repr, in which a traceback of many lines is one long line


class ClusterConfigError(ClusterError, ValueError):
    """A setting, an option or a profile cannot be used."""

    code = "config"


class UnknownOptionError(ClusterConfigError, TypeError):
    """An option that does not exist; the message names the nearest one that does."""

    code = "unknown_option"


class OptionTypeError(ClusterConfigError, TypeError):
    """An option has a value of a type that it cannot be cast to."""

    code = "option_type"


class InvalidCircuitError(ClusterError, ValueError):
    """A circuit, or its parameter values, cannot be run. Names the circuit and its index."""

    code = "invalid_circuit"


class CircuitTypeError(InvalidCircuitError, TypeError):
    """Something among the circuits is no circuit. Names its index."""

    code = "circuit_type"


class InvalidPubError(ClusterError, ValueError):
    """A PUB cannot be run. Names its index."""

    code = "invalid_pub"


class PubTypeError(InvalidPubError, TypeError):
    """Something in a PUB has the wrong type. Names the PUB's index."""

    code = "pub_type"


class ShotSlicingError(ClusterError, ValueError):
    """``max_shot_size`` would change the answer of this experiment."""

    code = "shot_slicing"


class MissingExtraError(ClusterError, ImportError):
    """An optional dependency is not installed; the message says what to install."""

    code = "missing_extra"


class LibraryVersionError(ClusterError, ImportError):
    """A library is of a version that lacks what is needed; the message says which version to install."""

    code = "library_version"


class ClusterConnectionError(ClusterError, ConnectionError):
    """The cluster cannot be started or reached."""

    code = "connection"


class ClusterApiError(ClusterConnectionError):
    """Kubernetes does not answer, or refuses.

    Attributes:
        status: of HTTP; 0 if there was no answer.
    """

    code = "kubernetes"

    def __init__(self, message: str, status: int = 0, *, hint: str = "", detail: str = "") -> None:
        """Describe what the API server refuses.

        Args:
            message: The fact.
            status: The status of its answer.
            hint: The next step.
            detail: What is too long for a sentence.
        """
        super().__init__(message, hint=hint, detail=detail)
        self.status = status


class ClusterClosedError(ClusterConnectionError):
    """The cluster, the client or the executor was closed, or belongs to the process before a fork."""

    code = "closed"


class ClusterVersionError(ClusterConnectionError):
    """A worker or the scheduler has versions that do not fit to this process; says what to install where."""

    code = "versions"


class WireError(ClusterError, ValueError):
    """Bytes that cannot be written or read by this version."""

    code = "wire"


class PickleRefusedError(ClusterError, ValueError):
    """Something would have to be pickled, or was, where ``allow_pickle`` is off. Names the circuit and its index."""

    code = "pickle_refused"


class ClusterJobError(JobError, ClusterError):
    """Base of the errors that a job raises."""

    code = "job"


class ClusterJobTimeoutError(ClusterJobError, JobTimeoutError, TimeoutError):
    """The job did not finish in time. It goes on; its result can be asked for again."""

    code = "job_timeout"


class ClusterJobCancelledError(ClusterJobError, CancelledError):
    """The job was cancelled before it finished."""

    code = "job_cancelled"


class PubsFailedError(ClusterJobError):
    """PUBs that Aer could not run, by index and with Aer's words. ``partial_result()`` has the others."""

    code = "pubs_failed"


class SlicesLostError(ClusterJobError):
    """Slices failed for a reason that is not the circuits', and no retry mended it."""

    code = "slices_lost"


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
