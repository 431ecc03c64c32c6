"""Who gets in: certificates on real sockets, and sockets that only this machine can reach."""

import datetime
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from distributed import Client, LocalCluster, Security

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.clusters.dask import DaskConfig, DaskKind
from qiskit_cluster_provider.clusters.local import LocalConfig, LocalKind
from qiskit_cluster_provider.errors import ClusterConfigError, ClusterConnectionError, MissingExtraError
from qiskit_cluster_provider.testing import check_cluster_kind

from ..slow import quick

ON_LOOPBACK = {
    "n_workers": 1,
    "processes": False,
    "host": "127.0.0.1",
    "dashboard_address": "127.0.0.1:0",
    "worker_dashboard_address": "127.0.0.1:0",
}


class Authority:
    """Signs certificates: files in a folder, as a cluster's owner would make them with openssl."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {folder.name}")])
        self.ca = str(folder / "ca.pem")
        self._write("ca.pem", self._sign(self.name, self.key, is_ca=True))

    def certificate(self, name):
        """Paths of a certificate and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        secret = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self._write(f"{name}.key", key.private_bytes(serialization.Encoding.PEM, *secret))
        self._write(f"{name}.pem", self._sign(subject, key, is_ca=False))
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")

    def _sign(self, subject, key, *, is_ca):
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            subject_name=subject,
            issuer_name=self.name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(hours=1),
            not_valid_after=now + datetime.timedelta(hours=1),
        ).add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _write(self, name, data):
        (self.folder / name).write_bytes(data)


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "theirs")


@pytest.fixture(scope="module")
def encrypted(ours):
    """A cluster as a site would run it: a certificate for each role, all of one authority."""
    files = {"require_encryption": True, "tls_ca_file": ours.ca}
    for role in ("scheduler", "worker", "client"):
        files[f"tls_{role}_cert"], files[f"tls_{role}_key"] = ours.certificate(role)
    with LocalCluster(security=Security(**files), **ON_LOOPBACK) as cluster:
        assert cluster.scheduler_address.startswith("tls://127.0.0.1:")
        yield cluster


@pytest.fixture(scope="module")
def plain():
    with LocalCluster(protocol="tcp", **ON_LOOPBACK) as cluster:
        yield cluster


def files_of(authority, ca=None, name="me"):
    cert, key = authority.certificate(name)
    return {"tls_ca_file": ca or authority.ca, "tls_client_cert": cert, "tls_client_key": key}


def refused(**settings):
    """The message of the one error that a run gets, well within a test's time."""
    with ClusterProvider() as provider:
        job = provider.get_backend("aer-dask", timeout=5, **settings).run(quick())
        with pytest.raises(ClusterConnectionError) as refusal:
            job.result(timeout=20)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_parity_over_tls_with_files(encrypted, ours):
    check_cluster_kind(DaskKind(), DaskConfig(address=encrypted.scheduler_address, **files_of(ours)))


def test_parity_over_tls_with_a_security(encrypted, ours):
    security = Security(require_encryption=True, **files_of(ours))
    check_cluster_kind(DaskKind(), DaskConfig(address=encrypted.scheduler_address, security=security))


def test_a_profile_and_the_environment_can_hold_the_files(encrypted, ours, tmp_path, monkeypatch):
    files = files_of(ours)
    monkeypatch.setenv("QISKIT_CLUSTER_TLS_CLIENT_KEY", files.pop("tls_client_key"))
    lines = [f'{key} = "{value}"' for key, value in {"address": encrypted.scheduler_address, **files}.items()]
    profile = tmp_path / "cluster.toml"
    profile.write_text("\n".join(['[profiles.lab]\nkind = "aer-dask"', *lines]))
    with ClusterProvider(profile) as provider:
        assert provider.get_backend("lab").run(quick()).result(timeout=60).success


def test_a_client_without_a_certificate_is_refused(encrypted):
    said = refused(address=encrypted.scheduler_address)
    assert "reached with TLS only; give tls_ca_file=, tls_client_cert= and tls_client_key=" in said


def test_a_plain_client_is_refused(encrypted):
    said = refused(address=encrypted.scheduler_address.replace("tls://", "tcp://"))
    assert "If the scheduler runs with TLS, give its address as tls://host:port, and give tls_ca_file=" in said


def test_a_certificate_of_another_authority_is_refused_by_the_scheduler(encrypted, ours, theirs):
    """This client believes the scheduler; the scheduler does not believe this client."""
    said = refused(address=encrypted.scheduler_address, **files_of(theirs, ca=ours.ca))
    assert "must be signed by the other's authority" in said


def test_a_scheduler_of_another_authority_is_refused_by_the_client(encrypted, ours, theirs):
    """The scheduler would believe this client; this client does not believe the scheduler."""
    said = refused(address=encrypted.scheduler_address, **files_of(ours, ca=theirs.ca))
    assert "CERTIFICATE_VERIFY_FAILED" in said
    assert "must be signed by the other's authority" in said


def test_a_temporary_certificate_of_somebody_else_is_refused(encrypted):
    assert "certificate" in refused(address=encrypted.scheduler_address, security=Security.temporary())


def test_nothing_is_sent_in_plain_text_once_tls_is_asked_for(plain, ours):
    said = refused(address=plain.scheduler_address, **files_of(ours))
    assert "TLS was asked for, which this address does not have; give the scheduler's address as tls://" in said


def test_tls_to_a_plain_scheduler_is_told(plain, ours):
    said = refused(address=plain.scheduler_address.replace("tcp://", "tls://"), **files_of(ours))
    assert "If the scheduler runs without TLS, its address begins with tcp://" in said


def test_what_cannot_be_used_is_refused_by_name(ours, tmp_path):
    files = files_of(ours)
    other_key = ours.certificate("another")[1]
    (tmp_path / "empty.pem").write_text("")
    with ClusterProvider() as provider:
        for wrong, says in (
            ({"tls_client_cert": None}, "both tls_ca_file and tls_client_cert"),
            ({"tls_ca_file": None}, "both tls_ca_file and tls_client_cert"),
            ({"tls_ca_file": None, "tls_client_cert": None}, "both tls_ca_file and tls_client_cert"),
            ({"tls_client_key": str(tmp_path / "none.key")}, r"tls_client_key='.*none.key': there is no such file"),
            ({"tls_ca_file": str(tmp_path / "empty.pem")}, "TLS files cannot be used"),
            ({"tls_client_key": other_key}, "TLS files cannot be used: .*key must be the certificate's"),
            ({"security": True}, "security must be a distributed.Security, not bool"),
        ):
            with pytest.raises(ClusterConfigError, match=says):
                provider.get_backend("aer-dask", address="tls://127.0.0.1:9", **{**files, **wrong}).run(
                    quick()
                ).result(timeout=20)


def test_a_connected_client_has_its_security_already(plain):
    with (
        Client(plain, set_as_default=False) as client,
        ClusterProvider() as provider,
        pytest.raises(ClusterConfigError, match="client is connected already"),
    ):
        provider.get_backend("aer-dask", client=client, security=Security.temporary())


def test_an_error_shows_no_key(encrypted):
    """The settings are a part of messages; keys that live in memory are a part of the settings."""
    security = Security.temporary()
    assert "BEGIN" in security.tls_client_key
    said = refused(address=encrypted.scheduler_address, security=security)
    assert "BEGIN" not in said + repr(DaskConfig(address="tls://127.0.0.1:9", security=security))


def test_a_scheduler_file_that_never_comes_is_told(tmp_path):
    """Dask's own client would wait for it without end."""
    file = tmp_path / "cluster.json"
    with ClusterProvider() as provider:
        job = provider.get_backend("aer-dask", scheduler_file=str(file), timeout=0.5).run(quick())
        with pytest.raises(ClusterConnectionError, match="dask scheduler --scheduler-file"):
            job.result(timeout=20)


@pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])
def test_local_over_tls(processes):
    check_cluster_kind(LocalKind(), LocalConfig(workers=1, processes=processes, security=True))


def test_another_user_of_this_machine_cannot_use_a_secured_local_cluster():
    with ClusterProvider() as provider:
        backend = provider.get_backend("aer-local", workers=1, security=True)
        assert backend.run(quick()).result(timeout=60).success
        address = backend.connection.client().scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        worker = next(iter(backend.connection.client().nthreads()))
        assert worker.startswith("tls://127.0.0.1:")
        assert "TLS only" in refused(address=address)
        assert "tls://" in refused(address=address.replace("tls://", "tcp://"))
        assert "certificate" in refused(address=address, security=Security.temporary())


def test_without_the_extra_security_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with ClusterProvider() as provider:
        job = provider.get_backend("aer-local", workers=1, security=True).run(quick())
        with pytest.raises(MissingExtraError, match=r"pip install 'qiskit-cluster-provider\[tls\]'"):
            job.result(timeout=20)
        assert provider.get_backend("aer-local", workers=1).run(quick()).result(timeout=60).success


LISTENING = """
import sys
from qiskit_cluster_provider import ClusterProvider
from tests.slow import quick

def main():
    processes, security = sys.argv[1] == "True", sys.argv[2] == "True"
    with ClusterProvider() as provider:
        backend = provider.get_backend(
            "aer-local", workers=2, processes=processes, security=security, dashboard_address=":0"
        )
        print(backend.run([quick()] * 4, max_job_size=1).result().success, flush=True)
        sys.stdin.readline()

if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("security", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(
    "processes", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["threads", "processes"]
)
def test_every_socket_of_a_local_cluster_is_on_loopback(tmp_path, processes, security):
    """The whole tree of processes, with the dashboards, looked at from outside."""
    file = tmp_path / "script.py"
    file.write_text(LISTENING)
    command = [sys.executable, file, str(processes), str(security)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}  # for tests.slow
    with psutil.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as script:
        assert script.stdout.readline() == "True\n"
        tree = [script, *script.children(recursive=True)]
        found = [c.laddr for one in tree for c in one.net_connections() if c.status == psutil.CONN_LISTEN]
        script.communicate("\n", timeout=30)
    assert len(tree) >= 3, "the script, and two processes that simulate"
    # Without processes and TLS, Dask's parts talk inside the process, and the dashboards are all that listens.
    assert len(found) >= (3 if processes or security else 1)
    assert {address.ip for address in found} <= {"127.0.0.1", "::1"}


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (":8787", "127.0.0.1:8787"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("localhost:8787", "localhost:8787"),
        ("[::1]:8787", "[::1]:8787"),
        ("127.0.0.2", "127.0.0.2:0"),
    ],
)
def test_a_dashboard_on_loopback(given, used):
    assert LocalConfig(dashboard_address=given).dashboard_address == used


@pytest.mark.parametrize("given", ["0.0.0.0:8787", "[::]:8787", "10.0.0.1:8787", "example.org:1", "x:y", "8787:x"])
def test_a_dashboard_that_others_could_reach_is_refused(given):
    with ClusterProvider() as provider, pytest.raises(ClusterConfigError, match="dashboard_address"):
        provider.get_backend("aer-local", dashboard_address=given)


def test_the_environment_of_these_tests_has_no_tls_of_its_own():
    """Else a test above could pass, or fail, for a reason of this machine."""
    assert Security().get_connection_args("client")["ssl_context"] is None
    ours = [name for name in os.environ if name.startswith("QISKIT_CLUSTER_")]
    assert ours == ["QISKIT_CLUSTER_PLACEMENT"]  # which conftest.py sets
