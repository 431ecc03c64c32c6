"""Waiting for the pods of a cluster, with a line that tells how far they are."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...errors import ClusterConnectionError
from ...progress.bar import in_notebook
from ...progress.log import logger
from ..lifecycle import check_wanted, stopping
from .deployed import Deployed
from .pods import Seen

if TYPE_CHECKING:
    from distributed import Client

LOOK_EVERY = 0.3  # seconds
_SILENT = 20.0  # seconds that a container runs without an answer before the user is told
Show = Callable[[str], object]
"""Shows a line in place of the one before."""


@contextmanager
def showing(quiet: bool) -> Iterator[Show]:
    """Yield a function that shows a line in place of the one before: in a terminal, in a notebook, or in the log.

    The log has every new line. With ``quiet``, the lines appear only there.
    """
    from rich.console import Console

    said = ""

    def note(line: str) -> bool:
        nonlocal said
        new, said = line != said, line
        if new:
            logger.info("%s", line)
        return new

    console = Console(stderr=True)
    if in_notebook() and not quiet:
        from IPython.display import HTML, display

        handle: Any = display(HTML(""), display_id=True)

        def write(line: str) -> None:
            if note(line):
                handle.update(HTML(f"<small>{html.escape(line)}</small>"))

        yield write
    elif console.is_terminal and not quiet:
        with console.status("") as status:

            def update(line: str) -> None:
                if note(line):
                    status.update(line)

            yield update
    else:
        yield note


def await_pods(
    place: Deployed, show: Show, done: Callable[[Seen], bool], *, what: str, workers: int, timeout: float
) -> None:
    """Look at the pods of a cluster until they are ``done``.

    Args:
        place: The cluster.
        show: Shows how far it is.
        done: Returns whether what is awaited is there.
        what: What is awaited, for the error.
        workers: The number of workers that are to come, for the line that is shown.
        timeout: The seconds to wait, which the setting ``start_timeout`` gives.

    Raises:
        ClusterConnectionError: It cannot come, or did not come in time. The message says why.
        ClusterClosedError: The backend was closed meanwhile.
    """
    start = time.monotonic()
    up_since: dict[str, float] = {}
    told = False
    while True:
        check_wanted()
        now = place.look()
        if done(now):
            return
        waited = time.monotonic() - start
        # Of many workers some may be in trouble while others come; of the scheduler there is one.
        hopeless = [one for one in now.troubles if one.final and (one.of_scheduler or not now.running)]
        if hopeless:
            raise ClusterConnectionError.because(place.explain(hopeless[0]))
        silent = [one for one in now.up if one.of_scheduler == (what == "scheduler")]
        up_since = {one.pod: up_since.get(one.pod, waited) for one in silent}
        silent = [one for one in silent if waited - up_since[one.pod] > min(_SILENT, timeout / 2)]
        if silent and not now.troubles and not told:
            told = True
            logger.warning("%s", place.explain(silent[0]))
        if waited > timeout:
            known = [*now.troubles, *silent]
            late = f"there is no {what} after {waited:.0f} s (start_timeout={timeout:g}):"
            if known:
                raise ClusterConnectionError.because(place.explain(known[0]).within(f"{late} "))
            raise ClusterConnectionError(late, hint=place.pods_shown_by)
        trouble = f"; {now.troubles[0].text}" if now.troubles else ""
        show(
            f"{place.name} in {place.namespace}: scheduler {now.scheduler or 'not there'}, "
            f"{now.running} of {workers} workers{trouble}"
        )
        stopping().wait(LOOK_EVERY)


def await_first_worker(place: Deployed, show: Show, client: Client, *, workers: int, timeout: float) -> None:
    """Wait until the scheduler has a worker, if there are to be any.

    Args:
        place: The cluster.
        show: Shows how far it is.
        client: A client of the scheduler.
        workers: The number of workers that are to come.
        timeout: The seconds to wait, which the setting ``start_timeout`` gives.

    Raises:
        ClusterConnectionError: No worker can come, or none came in time. The message says why.
        ClusterClosedError: The backend was closed meanwhile.
    """
    first = min(1, workers)
    await_pods(
        *(place, show, lambda _: len(client.nthreads()) >= first),
        what="first worker",
        workers=workers,
        timeout=timeout,
    )
