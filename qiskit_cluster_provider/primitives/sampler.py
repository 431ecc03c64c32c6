"""``SamplerV2`` on the cluster."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseSamplerV2
from qiskit.primitives.containers import DataBin, SamplerPubLike
from qiskit.primitives.containers.sampler_pub import SamplerPub

from ..backend.cluster_backend import ClusterBackend
from ..engines.aer.pubs import sampler_work
from ..engines.aer.settings import RunSettings
from ..errors import InvalidPubError
from ..jobs.explanation import Explanation
from ..jobs.primitive_job import ClusterPrimitiveJob
from ..merge.pubs import merge_sampler
from ..options import SliceOptions
from ..plan import Work
from ..plan.model import pub_name
from .base import RunsOnBackend, begin, coerced, effective
from .options import SamplerOptions
from .resolve import backend_of


class SamplerV2(RunsOnBackend, BaseSamplerV2):
    """Samples the outcomes of circuits on a cluster.

    With a seed, the bits are those of ``qiskit_aer.primitives.SamplerV2``, however the work is cut: PUBs of the
    same number of shots are numbered through, and experiment ``i`` of them has the seed ``seed + 2113 i``.

    Args:
        mode: a backend of :class:`~qiskit_cluster_provider.ClusterProvider`, or the name of one.
        default_shots: of PUBs that do not say.
        seed: base seed; default: ``run_options["seed_simulator"]``, the backend's, or one drawn for each run.
        options: of :class:`SamplerOptions`, as a dictionary or an object.

    Raises:
        UnknownOptionError: an option that does not exist.
        ClusterConfigError: a value that cannot be used.
        TypeError: ``mode`` or an option has the wrong type.
    """

    def __init__(
        self,
        mode: ClusterBackend | str = "aer-local",
        *,
        default_shots: int | None = None,
        seed: int | None = None,
        options: Mapping[str, Any] | SamplerOptions | None = None,
    ) -> None:
        self._backend = backend_of(mode)
        self._options = SamplerOptions.of(options)
        if default_shots is not None:
            self._options.default_shots = default_shots
        self._seed = seed
        self._effective()

    @property
    def default_shots(self) -> int:
        """Shots of PUBs that do not say."""
        return self._options.default_shots

    @property
    def seed(self) -> int | None:
        """The base seed that was given."""
        return self._seed

    @property
    def options(self) -> SamplerOptions:
        """Options; assignments are checked, and hold for later runs."""
        return self._options

    def run(self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None) -> ClusterPrimitiveJob:
        """Sample each PUB; returns at once.

        Args:
            pubs (Iterable[SamplerPubLike]): Circuits, or tuples ``(circuit, parameter values, shots)``, of which the
                last two elements may be left out.
            shots: The shots of PUBs without a number of shots; default: ``default_shots``.

        Returns:
            A job whose result has, for each PUB and each of its classical registers, a ``BitArray`` of the
            PUB's shape.

        Raises:
            InvalidPubError: a PUB that cannot be run, with its index.
            PubTypeError: something in a PUB has the wrong type.
            ShotSlicingError: ``max_shot_size`` would change the answer.
            ClusterConfigError: an option.
        """
        ready, backend, work, options = self._prepared(pubs, shots)
        return begin(backend, work, options, ready, partial(merge_sampler, pubs=ready))

    def explain(self, pubs: Iterable[SamplerPubLike], *, shots: int | None = None) -> Explanation:
        """What :meth:`run` would do with the same arguments; as :meth:`ClusterBackend.explain`.

        Args:
            pubs (Iterable[SamplerPubLike]): As for :meth:`run`.
            shots: As for :meth:`run`.
        """
        _, backend, work, options = self._prepared(pubs, shots)
        return backend.execution.explain(work, options)

    def _prepared(
        self, pubs: Iterable[SamplerPubLike], shots: int | None
    ) -> tuple[list[SamplerPub], ClusterBackend, Work, SliceOptions]:
        default = self.default_shots if shots is None else shots
        ready = coerced(
            pubs,
            lambda pub: SamplerPub.coerce(pub, default),
            lambda pub, circuit: SamplerPub(circuit, pub.parameter_values, pub.shots, validate=False),
        )
        for index, pub in enumerate(ready):
            _check_registers(index, pub.circuit)
        backend, settings = self._effective()
        return ready, backend, sampler_work(ready, settings), settings.ours

    def _effective(self) -> tuple[ClusterBackend, RunSettings]:
        run_options = self._options.checked_run_options()
        if self._seed is not None:
            run_options["seed_simulator"] = self._seed
        return effective(self._backend, self._options, run_options, "run_options of SamplerV2")


def _check_registers(index: int, circuit: QuantumCircuit) -> None:
    if not circuit.cregs:
        warnings.warn(
            f"{pub_name(index, circuit.name)} has no classical registers, so that its result will be empty; "
            "add measurements, for example circuit.measure_all().",
            UserWarning,
            stacklevel=4,
        )
    try:
        DataBin(**{register.name: None for register in circuit.cregs}, shape=())
    except (TypeError, ValueError) as error:
        names = ", ".join(register.name for register in circuit.cregs)
        raise InvalidPubError(
            f"{pub_name(index, circuit.name)}: a result cannot have fields of the names of its "
            f"registers ({names}): {error}.",
            hint="Give the register another name.",
            circuit=circuit.name,
            index=index,
        ) from error
