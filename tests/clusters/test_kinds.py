"""One suite over all kinds, and plugins: the shipped check is what the shipped kinds must pass."""

import json
import subprocess
import sys
import venv
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters import ClusterConfig, ClusterKind, find_kinds
from qiskit_cluster_provider.clusters.dask import DaskConfig, DaskKind
from qiskit_cluster_provider.clusters.local import LocalConfig, LocalKind
from qiskit_cluster_provider.errors import ClusterConfigError, ClusterConnectionError
from qiskit_cluster_provider.testing import check_cluster_kind

ROOT = Path(__file__).parents[2]


@pytest.fixture
def running():
    with LocalCluster(n_workers=1, processes=False, protocol="tcp", host="127.0.0.1") as cluster:
        yield cluster


@pytest.mark.parametrize("settings", [{"workers": 2}, {"threads_per_worker": 2}, {"workers": 1, "processes": True}])
def test_local(settings):
    check_cluster_kind(LocalKind(), LocalConfig(**settings))


def test_dask_address(running):
    check_cluster_kind(DaskKind(), DaskConfig(address=running.scheduler_address))


def test_dask_client(running):
    with Client(running, set_as_default=False) as client:
        check_cluster_kind(DaskKind(), DaskConfig(client=client))


def test_the_check_can_fail(running):
    class Leaky(DaskKind):
        @contextmanager
        def connect(self, config):
            yield Client(config.address, set_as_default=False)

    config = DaskConfig(address=running.scheduler_address)
    with pytest.raises(AssertionError, match="must close the client"):
        check_cluster_kind(Leaky(), config)
    with pytest.raises(AssertionError, match="description"):
        check_cluster_kind(ClusterKind(), ClusterConfig())
    with pytest.raises(AssertionError, match="LocalConfig"):
        check_cluster_kind(LocalKind(), config)


def test_the_kinds_of_this_package_are_found():
    kinds, broken = find_kinds()
    assert {"aer-local", "aer-dask", "aer-k8s", "aer-helm", "aer-slurm", "aer-pbs"} <= set(kinds)
    assert broken == []


def test_an_environment_that_is_no_json_is_told(monkeypatch):
    class Listing(ClusterConfig):
        names: tuple[str, ...] = ()

    monkeypatch.setenv("QISKIT_CLUSTER_NAMES", '["one", "two"]')
    assert Listing.load({}, {}).names == ("one", "two")
    monkeypatch.setenv("QISKIT_CLUSTER_NAMES", "one")
    with pytest.raises(ClusterConfigError, match=r'"names".*must be JSON. Settings: names\.'):
        Listing.load({}, {})


def test_a_missing_requirement_says_what_to_install(provider):
    from qiskit_cluster_provider.backend import ClusterBackend
    from qiskit_cluster_provider.clusters import Connection
    from qiskit_cluster_provider.errors import MissingExtraError

    from ..slow import quick

    class Needy(ClusterKind):
        description = "needs much"
        requires = ("distributed", "dask_of_tomorrow")
        extra = "qiskit-cluster-provider[tomorrow]"

    backend = ClusterBackend(Connection("needy", Needy(), ClusterConfig()), placement="cluster")
    with pytest.raises(MissingExtraError, match=r"pip install 'qiskit-cluster-provider\[tomorrow\]'"):
        backend.run(quick()).result(timeout=60)


PLUGIN = """
from contextlib import contextmanager
from distributed import Client, LocalCluster
from qiskit_cluster_provider.clusters import ClusterConfig, ClusterKind

class MyConfig(ClusterConfig):
    size: int = 1

class MyKind(ClusterKind):
    description = "mine"
    Config = MyConfig

    @contextmanager
    def connect(self, config):
        with LocalCluster(n_workers=config.size, processes=False, dashboard_address="127.0.0.1:0") as cluster:
            with Client(cluster) as client:
                yield client
"""
PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "mykind"
version = "1"
[project.entry-points."qiskit_cluster_provider.clusters"]
aer-mykind = "mykind:MyKind"
aer-broken = "mykind:Nothing"
"""
SCRIPT = """
import json, warnings
from importlib.metadata import entry_points
from qiskit import QuantumCircuit
loaded = [p.load().__name__ for g in ("qiskit.providers", "qiskit_cluster_provider.clusters", "console_scripts")
          for p in entry_points(group=g)
          if p.dist.name == "qiskit-cluster-provider" and hasattr(p.load(), "__name__")]
from qiskit_cluster_provider import ClusterProvider
with ClusterProvider() as provider:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    ran = provider.get_backend("aer-mykind", size=1).run(circuit, shots=5).result().get_counts()
    print(json.dumps({"loaded": loaded, "names": sorted(b.name for b in provider.backends()), "ran": ran,
                      "broken": [[b.name, b.reason] for b in provider.broken],
                      "file": __import__("qiskit_cluster_provider").__file__}))
"""


@pytest.mark.slow
def test_an_installed_wheel_and_a_third_party_kind(tmp_path):
    """Every entry point of the wheel loads, another package's kind works, and its broken one breaks nobody."""

    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("qiskit_cluster_provider-*.whl")
    with zipfile.ZipFile(wheel) as content:
        tops = {name.partition("/")[0].partition("-")[0] for name in content.namelist()}
    assert tops == {"qiskit_cluster_provider"}
    plugin = tmp_path / "plugin"
    plugin.mkdir()
    (plugin / "mykind.py").write_text(PLUGIN)
    (plugin / "pyproject.toml").write_text(PYPROJECT)
    # The dependencies come from this environment; the package itself only from the wheel.
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--target", str(site))
    run(*pip, str(wheel))
    run(*pip, "--no-build-isolation", str(plugin))
    (site / "dependencies.py").write_text(
        "import sys\n"
        f"sys.path += {[path for path in sys.path if path.endswith('site-packages')]!r}\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f).lower()]\n"
    )
    (site / "dependencies.pth").write_text("import dependencies\n")
    found = json.loads(run(str(python), "-W", "ignore", "-c", SCRIPT).splitlines()[-1])
    assert str(site) in found["file"], "the wheel must be what is tested"
    assert {"ClusterProvider", "LocalKind", "DaskKind", "SlurmKind"} <= set(found["loaded"])
    assert {"aer-dask", "aer-local", "aer-mykind"} <= set(found["names"])
    assert found["ran"] == {"0": 5}
    ((name, reason),) = found["broken"]
    assert name == "aer-broken"
    assert "Nothing" in reason


def test_a_cluster_that_cannot_be_reached_is_no_traceback_on_stderr(caplog):
    """Dask's cluster object logs one of thirty lines; the job that waits says so in one."""
    import logging

    said = logging.getLogger("distributed.deploy.cluster")

    before = len(said.filters)
    with ClusterProvider() as provider:
        provider.get_backend("aer-local", workers=1).connection.client()
        caplog.clear()
        try:
            raise OSError("closed")
        except OSError:
            said.warning("Failed to sync cluster info multiple times", exc_info=True)
        said.warning("something else")
        assert [record.message for record in caplog.records] == ["something else"]
        with pytest.raises(ClusterConnectionError):
            provider.get_backend("aer-dask", address="tcp://127.0.0.1:1", timeout=0.2).connection.client()
        assert len(said.filters) == before + 1
    assert len(said.filters) == before, "what others connect later is their business"


def test_threads_of_this_process_are_not_profiled():
    """Python can hang in it for ever."""
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=1)
        backend.scale(2)
        workers = backend.cluster.workers.values()
        assert [name for worker in workers for name in worker.periodic_callbacks if "profile" in name] == []
        assert len(workers) == 2
