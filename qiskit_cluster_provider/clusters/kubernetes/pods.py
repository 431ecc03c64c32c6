"""What the pods of a cluster do, and why some of them do not run. Reads Kubernetes' objects; asks nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

CLUSTER = "dask.org/cluster-name"
COMPONENT = "dask.org/component"
_HOPELESS = ("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_CRASHES = 2  # restarts before it is more than an accident


@dataclass(frozen=True)
class Trouble:
    """Why something does not start.

    Attributes:
        text: one sentence with Kubernetes' own words, without its full stop.
        mend: what to do.
        final: whether waiting is of no use.
        pod: whose last lines would tell more; empty if no container ran.
        container: in that pod.
        of: the component: without the scheduler there is no cluster; of many workers some may be in trouble.
    """

    text: str
    mend: str
    final: bool = True
    pod: str = ""
    container: str = ""
    of: str = "worker"


@dataclass(frozen=True)
class Seen:
    """Pods, Deployments and Events of one cluster at one moment.

    Attributes:
        scheduler: what its pod does, in a word or two; empty if there is none.
        scheduler_ready: whether it can be connected to.
        workers: pods of workers.
        running: those of them that are ready.
    """

    scheduler: str
    scheduler_ready: bool
    workers: int
    running: int
    troubles: tuple[Trouble, ...] = ()


def seen(pods: Iterable[Mapping[str, Any]], deployments: Iterable[Mapping[str, Any]], image: str) -> Seen:
    """Read what there is.

    Args:
        pods: of the cluster; those that are being deleted do not count.
        deployments: of the cluster, which tell of pods that cannot be made.
        image: that was asked for, for the sentence about it.
    """
    there = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    schedulers = [pod for pod in there if _component(pod) == "scheduler"]
    workers = [pod for pod in there if _component(pod) == "worker"]
    troubles = []
    for thing, reasons in (
        *((deployment, _not_made(deployment)) for deployment in deployments),
        *((pod, _not_running(pod, image)) for pod in (*schedulers, *workers)),
    ):
        troubles += [replace(one, of=_component(thing)) for one in reasons]
    return Seen(
        scheduler=state(schedulers[0]) if schedulers else "",
        scheduler_ready=any(ready(pod) for pod in schedulers),
        workers=len(workers),
        running=sum(ready(pod) for pod in workers),
        troubles=tuple(dict.fromkeys(troubles)),
    )


def ready(pod: Mapping[str, Any]) -> bool:
    """Whether its containers run and answer their probes."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in _conditions(pod))


def pending(pod: Mapping[str, Any]) -> bool:
    """Whether it has not begun to run."""
    return bool(pod.get("status", {}).get("phase", "Pending") == "Pending")


def state(pod: Mapping[str, Any]) -> str:
    """What it does, in the words of ``kubectl get pods``."""
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    for one in _containers(pod):
        for kind in ("waiting", "terminated"):
            if reason := one.get("state", {}).get(kind, {}).get("reason"):
                return str(reason)
    phase = str(pod.get("status", {}).get("phase", "Pending"))
    return "Starting" if phase == "Running" and not ready(pod) else phase


def _not_made(deployment: Mapping[str, Any]) -> Iterable[Trouble]:
    for one in _conditions(deployment):
        if one["type"] == "ReplicaFailure" and one["status"] == "True":
            said = str(one.get("message", one.get("reason", ""))).rstrip(".")
            mend = "Ask for less, or for more rights or quota: kubectl describe quota,limitrange"
            yield Trouble(f"Kubernetes refuses to make a {_component(deployment)} pod: {said}", mend)


def _not_running(pod: Mapping[str, Any], image: str) -> Iterable[Trouble]:
    what = f"the {_component(pod)} pod {pod['metadata']['name']}"
    describe = f"kubectl describe pod -n {pod['metadata']['namespace']} {pod['metadata']['name']}"
    for one in _conditions(pod):
        if one["type"] == "PodScheduled" and one["status"] == "False" and one.get("reason") == "Unschedulable":
            said = str(one.get("message", "")).rstrip(".")
            mend = (
                "Ask for less with cpu=, memory= or gpu=, for fewer workers, or for other nodes with node_selector=: "
                "kubectl describe nodes"
            )
            yield Trouble(f"{what} finds no node: {said}", mend, final=False)  # an autoscaler may bring one
    for one in _containers(pod):
        waiting = one.get("state", {}).get("waiting", {})
        reason, said = str(waiting.get("reason", "")), str(waiting.get("message", "")).rstrip(".")
        restarts = int(one.get("restartCount", 0))
        if reason in _HOPELESS or reason == "ErrImagePull":
            mend = (
                "Check image=, that the nodes can reach its registry and are let in (imagePullSecrets of the "
                f"namespace's ServiceAccount): {describe}"
            )
            final = reason in _HOPELESS
            yield Trouble(f"the image {one.get('image', image)!r} cannot be pulled ({reason}: {said})", mend, final)
        elif reason in _CONFIG:
            yield Trouble(f"{what} cannot be started ({reason}: {said})", f"See {describe}")
        elif restarts >= _CRASHES and not one.get("ready"):
            ended = (one.get("lastState") or one.get("state") or {}).get("terminated", {})
            text, mend = _ended(what, ended, restarts)
            yield Trouble(text, mend, True, pod["metadata"]["name"], one["name"])


def _ended(what: str, ended: Mapping[str, Any], restarts: int) -> tuple[str, str]:
    if ended.get("reason") == "OOMKilled":
        return f"{what} has run out of memory {restarts} times", "Give it more with memory= or scheduler_memory="
    return (
        f"{what} ends again and again ({restarts} restarts, exit code {ended.get('exitCode', '?')})",
        "Is this package in the image, with the versions of this process (deploy/Dockerfile)? Its last lines",
    )


def _component(thing: Mapping[str, Any]) -> str:
    return str(thing["metadata"].get("labels", {}).get(COMPONENT, "worker"))


def _conditions(thing: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(thing.get("status", {}).get("conditions") or [])


def _containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
