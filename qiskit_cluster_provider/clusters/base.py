"""The bases of a kind of cluster: its settings, and how it connects to a Dask cluster."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from ..errors import ClusterConfigError
from .doctor.findings import Finding
from .scaling import adapt, scale

if TYPE_CHECKING:
    from distributed import Client

ENV_PREFIX = "QISKIT_CLUSTER_"


class ClusterConfig(BaseSettings):
    """Base of the settings of a kind. Each field is a setting.

    :meth:`load` also reads the environment: a field ``workers`` from ``QISKIT_CLUSTER_WORKERS``.

    Attributes:
        alternatives: Names of settings that exclude each other. The one that is given closest to the user counts:
            with ``address=`` in the call, a ``scheduler_file`` in the profile is ignored.
        only_in_code: Names of settings whose values are Python objects, which neither the environment nor a profile
            can hold.
        private: Names of settings whose values may be secret. They are left out when a backend is pickled.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, arbitrary_types_allowed=True
    )
    alternatives: ClassVar[tuple[str, ...]] = ()
    only_in_code: ClassVar[tuple[str, ...]] = ()
    private: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def load(cls, given: Mapping[str, Any], profile: Mapping[str, Any]) -> Self:
        """Read the settings. What is ``given`` counts most, then the environment, the ``profile``, and the defaults.

        Raises:
            ClusterConfigError: A value is wrong. The message names the setting.
        """
        values: dict[str, Any] = {}
        try:
            environment = EnvSettingsSource(cls)()
        except SettingsError as error:
            raise ClusterConfigError(f"the environment: {error}; it must be JSON.", hint=cls.usage()) from error
        for source in (given, environment, profile):
            decided = any(name in values for name in cls.alternatives)
            for name, value in source.items():
                if name in cls.only_in_code and source is not given:
                    continue
                if value is not None and not (decided and name in cls.alternatives):
                    values.setdefault(name, value)
        try:
            return cls(**values)
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {_words(e)}" for e in error.errors())
            raise ClusterConfigError(f"{said}.", hint=cls.usage()) from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Pydantic's own sources are left out: :meth:`load` puts the values together."""
        return (init_settings,)

    @classmethod
    def variables(cls) -> set[str]:
        """The environment variables that :meth:`load` reads."""
        return {f"{ENV_PREFIX}{name.upper()}" for name in cls.model_fields if name not in cls.only_in_code}

    @classmethod
    def usage(cls) -> str:
        """A sentence that names all settings, for errors."""
        return f"Settings: {', '.join(cls.model_fields)}." if cls.model_fields else "There are no settings."


class ClusterKind:
    """Base of a kind of cluster. A subclass defines :meth:`connect`, and overrides what differs from the defaults.

    Attributes:
        description: One line about the kind, which ``qiskit-cluster backends`` shows.
        Config: The settings, a subclass of :class:`ClusterConfig`.
        requires: The modules that must be importable.
        extra: What to install if they are not, for example ``qiskit-cluster-provider[kubernetes]``.
        checked: Whether ``get_backend`` looks at :meth:`findings` first, and refuses settings that cannot work.
        outlives: Whether a cluster that the kind starts would go on after this process. If so, a SIGTERM closes the
            cluster before it ends the process.
        near: Whether the workers are on this machine.
    """

    description: str = ""
    Config: type[ClusterConfig] = ClusterConfig
    requires: tuple[str, ...] = ("distributed",)
    extra: str = "qiskit-cluster-provider"
    checked: bool = False
    outlives: bool = False
    near: bool = False

    def connect(self, config: Any) -> AbstractContextManager[Client]:
        """Connect to the cluster, and start it if need be.

        Leaving the context closes everything that entering it has started, and nothing else.
        """
        raise NotImplementedError(f"{type(self).__name__} must define connect(config).")

    def prepare(self, config: Any, threads: int) -> None:
        """Begin what can be begun before :meth:`connect`, which comes next, and return at once. Default: nothing.

        Args:
            config: The settings.
            threads: What each slice will take; 0 for all threads of a worker.
        """
        return

    def missing(self) -> list[str]:
        """The modules of :attr:`requires` that are not installed."""
        return [name for name in self.requires if importlib.util.find_spec(name) is None]

    def renew(self, client: Client, config: Any) -> Client | None:
        """Connect to the same cluster again, after ``client`` has lost its scheduler and given up.

        Returns:
            The new client; ``None`` to leave the context of :meth:`connect` and enter it again.
        """
        return None

    def findings(self, config: Any) -> Iterator[Finding]:
        """Check what a start needs, one thing after the other, for ``qiskit-cluster doctor``. This starts nothing."""
        yield from ()

    def options(self, config: Any) -> Mapping[str, Any]:
        """Options of the backend that follow from the settings, such as ``device="GPU"``."""
        return {}

    def portable(self, config: Any) -> dict[str, Any]:
        """The given settings that a pickle of a backend keeps: plain data, and nothing that may be secret."""
        given = {name: getattr(config, name) for name in config.model_fields_set - set(config.private)}
        return {name: value for name, value in sorted(given.items()) if _is_plain(value)}

    def grows_to(self, config: Any) -> int:
        """The largest number of workers, if the load decides how many there are; else 0."""
        return 0

    def size(self, config: Any) -> tuple[int, int]:
        """How many workers the settings ask for, and how many slices each runs at the same time.

        The number of workers is 0 if the settings do not say it.
        """
        return 0, 1

    def dashboard_link(self, client: Any, config: Any) -> str:
        """The address of Dask's dashboard for a browser on this machine."""
        return str(client.dashboard_link)

    def scale(self, client: Any, config: Any, workers: int, timeout: float | None) -> None:
        """Change the number of workers: :meth:`~qiskit_cluster_provider.ClusterBackend.scale`."""
        scale(client, workers, timeout)

    def adapt(self, client: Any, config: Any, minimum: int, maximum: int) -> None:
        """Let the load decide how many workers there are: :meth:`~qiskit_cluster_provider.ClusterBackend.adapt`."""
        adapt(client, minimum, maximum)


def _is_plain(value: Any) -> bool:
    """Whether a value is data, and nothing that belongs to this process."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float | Path)


def _words(error: Any) -> str:
    """The message of one of pydantic's errors, without the prefix that it puts before our own messages."""
    return str(error["msg"]).removeprefix("Value error, ").rstrip(".")
