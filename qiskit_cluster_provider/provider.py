"""``ClusterProvider``: names to backends."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from qiskit.providers import BackendV2
from qiskit.providers.exceptions import QiskitBackendNotFoundError

from .backend.cluster_backend import ClusterBackend
from .clusters import BrokenKind, ClusterKind, Connection, find_kinds, refuse
from .clusters.base import ENV_PREFIX
from .clusters.profiles import PROFILES_VARIABLE, Profile, load_profiles
from .engines.aer.devices import simulator_from
from .errors import ClusterConfigError, UnknownOptionError, nearest
from .options import SLICE_OPTION_NAMES, check_names, yes_or_no

FROM_ENVIRONMENT: Mapping[str, Callable[[str], Any]] = {
    "max_job_size": int,
    "max_shot_size": int,
    "retries": int,
    "slice_timeout": float,
    "no_workers_timeout": float,
    "seed_mode": str,
    "allow_pickle": yes_or_no,
    "placement": str,
}
"""Our run options that ``QISKIT_CLUSTER_<NAME>`` sets."""
_DEFAULT = "aer-local"


class ClusterProvider:
    """Gives backends that run qiskit-aer on clusters.

    ::

        with ClusterProvider() as provider:
            backend = provider.get_backend("aer-local", workers=4)

    Settings come from keyword arguments, then from the environment (``QISKIT_CLUSTER_WORKERS=4``), then from a
    profile, and then from defaults. Leaving the context, or :meth:`close`, closes every cluster that this provider
    has started. It does not close a client that you gave to it.

    Args:
        profiles: The TOML file with profiles; default: ``$QISKIT_CLUSTER_PROFILES`` or
            ``~/.qiskit/cluster.toml`` (:mod:`qiskit_cluster_provider.clusters.profiles`).

    Raises:
        ClusterConfigError: The profiles cannot be read.
    """

    version = 1

    def __init__(self, profiles: str | os.PathLike[str] | None = None) -> None:
        self._kinds, self._broken = find_kinds()
        self._profiles = load_profiles(None if profiles is None else Path(profiles))
        if shadowed := set(self._profiles) & set(self._kinds):
            raise ClusterConfigError(
                f"a profile has the name of a kind, {', '.join(shadowed)}", hint="give it another one."
            )
        self._connections: list[Connection] = []
        self._lock = threading.Lock()
        self._warn_of_unused_environment()

    @property
    def name(self) -> str:
        """The provider's name."""
        return "qiskit-cluster-provider"

    @property
    def kinds(self) -> Mapping[str, ClusterKind]:
        """The installed kinds of cluster, by backend name."""
        return dict(self._kinds)

    @property
    def broken(self) -> list[BrokenKind]:
        """Plugins that cannot be loaded, with the reason."""
        return list(self._broken)

    @property
    def profiles(self) -> Mapping[str, Profile]:
        """The profiles, by name."""
        return dict(self._profiles)

    def backends(
        self,
        name: str | None = None,
        filters: Callable[[ClusterBackend], bool] | None = None,
        **kwargs: Any,
    ) -> list[ClusterBackend]:
        """The backends of kinds whose requirements are installed, and of the profiles. Nothing is started.

        Args:
            name: Return only the backend of this name.
            filters: Return only backends for which this function returns True.
            kwargs: Return only backends with these values of attributes, or of their configuration.
        """
        names = [n for n, kind in self._kinds.items() if not kind.missing()]
        names += [n for n, profile in self._profiles.items() if profile.kind in names]
        found = []
        for each in names:
            if name is None or each == name:
                try:
                    found.append(self._make(each))
                except ClusterConfigError as error:  # one bad profile must not hide the others
                    warnings.warn(f"{each!r} is left out: {error.reason.line}", stacklevel=2)
        return [
            backend
            for backend in found
            if (filters is None or filters(backend))
            and all(_attribute(backend, key) == value for key, value in kwargs.items())
        ]

    def get_backend(
        self, name: str | None = None, /, *, from_backend: BackendV2 | None = None, **options: Any
    ) -> ClusterBackend:
        """The backend of a kind or of a profile. Its cluster starts with its first run.

        Two backends of one name and the same cluster settings share a cluster.

        Args:
            name: The name of a kind or of a profile; default: ``$QISKIT_CLUSTER_BACKEND`` or ``aer-local``. The
                keyword ``name=`` means the same if it is given alone. In addition to a name, it is a setting, the
                cluster's own name.
            from_backend: A device whose target and noise the backend gets, as from ``AerSimulator.from_backend``.
            options: Settings of the kind (``workers=4``), and options of the backend (``shots=100``).

        Raises:
            QiskitBackendNotFoundError: There is no such backend. The message lists similar names.
            UnknownOptionError: Neither the kind nor the backend has such an option.
            ClusterConfigError: A value is wrong.
            ClusterConnectionError: A kind that makes checks first, such as ``aer-k8s``, cannot work. The message
                says what is missing, and how to mend it.
        """
        if name is None and "name" in options:
            name = options.pop("name")
        return self._make(name, from_backend, checked=True, **options)

    def attach(self, name: str, *, kind: str = "aer-k8s", **options: Any) -> ClusterBackend:
        """A backend on a running cluster, by the name of the cluster. The cluster is left running.

        ``attach("lab", namespace="physics")`` is the same as ``get_backend("aer-k8s", name="lab", keep=True, ...)``,
        but it never starts a cluster.

        Args:
            name: The name of the cluster, for example of the ``DaskCluster`` in Kubernetes.
            kind: A kind or a profile whose clusters have names.
            options: Settings and options, as for :meth:`get_backend`.

        Raises:
            UnknownOptionError: Clusters of this kind have no names.
            ClusterConnectionError: There is no such cluster.
        """
        kind_name, _ = self._resolve(kind)
        if "create" not in self._kinds[kind_name].Config.model_fields:
            able = [name for name, one in self._kinds.items() if "create" in one.Config.model_fields]
            raise UnknownOptionError(
                f"clusters of {kind_name} have no names to attach to", hint=f"those of {', '.join(able)} have."
            )
        return self._make(kind, checked=True, name=name, create=False, keep=True, **options)

    def _make(
        self,
        name: str | None = None,
        /,
        from_backend: BackendV2 | None = None,
        checked: bool = False,
        **options: Any,
    ) -> ClusterBackend:
        name = name or os.environ.get(f"{ENV_PREFIX}BACKEND") or _DEFAULT
        kind_name, profile = self._resolve(name)
        kind = self._kinds[kind_name]
        fields = set(kind.Config.model_fields)
        known = ClusterBackend.option_names() | fields
        for given, what in ((profile, f"profile {name!r}"), (options, name)):
            self._refuse_settings_of_others(given, known, what)
            check_names(given, known, what)
        config = kind.Config.load(
            {key: value for key, value in options.items() if key in fields},
            {key: value for key, value in profile.items() if key in fields},
        )
        backend_options = {
            **{key: value for key, value in profile.items() if key not in fields},
            **_environment_options(),
            **{key: value for key, value in options.items() if key not in fields},
        }
        if checked and kind.checked and not kind.missing():
            refuse(kind.findings(config))
        simulator = None
        if from_backend is not None:
            noise = {k: backend_options.pop(k) for k in ("noise_model",) if k in backend_options}
            simulator = simulator_from(from_backend, **noise)
        # The options are checked before the cluster is kept, so that a refusal leaves nothing behind.
        with self._lock:
            connection = self._shared(name, config) or Connection(name, kind, config)
            backend = ClusterBackend(connection, provider=self, simulator=simulator, **backend_options)
            self._connections = [one for one in self._connections if one.usable and one is not connection]
            self._connections.append(connection)
        return backend

    def close(self) -> None:
        """Close the clusters that this provider started."""
        with self._lock:
            connections, self._connections = self._connections, []
        for connection in reversed(connections):
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copied backend has the same provider."""
        return self

    def __reduce__(self) -> Any:
        """A new one: clusters belong to their process, and profiles, which may hold secrets, are read where it is."""
        return type(self), ()

    def __repr__(self) -> str:
        return f"<ClusterProvider: {', '.join([*self._kinds, *self._profiles])}>"

    def _shared(self, name: str, config: Any) -> Connection | None:
        return next((c for c in self._connections if c.name == name and c.usable and c.config == config), None)

    def _resolve(self, name: str) -> tuple[str, Mapping[str, Any]]:
        if name in self._profiles:
            profile = self._profiles[name]
            if profile.kind not in self._kinds:
                raise QiskitBackendNotFoundError(
                    f"profile {name!r} names the kind {profile.kind!r}, which is not installed. "
                    f"{nearest(profile.kind, self._kinds)}"
                )
            return profile.kind, profile.options
        if name in self._kinds:
            return name, {}
        broken = next((b for b in self._broken if b.name == name), None)
        if broken is not None:
            raise QiskitBackendNotFoundError(f"backend {name!r} is installed but broken: {broken.reason}")
        names = [*self._kinds, *self._profiles]
        raise QiskitBackendNotFoundError(
            f"no backend {name!r}. {nearest(name, names)} Installed: {', '.join(names)}; "
            "a package with another kind is found once it is installed."
        )

    def _refuse_settings_of_others(self, given: Mapping[str, Any], known: set[str], what: str) -> None:
        for key in set(given) - known:
            owners = [name for name, kind in self._kinds.items() if key in kind.Config.model_fields]
            if owners:
                raise UnknownOptionError(
                    f"{what} has no option {key!r}", hint=f"it is a setting of {', '.join(owners)}."
                )

    def _warn_of_unused_environment(self) -> None:
        known = {PROFILES_VARIABLE, f"{ENV_PREFIX}BACKEND"}
        known |= {f"{ENV_PREFIX}{key.upper()}" for key in FROM_ENVIRONMENT}
        for kind in self._kinds.values():
            known |= kind.Config.variables()
        for variable in os.environ:
            if not variable.startswith(ENV_PREFIX) or variable in known:
                continue
            if "_SERVICE_" in variable or "_PORT" in variable:
                continue  # Kubernetes sets such variables for every service of a similar name
            warnings.warn(
                f"the environment variable {variable} has no effect. {nearest(variable, known)}", stacklevel=3
            )


def _environment_options() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, convert in FROM_ENVIRONMENT.items():
        assert key in SLICE_OPTION_NAMES
        text = os.environ.get(f"{ENV_PREFIX}{key.upper()}")
        if text is None:
            continue
        try:
            found[key] = convert(text)
        except ValueError as error:
            raise ClusterConfigError(
                f"{ENV_PREFIX}{key.upper()}={text!r} is not a value of its kind ({convert.__name__})."
            ) from error
    return found


def _attribute(backend: ClusterBackend, key: str) -> Any:
    return getattr(backend, key, getattr(backend.configuration(), key, None))
