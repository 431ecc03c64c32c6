"""Settings of ``aer-helm``."""

from __future__ import annotations

from pydantic import Field, field_validator

from ..base import ClusterConfig
from ..scaling import check_workers


class HelmConfig(ClusterConfig):
    """Settings of ``aer-helm``.

    Attributes:
        release: The name of the release, such as ``my-dask`` in ``helm install my-dask dask/dask``; default: the only
            release in the namespace.
        namespace: The namespace of the release; default: the namespace of the kubeconfig's context.
        workers: The number of workers to which the release is scaled when connecting; default: the number that it
            has.
        start_timeout: Seconds to wait until the scheduler answers and, if there are to be workers, until the first
            one is there.
        port_forward: Whether to reach the scheduler through the API server; default: yes, unless this process runs in
            Kubernetes.
        quiet: Whether to show no progress while connecting.
    """

    release: str | None = None
    namespace: str | None = None
    workers: int | None = None
    start_timeout: float = Field(default=300.0, gt=0)
    port_forward: bool | None = None
    quiet: bool = False

    @field_validator("workers")
    @classmethod
    def _some(cls, workers: int | None) -> int | None:
        if workers is not None:
            check_workers(workers)
        return workers
