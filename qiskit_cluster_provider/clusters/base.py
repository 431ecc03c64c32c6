"""What a kind of cluster is: settings, and ``connect(config) -> context manager of a distributed.Client``."""

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
    """Base of the settings of a kind. :meth:`load` reads a field ``workers`` from ``QISKIT_CLUSTER_WORKERS`` too.

    Attributes:
        alternatives: names of which only one can be given. One that is given closer to the user hides
            the others: ``address=`` in the call is not disturbed by a ``scheduler_file`` in the profile.
        only_in_code: names whose values are Python objects, which no environment and no profile can hold.
        private: names whose values may be secret, so that no pickle has them.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, arbitrary_types_allowed=True
    )
    alternatives: ClassVar[tuple[str, ...]] = ()
    only_in_code: ClassVar[tuple[str, ...]] = ()
    private: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def load(cls, given: Mapping[str, Any], profile: Mapping[str, Any]) -> Self:
        """The settings: keyword arguments ``given`` > the environment > ``profile`` > defaults.

        Raises:
            ClusterConfigError: a value is wrong; the message names the setting.
        """
        values: dict[str, Any] = {}
        try:
            environment = EnvSettingsSource(cls)()
        except SettingsError as error:
            raise ClusterConfigError(f"the environment: {error}; it must be JSON. {cls.usage()}") from error
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
            raise ClusterConfigError(f"{said}. {cls.usage()}") from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What :meth:`load` has put together, and nothing else."""
        return (init_settings,)

    @classmethod
    def variables(cls) -> set[str]:
        """The environment variables that it reads."""
        return {f"{ENV_PREFIX}{name.upper()}" for name in cls.model_fields if name not in cls.only_in_code}

    @classmethod
    def usage(cls) -> str:
        """A sentence with the settings that there are."""
        return f"Settings: {', '.join(cls.model_fields)}." if cls.model_fields else "There are no settings."


class ClusterKind:
    """Base of a kind of cluster. A subclass sets the attributes and writes :meth:`connect`.

    Attributes:
        description: one line, for ``qiskit-cluster backends``.
        Config: its settings.
        requires: modules that must be importable.
        extra: what to install if they are not, for example ``qiskit-cluster-provider[kubernetes]``.
        checked: whether ``get_backend`` asks :meth:`findings` first, and refuses what cannot work.
        outlives: whether what it starts would go on after this process; then a SIGTERM ends it too.
        near: whether its workers are on this machine.
    """

    description: str = ""
    Config: type[ClusterConfig] = ClusterConfig
    requires: tuple[str, ...] = ("distributed",)
    extra: str = "qiskit-cluster-provider"
    checked: bool = False
    outlives: bool = False
    near: bool = False

    def connect(self, config: Any) -> AbstractContextManager[Client]:
        """A client of the cluster; leaving the context closes what entering it started, and nothing else."""
        raise NotImplementedError(f"{type(self).__name__} must define connect(config).")

    def missing(self) -> list[str]:
        """The modules of ``requires`` that are not installed."""
        return [name for name in self.requires if importlib.util.find_spec(name) is None]

    def renew(self, client: Client, config: Any) -> Client | None:
        """A new client in place of one that has given up its scheduler, for the same cluster.

        Returns:
            ``None`` if there is none: then the context is left and entered again.
        """
        return None

    def findings(self, config: Any) -> Iterator[Finding]:
        """What ``qiskit-cluster doctor`` tells of it, one after the other, without starting anything."""
        yield from ()

    def options(self, config: Any) -> Mapping[str, Any]:
        """Options of the backend that follow from the settings, such as ``device``."""
        return {}

    def portable(self, config: Any) -> dict[str, Any]:
        """The settings that were given and that another process can use: plain data, and nothing private."""
        given = {name: getattr(config, name) for name in config.model_fields_set - set(config.private)}
        return {name: value for name, value in sorted(given.items()) if _is_plain(value)}

    def grows_to(self, config: Any) -> int:
        """Workers that the cluster may have under load; 0 if their number does not change by itself."""
        return 0

    def size(self, config: Any) -> tuple[int, int]:
        """Workers, and slices that each runs at the same time, by the settings; 0 workers if they do not tell."""
        return 0, 1

    def dashboard_link(self, client: Any, config: Any) -> str:
        """Where a browser on this machine finds Dask's dashboard."""
        return str(client.dashboard_link)

    def scale(self, client: Any, config: Any, workers: int, timeout: float | None) -> None:
        """See :meth:`~qiskit_cluster_provider.ClusterBackend.scale`."""
        scale(client, workers, timeout)

    def adapt(self, client: Any, config: Any, minimum: int, maximum: int) -> None:
        """See :meth:`~qiskit_cluster_provider.ClusterBackend.adapt`."""
        adapt(client, minimum, maximum)


def _is_plain(value: Any) -> bool:
    """Whether it is data, and nothing that belongs to this process."""
    if isinstance(value, Mapping):
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float | Path)


def _words(error: Any) -> str:
    """What pydantic says, without its name for what we say."""
    return str(error["msg"]).removeprefix("Value error, ").rstrip(".")
