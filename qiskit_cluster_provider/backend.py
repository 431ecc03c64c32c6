"""``ClusterBackend``: an ``AerSimulator`` whose work is done by a cluster."""

from __future__ import annotations

import copy
import html
import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Self

from qiskit.circuit import QuantumCircuit
from qiskit.providers import BackendV2, Options
from qiskit.transpiler import Target
from qiskit_aer import AerSimulator
from qiskit_aer.backends.aer_compiler import BACKEND_RUN_ARG_TYPES
from qiskit_aer.backends.controller_wrappers import AerConfig

from .checks import check_options, check_work
from .clusters import Connection, find_kinds
from .dispatch import Dispatch, dispatch_of, foreseen
from .errors import CircuitTypeError, ClusterConfigError, UnknownOptionError
from .explanation import Explanation, explain, sizes_of
from .job import ClusterJob
from .options import SLICE_OPTION_NAMES, SliceOptions, check_names
from .plan import Simulator, Work, prepare

_OF_DEVICES: dict[str, tuple[Any, ...]] = {
    "rep_delay": (None,),
    "init_qubits": (None, True),
    "meas_level": (None, 2),
    "meas_return": (None, "single"),
}
"""Options of devices that mthree and qiskit-experiments give to any backend, and the values that a simulation
fulfils by itself."""
_AER_SHARES = ("executor", "max_job_size", "max_shot_size")
"""Aer has options of these names and ignores them; here they work."""


class ClusterBackend(BackendV2):
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
            name=connection.name,
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
            TypeError: ``backend`` is no BackendV2.
        """
        noise = {key: options.pop(key) for key in ("noise_model",) if key in options}
        simulator = AerSimulator.from_backend(backend, **noise)
        if connection is None:
            kind = find_kinds()[0]["aer-local"]
            settings = {key: options.pop(key) for key in kind.Config.model_fields if key in options}
            connection = Connection("aer-local", kind, kind.Config.load(settings, {}))
        return cls(connection, simulator=simulator, **options)

    # BackendV2

    @classmethod
    def _default_options(cls) -> Options:
        defaults = {name: getattr(SliceOptions(), name) for name in SLICE_OPTION_NAMES}
        return Options(**{**AerSimulator._default_options().__dict__, **defaults})

    @classmethod
    def option_names(cls) -> set[str]:
        """What :meth:`set_options` understands: Aer's options, its configuration, and ours."""
        aer = AerSimulator()
        configuration = {key for key in aer._configuration.to_dict() if not key.startswith("_")}
        configuration |= {"basis_gates", "coupling_map", "custom_instructions"}
        return configuration | set(aer.options.__dict__) | set(SLICE_OPTION_NAMES)

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
        work, slice_options = self._work(circuits, parameter_binds, run_options, "run")
        job_id, dispatch = self._dispatch(work, slice_options)
        job = ClusterJob(self, job_id, dispatch, progress=slice_options.progress, **tags)
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
        work, slice_options = self._work(circuits, parameter_binds, run_options, "explain")
        return self._explain(work, slice_options)

    def _work(
        self,
        circuits: QuantumCircuit | Iterable[QuantumCircuit],
        parameter_binds: list[Mapping[Any, Any]] | None,
        run_options: Mapping[str, Any],
        what: str,
    ) -> tuple[Work, SliceOptions]:
        try:
            given = iter([circuits] if isinstance(circuits, QuantumCircuit) else circuits)
        except TypeError as error:
            raise CircuitTypeError(
                f"{what}() takes a circuit or a list of circuits, not a {type(circuits).__name__}."
            ) from error
        aer_options, slice_options = self._effective(run_options, f"{self.name}.{what}()", stacklevel=5)
        return prepare(list(given), parameter_binds, aer_options, slice_options, self._simulator()), slice_options

    # What the primitives use too

    def _effective(
        self, run_options: Mapping[str, Any], what: str, stacklevel: int
    ) -> tuple[dict[str, Any], SliceOptions]:
        """Aer's options and ours for a run, checked: those of the backend and ``run_options`` over them."""
        run_options = _without_device_options(run_options)
        check_names(run_options, _run_option_names(), what)
        ours = {key: value for key, value in run_options.items() if key in SLICE_OPTION_NAMES}
        aers = {key: value for key, value in run_options.items() if key not in SLICE_OPTION_NAMES}
        check_options(aers, stacklevel=stacklevel)
        self._check_method(aers.get("method"))
        options = {key: value for key, value in self._aer.options.__dict__.items() if key not in _AER_SHARES}
        # Aer lets run(noise_model=None) switch noise off, and takes any other None for "not given".
        options.update((k, v) for k, v in aers.items() if v is not None or k == "noise_model")
        return options, self._slice_options.updated(**ours)

    def _dispatch(self, work: Work, slice_options: SliceOptions) -> tuple[str, Dispatch]:
        """A new job's id, and what will run ``work`` for it.

        Raises:
            InvalidCircuitError, InvalidPubError: a circuit that Aer would refuse, or crash or hang on.
            ClusterConnectionError: the cluster or the executor is closed, or of another process.
        """
        tame = self._check(work)
        job_id = str(uuid.uuid4())
        dispatch = dispatch_of(job_id, work, slice_options, self._connection, tame=tame)
        if slice_options.callback is not None:
            dispatch.listen(slice_options.callback)
        return job_id, dispatch

    def _explain(self, work: Work, slice_options: SliceOptions) -> Explanation:
        """How ``work`` would be run."""
        found = foreseen(work, slice_options, self._connection, tame=self._check(work))
        sizes = (0, {}) if found.placement.here else sizes_of(found.plan)
        return explain(found.plan, found.needs, found.placement, self.name, found.capacity, *sizes)

    def _check(self, work: Work) -> bool:
        return check_work(work, self.configuration().basis_gates if self._aer._from_backend else None)

    def _with_options(self, options: Mapping[str, Any]) -> Self:
        """A backend on the same cluster with further options; this one stays as it is."""
        other = copy.copy(self)
        other._aer = copy.copy(self._aer)
        for name, value in vars(self._aer).items():
            if isinstance(value, (dict, Options)):
                setattr(other._aer, name, copy.copy(value))
        other.set_options(**options)
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A backend with options of its own, on the same cluster.

        The local mode of qiskit-ibm-runtime makes one for each run. Values stay the same objects: an executor
        cannot be copied, a callback must be called where it is, and to copy a device's noise model takes a second.
        """
        return self._with_options({})

    def _with_simulator(self, simulator: AerSimulator) -> Self:
        """A backend on the same cluster that stands in for ``simulator``, with this one's slice options."""
        ours = {name: getattr(self._slice_options, name) for name in SLICE_OPTION_NAMES}
        return type(self)(self._connection, provider=self.provider, simulator=simulator, **ours)

    def _simulator(self) -> Simulator:
        if not self._aer._from_backend:
            return Simulator()
        configuration = self._aer.configuration()
        custom = set(configuration.custom_instructions)
        return Simulator(
            method=str(self._aer.options.method),
            configuration=_plain(self._aer._configuration.to_dict()),
            basis_gates=tuple(gate for gate in configuration.basis_gates if gate not in custom),
        )

    def _check_method(self, method: Any) -> None:
        if method is not None and method not in self.available_methods():
            raise ClusterConfigError(
                f"method={method!r} does not exist; there are {', '.join(self.available_methods())}."
            )

    def _sync_options(self) -> None:
        ours = {name: getattr(self._slice_options, name) for name in SLICE_OPTION_NAMES}
        self._options = Options(**{**self._aer.options.__dict__, **ours})

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

    # The cluster

    @property
    def connection(self) -> Connection:
        """To where it runs; ``backend.connection.client()`` is its ``distributed.Client``."""
        return self._connection

    @property
    def cluster(self) -> Any:
        """Dask's own object of the cluster: a ``LocalCluster``, a ``KubeCluster``, a ``SLURMCluster``, ...

        ``None`` before it is started, and where only a scheduler's address or a client is known.
        """
        return getattr(self._connection.client(), "cluster", None) if self._connection.started else None

    @property
    def dashboard_link(self) -> str | None:
        """The address of Dask's dashboard, for a browser on this machine; ``None`` before the cluster is started."""
        connection = self._connection
        return connection.kind.dashboard_link(connection.client(), connection.config) if connection.started else None

    def scale(self, workers: int, *, timeout: float | None = None) -> None:
        """Give the cluster ``workers`` workers, and wait until they are there. Starts it if need be.

        Args:
            workers: how many; 0 is allowed, and jobs then wait.
            timeout: seconds to wait; default: a minute, or what the kind of cluster says; 0 returns at once.

        Raises:
            ClusterConfigError: the cluster cannot be scaled from here.
            ClusterConnectionError: it cannot be started, or the workers did not come in time; says why.
        """
        self._connection.scale(workers, timeout)

    def adapt(self, minimum: int, maximum: int) -> None:
        """Let the load decide how many workers there are, between two numbers. Starts the cluster if need be.

        Raises:
            ClusterConfigError: the cluster cannot be scaled from here.
            ClusterConnectionError: it cannot be started.
        """
        self._connection.adapt(minimum, maximum)

    def close(self) -> None:
        """Close the cluster if this backend or its provider started it. Other backends on it end too."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Start the cluster, unless an executor is set in its place."""
        if self._slice_options.executor is None:
            self._connection.client()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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


@cache
def _run_option_names() -> set[str]:
    accepted = {key for key in BACKEND_RUN_ARG_TYPES if hasattr(AerConfig, key)} - {"parameterizations"}
    return accepted | {"noise_model"} | set(SLICE_OPTION_NAMES)


def _without_device_options(options: Mapping[str, Any]) -> dict[str, Any]:
    for name, fulfilled in _OF_DEVICES.items():
        if name in options and options[name] not in fulfilled:
            raise UnknownOptionError(
                f"{name}={options[name]!r} is for devices and has no effect on a simulation; leave it out."
            )
    return {name: value for name, value in options.items() if name not in _OF_DEVICES}


def _plain(value: Any) -> Any:
    """Configuration values that the wire format has no place for are none that a simulation needs."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, float, complex, str)) else str(value)
