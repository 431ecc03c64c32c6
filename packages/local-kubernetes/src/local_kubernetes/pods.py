"""A pod: each of its containers is a local process, and its status says how they fare."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp

from . import start
from .containers import StartError, command, environment, process_environment
from .events import warn
from .objects import ApiError, now
from .resources import PODS, Object
from .services import named_port

if TYPE_CHECKING:
    from .kubelet import Kubelet

_FIRST_BACK_OFF = 0.2  # seconds; a real kubelet begins with 10
_LONGEST_BACK_OFF = 5.0
_PULL_AGAIN = 0.5
_PROBE_EVERY = 0.1  # until a container is ready, then as often as its probe says, at most once a second


@dataclass
class Container:
    """What is known of one container of a pod."""

    spec: Object
    state: Object = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: Object = field(default_factory=dict)
    restarts: int = 0
    ready: bool = False
    process: asyncio.subprocess.Process | None = None
    killed_as: str = "Error"
    logs: list[Path] = field(default_factory=list)

    def status(self) -> Object:
        """Its entry in ``containerStatuses``."""
        states = {"state": self.state, "lastState": self.last_state, "started": "running" in self.state}
        names = {key: self.spec[key] for key in ("name", "image")}
        names["imageID"] = ""  # there are no images, but clients rely on the field
        return {**names, **states, "ready": self.ready, "restartCount": self.restarts}


class Pod:
    """One pod on a node, from its start to its end."""

    def __init__(self, kubelet: Kubelet, pod: Object) -> None:
        self._kubelet = kubelet
        self.object = pod
        self.address = kubelet.network.pod()
        self.containers = [Container(spec) for spec in pod["spec"]["containers"]]
        self._folder = kubelet.folder / pod["metadata"]["uid"]
        self._folder.mkdir()
        self._began = now()
        self._ending = asyncio.Event()
        self._grace = math.inf
        kubelet.tasks.create_task(self._run())

    def end(self, grace: float) -> None:
        """Begin to end it: SIGTERM, and SIGKILL when the time of grace is over. Without grace, at once."""
        self._grace = min(grace, self._grace)
        self._ending.set()
        for container in self.containers:
            if grace == 0 and container.process is not None:
                with suppress(ProcessLookupError):
                    container.process.kill()

    async def _run(self) -> None:
        self._publish()
        await asyncio.gather(*map(self._live, self.containers))
        if self._ending.is_set():
            self._kubelet.store.remove(PODS, self.object)
        else:
            self._publish(over=True)

    async def _live(self, container: Container) -> None:
        """Run a container again and again, as its restart policy says."""
        policy = self.object["spec"]["restartPolicy"]
        back_off = _FIRST_BACK_OFF
        await self._pull(container)
        while not self._ending.is_set():
            code = await self._run_once(container)
            if policy == "Never" or (policy == "OnFailure" and code == 0):
                return
            container.last_state = container.state
            if container.restarts:
                await self._back_off(container, back_off)
                back_off = min(2 * back_off, _LONGEST_BACK_OFF)
            container.restarts += 1

    async def _pull(self, container: Container) -> None:
        """Wait until there is such an image."""
        image = container.spec["image"]
        full = image if "/" in image else f"docker.io/library/{image}"
        words = f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": {full}: not found'
        state = {"reason": "ErrImagePull", "message": words}
        while image not in self._kubelet.images and not self._ending.is_set():
            container.state = {"waiting": state}
            self._warn("Failed", f'Failed to pull image "{image}": {words}')
            self._publish()
            await self._pause(_PULL_AGAIN)
            message = f'Back-off pulling image "{image}": ErrImagePull: {words}'
            state = {"reason": "ImagePullBackOff", "message": message}

    async def _back_off(self, container: Container, seconds: float) -> None:
        """Wait before a container is started again."""
        meta = self.object["metadata"]
        where = f"container={container.spec['name']} pod={meta['name']}_{meta['namespace']}({meta['uid']})"
        message = f"back-off {seconds:.1f}s restarting failed {where}"
        container.state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        self._warn("BackOff", f"Back-off restarting failed {where}")
        self._publish()
        await self._pause(seconds)

    async def _run_once(self, container: Container) -> int:
        """Start the process of a container, wait for its end and clear up what it leaves."""
        began = now()
        container.killed_as = "Error"
        try:
            container.process = process = await self._start(container)
        except StartError as error:
            return self._ended(container, 128, began, "StartError", str(error))
        container.state = {"running": {"startedAt": began}}
        probe = container.spec.get("readinessProbe")
        container.ready = probe is None
        self._publish()
        probing = self._kubelet.tasks.create_task(self._probe(container, probe)) if probe else None
        try:
            code = await self._wait(process)
        finally:
            container.process = None
            with suppress(ProcessLookupError):  # what a process has started ends with it, as in a container
                os.killpg(process.pid, signal.SIGKILL)
            if probing:
                probing.cancel()
        return self._ended(container, code, began, container.killed_as if code else "Completed")

    def _ended(self, container: Container, code: int, began: str, reason: str, message: str = "") -> int:
        code = 128 - code if code < 0 else code  # as a shell and a kubelet write signals
        state = {"exitCode": code, "reason": reason, "message": message, "startedAt": began, "finishedAt": now()}
        container.state = {"terminated": {key: value for key, value in state.items() if value != ""}}
        container.ready = False
        self._publish()
        return code

    async def _start(self, container: Container) -> asyncio.subprocess.Process:
        kubelet = self._kubelet
        own = environment(container.spec, self.object, kubelet.node(self.object))
        words = kubelet.crashes.get(container.spec["image"]) or command(container.spec, own, self.address)
        container.logs.append(self._folder / f"{container.spec['name']}.{container.restarts}.log")
        with container.logs[-1].open("wb") as output:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", start.__file__, str(os.getpid()), *words),
                env=process_environment(own, self.object, self._folder, kubelet.network.names),
                cwd="/",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def _wait(self, process: asyncio.subprocess.Process) -> int:
        """Wait for the end of a process, and bring it about when the pod is to end."""
        exited = asyncio.create_task(process.wait())
        ending = asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait((exited, ending), return_when=asyncio.FIRST_COMPLETED)
            for act, seconds in ((process.terminate, self._grace), (process.kill, None)):
                if not exited.done() and seconds != 0:
                    with suppress(ProcessLookupError):
                        act()
                    await asyncio.wait((exited,), timeout=seconds)
            return await exited
        finally:
            ending.cancel()

    async def _probe(self, container: Container, probe: Object) -> None:
        """Ask whether a container is ready, for as long as it runs."""
        while True:
            ready = await _is_up(probe, self.object, self.address)
            if ready != container.ready:
                container.ready = ready
                self._publish()
            await asyncio.sleep(min(probe.get("periodSeconds", 10), 1) if ready else _PROBE_EVERY)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    def _warn(self, reason: str, message: str) -> None:
        warn(self._kubelet.store, self.object, reason, message)

    def _publish(self, *, over: bool = False) -> None:
        """Write the pod's status."""
        statuses = [container.status() for container in self.containers]
        begun = any("waiting" not in each["state"] or each["restartCount"] for each in statuses)
        failed = any(each["state"].get("terminated", {}).get("exitCode") for each in statuses)
        phase = ("Failed" if failed else "Succeeded") if over else "Running" if begun else "Pending"
        ready = str(all(each["ready"] for each in statuses))
        conditions = {"Initialized": "True", "Ready": ready, "ContainersReady": ready, "PodScheduled": "True"}

        def change(pod: Object) -> None:
            before = {(each["type"], each["status"]): each for each in pod["status"].get("conditions", ())}
            pod["status"] |= {
                "phase": phase,
                "podIP": self.address,
                "podIPs": [{"ip": self.address}],
                "hostIP": self._kubelet.network.node,
                "startTime": self._began,
                "containerStatuses": statuses,
                "conditions": [
                    before.get(pair, {"type": pair[0], "status": pair[1], "lastTransitionTime": now()})
                    for pair in conditions.items()
                ],
            }

        meta = self.object["metadata"]
        with suppress(ApiError):  # it was deleted by force
            self.object = self._kubelet.store.edit(PODS, meta["namespace"], meta["name"], change, "status")


async def _is_up(probe: Object, pod: Object, address: str) -> bool:
    """Whether a container answers its probe; one that is not served here counts as answered."""
    timeout = aiohttp.ClientTimeout(total=probe.get("timeoutSeconds", 1))
    try:
        if "httpGet" in probe:
            url = f"http://{address}:{named_port(pod, probe['httpGet']['port'])}{probe['httpGet'].get('path', '/')}"
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
                return 200 <= answer.status < 400
        if "tcpSocket" in probe:
            _, writer = await asyncio.open_connection(address, named_port(pod, probe["tcpSocket"]["port"]))
            writer.close()
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
    return True
