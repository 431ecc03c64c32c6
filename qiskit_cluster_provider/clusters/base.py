"""What a kind of cluster is: settings, and ``connect(config) -> context manager of a distributed.Client``."""

from __future__ import annotations

import contextvars
import importlib.util
import os
import threading
import weakref
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from ..errors import ClusterClosedError, ClusterConfigError, ClusterConnectionError, ClusterError, MissingExtraError
from ..logs import logger
from .clients import check_client
from .quiet import at_exit, quiet

if TYPE_CHECKING:
    from distributed import Client

ENV_PREFIX = "QISKIT_CLUSTER_"
_OPEN: weakref.WeakSet[Cluster] = weakref.WeakSet()


class ClusterConfig(BaseSettings):
    """Base of the settings of a kind. :meth:`load` reads a field ``workers`` from ``QISKIT_CLUSTER_WORKERS`` too.

    Attributes:
        alternatives: names of which only one can be given. One that is given closer to the user hides
            the others: ``address=`` in the call is not disturbed by a ``scheduler_file`` in the profile.
        only_in_code: names whose values are Python objects, which no environment and no profile can hold.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, arbitrary_types_allowed=True
    )
    alternatives: ClassVar[tuple[str, ...]] = ()
    only_in_code: ClassVar[tuple[str, ...]] = ()

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
            said = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'settings'}: {e['msg']}" for e in error.errors())
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
    """

    description: str = ""
    Config: type[ClusterConfig] = ClusterConfig
    requires: tuple[str, ...] = ("distributed",)
    extra: str = "qiskit-cluster-provider"

    def connect(self, config: Any) -> AbstractContextManager[Client]:
        """A client of the cluster; leaving the context closes what entering it started, and nothing else."""
        raise NotImplementedError(f"{type(self).__name__} must define connect(config).")

    def missing(self) -> list[str]:
        """The modules of ``requires`` that are not installed."""
        return [name for name in self.requires if importlib.util.find_spec(name) is None]


class Cluster:
    """A cluster of some kind, connected when it is first needed and closed once."""

    def __init__(self, name: str, kind: ClusterKind, config: ClusterConfig) -> None:
        self.name = name
        self.kind = kind
        self.config = config
        self._stack: ExitStack | None = None
        self._client: Client | None = None
        self._closed = False
        self._process = 0
        self._lock = threading.RLock()
        _OPEN.add(self)
        # A distributed.Client wants to be left in the context in which it was entered, whatever the thread.
        self._context = contextvars.copy_context()

    @property
    def started(self) -> bool:
        """Whether it is connected."""
        return self._client is not None

    @property
    def mine(self) -> bool:
        """Whether it was connected in this process, and not before a fork."""
        return self._process == os.getpid()

    @property
    def usable(self) -> bool:
        """Whether it can still be connected to."""
        return not self._closed

    def check(self) -> None:
        """Refuse a cluster that can no longer be used, without connecting it.

        Raises:
            ClusterClosedError: it was closed, or connected before a fork.
        """
        if self._closed:
            raise ClusterClosedError(
                f"the cluster of {self.name!r} is closed; get the backend again from a ClusterProvider."
            )
        if self._client is not None and not self.mine:
            raise ClusterClosedError(
                f"the cluster of {self.name!r} was connected in process {self._process}, and a connection does "
                "not survive a fork; make a ClusterProvider in this process."
            )
        given = getattr(self.config, "client", None)
        if given is not None:  # one of our own is replaced when it is closed
            check_client(given)

    def client(self) -> Client:
        """Its client; the first call connects, which may start the cluster.

        A client that has given up a scheduler that went away is replaced by a new one.

        Raises:
            MissingExtraError: with what to install.
            ClusterClosedError: it was closed, or connected before a fork.
            ClusterConnectionError: it cannot be started or reached.
        """
        with self._lock:
            self.check()
            if self._client is not None and self._client.status == "closed":
                stack, self._stack, self._client = self._stack, None, None
                self._leave(stack)
            if self._client is None:
                self._process = os.getpid()
                missing = self.kind.missing()
                if missing:
                    raise MissingExtraError(
                        f"{self.name!r} needs {', '.join(missing)}; install it: pip install '{self.kind.extra}'"
                    )
                stack = ExitStack()
                try:
                    self._client = self._context.run(stack.enter_context, self.kind.connect(self.config))
                except ClusterConnectionError as error:
                    raise ClusterConnectionError(f"{self.name!r} cannot be connected: {error.message}") from error
                except ClusterError:
                    raise
                except Exception as error:
                    root = _root(error)
                    raise ClusterConnectionError(
                        f"{self.name!r} cannot be connected: {type(root).__name__}: "
                        f"{str(root).strip() or 'without a word'}. Check its settings: {self.config!r}"
                    ) from error
                self._stack = stack
            return self._client

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copied backend runs on the same cluster."""
        return self

    def __reduce__(self) -> Any:
        raise ClusterError(
            f"the cluster of {self.name!r} cannot be pickled; make a ClusterProvider where it is needed."
        )

    def close(self) -> None:
        """Close what connecting started. Jobs that still run end with an error."""
        with self._lock:
            self._closed = True
            stack, self._stack, self._client = self._stack, None, None
        self._leave(stack)

    def _leave(self, stack: ExitStack | None) -> None:
        if stack is not None:
            with quiet():
                self._context.run(stack.close)


def _close_all() -> None:
    """What nobody closed, in the process that connected it."""
    for cluster in list(_OPEN):
        if cluster.started and cluster.mine:
            try:
                cluster.close()
            except RuntimeError:  # asyncio's very last step wants a thread, which Python 3.12 refuses by now
                logger.debug("closing %s at the end of Python", cluster.name, exc_info=True)


at_exit(_close_all)


def _root(error: BaseException) -> BaseException:
    """The first cause: what Dask wraps around it ("Cluster failed to start") helps nobody."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
