"""How a backend runs work: what its own methods and the primitives have in common."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qiskit_aer import AerSimulator

from .._compat.aer import is_from_device
from ..clusters import Connection
from ..dispatch import Dispatch, connect, create, preview
from ..engines.aer.checks import check_work
from ..engines.aer.options import settings_of
from ..engines.aer.pickling import refuse_pickles
from ..engines.aer.settings import RunSettings
from ..jobs.explanation import Explanation, explain, sizes_of
from ..options import SliceOptions
from ..plan import Work


@dataclass(frozen=True, eq=False)
class Execution:
    """Runs work as a backend does, with the options that the backend has when it is asked for its ``execution``.

    Attributes:
        name: of the backend.
        aer: the simulator that the backend stands in for.
        slice_options: the options of this package that the backend has.
        connection: to the cluster.
    """

    name: str
    aer: AerSimulator
    slice_options: SliceOptions
    connection: Connection

    def settings(self, run_options: Mapping[str, Any], what: str, stacklevel: int) -> RunSettings:
        """What holds for a run: the options of the backend, and ``run_options`` over them.

        Args:
            run_options: of the run.
            what: was called, for messages.
            stacklevel: of the user, for warnings.

        Raises:
            UnknownOptionError: an option that Aer would ignore.
            ClusterConfigError: an option that is out of its range.
            OptionTypeError: an option has the wrong type.
        """
        reuse = self.connection.reuse
        return settings_of(self.aer, self.slice_options, reuse, run_options, what, stacklevel + 1)

    def create(self, work: Work, options: SliceOptions) -> tuple[str, Dispatch]:
        """A new job's id, and the dispatch that will run ``work`` for it.

        Raises:
            InvalidCircuitError, InvalidPubError: a circuit that Aer would refuse, or crash or hang on.
            PickleRefusedError: something would have to be pickled, and ``allow_pickle`` is off.
            ClusterConnectionError: the cluster or the executor is closed, or of another process.
        """
        safe_in_process = self._check(work, options)
        job_id = str(uuid.uuid4())
        dispatch = create(job_id, work, options, self.connection, safe_in_process=safe_in_process)
        if options.callback is not None:
            dispatch.listen(options.callback)
        return job_id, dispatch

    def explain(self, work: Work, options: SliceOptions) -> Explanation:
        """How ``work`` would be run. Raises what :meth:`create` raises."""
        found = preview(work, options, self.connection, safe_in_process=self._check(work, options))
        sizes = (0, {}) if found.placement.here else sizes_of(found.plan, found.estimate)
        return explain(found.plan, found.estimate, found.placement, self.name, found.capacity, *sizes)

    def connect(self, seconds: float) -> bool:
        """Connect, and have the processes that simulate started; whether they are known to be ready in time.

        Args:
            seconds: to wait for them.

        Raises:
            ClusterConnectionError: the cluster cannot be started or reached.
            ClusterVersionError: a worker has versions that do not fit to this process.
        """
        threads = self.settings({}, "connect", 2).threads
        return connect(self.slice_options, self.connection, threads, seconds)

    def _check(self, work: Work, options: SliceOptions) -> bool:
        safe_in_process = check_work(work, self.aer.configuration().basis_gates if is_from_device(self.aer) else None)
        if not options.allow_pickle:  # wherever it is simulated, so that the answer does not depend on that
            refuse_pickles(work)
        return safe_in_process
