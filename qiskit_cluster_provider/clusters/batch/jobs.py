"""dask-jobqueue's clusters and jobs, and what they lack: why there are no workers, and jobs that come back."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from distributed import Status
from distributed.deploy import Adaptive

from ..._compat.dask_jobqueue import CLOSE, CLUSTER, FILES, ctrl_c_kept
from ..._compat.private import overriding
from ...errors import ClusterConnectionError
from ...progress.log import logger
from .slurm_queue import SlurmState

with ctrl_c_kept():
    import dask_jobqueue
    from dask_jobqueue.core import Job, JobQueueCluster

_ANSWER_WITHIN = 60  # seconds for one command of the batch system
_SUBMIT_AGAIN = 30.0  # seconds after a refusal
_ASK_EVERY = 30.0  # seconds between looks at the queue
_SHOWN = 5  # job ids in a message


class BatchJob(Job):
    """A job that remembers why it was refused, and is submitted again later.

    Attributes:
        refused: The message of the batch system; empty if the job was submitted.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.refused = ""
        # coreutils' timeout bounds what dask-jobqueue waits for, and keeps a Ctrl-C in the terminal from the command.
        limited = f"timeout --kill-after=5 {_ANSWER_WITHIN}"
        self.submit_command: str = f"{limited} {self.submit_command}"
        self.cancel_command: str = f"{limited} {self.cancel_command}"

    async def start(self) -> None:
        """Submit the job."""
        try:
            await super().start()
        except (RuntimeError, ValueError, OSError) as error:
            self.refused = _said(error)
            self.status = Status.running  # as far as Dask knows, which would leave it alone for ever
            logger.info("a job was refused, and is submitted again in %.0f s: %s", _SUBMIT_AGAIN, self.refused)
            asyncio.get_running_loop().call_later(_SUBMIT_AGAIN, self._forget)

    async def close(self) -> None:
        """Cancel the job."""
        await super().close()
        self.status = Status.closed

    def _forget(self) -> None:
        known = CLUSTER.of(self, None)  # a weak reference
        cluster = None if known is None else known()
        if cluster is not None and cluster.workers.get(self.name) is self:
            del cluster.workers[self.name]


@overriding(CLOSE, needed=False)
class BatchCluster(JobQueueCluster):
    """A cluster that can tell why it has no workers.

    Attributes:
        look: The command that lists a user's jobs.
        states: Asks the batch system for the states of jobs.
    """

    look = ""
    states: Callable[[Iterable[str]], Mapping[str, SlurmState]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._asked = -math.inf
        self._known: Mapping[str, SlurmState] = {}

    def refused(self) -> list[str]:
        """The reasons for which the batch system has refused jobs."""
        return [job.refused for job in list(self.workers.values()) if job.refused]

    def no_workers(self) -> str:
        """Why there is no worker: the end of a sentence.

        Raises:
            ClusterConnectionError: All jobs have ended, so that no worker will come.
        """
        refused = self.refused()
        if refused:
            return f"its jobs were refused, and are submitted again: {refused[0]}"
        ids = [str(job.job_id) for job in list(self.workers.values()) if job.job_id]
        if not ids:
            return "no job is submitted"
        before, known = self._known, self._ask(ids)
        over = [known[one] for one in ids if one in known and known[one].over]
        if len(over) == len(ids) and known is not before and all(before.get(one) == known[one] for one in ids):
            raise ClusterConnectionError(
                f"the jobs have ended, and none became a worker: {_listed(ids, known)}.",
                hint="Their output says why; log_directory= says where it is written.",
            )
        return (
            f"its jobs are submitted: {_listed(ids, known)}. {self.look} lists those that wait, and the output of "
            "one that has ended says why"
        )

    def _ask(self, ids: list[str]) -> Mapping[str, SlurmState]:
        now = time.monotonic()
        if now - self._asked > _ASK_EVERY:
            self._asked, self._known = now, self.states(ids)
        return self._known

    async def _close(self) -> None:
        await super()._close()
        for name in FILES:  # that dask-jobqueue keeps as long as this object lives
            file = name.of(self, None)
            if file is not None:
                file.close()


class Replacing(Adaptive):
    """Submits jobs that ended, at their walltime for example, again once there is work. Their number stays."""

    async def adapt(self) -> None:
        """Look for jobs that ended. Dask calls this once a second."""
        if len(self.plan) != len(self.requested) and await self.target():
            await self.cluster


async def submit(cluster: Any, jobs: int) -> None:
    """Submit jobs until there are as many as were asked for, and wait for the answers of the batch system."""
    cluster.scale(jobs)
    await cluster


@cache
def cluster_class(name: str) -> Any:
    """dask-jobqueue's class of this name, which makes a :class:`BatchCluster` of :class:`BatchJob` objects."""
    base = getattr(dask_jobqueue, name)
    job = type(base.job_cls.__name__, (BatchJob, base.job_cls), {})
    return type(name, (BatchCluster, base), {"job_cls": job})


def _said(error: BaseException) -> str:
    """The message of the command that failed, on one line. dask-jobqueue shows it after much else."""
    text = str(error)
    if "Exit code: 124\n" in text:
        return f"no answer within {_ANSWER_WITHIN} s"
    words = re.search(r"^stdout:\n(.*?)^stderr:\n(.*)", text, re.DOTALL | re.MULTILINE)
    return " ".join((words[2].strip() or words[1] if words else text).split()) or text.splitlines()[0]


def _listed(ids: list[str], known: Mapping[str, SlurmState]) -> str:
    said = [f"{one} {known[one].said}" if one in known else one for one in ids[:_SHOWN]]
    return ", ".join(said) + (", ..." if len(ids) > _SHOWN else "")
