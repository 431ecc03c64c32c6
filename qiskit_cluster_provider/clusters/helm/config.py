"""Settings of ``aer-helm``."""

from __future__ import annotations

from pydantic import Field, field_validator

from ..base import ClusterConfig
from ..scaling import check_workers


class HelmConfig(ClusterConfig):
    """Settings of ``aer-helm``.

    Attributes:
        release: its name, the ``my-dask`` of ``helm install my-dask dask/dask``; default: the only one that there is.
        namespace: of the release; default: the one of the kubeconfig's context.
        workers: scale the release to so many when connecting; default: leave it as it is.
        start_timeout: seconds for the scheduler to answer and, if there are to be workers, for the first one.
        port_forward: reach the scheduler through the API server; default: unless this process runs in Kubernetes.
        quiet: show no progress while it is waited for.
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
