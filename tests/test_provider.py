"""Names to backends, settings from everywhere, and clusters that are closed by whom they belong to."""

import warnings

import pytest
from distributed import Client, LocalCluster
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit_aer.noise import NoiseModel

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters.dask import DaskConfig
from qiskit_cluster_provider.clusters.local import LocalConfig
from qiskit_cluster_provider.errors import ClusterConfigError, ClusterConnectionError, UnknownOptionError

from .slow import quick


@pytest.fixture
def own():
    with ClusterProvider() as provider:
        yield provider


@pytest.fixture
def profiles(tmp_path):
    file = tmp_path / "cluster.toml"
    file.write_text(
        '[profiles.lab]\nkind = "aer-local"\nworkers = 2\nthreads_per_worker = 3\nshots = 12\nmax_job_size = 5\n'
        '[profiles.gone]\nkind = "aer-gone"\n'
    )
    return file


def test_backends(own):
    assert [b.name for b in own.backends()] == [n for n, kind in own.kinds.items() if not kind.missing()]
    assert {"aer-dask", "aer-local"} <= {b.name for b in own.backends()}
    assert [b.name for b in own.backends("aer-dask")] == ["aer-dask"]
    assert own.backends("nothing") == []
    assert [b.name for b in own.backends(filters=lambda b: "local" in b.name)] == ["aer-local"]
    assert [b.name for b in own.backends(name="aer-local", simulator=True)] == ["aer-local"]
    assert own.backends(simulator=False) == []
    assert not any(b.connection.started for b in own.backends())


def test_get_backend(own, monkeypatch):
    assert own.get_backend().name == "aer-local"
    monkeypatch.setenv("QISKIT_CLUSTER_BACKEND", "aer-dask")
    assert own.get_backend().name == "aer-dask"
    assert own.get_backend("aer-local").provider is own
    with pytest.raises(QiskitBackendNotFoundError, match="Did you mean 'aer-local'") as refusal:
        own.get_backend("aer-locl")
    assert f"Installed: {', '.join(own.kinds)};" in str(refusal.value)


def test_unknown_options_are_refused_and_leave_nothing_behind(own):
    with pytest.raises(UnknownOptionError, match="'max_job_size'"):
        own.get_backend("aer-local", workers=2, max_jobsize=3)
    with pytest.raises(ClusterConfigError, match="workers"):
        own.get_backend("aer-local", workers=0)
    with pytest.raises(ClusterConfigError, match="Settings: workers"):
        own.get_backend("aer-local", workers="two")
    with pytest.raises(UnknownOptionError, match="'workers'"):
        own.get_backend("aer-local", wrkers=2)
    with pytest.raises(UnknownOptionError, match=r"a setting of .*\baer-local\b"):
        own.get_backend("aer-dask", workers=2)
    assert own._connections == []


def test_cluster_options_and_backend_options_are_told_apart(own):
    backend = own.get_backend("aer-local", workers=2, shots=50, max_job_size=7, noise_model=NoiseModel())
    assert backend.connection.config.workers == 2
    assert backend.options.shots == 50
    assert backend.options.max_job_size == 7


def test_precedence(own, profiles, monkeypatch):
    assert LocalConfig.load({}, {"workers": 3}).workers == 3
    monkeypatch.setenv("QISKIT_CLUSTER_WORKERS", "5")
    assert LocalConfig.load({}, {"workers": 3}).workers == 5
    assert LocalConfig.load({"workers": 7}, {"workers": 3}).workers == 7
    monkeypatch.setenv("QISKIT_CLUSTER_MAX_JOB_SIZE", "9")
    with ClusterProvider(profiles) as provider:
        lab = provider.get_backend("lab")
        assert (lab.connection.config.workers, lab.connection.config.threads_per_worker) == (5, 3)
        assert (lab.options.shots, lab.options.max_job_size) == (12, 9)
        assert provider.get_backend("lab", max_job_size=1).options.max_job_size == 1
    monkeypatch.setenv("QISKIT_CLUSTER_MAX_JOB_SIZE", "nine")
    with pytest.raises(ClusterConfigError, match="QISKIT_CLUSTER_MAX_JOB_SIZE='nine'"):
        own.get_backend("aer-local")


def test_profiles(profiles, monkeypatch, tmp_path):
    monkeypatch.setenv("QISKIT_CLUSTER_PROFILES", str(profiles))
    with ClusterProvider() as provider:
        lab = provider.get_backend("lab")
        assert lab.name == "lab"
        assert lab.connection.config == LocalConfig(workers=2, threads_per_worker=3)
        assert "lab" in [b.name for b in provider.backends()]
        assert lab.run(quick()).result().backend_name == "lab"
        assert sum(lab.run(quick()).result().get_counts().values()) == 12
        with pytest.raises(QiskitBackendNotFoundError, match="'aer-gone', which is not installed"):
            provider.get_backend("gone")
    profiles.write_text(profiles.read_text() + '[profiles.bad]\nkind = "aer-local"\nwrkers = 2\n')
    with pytest.warns(UserWarning, match="profile 'bad' has no option 'wrkers'. Did you mean 'workers'"):
        assert "lab" in [b.name for b in ClusterProvider().backends()]
    profiles.write_bytes(b"\xff\xfe")
    with pytest.raises(ClusterConfigError, match="no TOML"):
        ClusterProvider()
    for text, says in (
        ("profiles = 3", "no table"),
        ("[profiles.aer-local]\nkind = 'aer-local'", "the name of a kind"),
        ("profiles = [", "no TOML"),
        ("[profiles.x]\nworkers = 1", "names no kind"),
    ):
        profiles.write_text(text)
        with pytest.raises(ClusterConfigError, match=says):
            ClusterProvider()
    with pytest.raises(ClusterConfigError, match="cannot be read"):
        ClusterProvider(tmp_path / "missing.toml")


def test_an_environment_variable_without_effect_is_told(monkeypatch):
    monkeypatch.setenv("QISKIT_CLUSTER_WORKER", "4")
    with pytest.warns(UserWarning, match="QISKIT_CLUSTER_WORKERS"):
        ClusterProvider()
    monkeypatch.delenv("QISKIT_CLUSTER_WORKER")
    monkeypatch.setenv("QISKIT_CLUSTER_FOO_SERVICE_HOST", "10.0.0.1")  # Kubernetes makes such variables
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ClusterProvider()


def test_backends_of_the_same_settings_share_a_cluster(own):
    one, two = own.get_backend("aer-local", workers=1), own.get_backend("aer-local", workers=1, shots=5)
    other = own.get_backend("aer-local", workers=2)
    assert one.connection is two.connection
    assert one.connection is not other.connection
    assert two.options.shots == 5
    assert one.options.shots == 1024
    one.close()
    assert own.get_backend("aer-local", workers=1).connection is not one.connection


def test_the_provider_closes_what_it_started_and_nothing_else():
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        with ClusterProvider() as provider:
            local = provider.get_backend("aer-local", workers=1)
            handed = provider.get_backend("aer-dask", client=client)
            addressed = provider.get_backend("aer-dask", address=cluster.scheduler_address)
            clients = []
            for backend in (local, handed, addressed):
                assert backend.run(quick()).result().success
                clients.append(backend.connection.client())
        assert [c.status for c in clients] == ["closed", "running", "closed"]
        assert client.submit(sum, [1, 2]).result() == 3
        with pytest.raises(ClusterConnectionError, match="closed"):
            local.run(quick()).result()


def test_a_scheduler_file(tmp_path, own):
    import json

    with LocalCluster(n_workers=1, processes=False, protocol="tcp", host="127.0.0.1") as cluster:
        file = tmp_path / "scheduler.json"
        file.write_text(json.dumps({"address": cluster.scheduler_address}))
        assert own.get_backend("aer-dask", scheduler_file=str(file)).run(quick()).result().success


def test_dask_settings(own, monkeypatch):
    with pytest.raises(ClusterConfigError, match="address and scheduler_file"):
        own.get_backend("aer-dask", address="tcp://127.0.0.1:1", scheduler_file="x")
    with pytest.raises(ClusterConfigError, match="does not know which cluster"):
        own.get_backend("aer-dask").run(quick()).result()
    with pytest.raises(ClusterConfigError, match=r"must be a distributed.Client, not str"):
        own.get_backend("aer-dask", client="tcp://127.0.0.1:1")
    monkeypatch.setenv("QISKIT_CLUSTER_CLIENT", "nonsense")
    assert own.get_backend("aer-dask").connection.config.client is None
    with pytest.warns(UserWarning, match="QISKIT_CLUSTER_CLIENT has no effect"):
        ClusterProvider()
    monkeypatch.setenv("QISKIT_CLUSTER_ADDRESS", "tcp://10.0.0.1:1")
    assert own.get_backend("aer-dask").connection.config.address == "tcp://10.0.0.1:1"
    assert own.get_backend("aer-dask", scheduler_file="x").connection.config == DaskConfig(scheduler_file="x")


def test_an_asynchronous_or_closed_client_is_refused(own):
    with LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0") as cluster:
        client = Client(cluster, set_as_default=False)
        client.close()
        with pytest.raises(ClusterConnectionError, match="closed"):
            own.get_backend("aer-dask", client=client).run(quick()).result(timeout=60)


def test_a_local_cluster_listens_on_loopback_only(own):
    import os

    import psutil

    before = {(c.laddr, os.getpid()) for c in psutil.Process(os.getpid()).net_connections() if c.status == "LISTEN"}
    for processes in (False, True):
        backend = own.get_backend("aer-local", workers=1, processes=processes)
        assert backend.run(quick()).result().success
    found = set()
    for process in [psutil.Process(os.getpid()), *psutil.Process(os.getpid()).children(recursive=True)]:
        found |= {(c.laddr, process.pid) for c in process.net_connections() if c.status == "LISTEN"}
    opened = {address.ip for address, _ in found - before}
    assert opened <= {"127.0.0.1", "::1"}, opened


def test_the_interpreter_ends_though_nothing_was_closed(tmp_path):
    """Also in the middle of a job; and no process is left behind."""
    import subprocess
    import sys

    import psutil

    script = tmp_path / "script.py"
    script.write_text(
        "import sys, threading\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from qiskit_cluster_provider import ClusterProvider\n"
        "from tests.slow import endless, quick\n"
        "backend = ClusterProvider().get_backend('aer-local', workers=1)\n"
        "print(backend.run(quick()).result().success)\n"
        "begun = threading.Event()\n"
        "job = backend.run(endless(), callback=lambda e: begun.set() if 'Started' in type(e).__name__ else None)\n"
        "begun.wait()\n"
    )
    from pathlib import Path

    root = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, script, root], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "True"
    assert done.returncode == 0, done.stderr
    assert done.stderr == "Python ended with 1 unfinished job(s), now cancelled; wait for result() to keep them.\n"
    left = [
        p
        for p in psutil.process_iter(["cmdline", "ppid"])
        if "qiskit_cluster_provider.worker.child" in (p.info["cmdline"] or [])
    ]
    ours = set(psutil.Process().children(recursive=True))
    assert [p for p in left if p not in ours and p.info["ppid"] == 1] == []


def test_a_fork_is_told_that_its_connection_did_not_survive(own):
    import os

    backend = own.get_backend("aer-local", workers=1)
    assert backend.run(quick()).result().success
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            backend.run(quick()).result(timeout=20)
        except Exception as error:
            os.write(writer, f"{type(error).__name__}: {error}".encode())
        os._exit(0)
    os.wait()
    said = os.read(reader, 1000).decode()
    os.close(reader)
    os.close(writer)
    assert "ClusterClosedError" in said
    assert "does not survive a fork" in said
    assert backend.run(quick()).result().success


def test_a_copied_backend_shares_its_cluster(own):
    import copy

    backend = own.get_backend("aer-local", workers=1)
    assert backend.run(quick()).result().success
    twin = copy.deepcopy(backend)
    twin.set_options(shots=5)
    assert twin.connection is backend.connection
    assert backend.options.shots == 1024
    assert sum(twin.run(quick()).result().get_counts().values()) == 5


@pytest.mark.slow
def test_a_program_that_closes_nothing_ends_without_a_word(tmp_path):
    import subprocess
    import sys

    script = (
        "from qiskit import QuantumCircuit\n"
        "from qiskit_cluster_provider import ClusterProvider\n"
        "circuit = QuantumCircuit(1, 1)\n"
        "circuit.measure(0, 0)\n"
        "backend = ClusterProvider().get_backend('aer-local', workers=2)\n"
        "print(backend.run([circuit] * 20).result().success)\n"
    )
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
        assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)
