"""The store of objects, and what keeps it in order."""

import asyncio

import pytest

from local_kubernetes.containers import expand
from local_kubernetes.controllers import GarbageCollector
from local_kubernetes.nodes import quantity
from local_kubernetes.objects import ApiError, Store
from local_kubernetes.resources import DEPLOYMENTS, NAMESPACES, PODS, SERVICES
from local_kubernetes.selectors import predicate


@pytest.fixture
def store():
    store = Store()
    for name in ("default", "other"):
        store.create(NAMESPACES, {"metadata": {"name": name}})
    return store


def collect(store):
    asyncio.run(GarbageCollector(store).reconcile())


def service(name="one", **meta):
    return {"metadata": {"name": name, **meta}, "spec": {"ports": []}}


LABELLED = {"metadata": {"name": "one", "labels": {"app": "dask", "tier": "worker"}}, "status": {"phase": "Running"}}


@pytest.mark.parametrize(
    ("labels", "selected"),
    [
        ("", True),
        ("app=dask,tier==worker", True),
        ("app!=dask", False),
        ("gpu!=yes", True),
        ("app in (dask, ray),tier", True),
        ("app notin (dask,ray)", False),
        ("!gpu", True),
        ("!app", False),
        ("gpu", False),
    ],
)
def test_label_selectors(labels, selected):
    assert predicate(labels)(LABELLED) is selected


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ("metadata.name=one,status.phase=Running", True),
        ("status.phase!=Running", False),
        ("spec.nodeName=", True),
        ("metadata.name=two", False),
    ],
)
def test_field_selectors(fields, selected):
    assert predicate("", fields)(LABELLED) is selected


def test_an_edit_counts_versions_and_generations(store):
    first = store.create(SERVICES, service(), "default")
    assert first["metadata"]["generation"] == 1
    second = store.edit(SERVICES, "default", "one", lambda item: item["spec"].update(type="ClusterIP"))
    assert second["metadata"]["generation"] == 2
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    third = store.edit(SERVICES, "default", "one", lambda item: item["metadata"].update(labels={"a": "b"}))
    assert third["metadata"]["generation"] == 2
    assert store.edit(SERVICES, "default", "one", lambda item: None) is third, "nothing changed, nothing is written"
    assert "type" not in first["spec"], "history is not rewritten"
    with pytest.raises(ApiError, match="the object has been modified") as conflict:
        store.edit(SERVICES, "default", "one", lambda item: first)
    assert conflict.value.code == 409


def test_the_server_keeps_its_own_fields(store):
    first = store.create(SERVICES, service(), "default")
    edited = store.edit(SERVICES, "default", "one", lambda item: item["metadata"].update(uid="mine", name="two"))
    assert edited == first


def test_status_and_the_rest_are_written_apart(store):
    store.create(PODS, {"metadata": {"name": "one"}, "spec": {}}, "default")
    both = {"spec": {"a": 1}, "status": {"phase": "Running"}}
    assert "status" not in store.edit(PODS, "default", "one", lambda item: item.update(both))
    written = store.edit(PODS, "default", "one", lambda item: item.update({**both, "spec": {}}), "status")
    assert (written["spec"], written["status"]) == ({"a": 1}, {"phase": "Running"})


def test_a_finalizer_holds_an_object(store):
    store.create(SERVICES, service(finalizers=["test"]), "default")
    held = store.delete(SERVICES, "default", "one")
    assert held["metadata"]["deletionTimestamp"]
    assert store.delete(SERVICES, "default", "one") is held
    store.edit(SERVICES, "default", "one", lambda item: item["metadata"].update(finalizers=[]))
    assert store.find(SERVICES, "default", "one") is None
    assert store.history[-1].new is None


def test_what_lost_its_owner_is_collected(store):
    owner = store.create(SERVICES, service("owner"), "default")
    reference = {"kind": "Service", "name": "owner", "uid": owner["metadata"]["uid"]}
    child = store.create(SERVICES, service("child", ownerReferences=[reference]), "default")
    store.create(SERVICES, service("grandchild", ownerReferences=[{"uid": child["metadata"]["uid"]}]), "default")
    store.create(SERVICES, service("stranger"), "default")
    collect(store)
    assert len(store.select(SERVICES)) == 4
    store.delete(SERVICES, "default", "owner")
    collect(store)
    collect(store)
    assert [item["metadata"]["name"] for item in store.select(SERVICES)] == ["stranger"]


def test_a_namespace_goes_with_what_is_in_it(store):
    store.create(SERVICES, service(finalizers=["test"]), "other")
    store.create(SERVICES, service("kept"), "default")
    store.delete(NAMESPACES, "", "other")
    collect(store)
    with pytest.raises(ApiError, match="because it is being terminated"):
        store.create(SERVICES, service("late"), "other")
    store.edit(SERVICES, "other", "one", lambda item: item["metadata"].update(finalizers=[]))
    collect(store)
    assert [item["metadata"]["name"] for item in store.select(NAMESPACES)] == ["default"]
    assert [item["metadata"]["name"] for item in store.select(SERVICES)] == ["kept"]
    with pytest.raises(ApiError, match='namespaces "other" not found'):
        store.create(DEPLOYMENTS, {"metadata": {"name": "a"}}, "other")


def test_quantities_and_variables():
    assert [quantity(text) for text in ("500m", "2", "1Gi", "4G", 3)] == [0.5, 2, 2**30, 4e9, 3]
    assert expand("$(A)-$(B)-$$(A)-$A", {"A": "1"}) == "1-$(B)-$(A)-$A"
