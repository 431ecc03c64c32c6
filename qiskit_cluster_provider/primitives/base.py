"""What both primitives do: take PUBs in, refuse bad ones by index, and begin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

from qiskit.circuit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.sampler_pub import SamplerPub

from ..backend.cluster_backend import ClusterBackend
from ..engines.aer.seen import seen
from ..engines.aer.settings import RunSettings
from ..errors import ClusterError, InvalidPubError, PubTypeError
from ..jobs.primitive_job import ClusterPrimitiveJob, Merge
from ..options import SliceOptions
from ..plan import Work
from .options import PrimitiveOptions
from .resolve import simulating

P = TypeVar("P", SamplerPub, EstimatorPub)


class RunsOnBackend:
    """Where a primitive runs. A mixin: the constructor sets ``_backend``."""

    _backend: ClusterBackend

    @classmethod
    def from_backend(cls, backend: Any, *, mode: ClusterBackend | str = "aer-local", **options: Any) -> Self:
        """A primitive that simulates ``backend``, with its noise if it is a device.

        Args:
            backend: a device or fake device, or an ``AerSimulator``.
            mode: on whose cluster.
            options: of the constructor.
        """
        return cls(simulating(backend, mode), **options)  # type: ignore[call-arg]

    @property
    def backend(self) -> ClusterBackend:
        """Where it runs."""
        return self._backend

    @property
    def mode(self) -> ClusterBackend:
        """Where it runs, under the name of ``qiskit_ibm_runtime``."""
        return self._backend


def effective(
    backend: ClusterBackend, options: PrimitiveOptions, run_options: Mapping[str, Any], what: str
) -> tuple[ClusterBackend, RunSettings]:
    """The backend with the primitive's own options, and what holds for a run.

    Raises:
        UnknownOptionError: an option that Aer would ignore.
        TypeError: an option of the wrong type.
    """
    own = {**options.simulator.backend_options(), **options.backend_options}
    if own:
        backend = backend.with_options(own)
    return backend, backend.execution.settings(run_options, what, stacklevel=5)


def coerced(
    pubs: Iterable[Any], coerce: Callable[[Any], P], freeze: Callable[[P, QuantumCircuit], P], copies: bool = False
) -> list[P]:
    """PUBs as Qiskit's containers, with copies of their circuits, which the user may go on to change.

    Args:
        pubs: what the user gave to ``run``.
        coerce: one of them to a container.
        freeze: a container with another circuit.
        copies: as in :func:`~..engines.aer.seen.seen`.

    Raises:
        InvalidPubError: with the PUB's index.
        PubTypeError: the same for a wrong type.
    """
    single = isinstance(pubs, (QuantumCircuit, SamplerPub, EstimatorPub))
    if single or not (hasattr(pubs, "__iter__") or hasattr(pubs, "__getitem__")):
        raise PubTypeError(f"run() takes a list of PUBs, not a {type(pubs).__name__}", hint="put it into brackets.")
    found = []
    for index, pub in enumerate(pubs):
        if isinstance(pub, str):  # it has a length, and Qiskit would say so
            raise PubTypeError(
                f"PUB {index} is a text, {pub!r:.40}", hint="a PUB begins with a circuit.", index=index
            )
        try:
            one = coerce(pub)
        except ClusterError:
            raise
        except TypeError as error:
            raise PubTypeError(f"PUB {index}: {error}", index=index) from error
        except (ValueError, QiskitError) as error:
            raise InvalidPubError(f"PUB {index}: {' '.join(map(str, error.args))}", index=index) from error
        except AttributeError as error:  # Qiskit looks into whatever it is given
            raise PubTypeError(f"PUB {index} cannot be read: {error}.", index=index) from error
        found.append(one)
    own: dict[int, QuantumCircuit] = {}
    theirs = [one.circuit for one in found]
    for circuit, now in zip(theirs, seen(theirs, copies), strict=True):
        if id(circuit) not in own:
            own[id(circuit)] = circuit.copy() if now is circuit else now
    return [freeze(one, own[id(one.circuit)]) for one in found]


def begin(
    backend: ClusterBackend,
    work: Work,
    options: SliceOptions,
    pubs: Sequence[SamplerPub] | Sequence[EstimatorPub],
    merge: Merge,
) -> ClusterPrimitiveJob:
    """Start ``work``, and give the job that watches it."""
    job_id, dispatch = backend.execution.create(work, options)
    shapes = [pub.parameter_values.shape for pub in pubs]
    job = ClusterPrimitiveJob(job_id, dispatch, shapes, merge, backend.name, progress=options.progress)
    job.submit()
    return job
