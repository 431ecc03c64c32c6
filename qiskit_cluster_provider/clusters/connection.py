"""A cluster that is connected when it is first needed, and closed once."""

from __future__ import annotations

import contextvars
import os
import threading
import weakref
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from .._compat.dask import renew_offloading
from ..errors import ClusterClosedError, ClusterConnectionError, ClusterError, MissingExtraError
from ..plan.reuse import Reuse
from ..progress.log import logger
from ..worker.sandbox.exit_status import shortage
from .base import ClusterConfig, ClusterKind
from .clients import check_client
from .lifecycle import STOPPING, at_exit, end_on_sigterm, quiet, without_traces
from .scaling import check_workers

if TYPE_CHECKING:
    from distributed import Client

_OPEN: weakref.WeakSet[Connection] = weakref.WeakSet()


class Connection:
    """A cluster of some kind. It is connected when it is first needed, and closed once.

    Attributes:
        reuse: What the jobs on this cluster leave for later ones.
    """

    def __init__(self, name: str, kind: ClusterKind, config: ClusterConfig) -> None:
        self.name = name
        self.kind = kind
        self.config = config
        self.reuse = Reuse()
        self._stack: ExitStack | None = None
        self._client: Client | None = None
        self._closed = False
        self._process = 0
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._range: int | None = None  # the maximum that adapt() was given
        _OPEN.add(self)
        # A distributed.Client wants to be left in the context in which it was entered, whatever the thread.
        self._context = contextvars.copy_context()
        self._context.run(STOPPING.set, self._stop)

    @property
    def started(self) -> bool:
        """Whether the cluster is connected."""
        return self._client is not None

    @property
    def mine(self) -> bool:
        """Whether this very process connected the cluster, or is connecting it. It did not if it was forked since."""
        return self._process == os.getpid()

    @property
    def usable(self) -> bool:
        """Whether the cluster is not closed."""
        return not self._closed

    def check(self) -> None:
        """Refuse a cluster that can no longer be used, without connecting it.

        Raises:
            ClusterClosedError: The cluster was closed, or connected before a fork.
        """
        if self._closed:
            raise ClusterClosedError(
                f"the cluster of {self.name!r} is closed", hint="get the backend again from a ClusterProvider."
            )
        if self._client is not None and not self.mine:
            raise ClusterClosedError(
                f"the cluster of {self.name!r} was connected in process {self._process}, and a connection "
                "does not survive a fork",
                hint="make a ClusterProvider in this process.",
            )
        given = getattr(self.config, "client", None)
        if given is not None:  # a client that this package made is replaced when it is closed
            check_client(given)

    def begin(self) -> None:
        """Prepare for closing the cluster when this process ends.

        Only a cluster that is used needs this. It must be called in the user's thread, since only the main thread can
        set what a signal does.
        """
        at_exit(_close_all)
        if self.kind.outlives:
            end_on_sigterm()

    def prepare(self, threads: int) -> None:
        """The cluster is about to be connected, for slices of ``threads`` threads. Does nothing if it is already."""
        if self._client is None and self.usable:
            self.kind.prepare(self.config, threads)

    def client(self) -> Client:
        """The client of the cluster. The first call connects, and starts the cluster if need be.

        A client whose scheduler went away, and which has given up, is replaced by a new one.

        Raises:
            MissingExtraError: A package is not installed. The message says what to install.
            ClusterClosedError: The cluster was closed, or connected before a fork.
            ClusterConnectionError: The cluster cannot be started or reached.
        """
        with self._lock:
            self.check()
            if self._client is not None and self._client.status == "closed":
                self._client = self._context.run(self.kind.renew, self._client, self.config)
                if self._client is None:
                    stack, self._stack = self._stack, None
                    self._leave(stack)
            if self._client is None:
                self.begin()
                renew_offloading()
                self._process = os.getpid()
                missing = self.kind.missing()
                if missing:
                    raise MissingExtraError(
                        f"{self.name!r} needs {', '.join(missing)}",
                        hint=f"install it: pip install '{self.kind.extra}'",
                    )
                with ExitStack() as stack:
                    stack.enter_context(without_traces())
                    self._client = self._connected(stack)
                    self._stack = stack.pop_all()
            return self._client

    def _connected(self, stack: ExitStack) -> Client:
        try:
            return self._context.run(stack.enter_context, self.kind.connect(self.config))
        except ClusterClosedError:
            raise
        except ClusterConnectionError as error:
            told = error.reason.within(f"{self.name!r} cannot be connected: ")
            raise ClusterConnectionError.because(told) from error
        except ClusterError:
            raise
        except Exception as error:
            root = _root(error)
            said = (
                f"{self.name!r} cannot be connected: {type(root).__name__}: {str(root).strip() or 'without a word'}"
            )
            if scarce := shortage(root):
                raise ClusterConnectionError(said, hint=f"{scarce}.") from error
            raise ClusterConnectionError(f"{said}.", hint=f"Check its settings: {self.config!r}") from error

    @property
    def grows_to(self) -> int:
        """The largest number of workers, if the load decides how many there are; else 0."""
        return self.kind.grows_to(self.config) if self._range is None else self._range

    def scale(self, workers: int, timeout: float | None) -> None:
        """See :meth:`~qiskit_cluster_provider.ClusterBackend.scale`."""
        check_workers(workers)
        self._context.copy().run(self.kind.scale, self.client(), self.config, workers, timeout)
        self._range = 0

    def adapt(self, minimum: int, maximum: int) -> None:
        """See :meth:`~qiskit_cluster_provider.ClusterBackend.adapt`."""
        check_workers((minimum, maximum))
        self._context.copy().run(self.kind.adapt, self.client(), self.config, minimum, maximum)
        self._range = maximum

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copied backend runs on the same cluster."""
        return self

    def __reduce__(self) -> Any:
        raise ClusterError(
            f"the cluster of {self.name!r} cannot be pickled", hint="make a ClusterProvider where it is needed."
        )

    def close(self) -> None:
        """Close what connecting has started, or has begun to start. Jobs that still run end with an error."""
        self._stop.set()
        with self._lock:
            self._closed = True
            stack, self._stack, self._client = self._stack, None, None
        self._leave(stack)
        self.reuse.clear()

    def _leave(self, stack: ExitStack | None) -> None:
        if stack is not None:
            with quiet():
                self._context.run(stack.close)


def _close_all() -> None:
    """Close the clusters that this process has connected and that are still open."""
    for cluster in list(_OPEN):
        if cluster.mine:
            try:
                cluster.close()
            except RuntimeError:  # asyncio's very last step wants a thread, which Python 3.12 refuses by now
                logger.debug("closing %s at the end of Python", cluster.name, exc_info=True)


def _root(error: BaseException) -> BaseException:
    """The first cause of an error. What Dask wraps around it ("Cluster failed to start") does not help."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error
