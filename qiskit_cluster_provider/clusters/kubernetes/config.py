"""Settings of ``aer-k8s``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from ..base import ClusterConfig
from ..scaling import check_workers
from .quantities import parse_quantity

_LONGEST_NAME = 53  # the operator adds "-scheduler", and the name of a Service has 63 characters at most
_NAME = re.compile(rf"^(?=.{{1,{_LONGEST_NAME}}}$)[a-z]([-a-z0-9]*[a-z0-9])?\Z")
_IMAGE = re.compile(
    r"^(?:[\w][\w.-]*(?::\d+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?\Z"
)
_NAMESPACE = re.compile(r"^(?=.{1,63}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_SHORTEST_IDLE = 30.0  # seconds; the scheduler looks for clients every five


class KubernetesConfig(ClusterConfig):
    """Settings of ``aer-k8s``.

    Attributes:
        image: of scheduler and workers, with this package and the versions of this process in it
            (``deploy/Dockerfile`` makes one). A tag other than ``latest``, which is pulled at every start.
        workers: how many, or ``(minimum, maximum)``: then the load decides, from 0 too.
        namespace: default: the one of the kubeconfig's context.
        cpu: CPUs of a worker, requested and limited; a slice runs on each of them. ``"500m"`` is a half.
        memory: of a worker, requested and limited, for example ``"4Gi"``; what a simulation can have of it is
            checked before it starts.
        gpu: GPUs of a worker (``nvidia.com/gpu``); then Aer runs with ``device="GPU"``, and the image needs an
            Aer that can.
        env: environment variables of scheduler and workers.
        name: of the ``DaskCluster``; default: one that nobody has. If there is a cluster of this name, it is
            used only with ``keep``.
        spec: a ``DaskCluster`` manifest, or the path of one, in place of image, cpu, memory, gpu and env.
        keep: leave the cluster running when the backend is closed, and use one of this ``name`` that runs.
        create: start a cluster if there is none of this ``name``.
        idle_timeout: seconds without work and without a client after which the operator removes the cluster: what
            a killed process leaves costs no more than this. 0 for never.
        start_timeout: seconds for the scheduler and the first worker to be there.
        node_selector: labels of the nodes that scheduler and workers may run on.
        scheduler_cpu: CPUs of the scheduler.
        scheduler_memory: of the scheduler, for example ``"2Gi"``.
        port_forward: reach the scheduler through the API server; default: unless this process runs in Kubernetes.
        quiet: show no progress while it starts.
    """

    alternatives: ClassVar[tuple[str, ...]] = ("image", "spec")
    only_in_code: ClassVar[tuple[str, ...]] = ("create",)
    private: ClassVar[tuple[str, ...]] = ("env",)

    image: str | None = None
    workers: int | tuple[int, int] = 4
    namespace: str | None = None
    cpu: float | str = 1
    memory: str = "2Gi"
    gpu: int = Field(default=0, ge=0)
    env: dict[str, str] = Field(default_factory=dict)
    name: str | None = None
    spec: dict[str, Any] | str | Path | None = None
    keep: bool = False
    create: bool = True
    idle_timeout: float = Field(default=1800.0, ge=0, allow_inf_nan=False)
    start_timeout: float = Field(default=300.0, gt=0)
    node_selector: dict[str, str] = Field(default_factory=dict)
    scheduler_cpu: float | str = 1
    scheduler_memory: str = "2Gi"
    port_forward: bool | None = None
    quiet: bool = False

    @property
    def threads(self) -> int:
        """Dask threads of a worker: one for each CPU, at least one."""
        return max(1, int(parse_quantity(self.cpu)))

    @property
    def smallest(self) -> int:
        """Workers to begin with."""
        return self.workers if isinstance(self.workers, int) else self.workers[0]

    @property
    def largest(self) -> int:
        """Workers that there may be."""
        return self.workers if isinstance(self.workers, int) else self.workers[1]

    @field_validator("workers")
    @classmethod
    def _some(cls, workers: int | tuple[int, int]) -> int | tuple[int, int]:
        check_workers(workers)
        return workers

    @field_validator("cpu", "memory", "scheduler_cpu", "scheduler_memory")
    @classmethod
    def _quantity(cls, given: float | str) -> float | str:
        if parse_quantity(given) <= 0:
            raise ValueError(f"{given!r} must be above 0")
        return given

    @field_validator("memory", "scheduler_memory")
    @classmethod
    def _large_enough(cls, given: str) -> str:
        if parse_quantity(given) < 2**27:
            raise ValueError(f"{given!r} is {parse_quantity(given):.0f} bytes, too little to run Python; give '2Gi'")
        return given

    @field_validator("image")
    @classmethod
    def _reference(cls, image: str | None) -> str | None:
        if image is not None and not _IMAGE.match(image):
            raise ValueError(f"{image!r} is no image reference; one looks like 'registry.example/team/worker:1.0'")
        return image

    @field_validator("name")
    @classmethod
    def _nameable(cls, name: str | None) -> str | None:
        if name is not None and not _NAME.match(name):
            raise ValueError(
                f"{name!r} must be at most {_LONGEST_NAME} lower-case letters, digits and '-', from a letter on"
            )
        return name

    @field_validator("namespace")
    @classmethod
    def _a_namespace(cls, name: str | None) -> str | None:
        if name is not None and not _NAMESPACE.match(name):
            raise ValueError(f"{name!r} must be at most 63 lower-case letters, digits and '-'")
        return name

    @field_validator("idle_timeout")
    @classmethod
    def _not_in_use(cls, seconds: float) -> float:
        if 0 < seconds < _SHORTEST_IDLE:
            raise ValueError(f"{seconds:g} s is too short to tell; give {_SHORTEST_IDLE:g} or more, or 0 for never")
        return seconds

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        idle = {"image", "cpu", "memory", "gpu", "env", "node_selector", "scheduler_cpu", "scheduler_memory"}
        if self.spec is not None and (unused := sorted(idle & self.model_fields_set)):
            raise ValueError(f"spec says it all, {', '.join(unused)} would have no effect; leave one of them out")
        if not self.create and self.name is None:
            raise ValueError("to use a cluster that runs, give its name")
        return self
