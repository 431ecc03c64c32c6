"""One Kubernetes for all tests of this folder, one cluster for those that leave it as it was, and a stopwatch."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from qiskit_cluster_provider import ClusterProvider

pytest.register_assert_rewrite("tests.kubernetes.lab")

from .lab import IMAGE_VARIABLE, environment, lab_of  # noqa: E402

ROOT = Path(__file__).parents[2]
STEPS = pytest.StashKey[list]()


def pytest_collection_modifyitems(items):
    if os.environ.get(IMAGE_VARIABLE):
        for item in items:
            for mark in item.iter_markers("stand_in"):
                item.add_marker(pytest.mark.skip(reason=f"only the stand-in for Kubernetes can {mark.args[0]}"))


def pytest_terminal_summary(terminalreporter, config):
    steps = config.stash.get(STEPS, [])
    if steps:
        terminalreporter.section("how long it took")
        for seconds, test, what in steps:
            terminalreporter.write_line(f"{seconds:8.2f} s  {test}: {what}")


@pytest.fixture(scope="package", autouse=True)
def lab(tmp_path_factory):
    with (
        lab_of(tmp_path_factory.mktemp("lab"), nodes=({"cpu": "8", "memory": "32Gi"},)) as lab,
        environment(KUBECONFIG=lab.kubeconfig),
    ):
        yield lab


@pytest.fixture
def local(lab):
    """Faults that only the stand-in has; whatever a test did is undone."""
    yield lab.local
    lab.local.start_api()
    lab.local.start_operator()
    lab.local.grant_all()


@pytest.fixture
def step(request):
    """``with step("what"):`` notes how long it took."""
    steps = request.config.stash.setdefault(STEPS, [])

    @contextmanager
    def step(what):
        start = time.monotonic()
        yield
        steps.append((time.monotonic() - start, request.node.name, what))

    return step


@pytest.fixture(scope="package")
def provider(lab):
    with ClusterProvider() as provider:
        yield provider


@pytest.fixture(scope="package")
def running(lab, provider):
    """A backend whose cluster has started, of a name that nobody shares."""
    backend = provider.get_backend("aer-k8s", workers=2, **lab.settings)
    with backend:
        yield backend


@pytest.fixture
def backend(running):
    """The same with two workers, whatever happened to it."""
    running.scale(2)
    return running


@pytest.fixture
def script(tmp_path):
    """Starts a script in a process of its own, and leaves nothing of it behind."""
    started = []

    def start(text, *arguments):
        file = tmp_path / "script.py"
        file.write_text(text)
        process = subprocess.Popen(
            [sys.executable, file, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
