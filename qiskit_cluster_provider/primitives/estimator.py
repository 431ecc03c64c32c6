"""``EstimatorV2`` on the cluster."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from qiskit.circuit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2
from qiskit.primitives.containers import EstimatorPubLike
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import Optimize1qGatesDecomposition

from ..backend.cluster_backend import ClusterBackend
from ..engines.aer.estimates import exact_work, shots_work
from ..engines.aer.settings import RunSettings
from ..errors import ClusterConfigError, InvalidPubError
from ..jobs.explanation import Explanation
from ..jobs.primitive_job import ClusterPrimitiveJob, Merge
from ..merge.pubs import merge_estimator
from ..options import SliceOptions
from ..plan import Work
from ..plan.model import pub_name
from .base import RunsOnBackend, begin, coerced, effective
from .options import EstimatorOptions
from .resolve import backend_of

_LEAST_PRECISION = 2.0**-31  # more shots than a 64-bit number can count


class EstimatorV2(RunsOnBackend, BaseEstimatorV2):
    """Expectation values of observables in the states that circuits prepare, on a cluster.

    With a seed, standard errors and the noise that stands for a precision are those of
    ``qiskit_aer.primitives.EstimatorV2``, and expectation values differ from its by rounding only (its own sums
    have no fixed order); they are the same in every bit however the work is cut.

    Args:
        mode: a backend of :class:`~qiskit_cluster_provider.ClusterProvider`, or the name of one.
        options: of :class:`EstimatorOptions`, as a dictionary or an object.

    Raises:
        UnknownOptionError: an option that does not exist.
        ClusterConfigError: a value that cannot be used.
        TypeError: ``mode`` or an option has the wrong type.
    """

    def __init__(
        self,
        mode: ClusterBackend | str = "aer-local",
        *,
        options: Mapping[str, Any] | EstimatorOptions | None = None,
    ) -> None:
        self._backend = backend_of(mode)
        self._options = EstimatorOptions.of(options)
        self._effective()

    @property
    def default_precision(self) -> float:
        """Precision of PUBs that do not say."""
        return self._options.precision

    @property
    def options(self) -> EstimatorOptions:
        """Options; assignments are checked, and hold for later runs."""
        return self._options

    def run(self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None) -> ClusterPrimitiveJob:
        """Estimate each PUB; returns at once.

        Args:
            pubs (Iterable[EstimatorPubLike]): Tuples ``(circuit, observables, parameter values, precision)``, of
                which the last two elements may be left out. Parameter values and observables are broadcast
                against each other, as numpy does.
            precision: The precision of PUBs without one; default: that of the options.

        Returns:
            A job whose result has, for each PUB, ``data.evs`` and ``data.stds``: float64 of the PUB's shape.

        Raises:
            InvalidPubError: a PUB that cannot be run, with its index.
            PubTypeError: something in a PUB has the wrong type.
            ShotSlicingError: ``max_shot_size`` would change the answer.
            ClusterConfigError: an option.
        """
        ready, backend, work, slice_options, merge = self._prepared(pubs, precision)
        return begin(backend, work, slice_options, ready, merge)

    def explain(self, pubs: Iterable[EstimatorPubLike], *, precision: float | None = None) -> Explanation:
        """What :meth:`run` would do with the same arguments; as :meth:`ClusterBackend.explain`.

        Args:
            pubs (Iterable[EstimatorPubLike]): As for :meth:`run`.
            precision: As for :meth:`run`.
        """
        _, backend, work, slice_options, _ = self._prepared(pubs, precision)
        return backend.execution.explain(work, slice_options)

    def _prepared(
        self, pubs: Iterable[EstimatorPubLike], precision: float | None
    ) -> tuple[list[EstimatorPub], ClusterBackend, Work, SliceOptions, Merge]:
        default = self._options.precision if precision is None else precision
        ready = coerced(
            pubs,
            lambda pub: EstimatorPub.coerce(pub, default),
            lambda pub, circuit: EstimatorPub(
                circuit, pub.observables, pub.parameter_values, pub.precision, validate=False
            ),
            copies=True,
        )
        for index, pub in enumerate(ready):
            if not math.isfinite(pub.precision):
                raise InvalidPubError(
                    f"{pub_name(index, pub.circuit.name)}: its precision is {pub.precision}",
                    hint="give a finite one, or leave it out.",
                    circuit=pub.circuit.name,
                    index=index,
                )
        backend, settings = self._effective()
        seed = settings.aer.get("seed_simulator")
        if self._options.estimation == "exact":
            if seed is not None and seed < 0 and any(pub.precision > 0 for pub in ready):
                raise ClusterConfigError(
                    f"seed_simulator={seed} cannot seed the noise of a precision", hint="use 0 or more."
                )
            work, estimates = exact_work(ready, settings)
        else:
            for index, pub in enumerate(ready):
                if not pub.precision > _LEAST_PRECISION:
                    raise InvalidPubError(
                        f"{pub_name(index, pub.circuit.name)}: its precision is {pub.precision}, and no number of "
                        "shots reaches that",
                        hint="give a larger one, or use estimation='exact'.",
                        circuit=pub.circuit.name,
                        index=index,
                    )
            work, estimates = shots_work(
                ready,
                settings,
                abelian_grouping=self._options.abelian_grouping,
                translate=partial(_translate, backend),
            )
        merge = partial(merge_estimator, pubs=ready, estimates=estimates, seed=seed)
        return ready, backend, work, settings.ours, merge

    def _effective(self) -> tuple[ClusterBackend, RunSettings]:
        run_options = self._options.checked_run_options()
        return effective(self._backend, self._options, run_options, "run_options of EstimatorV2")


def _translate(backend: ClusterBackend, circuits: list[QuantumCircuit]) -> list[QuantumCircuit]:
    """Readout circuits in the gates of ``backend``, as ``BackendEstimatorV2`` has them."""
    target = backend.target
    basis = list(target.operation_names)
    translated = PassManager([Optimize1qGatesDecomposition(basis=basis, target=target)]).run(circuits)
    return list(translated)
