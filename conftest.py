"""Every Python block of the READMEs and of docs/ runs, in one namespace for each document."""

import os

# Before anything loads OpenBLAS: its kernels differ in the last bits, and workers use this one.
os.environ.setdefault("OPENBLAS_CORETYPE", "Haswell")

import tempfile
from typing import Any

from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser

from qiskit_cluster_provider import ClusterProvider


def helm_install(namespace: str, **options: Any) -> None:
    """Create what ``helm install`` makes of the chart ``dask``: docs/howto/helm.md has no Helm when it is tested."""
    from tests.clusters.chart import install

    install(namespace, **options)


def enter(namespace: dict[str, Any]) -> None:
    """Start a document in an empty folder, so that a block may write files."""
    namespace["helm_install"] = helm_install
    for variable in [name for name in os.environ if name.startswith("QISKIT_CLUSTER_")]:
        del os.environ[variable]
    folder = tempfile.TemporaryDirectory()
    namespace["_left"] = os.getcwd(), folder
    os.chdir(folder.name)


def leave(namespace: dict[str, Any]) -> None:
    """Close what a block that failed has left open."""
    for value in list(namespace.values()):
        if isinstance(value, ClusterProvider):
            value.close()
    home, folder = namespace["_left"]
    os.chdir(home)
    folder.cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser()],
    patterns=["README.md", "docs/*.md", "docs/**/*.md", "packages/*/README.md"],
    setup=enter,
    teardown=leave,
).pytest()
