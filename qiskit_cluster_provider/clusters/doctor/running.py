"""What a running Dask cluster tells: its workers, and whether their versions fit this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ... import versions
from ...outcomes import Reason
from ..clients import end_client, new_client
from .findings import Finding

_ANSWER_WITHIN = 5.0  # seconds
_TOLD = 5  # workers that do not fit, one by one


def running(client: Any, start: str = "") -> Iterator[Finding]:
    """The findings about a cluster that is connected.

    Args:
        client: A ``distributed.Client`` of the cluster.
        start: What starts workers, if there are none; default: Dask's command.
    """
    where = f"the scheduler {client.scheduler.address}"
    try:
        scheduler = client.run_on_scheduler(versions.report, callback_timeout=_ANSWER_WITHIN)
        # It only reads the tasks that pass through it, and needs no Qiskit for that.
        shared = {name: scheduler.get(name, "none") for name in ("python", "wire")}
        said = versions.complaint(where, {**versions.report(), **shared})
    except ImportError as error:
        said = Reason(f"{where} cannot import qiskit_cluster_provider ({error})")
    yield _unfit("scheduler", said) if said else Finding("scheduler", f"{where} answers, and its versions fit")
    threads = client.nthreads()
    if not threads:
        yield Finding("workers", "there is none", None, start or f"dask worker {client.scheduler.address}")
        return
    answers = client.run(versions.report, on_error="return", callback_timeout=_ANSWER_WITHIN)
    told = {address: theirs for address, theirs in answers.items() if not _left(theirs)}
    complaints = list(_complaints(told))
    yield from (_unfit("workers", one) for one in complaints[:_TOLD])
    fit = len(told) - len(complaints)
    numbers = f"{fit} of {len(threads)} with {sum(threads.values())} threads in all fit"
    yield Finding("workers", numbers, fit > 0 if told else None)


def _unfit(what: str, reason: Reason) -> Finding:
    return Finding(what, reason.fact, False, reason.hint)


def running_at(address: str, silent: Callable[[OSError], Finding], start: str = "") -> Iterator[Finding]:
    """The findings about the Dask cluster whose scheduler has this address.

    Args:
        address: The address of the scheduler.
        silent: Returns the finding for a scheduler that does not answer.
        start: What starts workers, if there are none; default: Dask's command.
    """
    try:
        client = new_client(address, timeout=_ANSWER_WITHIN)
        try:
            yield from running(client, start)
        finally:
            end_client(client)
    except OSError as error:  # Dask's timeouts and broken connections are of this class too
        yield silent(error)


def _left(answer: Any) -> bool:
    """Whether a worker has gone since it was counted.

    If an import has failed on a worker, Dask's message names the module.
    """
    return isinstance(answer, Exception) and versions.__package__ not in str(answer)


def _complaints(answers: Mapping[str, Any]) -> Iterator[Reason]:
    for address, theirs in answers.items():
        if isinstance(theirs, Mapping):
            said = versions.complaint(f"worker {address}", theirs)
            if said:
                yield said
        else:
            package = f"qiskit-cluster-provider=={versions.report().get('qiskit-cluster-provider')}"
            yield Reason(f"worker {address} cannot import qiskit_cluster_provider", f"there: pip install {package}")
