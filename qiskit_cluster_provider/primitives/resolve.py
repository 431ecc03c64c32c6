"""Where something runs: a backend, or the name of one."""

from __future__ import annotations

import threading
from typing import Any

from qiskit_aer import AerSimulator

from ..backend.cluster_backend import ClusterBackend
from ..engines.aer.devices import simulator_from
from ..errors import OptionTypeError
from ..provider import ClusterProvider

_lock = threading.Lock()
_provider: ClusterProvider | None = None


def backend_of(mode: ClusterBackend | str) -> ClusterBackend:
    """The backend that ``mode`` is, or names.

    Backends that are named come from one provider, so that primitives share their clusters. These are
    closed when Python ends, or by ``primitive.backend.close()``.

    Raises:
        OptionTypeError: it is neither.
        QiskitBackendNotFoundError: there is none of that name.
    """
    if isinstance(mode, ClusterBackend):
        return mode
    if isinstance(mode, str):
        global _provider
        with _lock:
            if _provider is None:
                _provider = ClusterProvider()
            return _provider.get_backend(mode)
    raise OptionTypeError(
        "mode must be a backend of ClusterProvider().get_backend(...) or the name of one, not "
        f"{type(mode).__name__}.",
        hint="For a device there is from_backend(device, mode=...).",
    )


def simulating(device: Any, mode: ClusterBackend | str) -> ClusterBackend:
    """A backend on the cluster of ``mode`` that simulates ``device``.

    Args:
        device: a device or fake device, whose target and noise it takes over; an ``AerSimulator``; or a
            cluster backend, which is itself.
        mode: where.

    Raises:
        OptionTypeError: ``device`` is no backend.
        ClusterConfigError: Aer cannot simulate it, since it has no coupling map.
    """
    if isinstance(device, ClusterBackend):
        return device
    simulator = device if isinstance(device, AerSimulator) else simulator_from(device)
    return backend_of(mode).with_simulator(simulator)
