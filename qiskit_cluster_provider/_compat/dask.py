"""What dask.distributed keeps to itself."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from .private import MISSING, Attribute, Symbol
from .python import threads_of

TRIED = ("2025.4", "2026.8")

_of_object = partial(Attribute, "distributed", tried=TRIED)
LOOP_RUNNER = _of_object(
    "Client._loop_runner",
    reason="to end the thread of a client or a cluster object, which Dask leaves if the connection ended by itself",
    without="The thread stays until Python ends, with three descriptors.",
)
ADAPTIVE = _of_object(
    "Cluster._adaptive",
    reason="to end an adaptation before a number of workers is asked for",
    without="Dask's own adapt() is called, which ends the adaptation before and returns one that can be ended.",
)
EXECUTOR_CLIENT = _of_object(
    "ClientExecutor._client",
    reason="to refuse an executor of a client that is closed before anything is sent",
    without="It is refused by its submit(), in the job and not when the job is made.",
)
OFFLOAD_EXECUTOR = Symbol(
    "distributed",
    "distributed.utils:_offload_executor",
    reason="to give a forked process a thread in which Dask unpacks messages",
    tried=TRIED,
    without="A cluster that a forked process starts may wait for ever; a process that is spawned has no such limit.",
)

_HELM = "aer-helm says which version to install when it connects."
_of_cluster = partial(Symbol, "distributed", tried=TRIED, without=_HELM)
CLUSTER_START = _of_cluster("distributed.deploy:Cluster._start", reason="to connect to a release's scheduler")
CLUSTER_CLOSE = _of_cluster("distributed.deploy:Cluster._close", reason="to end a release's connections")
CLUSTER_WATCH = _of_cluster(
    "distributed.deploy:Cluster._watch_worker_status", reason="to list a release's workers after its scheduler went"
)
WATCH_COMM = _of_object(
    "Cluster._watch_worker_status_comm",
    reason="to list a release's workers after its scheduler went",
    without="The list of workers stays that of the scheduler that went.",
)
WATCH_TASK = _of_object(
    "Cluster._watch_worker_status_task",
    reason="to end the watch before the connections end",
    without="It ends by itself once the cluster is closing, after a last try to reach the scheduler.",
)


def stop_adapting(cluster: Any, workers: int) -> None:
    """Let the load no longer decide how many workers a cluster object has, which are to be ``workers``."""
    adaptive = ADAPTIVE.of(cluster)
    if adaptive is MISSING:
        known = type(cluster).adapt.__module__.startswith(("distributed.", "dask_jobqueue."))
        adaptive = cluster.adapt(minimum=workers, maximum=workers) if known else None
    if adaptive is not None:
        adaptive.stop()


def stop_loop(thing: Any) -> None:
    """End the thread of a client or a cluster object that is closed."""
    runner = LOOP_RUNNER.of(thing, None)
    if runner is not None:
        runner.stop()


def renew_offloading() -> None:
    """Give Dask a new thread to unpack messages, if it had one that is gone: threads do not survive a fork.

    Without it, a cluster that a forked process starts would accept tasks and wait for ever.
    """
    module, _, name = OFFLOAD_EXECUTOR.name.partition(":")
    utils: Any = sys.modules.get(module)
    executor = getattr(utils, name, None)
    threads = threads_of(executor) if isinstance(executor, ThreadPoolExecutor) else set()
    if threads and not any(thread.is_alive() for thread in threads):
        setattr(utils, name, ThreadPoolExecutor(1, thread_name_prefix="Dask-Offload"))
