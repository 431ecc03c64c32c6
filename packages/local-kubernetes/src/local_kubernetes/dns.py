"""The cluster's DNS, inside each pod's process: Python runs a copy of this file as ``sitecustomize`` when it starts.

``NAME``, ``NAME.NAMESPACE`` and ``NAME.NAMESPACE.svc.cluster.local`` are looked up in the file of names first.
"""

import os
import socket
from typing import Any

_real = socket.getaddrinfo


def _resolve(host: Any) -> Any:
    if not isinstance(host, str):
        return host
    name = host.rstrip(".").removesuffix(".cluster.local").removesuffix(".svc")
    if "." not in name:
        name += "." + os.environ["LOCAL_KUBERNETES_NAMESPACE"]
    with open(os.environ["LOCAL_KUBERNETES_NAMES"]) as names:
        return dict(line.split() for line in names).get(name, host)


def _getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    return _real(_resolve(host), *args, **kwargs)


if "LOCAL_KUBERNETES_NAMES" in os.environ:
    socket.getaddrinfo = _getaddrinfo
