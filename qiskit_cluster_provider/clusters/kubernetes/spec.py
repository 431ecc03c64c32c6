"""The ``DaskCluster`` that ``aer-k8s`` creates, as data.

Scheduler and workers run as an unprivileged user, without a ServiceAccount's token, without capabilities, and on a
file system that is read-only except for ``/tmp``. So whatever a circuit could make them do stays in their pod.
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ...errors import ClusterConfigError
from ...versions import report
from .config import KubernetesConfig, parse_quantity
from .pods import CLUSTER, COMPONENT

GROUP = "kubernetes.dask.org"
VERSION = "v1"
GPU = "nvidia.com/gpu"

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "qiskit-cluster-provider"
OWNER = "qiskit-cluster-provider/owner"
SESSION = "qiskit-cluster-provider/session"
KEEP = "qiskit-cluster-provider/keep"
HOST = "qiskit-cluster-provider/host"
MACHINE = "qiskit-cluster-provider/machine"
PROCESS = "qiskit-cluster-provider/process"
CREATED = "qiskit-cluster-provider/created"
MADE_WITH = "qiskit-cluster-provider/version"
DELETED = "qiskit-cluster-provider/deleted"

USER = 10001
"""Numeric, since Kubernetes can tell of a number that it is not root, and of a name it cannot."""
_GRACE = 5  # seconds to end by itself; the slice that it had is run again anyway
_IN_USE = "qiskit_cluster_provider.clusters.kubernetes.in_use"


def new_name() -> str:
    """A new name, which tells whose cluster it is."""
    return f"qiskit-{owner_label()[:20]}-{secrets.token_hex(3)}".lower().replace("_", "-").replace(".", "-")


def owner_label() -> str:
    """The user of this process, as the value of a label."""
    try:
        return _label(getpass.getuser())
    except (KeyError, OSError):  # a numeric user without a name, as in many containers
        return f"uid-{os.getuid()}"


def machine() -> str:
    """Where the number of a process identifies it: one boot of one machine, in one container.

    The name of the machine would not do, since others may have the same. Empty if this cannot be told.
    """
    try:
        started = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{started} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def manifest(config: KubernetesConfig, name: str, namespace: str | None = None) -> dict[str, Any]:
    """The ``DaskCluster`` named ``name``, for ``namespace``.

    Raises:
        ClusterConfigError: There is no image, or ``spec`` is not a ``DaskCluster`` for this namespace.
    """
    if config.spec is not None:
        cluster = _given(config.spec, namespace)
        service = cluster["spec"].get("scheduler", {}).get("service", {})
        if CLUSTER in service.get("selector", {}):  # of the name that the manifest was written for
            service["selector"][CLUSTER] = name
    elif config.image is not None:
        cluster = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "DaskCluster",
            "metadata": {},
            "spec": _spec(config, name),
        }
    else:
        raise ClusterConfigError(
            "aer-k8s needs image=, or QISKIT_CLUSTER_IMAGE, with this package in it: deploy/Dockerfile makes one."
        )
    meta = cluster["metadata"]
    meta["name"] = name
    meta["labels"] = {**meta.get("labels", {}), **_labels(config)}
    meta["annotations"] = {**meta.get("annotations", {}), **_annotations()}
    spec = cluster["spec"]
    selector = spec.get("scheduler", {}).get("service", {}).get("selector", {})
    if CLUSTER in selector:  # of the name that a given manifest has
        selector[CLUSTER] = name
    spec.setdefault("idleTimeout", int(config.idle_timeout))
    if config.spec is None or "workers" in config.model_fields_set:
        spec["worker"]["replicas"] = config.smallest
    return cluster


def session_of(cluster: Mapping[str, Any]) -> str:
    """What tells a ``DaskCluster`` of this package from every other, also from a later one of the same name."""
    return str(cluster["metadata"].get("labels", {}).get(SESSION, ""))


def _given(spec: Mapping[str, Any] | str | Path, namespace: str | None) -> dict[str, Any]:
    if not isinstance(spec, Mapping):
        path = Path(spec).expanduser()
        try:
            spec = yaml.safe_load(path.read_text())
        except OSError as error:
            raise ClusterConfigError(f"spec={str(path)!r} cannot be read: {error.strerror}.") from error
        except yaml.YAMLError as error:
            raise ClusterConfigError(f"spec={str(path)!r} is not YAML: {error}.") from error
        except UnicodeDecodeError as error:
            raise ClusterConfigError(f"spec={str(path)!r} is not text in UTF-8: {error}.") from error
    cluster = _filled(spec)
    if not isinstance(cluster, dict) or cluster.get("kind") != "DaskCluster" or not _has_worker(cluster):
        raise ClusterConfigError(
            "spec must be a DaskCluster manifest", hint="deploy/dask-cluster.yaml is one to begin with."
        )
    where = cluster.setdefault("metadata", {}).pop("namespace", None)
    if namespace is not None and where not in (None, namespace):
        raise ClusterConfigError(
            f"spec is for the namespace {where!r}, and this would be in {namespace!r}",
            hint=f"give namespace={where!r} too.",
        )
    return cluster


def _has_worker(cluster: Mapping[str, Any]) -> bool:
    spec = cluster.get("spec")
    return isinstance(spec, dict) and isinstance(spec.get("worker"), dict)


def _filled(value: Any) -> Any:
    """A copy without null values, which Kubernetes treats as missing."""
    if isinstance(value, Mapping):
        return {key: _filled(one) for key, one in value.items() if one is not None}
    return [_filled(one) for one in value] if isinstance(value, list) else value


def _labels(config: KubernetesConfig) -> dict[str, str]:
    """The labels by which a cluster is found, and its cost counted.

    Kubernetes gives them to all objects that come from the cluster.
    """
    return {
        MANAGED_BY: MANAGER,
        OWNER: owner_label(),
        SESSION: secrets.token_hex(4),
        **({KEEP: "true"} if config.keep else {}),
    }


def _annotations() -> dict[str, str]:
    return {
        HOST: socket.gethostname(),
        MACHINE: machine(),
        PROCESS: str(os.getpid()),
        CREATED: f"{time.time():.0f}",
        MADE_WITH: str(report().get("qiskit-cluster-provider")),
    }


def _label(text: str) -> str:
    """A text in the form that a label's value must have."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text)[:63].strip("-_.") or "unknown"


def _spec(config: KubernetesConfig, name: str) -> dict[str, Any]:
    scheduler = {
        "args": [
            *("dask", "scheduler", "--host", "0.0.0.0", "--dashboard-address", "0.0.0.0:8787"),
            *("--preload", _IN_USE),
        ],
        "resources": _resources(config.scheduler_cpu, config.scheduler_memory),
        "env": _env(config.env),
        "ports": [_port("tcp-comm", 8786), _port("http-dashboard", 8787)],
        "readinessProbe": {"httpGet": _health(), "periodSeconds": 1, "timeoutSeconds": 10},
        # A scheduler that is busy for a minute is not dead, and its death costs every slice that runs.
        "livenessProbe": {
            **{"httpGet": _health(), "initialDelaySeconds": 15, "periodSeconds": 20},
            **{"timeoutSeconds": 20, "failureThreshold": 6},
        },
    }
    worker = {
        "args": [
            *("dask", "worker", "--name", "$(DASK_WORKER_NAME)", "--nthreads", str(config.threads)),
            *("--memory-limit", str(int(parse_quantity(config.memory)))),
            *("--local-directory", "/tmp", "--dashboard-address", "0.0.0.0:8788"),
        ],
        "resources": _resources(config.cpu, config.memory, config.gpu),
        # What runs in a worker beside our slices gets the pod's CPUs, and not the node's.
        "env": _env({**dict.fromkeys(_THREADS, str(config.threads)), **config.env}),
        "ports": [_port("http-dashboard", 8788)],
    }
    return {
        "scheduler": {
            "spec": _pod("scheduler", scheduler, config),
            "service": {
                "type": "ClusterIP",
                "selector": {CLUSTER: name, COMPONENT: "scheduler"},
                "ports": [
                    {"name": "tcp-comm", "protocol": "TCP", "port": 8786, "targetPort": "tcp-comm"},
                    {"name": "http-dashboard", "protocol": "TCP", "port": 8787, "targetPort": "http-dashboard"},
                ],
            },
        },
        "worker": {"replicas": config.smallest, "spec": _pod("worker", worker, config)},
    }


_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def _health() -> dict[str, str]:
    return {"port": "http-dashboard", "path": "/health"}


def _port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "containerPort": number, "protocol": "TCP"}


def _env(variables: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in {"HOME": "/tmp", **variables}.items()]


def _resources(cpu: float | str, memory: str, gpu: int = 0) -> dict[str, dict[str, str]]:
    """Requests that equal the limits: the pod has what it asked for, and is the last to be evicted."""
    amounts = {"cpu": f"{cpu:g}" if isinstance(cpu, float) else str(cpu), "memory": memory}
    if gpu:
        amounts[GPU] = str(gpu)
    return {"requests": dict(amounts), "limits": dict(amounts)}


def _pod(name: str, container: Mapping[str, Any], config: KubernetesConfig) -> dict[str, Any]:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _GRACE,
        "securityContext": {
            "runAsNonRoot": True,
            **{"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **({"nodeSelector": dict(config.node_selector)} if config.node_selector else {}),
        "containers": [
            {
                "name": name,
                "image": config.image,
                **container,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
