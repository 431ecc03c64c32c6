"""A backend in a pickle: its name, settings and options, connected anew where it is used."""

import copy
import pickle
import subprocess
import sys

import pytest
from distributed import Client, LocalCluster
from qiskit import transpile
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_experiments.framework import ExperimentData
from qiskit_experiments.library import StandardRB
from qiskit_ibm_runtime.fake_provider import FakeLimaV2

from qiskit_cluster_provider import ClusterBackend, ClusterProvider, EstimatorV2, SamplerV2
from qiskit_cluster_provider.errors import ClusterConfigError, ClusterConnectionError, ClusterJobError

from .slow import quick


@pytest.fixture
def again():
    """``pickle``, and whatever was made of one is closed."""
    made = []

    def again(thing):
        made.append(pickle.loads(pickle.dumps(thing)))
        return made[-1]

    yield again
    for one in made:
        if isinstance(one, ClusterBackend):
            one.close()


def test_the_name_the_settings_and_the_options(again, aer, same):
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["h"])
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=3, threads_per_worker=2, shots=77, max_job_size=2)
        backend.set_options(noise_model=noise, seed_simulator=5)
        theirs = backend.run([quick()] * 3, placement="cluster").result()
        restored = again(backend)
        assert restored.connection is not backend.connection
        assert not restored.connection.started, "a pickle that is only read costs nothing"
    assert (restored.name, "simulator" in restored.name) == (backend.name, True)
    assert restored.connection.config == backend.connection.config
    assert vars(restored.options) == {**vars(backend.options), "noise_model": restored.options.noise_model}
    assert restored.options.noise_model == noise
    same(restored.run([quick()] * 3, placement="cluster").result(), theirs)


def test_a_device(again):
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", from_backend=FakeLimaV2())
        restored = again(backend)
        assert restored.target.operation_names == backend.target.operation_names
        circuit = transpile(quick(), restored, seed_transpiler=1)
        ours = restored.run(circuit, seed_simulator=1, shots=300).result()
        assert ours.get_counts() == backend.run(circuit, seed_simulator=1, shots=300).result().get_counts()


def test_backends_that_are_restored_share_their_cluster(again):
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=1)
        one, other = again(backend), again(provider.get_backend("aer-local", workers=1, shots=5))
        assert one.connection is other.connection
        assert again(provider.get_backend("aer-local", workers=2)).connection is not one.connection
        one.close()
        assert again(backend).connection is not other.connection, "a closed one is of no use"


def test_a_client_is_found_again_by_its_scheduler(again, aer, same):
    with (
        LocalCluster(
            n_workers=1, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=":0"
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
        ClusterProvider() as provider,
    ):
        backend = provider.get_backend("aer-dask", client=client)
        restored = again(backend)
        assert restored.connection.config.address == client.scheduler.address
        options = {"seed_simulator": 1, "placement": "cluster"}
        same(restored.run(quick(), **options).result(), backend.run(quick(), **options).result())
        restored.close()
        assert client.status == "running"


def test_nothing_secret_and_nothing_of_this_process(again):
    from distributed.security import Security

    security = Security(tls_client_key="-----BEGIN PRIVATE KEY-----hunter2", tls_ca_file="x", tls_client_cert="y")
    with ClusterProvider() as provider, pytest.MonkeyPatch.context() as patch:
        patch.setattr("qiskit_cluster_provider.clusters.kubernetes.kind.KubernetesKind.checked", False)
        dask = provider.get_backend("aer-dask", address="tls://127.0.0.1:1", security=security, callback=print)
        pods = provider.get_backend("aer-k8s", image="a/b:1", env={"TOKEN": "hunter2"}, name="lab", keep=True)
        batch = provider.get_backend("aer-slurm", cores=1, memory="1GB", security=security)
        for backend in (dask, pods, batch):
            assert b"hunter2" not in pickle.dumps(backend)
        assert again(dask).options.callback is None
        assert again(pods).connection.config.env == {}
        assert (again(pods).connection.config.name, again(pods).connection.config.keep) == ("lab", True)
        assert again(batch).connection.config.security is True


def test_a_manifest_keeps_what_refers_to_a_secret(again, monkeypatch):
    monkeypatch.setattr("qiskit_cluster_provider.clusters.kubernetes.kind.KubernetesKind.checked", False)
    reference = {"name": "OTHER", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    box = {"name": "worker", "image": "a/b:1", "env": [{"name": "TOKEN", "value": "hunter2"}, reference]}
    spec = {"kind": "DaskCluster", "spec": {"worker": {"replicas": 1, "spec": {"containers": [box]}}}}
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-k8s", spec=spec)
        assert b"hunter2" not in pickle.dumps(backend)
        box["env"] = [reference]
        assert again(backend).connection.config.spec == spec


def test_a_scheduler_inside_a_process_is_told(again):
    with ClusterProvider() as provider:
        restored = again(provider.get_backend("aer-dask", address="inproc://127.0.0.1/1/1", timeout=1))
        with pytest.raises(ClusterConnectionError, match="inside a process, and only that reaches it"):
            restored.connection.client()


def test_what_is_secret_comes_from_where_it_is_read(monkeypatch, tmp_path, again):
    profiles = tmp_path / "cluster.toml"
    profiles.write_text(
        '[profiles.lab]\nkind = "aer-k8s"\nimage = "a/b:1"\nshots = 9\nmax_job_size = 4\nenv = {TOKEN = "hunter2"}\n'
    )
    monkeypatch.setenv("QISKIT_CLUSTER_PROFILES", str(profiles))
    monkeypatch.setattr("qiskit_cluster_provider.clusters.kubernetes.kind.KubernetesKind.checked", False)
    with ClusterProvider() as provider:
        data = pickle.dumps(provider.get_backend("lab"))
    assert b"hunter2" not in data
    restored = pickle.loads(data)
    assert (restored.name, restored.options.shots, restored.options.max_job_size) == ("lab", 9, 4)
    assert restored.connection.config.env == {"TOKEN": "hunter2"}


def test_a_kind_that_is_not_installed():
    data = pickle.dumps(ClusterProvider().get_backend("aer-local"))
    other = data.replace(b"\x8c\x09aer-local", b"\x8c\x09aer-lokal")
    assert other != data
    with pytest.raises(ClusterConfigError, match=r"'aer-lokal' is not installed here. Did you mean 'aer-local'"):
        pickle.loads(other)


def test_another_process(tmp_path):
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=1, seed_simulator=3)
        counts = backend.run(quick(), placement="cluster").result().get_counts()
        (tmp_path / "backend.pickle").write_bytes(pickle.dumps((backend, quick())))
    script = (
        "import pickle, sys\nif __name__ == '__main__':\n"
        "    backend, circuit = pickle.load(open(sys.argv[1], 'rb'))\n"
        "    with backend: print(backend.run(circuit, placement='cluster').result().get_counts())\n"
    )
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "backend.pickle")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert eval(done.stdout) == counts


@pytest.mark.parametrize("primitive", [SamplerV2, EstimatorV2])
def test_primitives(again, primitive):
    with ClusterProvider() as provider:
        one = primitive(mode=provider.get_backend("aer-local", workers=1))
        restored = again(one)
        assert type(restored) is primitive
        assert restored.options == one.options


def test_a_job_says_that_it_cannot_be(backend):
    job = backend.run(quick(), placement="here")
    assert pickle.loads(pickle.dumps(job.result())).get_counts() == job.result().get_counts()
    assert copy.copy(job).result() is job.result(), "a copy is of this process"
    with pytest.raises(ClusterJobError, match=r"cannot be pickled.*job.result\(\)"):
        pickle.dumps(job)
    with pytest.raises(ClusterJobError, match="cannot be pickled"):
        pickle.dumps(SamplerV2(mode=backend).run([quick()]))


def test_a_provider_is_made_anew(again):
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local")
        with again(provider) as other:
            assert set(other.kinds) == set(provider.kinds)
            assert other.get_backend("aer-local").connection is not backend.connection


def test_copies_stay_on_their_cluster(backend):
    shallow, deep = copy.copy(backend), copy.deepcopy(backend)
    assert shallow.connection is deep.connection is backend.connection
    for copied in (shallow, deep):
        copied.set_options(shots=3, method="statevector")
        assert sum(copied.run(quick()).result().get_counts().values()) == 3
        assert (backend.options.shots, backend.options.method) == (1024, "automatic")
        assert sum(backend.run(quick()).result().get_counts().values()) == 1024
    assert isinstance(deep, AerSimulator)


def test_data_of_qiskit_experiments():
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=1)
        experiment = StandardRB([0], [1, 5, 9], num_samples=1, seed=1)
        data = experiment.run(backend, seed_simulator=1, shots=200).block_for_results()
        assert isinstance(data, ExperimentData)
        restored = pickle.loads(pickle.dumps(data))
    assert [one["counts"] for one in restored.data()] == [one["counts"] for one in data.data()]
    assert restored.backend.name == backend.name
