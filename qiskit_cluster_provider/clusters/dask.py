"""``aer-dask``: any Dask cluster that is running already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from ..errors import ClusterConfigError
from .base import ClusterConfig, ClusterKind

if TYPE_CHECKING:
    from distributed import Client


class DaskConfig(ClusterConfig):
    """Settings of ``aer-dask``: exactly one of ``address``, ``client`` and ``scheduler_file``.

    Attributes:
        address: of the scheduler, for example ``tcp://10.0.0.1:8786``.
        client: a connected ``distributed.Client``; it is used and left open.
        scheduler_file: the JSON file that ``dask scheduler --scheduler-file`` writes.
        timeout: seconds to wait for the scheduler.
    """

    alternatives: ClassVar[tuple[str, ...]] = ("address", "client", "scheduler_file")
    only_in_code: ClassVar[tuple[str, ...]] = ("client",)

    address: str | None = None
    client: Any = None
    scheduler_file: str | None = None
    timeout: float = Field(default=10.0, gt=0)

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        given = [name for name in self.alternatives if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} name more than one cluster; give one of them")
        if self.client is not None and not hasattr(self.client, "scheduler_info"):
            raise ValueError(f"client must be a distributed.Client, not {type(self.client).__name__}")
        return self


class DaskKind(ClusterKind):
    """A client of a running scheduler. Nothing is started, and a client that was handed over is not closed."""

    description = "A Dask cluster that is running: address=, client= or scheduler_file="
    Config = DaskConfig

    @contextmanager
    def connect(self, config: DaskConfig) -> Iterator[Client]:
        """Connect to the scheduler."""
        if config.client is not None:
            yield config.client
            return
        if config.address is None and config.scheduler_file is None:
            raise ClusterConfigError(
                "aer-dask does not know which cluster: give address='tcp://host:8786', client= or scheduler_file= "
                "to get_backend, or set QISKIT_CLUSTER_ADDRESS."
            )
        from distributed import Client

        with Client(
            config.address, scheduler_file=config.scheduler_file, timeout=config.timeout, set_as_default=False
        ) as client:
            yield client
