"""What all tests share: one running cluster for each number of workers, and the oracle."""

import os

import pytest
from hypothesis import HealthCheck, settings
from qiskit_aer import AerSimulator

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters.connection import _OPEN
from qiskit_cluster_provider.testing import Watchdog, differences

settings.register_profile(
    "default",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("default")
for variable in [name for name in os.environ if name.startswith("QISKIT_CLUSTER_")]:
    del os.environ[variable]
os.environ["QISKIT_CLUSTER_PLACEMENT"] = "cluster"  # tiny circuits too; test_placement.py has what stays here


@pytest.fixture(scope="session", autouse=True)
def watchdog():
    """Never a hang: a job without an event for so long fails its test, whatever the test waits for."""
    with Watchdog(limit=100) as watchdog:
        yield
    assert watchdog.bitten == []


@pytest.fixture(autouse=True)
def unlearned():
    """What other tests taught of this machine, which may have been busy then, decides nothing in the next one."""
    for connection in list(_OPEN):
        connection.reuse._calibrations.clear()


@pytest.fixture(scope="session")
def provider():
    with ClusterProvider() as provider:
        yield provider


@pytest.fixture(scope="session", params=[1, 2, 3], ids=lambda n: f"{n} workers")
def any_workers(request):
    return request.param


@pytest.fixture
def backend(provider):
    """A backend with default options on a running cluster of two workers."""
    return provider.get_backend("aer-local", workers=2)


@pytest.fixture
def aer():
    """The oracle: one machine, one thread."""
    return AerSimulator(max_parallel_threads=1)


@pytest.fixture
def same():
    """Assert that two results are the same in every bit, or to a relative tolerance."""

    def check(ours, theirs, rtol=0.0):
        assert differences(ours, theirs, rtol=rtol) == []

    return check
