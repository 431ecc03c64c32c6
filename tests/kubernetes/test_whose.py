"""What is another's is not deleted: of this name by now, in use after all, or so by notes that anybody writes."""

import secrets
import threading

import pytest
from typer.testing import CliRunner

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.cli.app import app
from qiskit_cluster_provider.clusters.kubernetes import reaping, spec, start
from qiskit_cluster_provider.clusters.kubernetes.api import connected
from qiskit_cluster_provider.clusters.kubernetes.start import Place
from qiskit_cluster_provider.errors import ClusterApiError, ClusterConnectionError

from ..slow import quick
from .lab import ROLE, until, without

pytestmark = pytest.mark.slow


@pytest.fixture
def place(lab):
    """Of a cluster that is asked for and never starts."""
    with connected() as api:
        place = Place(api, lab.namespace, "whose")
        yield place
        if (found := place.find()) is not None:
            note(place, finalizers=None)
            place.remove(spec.session_of(found))


def ask_for(lab, place):
    asked = lab.manifest(node_selector={"no": "such"})
    asked["metadata"] |= {"name": place.name}
    asked["metadata"]["labels"][spec.SESSION] = secrets.token_hex(4)
    place.create(asked)
    return spec.session_of(asked)


def note(place, **metadata):
    place.api.request("PATCH", place.path("daskclusters", place.name), {"metadata": metadata})


def state(place):
    (found,) = [one for one in reaping.clusters(place.api, place.namespace) if one.name == place.name]
    return found


def test_a_later_one_of_the_name_stays(lab, place):
    ours = ask_for(lab, place)
    assert place.remove(ours)
    theirs = ask_for(lab, place)
    assert place.remove(ours)
    assert spec.session_of(place.find()) == theirs
    other = {"preconditions": {"uid": "another"}}
    with pytest.raises(ClusterApiError) as raised:
        place.api.request("DELETE", place.path("daskclusters", place.name), other)
    assert raised.value.status == 409


@pytest.mark.stand_in("stop its API server")
def test_it_is_deleted_though_the_server_is_away_for_a_moment(lab, local, place, caplog):
    session = ask_for(lab, place)
    local.stop_api()
    back = threading.Timer(1, local.start_api)
    back.start()
    assert place.remove(session)
    back.join()
    assert place.find() is None
    assert caplog.messages == []


@pytest.mark.stand_in("stop its API server")
def test_a_server_that_stays_away(lab, local, place, caplog, monkeypatch):
    monkeypatch.setattr(start, "_GONE_WITHIN", 1.0)
    session = ask_for(lab, place)
    local.stop_api()
    assert not place.remove(session)
    assert f"kubectl delete daskcluster --wait=false -n {lab.namespace} whose" in caplog.text
    local.start_api()


def test_one_that_is_being_deleted_is_not_used(lab, place):
    ask_for(lab, place)
    note(place, finalizers=["test/stays"])
    place.api.request("DELETE", place.path("daskclusters", place.name))
    with ClusterProvider() as provider:
        for ask in (lambda: provider.attach("whose"), lambda: provider.get_backend("aer-k8s", name="whose")):
            with pytest.raises(ClusterConnectionError, match=r"being deleted\. .*another name, or try again"):
                ask()


def test_one_that_is_being_started_is_waited_for(lab, place):
    """get_backend does not refuse it; the start says why it does not come."""
    ask_for(lab, place)
    until(lambda: place.look().scheduler)
    with ClusterProvider() as provider:
        backend = provider.attach("whose", start_timeout=1, quiet=True)
        with pytest.raises(ClusterConnectionError, match="no scheduler after 1 s"):
            backend.run(quick()).result(timeout=60)
    assert place.find() is not None


@pytest.mark.parametrize("process", ["none", "", "-1", "1e9", "0"])
def test_notes_that_say_nothing(lab, place, process):
    ask_for(lab, place)
    note(place, annotations={spec.PROCESS: process, spec.CREATED: "yesterday"})
    assert state(place).state == reaping.ORPHAN


def test_a_process_of_another_machine_is_not_judged_by_its_number(lab, backend):
    """Its name may be the one of this machine, and its numbers those of another container."""
    with connected() as api:
        place = Place(api, lab.namespace, backend.cluster.name)
        before = place.find()["metadata"]["annotations"]
        note(place, annotations={spec.PROCESS: "999999999"})
        assert state(place).state == reaping.IN_USE, "somebody is connected, whoever started it"
        note(place, annotations={spec.MACHINE: "another"})
        assert state(place).state == reaping.IN_USE
        note(place, annotations=before)


def test_a_start_on_another_machine_is_no_orphan(lab, place):
    ask_for(lab, place)
    note(place, annotations={spec.PROCESS: "999999999"})
    assert state(place).state == reaping.ORPHAN
    note(place, annotations={spec.MACHINE: "another"})
    assert state(place).state == reaping.STARTING


def test_reap_looks_again(lab, place):
    """Whoever was asked whether to delete it has had the time to use it."""
    ask_for(lab, place)
    note(place, annotations={spec.PROCESS: "999999999"})
    orphan = state(place)
    note(place, annotations={spec.MACHINE: "another"})
    assert reaping.reap(place.api, [orphan]) == []
    assert place.find() is not None
    note(place, annotations={spec.MACHINE: spec.machine()})
    assert reaping.reap(place.api, [orphan]) == [orphan]
    assert place.find() is None


def test_reap_does_not_say_deleted_of_what_is_there(lab, place, monkeypatch):
    rules = without(ROLE, "delete", "daskclusters")
    ask_for(lab, place)
    note(place, annotations={spec.PROCESS: "999999999"})
    monkeypatch.setenv("KUBECONFIG", str(lab.account(rules)))
    done = CliRunner().invoke(app, ["reap", "--yes", "--namespace", lab.namespace])
    assert done.exit_code == 1
    assert "deleted" not in done.output.replace("may not be deleted", "")
    assert f"kubectl delete daskcluster --wait=false -n {lab.namespace} whose" in done.output
    assert place.find() is not None


@pytest.mark.stand_in("take rights away")
@pytest.mark.parametrize(
    ("resource", "ask"),
    [
        ("daskworkergroups", lambda backend: backend.scale(1)),
        ("daskautoscalers", lambda backend: backend.adapt(1, 2)),
    ],
)
def test_scaling_that_is_refused(lab, local, backend, monkeypatch, resource, ask):
    """In words of ours, not in dask-kubernetes' error."""
    monkeypatch.setenv("KUBECONFIG", str(lab.admin))
    with ClusterProvider() as provider:
        other = provider.attach(backend.cluster.name, namespace=lab.namespace)
        assert other.run(quick()).result(timeout=60).success
        local.forbid("patch", resource)
        with pytest.raises(
            ClusterApiError, match=rf"cannot patch .*{resource}.*Ask the administrator of the cluster"
        ):
            ask(other)


@pytest.mark.stand_in("stop its API server")
@pytest.mark.parametrize("ask", [lambda backend: backend.scale(1), lambda backend: backend.adapt(1, 2)])
def test_scaling_while_the_server_is_away(lab, local, backend, ask):
    local.stop_api()
    with pytest.raises(ClusterApiError, match=r"cannot be reached .*kubectl cluster-info"):
        ask(backend)


def test_a_manifest_runs_under_any_name(lab):
    """Its Service, too, finds the scheduler of this name."""
    given = lab.manifest(workers=1)
    with ClusterProvider() as provider, provider.get_backend("aer-k8s", spec=given, quiet=True) as backend:
        assert backend.cluster.name != given["metadata"]["name"]
        assert backend.run(quick()).result(timeout=60).success


def test_a_manifest_that_cannot_be_read_is_told_at_once(lab):
    with ClusterProvider() as provider, pytest.raises(ClusterConnectionError, match="spec='/nowhere' cannot be read"):
        provider.get_backend("aer-k8s", spec="/nowhere")
