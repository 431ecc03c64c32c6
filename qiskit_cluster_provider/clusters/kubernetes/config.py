"""Settings of ``aer-k8s``, and amounts as Kubernetes writes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from ..base import ClusterConfig
from ..scaling import check_workers

_LONGEST_NAME = 53  # the operator adds "-scheduler", and the name of a Service has 63 characters at most
_NAME = re.compile(rf"^(?=.{{1,{_LONGEST_NAME}}}$)[a-z]([-a-z0-9]*[a-z0-9])?\Z")
_IMAGE = re.compile(
    r"^(?:[\w][\w.-]*(?::\d+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?\Z"
)
_NAMESPACE = re.compile(r"^(?=.{1,63}\Z)[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")
_SUFFIXES = {
    "": 1.0,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
    "Pi": 2.0**50,
    "Ei": 2.0**60,
}
_QUANTITY = re.compile(r"^(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d+))?([a-zA-Z]*)$")
_SHORTEST_IDLE = 30.0  # seconds; the scheduler looks for clients every five


def parse_quantity(text: float | str) -> float:
    """The number of CPUs or bytes that Kubernetes writes as ``500m``, ``2`` or ``4Gi``.

    Raises:
        ValueError: The text is not such an amount.
    """
    found = _QUANTITY.match(str(text).strip())
    if found is None or found[3] not in _SUFFIXES:
        raise ValueError(f"{text!r} is not an amount as Kubernetes writes it; give for example 2, '500m' or '4Gi'")
    return float(found[1]) * 10.0 ** int(found[2] or 0) * _SUFFIXES[found[3]]


class KubernetesConfig(ClusterConfig):
    """Settings of ``aer-k8s``.

    Attributes:
        image: The image of the scheduler and of the workers. It contains this package, and Python, Qiskit, and Aer in
            the versions of your program; ``deploy/Dockerfile`` makes one. The tag ``latest`` is pulled at every
            start, so use another one.
        workers: The number of workers, or ``(minimum, maximum)``, between which the load decides. The minimum can be
            0.
        namespace: The namespace of the cluster; default: the namespace of the kubeconfig's context.
        cpu: The CPUs of a worker, requested and limited. A slice runs on each of them. ``"500m"`` is half a CPU.
        memory: The memory of a worker, requested and limited, for example ``"4Gi"``. A circuit that does not fit is
            refused.
        gpu: The GPUs of a worker (``nvidia.com/gpu``). If there are any, Aer runs with ``device="GPU"``, and the
            image needs an Aer that supports GPUs.
        env: Environment variables of the scheduler and of the workers.
        name: The name of the ``DaskCluster``; default: a new name. A cluster that has this name already is used only
            with ``keep``.
        spec: A ``DaskCluster`` manifest, or the path of one, in place of ``image``, ``cpu``, ``memory``, ``gpu``, and
            ``env``.
        keep: Whether to leave the cluster running when the backend is closed, and to use a running cluster with this
            ``name``.
        create: Whether to start a cluster if none has this ``name``.
        idle_timeout: Seconds without work and without a client after which the operator removes the cluster. So a
            cluster that a killed process has left costs no more than this time. 0 keeps it for ever.
        start_timeout: Seconds to wait for the scheduler and for the first worker.
        node_selector: Labels of the nodes on which the scheduler and the workers may run.
        scheduler_cpu: The CPUs of the scheduler.
        scheduler_memory: The memory of the scheduler, for example ``"2Gi"``.
        port_forward: Whether to reach the scheduler through the API server; default: yes, unless this process runs in
            Kubernetes.
        quiet: Whether to show no progress while the cluster starts.
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
        """The Dask threads of a worker: one for each CPU, and at least one."""
        return max(1, int(parse_quantity(self.cpu)))

    @property
    def smallest(self) -> int:
        """The number of workers at the start."""
        return self.workers if isinstance(self.workers, int) else self.workers[0]

    @property
    def largest(self) -> int:
        """The largest number of workers."""
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
            raise ValueError(
                f"{image!r} is not an image reference; one looks like 'registry.example/team/worker:1.0'"
            )
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
