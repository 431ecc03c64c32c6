"""Changing the number of workers, for every kind whose Dask cluster object can scale."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .._compat.dask import stop_adapting
from ..errors import ClusterConfigError, ClusterConnectionError
from ..outcomes import Reason
from .lifecycle import check_wanted, stopping

WAIT = 60.0  # seconds for workers to come, unless the kind or the caller knows better
_LOOK_AGAIN = 0.1
_ASK_AGAIN = 10.0


def scale(client: Any, workers: int, timeout: float | None) -> None:
    """Ask for ``workers``, and wait until they are there. The request is repeated if nothing happens.

    Args:
        client: A ``distributed.Client`` that was made from a cluster object.
        workers: The number of workers.
        timeout: The seconds to wait; ``None`` for a minute, 0 to return at once.

    Raises:
        ClusterConfigError: The cluster cannot be scaled from here, or ``workers`` is not a number of workers.
        ClusterConnectionError: The workers are not there in time.
    """
    check_workers(workers)
    cluster = cluster_of(client)
    stop_adapting(cluster, workers)  # the load would take back what is asked for now
    cluster.scale(workers)

    def there() -> int:
        return len(client.scheduler_info(n_workers=-1)["workers"])

    limit = WAIT if timeout is None else timeout

    def late(_: float) -> Reason:
        return Reason(
            f"there are {there()} of {workers} workers after {limit:.0f} s; the cluster was asked for them and may "
            "still get there.",
            hint="See backend.cluster.get_logs().",
        )

    await_workers(lambda: there() == workers, limit, late, again=lambda: cluster.scale(workers))


def await_workers(
    done: Callable[[], bool],
    timeout: float,
    late: Callable[[float], Reason],
    *,
    again: Callable[[], object] | None = None,
    every: float = _LOOK_AGAIN,
) -> None:
    """Wait until the workers that were asked for are there.

    Args:
        done: Returns whether they are there, and no others.
        timeout: The seconds to wait; 0 to return at once.
        late: Returns the message of the error, given the seconds that went by.
        again: Repeats the request, which may have been lost. It is called every ten seconds.
        every: The seconds between two looks.

    Raises:
        ClusterConnectionError: The workers are not there in time.
        ClusterClosedError: The backend was closed meanwhile.
    """
    start = asked = time.monotonic()
    while timeout and not _are_there(done):
        check_wanted()
        now = time.monotonic()
        if now - start > timeout:
            raise ClusterConnectionError.because(late(now - start))
        if again is not None and now - asked > _ASK_AGAIN:
            asked = now
            again()
        stopping().wait(every)


def _are_there(done: Callable[[], bool]) -> bool:
    try:
        return done()
    except Exception:
        check_wanted()  # a client that is being closed fails in ways of its own
        raise


def adapt(client: Any, minimum: int, maximum: int) -> None:
    """Let the load decide how many workers there are, between two numbers.

    Raises:
        ClusterConfigError: The cluster cannot be scaled from here, or the arguments are not numbers of workers.
    """
    check_workers((minimum, maximum))
    cluster_of(client).adapt(minimum=minimum, maximum=maximum)


def cluster_of(client: Any) -> Any:
    """The Dask cluster object of a client.

    Raises:
        ClusterConfigError: The client has none, so that the cluster cannot be scaled from here.
    """
    cluster = getattr(client, "cluster", None)
    if cluster is None:
        raise ClusterConfigError(
            "the workers of this cluster were not started from here, so that it cannot be scaled from here",
            hint="start or end workers where they run (dask worker ADDRESS).",
        )
    return cluster


def check_workers(workers: int | tuple[int, int]) -> None:
    """Refuse what is not a number of workers, or not a range of them.

    Raises:
        ClusterConfigError: The message says what is allowed.
    """
    numbers = workers if isinstance(workers, tuple) else (workers,)
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers):
        raise ClusterConfigError(f"workers={workers!r}: must be a whole number from 0, or (minimum, maximum).")
    if len(numbers) == 2 and (numbers[0] > numbers[1] or numbers[1] < 1):
        raise ClusterConfigError(f"workers={workers!r}: the maximum must be 1 at least, and not below the minimum.")
