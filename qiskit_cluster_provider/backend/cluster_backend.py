"""``ClusterBackend``: an ``AerSimulator`` whose work is done by a cluster."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator

from .._compat.aer import is_from_device
from ..clusters import Connection, find_kinds
from ..engines.aer.checks import check_options
from ..engines.aer.devices import simulator_from
from ..engines.aer.errors import stand_for_aers
from ..engines.aer.options import option_names
from ..engines.aer.parameterizations import parametrized
from ..engines.aer.preparation import checked, prepare
from ..engines.aer.simulator_name import SimulatorName
from ..errors import CircuitTypeError
from ..jobs.circuit_job import ClusterJob
from ..jobs.explanation import Explanation
from ..options import SLICE_OPTION_NAMES, SliceOptions, check_names
from ..plan import Work
from .cluster_access import ClusterAccess
from .copies import Copied
from .execution import Execution


class ClusterBackend(Copied, ClusterAccess, BackendV2):
    """Stands in for an ``AerSimulator``: the same target, options, ``run`` and results.

    Get one from :meth:`ClusterProvider.get_backend`. Its cluster is connected by the first :meth:`run` (not at
    all while an ``executor`` is set) and closed by the provider, by :meth:`close` or by ``with backend:``.

    Args:
        connection: to the cluster where it runs; shared between the backends of a provider.
        provider: who made it.
        simulator: the AerSimulator that it stands in for; default: one without options.
        options: Aer's and ours (:class:`qiskit_cluster_provider.options.SliceOptions`).
    """

    def __init__(
        self,
        connection: Connection,
        provider: Any = None,
        simulator: AerSimulator | None = None,
        **options: Any,
    ) -> None:
        stand_for_aers()
        self._aer = AerSimulator() if simulator is None else simulator
        check_names(options, self.option_names(), connection.name)
        options = {**connection.kind.options(connection.config), **options}
        if simulator is None:
            # Some of Aer's options, such as coupling_map, take effect only in its constructor.
            aers = {key: options.pop(key) for key in list(options) if key not in SLICE_OPTION_NAMES}
            check_options(aers, stacklevel=3)
            self._aer = AerSimulator(**aers)
        super().__init__(
            provider=provider,
            name=connection.name if is_from_device(self._aer) else SimulatorName(connection.name),
            description=f"{connection.kind.description}; simulates with {self._aer.name}",
            backend_version=self._aer.configuration().backend_version,
        )
        self._connection = connection
        self._slice_options = SliceOptions()
        self._sync_options()
        self.set_options(**options)

    @classmethod
    def from_backend(cls, backend: BackendV2, *, connection: Connection | None = None, **options: Any) -> Self:
        """A simulator of ``backend``, with its target and, unless ``noise_model`` is given, its noise.

        Args:
            backend: a device or a fake device.
            connection: to the cluster where it runs; default: an ``aer-local`` of its own, closed by :meth:`close`.
            options: as :meth:`set_options`; settings of ``aer-local`` too if there is no ``connection``.

        Raises:
            OptionTypeError: ``backend`` is no BackendV2.
            ClusterConfigError: Aer cannot simulate it, since it has no coupling map.
        """
        noise = {key: options.pop(key) for key in ("noise_model",) if key in options}
        simulator = simulator_from(backend, **noise)
        if connection is None:
            kind = find_kinds()[0]["aer-local"]
            settings = {key: options.pop(key) for key in kind.Config.model_fields if key in options}
            connection = Connection("aer-local", kind, kind.Config.load(settings, {}))
        return cls(connection, simulator=simulator, **options)

    # BackendV2

    @classmethod
    def _default_options(cls) -> Options:
        defaults = {name: getattr(SliceOptions(), name) for name in SLICE_OPTION_NAMES}
        return Options(**{**AerSimulator().options.__dict__, **defaults})

    @property
    def options(self) -> Options:
        """Aer's options and ours, as they are set."""
        return self._all_options

    @classmethod
    def option_names(cls) -> set[str]:
        """What :meth:`set_options` understands: Aer's options, its configuration, and ours."""
        return option_names()

    @property
    def target(self) -> Target:
        """The target that Aer gives for the method, the noise model and the device that are set."""
        return self._aer.target

    @property
    def max_circuits(self) -> int | None:
        """The limit of the device that it was made from, else ``None``, as Aer has it."""
        limit: int | None = self._aer.max_circuits
        return limit

    def set_options(self, **fields: Any) -> None:
        """Set options for all later runs; ``None`` resets one to its default.

        Takes AerSimulator's options, its configuration (``basis_gates``, ``coupling_map``, ...) and those of
        :class:`~qiskit_cluster_provider.options.SliceOptions`.

        Raises:
            UnknownOptionError: nobody knows the option; the message names the nearest.
            AerError: a method that does not exist.
            TypeError: a value of the wrong type.
            ClusterConfigError: a value out of its range.
        """
        check_names(fields, self.option_names(), self.name)
        ours = {key: value for key, value in fields.items() if key in SLICE_OPTION_NAMES}
        aers = {key: value for key, value in fields.items() if key not in SLICE_OPTION_NAMES}
        check_options(aers, stacklevel=3)
        slice_options = self._slice_options.updated(**ours)
        self._aer.set_options(**aers)
        self._slice_options = slice_options
        self._sync_options()

    def set_option(self, key: str, value: Any) -> None:
        """Set one option, as AerSimulator has it."""
        self.set_options(**{key: value})

    def clear_options(self) -> None:
        """Reset all options to their defaults."""
        self._aer.clear_options()
        self._slice_options = SliceOptions()
        self._sync_options()

    def run(
        self,
        circuits: QuantumCircuit | Iterable[QuantumCircuit],
        parameter_binds: list[Mapping[Any, Any]] | None = None,
        **run_options: Any,
    ) -> ClusterJob:
        """Run circuits on the cluster; returns at once.

        Args:
            circuits: a circuit, or any iterable of circuits.
            parameter_binds: for each circuit ``{parameter: [value of set 0, value of set 1, ...]}``. The sets
                travel as arrays; no bound circuit is made here.
            run_options: override options for this run. ``job_tags``, a list of texts, is kept in ``job.metadata``.
                ``parameterizations``, Aer's lists of values for the places of its operations, stands for
                ``parameter_binds`` if these are not given.

        Returns:
            The submitted job.

        Raises:
            InvalidCircuitError: a circuit or its parameters, with name and index.
            ClusterConnectionError: the cluster or the executor is closed, or of another process.
            UnknownOptionError: an option that Aer would ignore.
            ShotSlicingError: ``max_shot_size`` would change the answer.
            ClusterConfigError: an option that is out of its range.
            CircuitTypeError: something is no circuit.
            OptionTypeError: an option has the wrong type.
        """
        tags = {key: run_options.pop(key) for key in ("job_tags",) if key in run_options}
        work, options = self._work(circuits, parameter_binds, run_options, "run")
        job_id, dispatch = self.execution.create(work, options)
        job = ClusterJob(self, job_id, dispatch, progress=options.progress, **tags)
        job.submit()
        return job

    def explain(
        self,
        circuits: QuantumCircuit | Iterable[QuantumCircuit],
        parameter_binds: list[Mapping[Any, Any]] | None = None,
        **run_options: Any,
    ) -> Explanation:
        """What :meth:`run` would do with the same arguments, which it checks in the same way.

        Where, in how many slices and why, and with how many bytes, seconds and megabytes. Nothing runs, and no
        cluster is started. ``print`` the answer.

        Args:
            circuits: a circuit, or any iterable of circuits.
            parameter_binds: for each circuit ``{parameter: [value of set 0, value of set 1, ...]}``.
            run_options: as for :meth:`run`.
        """
        return self.execution.explain(*self._work(circuits, parameter_binds, run_options, "explain"))

    def _work(
        self,
        circuits: QuantumCircuit | Iterable[QuantumCircuit],
        parameter_binds: Sequence[Mapping[Any, Any]] | None,
        run_options: Mapping[str, Any],
        what: str,
    ) -> tuple[Work, SliceOptions]:
        try:
            given = iter([circuits] if isinstance(circuits, QuantumCircuit) else circuits)
        except TypeError as error:
            raise CircuitTypeError(
                f"{what}() takes a circuit or a list of circuits, not a {type(circuits).__name__}."
            ) from error
        run_options = dict(run_options)
        places = run_options.pop("parameterizations", None)
        settings = self.execution.settings(run_options, f"{self.name}.{what}()", stacklevel=5)
        batch, binds = list(given), parameter_binds
        if places and not binds:  # Aer, too, takes the binds if it is given both
            batch, binds = parametrized(checked(batch), places)
        return prepare(batch, binds, settings), settings.ours

    @property
    def execution(self) -> Execution:
        """Runs work as this backend does, with the options that it has now. The primitives use it."""
        return Execution(self.name, self._aer, self._slice_options, self._connection)

    def _sync_options(self) -> None:
        ours = {name: getattr(self._slice_options, name) for name in SLICE_OPTION_NAMES}
        self._all_options = Options(**{**self._aer.options.__dict__, **ours})

    # AerSimulator

    def available_methods(self) -> tuple[str, ...]:
        """Simulation methods, as Aer's on this machine."""
        methods: tuple[str, ...] = self._aer.available_methods()
        return methods

    def available_devices(self) -> tuple[str, ...]:
        """Devices, as Aer's on this machine; workers may have others."""
        return tuple(self._aer.available_devices())

    def configuration(self) -> Any:
        """As Aer's."""
        return self._aer.configuration()

    def properties(self) -> Any:
        """As Aer's."""
        return self._aer.properties()

    def set_max_qubits(self, max_qubits: int) -> None:
        """As Aer's: the number of qubits of the target."""
        self._aer.set_max_qubits(max_qubits)

    def __repr__(self) -> str:
        return f"<ClusterBackend {self.name!r} simulating {self._aer!r}>"

    def _repr_html_(self) -> str:
        changed = {
            key: value
            for key, value in self.options.__dict__.items()
            if value is not None and value != getattr(self._default_options(), key, None)
        }
        rows = {
            "cluster": f"{self.name} ({'connected' if self._connection.started else 'starts with the first run'})",
            "settings": repr(self._connection.config),
            "simulates with": self._aer.name,
            "qubits": str(self.num_qubits),
            "options": ", ".join(f"{key}={value!r:.60}" for key, value in changed.items()) or "defaults",
        }
        body = "".join(
            f"<tr><th style='text-align:left'>{key}</th><td style='text-align:left'>{html.escape(value)}</td></tr>"
            for key, value in rows.items()
        )
        return f"<table><caption><b>ClusterBackend</b></caption>{body}</table>"


# Aer's own primitives, and the local mode of IBM's executor_sampler and executor_estimator, ask isinstance(): what is
# no AerSimulator they copy into one, which would simulate in this process.
AerSimulator.register(ClusterBackend)
