"""A cluster without an operator, shared by the tests of a file, and empty for each of them."""

import pytest

from local_kubernetes import LocalKubernetes

from .requests import DEPLOYMENTS_PATH, PODS_PATH, Http, until


@pytest.fixture(scope="module")
def bare():
    """A cluster without an operator."""
    with LocalKubernetes(operator=False) as cluster:
        yield cluster


@pytest.fixture
def http(bare):
    """An empty cluster, and requests to it."""
    yield Http(bare)
    bare.grant_all()
    http = Http(bare)
    for path in (
        DEPLOYMENTS_PATH,
        "/api/v1/namespaces/default/services",
        "/api/v1/namespaces/default/resourcequotas",
    ):
        http("DELETE", path)
    http("DELETE", PODS_PATH, gracePeriodSeconds=0)
    until(lambda: not bare.objects("pods") and not bare.processes())
