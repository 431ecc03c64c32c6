"""A cluster that is closed while a job is about to begin: the error is about the cluster, and not about a client."""

from types import SimpleNamespace

import pytest

from qiskit_cluster_provider.dispatch.transports.dask.transport import DaskTransport
from qiskit_cluster_provider.errors import ClusterClosedError, ClusterConnectionError


def closing(check):
    """Was running when the job reached it, and is not when it looks again."""
    transport = DaskTransport(lambda: None, check)
    transport._reach = lambda: SimpleNamespace(status="closing")
    return transport


def test_one_of_ours():
    def check():
        raise ClusterClosedError("the cluster of 'aer-k8s' is closed")

    with pytest.raises(ClusterClosedError, match="the cluster of 'aer-k8s' is closed"):
        closing(check).open("job", 1, lambda index, worker: None)


def test_one_that_was_handed_over():
    with pytest.raises(ClusterConnectionError, match="Client is closing; hand over a client that is connected"):
        closing(lambda: None).open("job", 1, lambda index, worker: None)
