"""``aer-dask``: a Dask cluster that is already running."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from ..errors import ClusterConfigError, ClusterConnectionError, ClusterError
from .base import ClusterConfig, ClusterKind
from .clients import end_client, new_client
from .doctor.findings import Finding
from .doctor.running import running

if TYPE_CHECKING:
    from distributed import Client

_LOOK_AGAIN = 0.1  # seconds, for a scheduler file
_GIVE = "give tls_ca_file=, tls_client_cert= and tls_client_key= (paths), or security= (a distributed.Security)"


class DaskConfig(ClusterConfig):
    """Settings of ``aer-dask``: exactly one of ``address``, ``client`` and ``scheduler_file``.

    Attributes:
        address: The address of the scheduler, for example ``tcp://10.0.0.1:8786``, or ``tls://`` with a certificate.
        client: A connected ``distributed.Client``. It is used, and it stays open.
        scheduler_file: The JSON file that ``dask scheduler --scheduler-file`` writes.
        timeout: Seconds to wait for the scheduler, or for its file.
        tls_ca_file: The PEM file of the authority that signed the certificates of the cluster.
        tls_client_cert: The PEM file of this client's certificate.
        tls_client_key: The PEM file of the certificate's key, if that is not in ``tls_client_cert``.
        security: A ``distributed.Security``, in place of the three files. Without it and without files, Dask's own
            configuration applies.
    """

    alternatives: ClassVar[tuple[str, ...]] = ("address", "client", "scheduler_file")
    only_in_code: ClassVar[tuple[str, ...]] = ("client", "security")
    private: ClassVar[tuple[str, ...]] = ("client", "security")

    address: str | None = None
    client: Any = None
    scheduler_file: str | None = None
    timeout: float = Field(default=10.0, gt=0)
    tls_ca_file: str | None = None
    tls_client_cert: str | None = None
    tls_client_key: str | None = None
    security: Any = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = [name for name in self.alternatives if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} name more than one cluster; give one of them")
        if self.client is not None and not hasattr(self.client, "scheduler_info"):
            raise ValueError(f"client must be a distributed.Client, not {type(self.client).__name__}")
        if self.client is not None and self.security is not None:
            raise ValueError("client is connected already; give security to distributed.Client")
        if self.security is not None and not hasattr(self.security, "get_connection_args"):
            raise ValueError(f"security must be a distributed.Security, not {type(self.security).__name__}")
        files = [name for name in ("tls_ca_file", "tls_client_cert") if getattr(self, name) is not None]
        if len(files) == 1 or (self.tls_client_key is not None and not files):
            raise ValueError("TLS needs both tls_ca_file and tls_client_cert")
        return self


class DaskKind(ClusterKind):
    """A client of a running scheduler. This kind starts nothing, and does not close a client that was handed over."""

    description = "A Dask cluster that is running: address=, client= or scheduler_file="
    Config = DaskConfig

    def portable(self, config: DaskConfig) -> dict[str, Any]:
        """The settings that a pickle keeps. In place of a client, it keeps the address of the client's scheduler."""
        found = super().portable(config)
        scheduler = getattr(config.client, "scheduler", None)
        return found if scheduler is None else {**found, "address": scheduler.address}

    @contextmanager
    def connect(self, config: DaskConfig) -> Iterator[Client]:
        """Connect to the scheduler."""
        if config.client is not None:
            yield config.client
            return
        if config.scheduler_file is not None:
            address = _read_address(Path(config.scheduler_file), config.timeout)
        elif config.address is not None:
            address = config.address
        else:
            raise ClusterConfigError(
                "aer-dask does not know which cluster:",
                hint=(
                    "give address='tcp://host:8786', client= or scheduler_file= to get_backend, or set "
                    "QISKIT_CLUSTER_ADDRESS."
                ),
            )
        client = _connected(address, _security(config), config.timeout)
        try:
            yield client
        finally:
            end_client(client)

    def findings(self, config: DaskConfig) -> Iterator[Finding]:
        """Check whether the scheduler answers, how many workers it has, and whether their versions fit."""
        try:
            with self.connect(config) as client:
                yield from running(client)
        except ClusterError as error:
            yield Finding.failed("scheduler", error)


def _read_address(file: Path, timeout: float) -> str:
    """The address in a scheduler file, which may not be written yet. Dask would wait for the file without end."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return str(json.loads(file.read_text())["address"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            if time.monotonic() > deadline:
                raise ClusterConnectionError(
                    f"{file} has no scheduler's address after {timeout:g} s ({type(error).__name__}: {error})",
                    hint=f"start one that writes it: dask scheduler --scheduler-file {file}",
                ) from error
        threading.Event().wait(_LOOK_AGAIN)


def _security(config: DaskConfig) -> Any:
    """The security that the settings give; ``None`` if Dask's own configuration applies."""
    from distributed import Security

    security = config.security
    if security is None and config.tls_ca_file is not None:
        names = ("tls_ca_file", "tls_client_cert", "tls_client_key")
        files = {name: getattr(config, name) for name in names if getattr(config, name) is not None}
        files = {name: str(Path(file).expanduser()) for name, file in files.items()}
        for name, file in files.items():
            if not Path(file).is_file():
                raise ClusterConfigError(f"{name}={file!r}: there is no such file.")
        security = Security(require_encryption=True, **files)
    try:
        # Asked here, because a Client that fails on it in its constructor says nothing of what it needs.
        (security or Security()).get_connection_args("client")
    except OSError as error:  # an ssl.SSLError is one, too
        raise ClusterConfigError(
            f"the TLS files cannot be used: {error}.",
            hint=f"They must be PEM, and the key must be the certificate's: {security or Security()!r}",
        ) from error
    return security


def _connected(address: str, security: Any, timeout: float) -> Client:
    try:
        return new_client(address, security=security, timeout=timeout)
    except Exception as error:
        raise ClusterConnectionError(f"{address}: {_said(error)}.", hint=_advice(address, error)) from error


def _said(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).strip() or 'without a word'}"


def _advice(address: str, error: BaseException) -> str:
    """What to do about an error. Dask's errors do not say when one side uses TLS and the other does not."""
    text, reset = _said(error), isinstance(error, ConnectionError | EOFError) or "Closed" in type(error).__name__
    encrypted = address.startswith(("tls://", "wss://"))
    if "ssl_context" in text:
        return f"It is reached with TLS only; {_GIVE}."
    if "encryption required" in text:
        return "TLS was asked for, which this address does not have; give the scheduler's address as tls://host:port."
    if address.startswith("inproc://"):
        return "Such a scheduler is inside a process, and only that reaches it; give one with a tcp:// address."
    if encrypted and (reset or "SSL" in text):  # among them "cannot convert to SSL", of a scheduler that talks first
        return (
            f"Each side's certificate must be signed by the other's authority; {_GIVE}. If the scheduler runs "
            "without TLS, its address begins with tcp://."
        )
    if reset:
        return f"If the scheduler runs with TLS, give its address as tls://host:port, and {_GIVE}."
    return "Check the address, and that a scheduler runs there which this machine can reach."
