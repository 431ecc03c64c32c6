"""deploy/Dockerfile, without Docker: what it says, and its commands, run here."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dockerfile_parse import DockerfileParser

from qiskit_cluster_provider import ClusterProvider

from ..faults.processes import free_port
from ..slow import quick
from .documents import document, pods

ROOT = Path(__file__).parents[2]
PATHS = {"/opt/worker": "worker", "/dist": "dist", "/src": "src"}
CLUSTER = document("dask-cluster.yaml", "DaskCluster")


def stages():
    """The instructions of each stage, after its FROM, and the ARGs before the first."""
    with (ROOT / "deploy/Dockerfile").open("rb") as file:
        found = [[]]
        for one in DockerfileParser(fileobj=file).structure:
            if one["instruction"] == "FROM":
                found.append([])
            if one["instruction"] != "COMMENT":
                found[-1].append((one["instruction"], one["value"]))
    return found


def values(stage, instruction):
    return [value for name, value in stage if name == instruction]


def test_stages():
    before, build, final = stages()
    (python,) = values(before, "ARG")
    name, _, version = python.partition("=")
    assert name == "PYTHON"
    assert tuple(map(int, version.split("."))) >= (3, 11), "requires-python"
    for stage in (build, final):
        assert values(stage, "FROM")[0].startswith("python:${PYTHON}-slim-"), "one Python and one Debian"
    assert any("-c constraints.txt" in command for command in values(build, "RUN"))
    assert not any("pip" in command or "apt" in command for command in values(final, "RUN"))


def test_the_image_can_be_used_by_kubernetes():
    *_, final = stages()
    (user,) = values(final, "USER")
    for template in pods(CLUSTER).values():
        security = template["spec"]["securityContext"]
        assert user == f"{security['runAsUser']}:{security['runAsGroup']}"
    assert not values(final, "ENTRYPOINT"), "args are given as they are"
    assert not values(final, "CMD")
    assert {"PATH=/opt/worker/bin:$PATH", "PYTHONSAFEPATH=1"} <= set(values(final, "ENV"))


def test_all_that_is_copied_may_be_read():
    _, build, _ = stages()
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in allowed
    for names in values(build, "COPY"):
        for name in names.split()[:-1]:
            assert (ROOT / name).exists()
            assert f"!{name}" in allowed


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The folder of what is /opt/worker in the image, made by the commands of the build stage.

    The dependencies are not downloaded: they are those of this environment.
    """
    folder = tmp_path_factory.mktemp("image")
    source = folder / "src"
    source.mkdir()
    _, build, _ = stages()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PACKAGES": "",
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's word for: without isolation
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    for instruction, value in build:
        if instruction == "COPY":
            *names, target = value.split()
            for name in names:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, source / target)
        elif instruction == "RUN":
            for path, here in PATHS.items():
                value = value.replace(path, str(folder / here))
            done = subprocess.run(["sh", "-ec", value], cwd=source, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{value}\n{done.stdout}\n{done.stderr}"
    worker = folder / "worker"
    (site,) = worker.glob("lib/python*/site-packages")
    assert not (site / "pip").exists()
    (site / "dependencies.py").write_text(
        "import sys\n"
        f"sys.path += {[path for path in sys.path if path.endswith('site-packages')]!r}\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]\n"
    )
    (site / "dependencies.pth").write_text("import dependencies\n")
    # `dask` is a command of a dependency. A nanny imports it again in the worker's process.
    (worker / "bin" / "dask").write_text(
        f"#!{worker}/bin/python\nif __name__ == '__main__':\n    from dask.__main__ import main\n\n    main()\n"
    )
    (worker / "bin" / "dask").chmod(0o755)
    return worker


def environment_of(image, **more):
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**kept, "PATH": f"{image / 'bin'}{os.pathsep}{os.environ['PATH']}", **more}


@pytest.mark.slow
@pytest.mark.parametrize("command", ["dask scheduler", "dask worker", "dask-scheduler", "dask-worker"])
def test_dasks_commands_are_there(image, command):
    done = subprocess.run(
        [*command.split(), "--version"], env=environment_of(image), cwd=image, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "version" in done.stdout


def arguments_of(component, **variables):
    """What the manifest runs, on loopback."""
    (container,) = pods(CLUSTER)[component]["spec"]["containers"]
    found = []
    for one in container["args"]:
        for name, value in variables.items():
            one = one.replace(f"$({name})", value)
        found.append(re.sub(r"0\.0\.0\.0:\d+", "127.0.0.1:0", one).replace("0.0.0.0", "127.0.0.1"))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("start", ["manifest", "chart"])
def test_a_cluster_of_the_image_simulates(image, aer, same, start):
    """Started by the arguments of the manifest, and by those that the chart gives."""
    address = f"127.0.0.1:{free_port()}"
    port = address.partition(":")[2]
    if start == "manifest":
        scheduler = [*arguments_of("scheduler"), f"--port={port}"]
        worker = arguments_of("worker", DASK_WORKER_NAME="example-worker")
    else:
        scheduler = ["dask-scheduler", f"--port={port}", "--dashboard-address=127.0.0.1:0", "--host=127.0.0.1"]
        worker = ["dask-worker", address, "--nthreads", "2", "--memory-limit", "4Gi", "--no-dashboard"]
    environment = environment_of(image, DASK_SCHEDULER_ADDRESS=f"tcp://{address}")
    started = []
    try:
        for arguments in (scheduler, [*worker, "--host=127.0.0.1"]):
            started.append(subprocess.Popen(arguments, env=environment, cwd=image, stderr=subprocess.DEVNULL))
        with ClusterProvider() as provider:
            backend = provider.get_backend("aer-dask", address=f"tcp://{address}", timeout=60)
            result = backend.run(quick(), shots=100, seed_simulator=7, no_workers_timeout=60).result(timeout=90)
            client = backend.connection.client()
            (where,) = client.run(lambda: __import__("qiskit_cluster_provider").__file__).values()
            (info,) = client.scheduler_info()["workers"].values()
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=60)
    assert where.startswith(str(image)), "the wheel must be what runs"
    assert info["nthreads"] == 2
    assert info["memory_limit"] == 4 * 2**30
    same(result, aer.run(quick(), shots=100, seed_simulator=7).result())
