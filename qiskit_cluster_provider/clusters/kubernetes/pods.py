"""What the pods of a cluster do, and why some do not run. This reads Kubernetes' objects, and sends no request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

CLUSTER = "dask.org/cluster-name"
COMPONENT = "dask.org/component"
_COMPONENTS = (COMPONENT, "component", "app.kubernetes.io/component")  # the operator's label, the chart's, its next
_HOPELESS = ("ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull")
_CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_REMOVED = re.compile(r'exec: "(dask-scheduler|dask-worker)": executable file not found')
_CRASHES = 2  # restarts before it is more than an accident


@dataclass(frozen=True)
class Advice:
    """What mends troubles, in terms of whatever made the pods.

    Attributes:
        less: How to ask for less: a sentence without its full stop.
        image: Where to set the image.
        memory: Where to set the memory.
    """

    less: str
    image: str
    memory: str


@dataclass(frozen=True)
class Trouble:
    """The reason why something does not start.

    Attributes:
        text: One sentence without its full stop, with Kubernetes' own words.
        mend: What to do.
        final: Whether waiting cannot help.
        pod: The pod whose last lines would tell more; empty if no container ran.
        container: The container in that pod.
        of_scheduler: Whether it is the scheduler that does not start.
    """

    text: str
    mend: str
    final: bool = True
    pod: str = ""
    container: str = ""
    of_scheduler: bool = False


@dataclass(frozen=True)
class Seen:
    """The pods and the Deployments of one cluster at one moment.

    Attributes:
        scheduler: What the scheduler's pod does, in a word or two; empty if there is none.
        scheduler_ready: Whether the scheduler can be connected to.
        workers: The number of pods of workers.
        running: The number of those that are ready.
        troubles: What keeps pods from running.
        up: A trouble for each pod whose container runs. If what is awaited does not come, this is the reason.
    """

    scheduler: str
    scheduler_ready: bool
    workers: int
    running: int
    troubles: tuple[Trouble, ...] = ()
    up: tuple[Trouble, ...] = ()


def seen(pods: Iterable[Mapping[str, Any]], deployments: Iterable[Mapping[str, Any]], advice: Advice) -> Seen:
    """Read what there is.

    Args:
        pods: The pods of the cluster. Pods that are being deleted do not count.
        deployments: The Deployments of the cluster, which tell about pods that cannot be made.
        advice: What mends troubles.
    """
    there = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    schedulers = [pod for pod in there if component(pod) == "scheduler"]
    workers = [pod for pod in there if component(pod) == "worker"]
    troubles = [*_not_made(deployments)]
    for pod in (*schedulers, *workers):
        troubles += _not_running(pod, advice)
    return Seen(
        scheduler=state(schedulers[0]) if schedulers else "",
        scheduler_ready=any(ready(pod) for pod in schedulers),
        workers=len(workers),
        running=sum(ready(pod) for pod in workers),
        troubles=tuple(dict.fromkeys(troubles)),
        up=tuple(one for pod in (*schedulers, *workers) for one in _up(pod, advice)),
    )


def _up(pod: Mapping[str, Any], advice: Advice) -> Iterable[Trouble]:
    name, part = pod["metadata"]["name"], component(pod)
    for one in pod.get("status", {}).get("containerStatuses") or []:
        if "running" in one.get("state", {}):
            text = f"the {part} pod {name} runs, and no Dask {part} in it answers"
            mend = f"Does the image's entrypoint run the command that it is given? See {advice.image}; its last lines"
            yield Trouble(text, mend, False, name, one["name"], part == "scheduler")


def out_of_memory(pods: Iterable[Mapping[str, Any]], advice: Advice) -> list[str]:
    """A sentence without its full stop for each worker whose container was ended because it had too little memory."""
    said = []
    for pod in pods:
        for one in _containers(pod) if component(pod) == "worker" else ():
            ends = [(one.get(key) or {}).get("terminated") or {} for key in ("lastState", "state")]
            if any(end.get("reason") == "OOMKilled" for end in ends):
                times = max(1, int(one.get("restartCount", 0)))
                said.append(
                    f"the worker pod {pod['metadata']['name']} ran out of memory (OOMKilled, {times} restarts): more "
                    f"with {advice.memory}"
                )
    return said


def component(thing: Mapping[str, Any]) -> str:
    """``scheduler``, ``worker``, or another component that a chart has, such as ``jupyter``."""
    labels = thing["metadata"].get("labels", {})
    return next((str(labels[name]) for name in _COMPONENTS if name in labels), "worker")


def ready(pod: Mapping[str, Any]) -> bool:
    """Whether a pod's containers run and answer their probes."""
    return any(one["type"] == "Ready" and one["status"] == "True" for one in _conditions(pod))


def pending(pod: Mapping[str, Any]) -> bool:
    """Whether a pod has not begun to run."""
    return bool(pod.get("status", {}).get("phase", "Pending") == "Pending")


def state(pod: Mapping[str, Any]) -> str:
    """What a pod does, in the words of ``kubectl get pods``."""
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    for one in _containers(pod):
        for kind in ("waiting", "terminated"):
            if reason := one.get("state", {}).get(kind, {}).get("reason"):
                return str(reason)
    phase = str(pod.get("status", {}).get("phase", "Pending"))
    return "Starting" if phase == "Running" and not ready(pod) else phase


def _not_made(deployments: Iterable[Mapping[str, Any]]) -> Iterable[Trouble]:
    for deployment in deployments:
        for one in _conditions(deployment):
            if one["type"] == "ReplicaFailure" and one["status"] == "True":
                said = str(one.get("message", one.get("reason", ""))).rstrip(".")
                mend = "Ask for less, or for more rights or quota: kubectl describe quota,limitrange"
                text = f"Kubernetes refuses to make a {component(deployment)} pod: {said}"
                yield Trouble(text, mend, of_scheduler=component(deployment) == "scheduler")


def _not_running(pod: Mapping[str, Any], advice: Advice) -> Iterable[Trouble]:
    what = f"the {component(pod)} pod {pod['metadata']['name']}"
    describe = f"kubectl describe pod -n {pod['metadata']['namespace']} {pod['metadata']['name']}"
    trouble = partial(Trouble, of_scheduler=component(pod) == "scheduler")
    for one in _conditions(pod):
        if one["type"] == "PodScheduled" and one["status"] == "False" and one.get("reason") == "Unschedulable":
            said = str(one.get("message", "")).rstrip(".")
            mend = f"{advice.less}: kubectl describe nodes"
            yield trouble(f"{what} finds no node: {said}", mend, final=False)  # an autoscaler may bring one
    for one in _containers(pod):
        waiting = one.get("state", {}).get("waiting", {})
        reason, said = str(waiting.get("reason", "")), str(waiting.get("message", "")).rstrip(".")
        restarts = int(one.get("restartCount", 0))
        ended = (one.get("lastState") or one.get("state") or {}).get("terminated", {})
        if reason in _HOPELESS or reason == "ErrImagePull":
            mend = (
                f"Check {advice.image}, that the nodes can reach its registry and are let in (imagePullSecrets of "
                f"the namespace's ServiceAccount): {describe}"
            )
            text = f"the image {one.get('image', '')!r} cannot be pulled ({reason}: {said})"
            yield trouble(text, mend, final=reason in _HOPELESS)
        elif command := _REMOVED.search(f"{said} {ended.get('message', '')}"):
            mend = (
                "Dask removed this command in 2026.6; deploy/Dockerfile makes an image that has it. "
                f"Check {advice.image}"
            )
            yield trouble(f"{what} cannot be started: there is no {command[1]} in its image", mend)
        elif reason in _CONFIG:
            yield trouble(f"{what} cannot be started ({reason}: {said})", f"See {describe}")
        elif restarts >= _CRASHES and not one.get("ready"):
            text, mend = _ended(what, ended, restarts, advice)
            yield trouble(text, mend, True, pod["metadata"]["name"], one["name"])


def _ended(what: str, ended: Mapping[str, Any], restarts: int, advice: Advice) -> tuple[str, str]:
    if ended.get("reason") == "OOMKilled":
        return f"{what} has run out of memory {restarts} times", f"Give it more with {advice.memory}"
    return (
        f"{what} ends again and again ({restarts} restarts, exit code {ended.get('exitCode', '?')})",
        "Is this package in the image, with the versions of this process (deploy/Dockerfile)? Its last lines",
    )


def _conditions(thing: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return list(thing.get("status", {}).get("conditions") or [])


def _containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
