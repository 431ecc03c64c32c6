"""Which worker gets the next slice, and what becomes of a slice whose worker has left."""

import threading
import time

import pytest
from distributed import Client, Event, LocalCluster
from hypothesis import given
from hypothesis import strategies as st

from qiskit_cluster_provider.dispatch.transports.dask.scheduler_view import view_of
from qiskit_cluster_provider.dispatch.transports.dask.worker_load import WorkerLoad


def test_the_worker_with_the_fewest_slices_for_its_threads_is_next():
    load = WorkerLoad()
    workers = {"one": 1, "two": 2}
    taken = [load.take(workers) for _ in range(6)]
    assert sorted(taken) == ["one", "one", "two", "two", "two", "two"]
    load.give_back("one")
    assert load.take(workers) == "one"


def test_a_worker_without_slices_is_forgotten():
    load = WorkerLoad()
    for address in ("gone", "gone", "here"):
        assert load.take({address: 1}) == address
        load.give_back(address)
    assert not load._given


@pytest.fixture
def client():
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_dask_keeps_a_task_for_a_worker_that_left_even_if_that_was_only_a_wish(client):
    future = client.submit(int, key="kept", workers=["inproc://gone"], allow_other_workers=True)
    tasks = client.cluster.scheduler.tasks
    deadline = time.monotonic() + 30
    while "kept" not in tasks:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    client.cluster.scale(1)
    assert client.submit(int, key="other").result(timeout=30) == 0
    assert tasks["kept"].state == "no-worker"
    assert not future.done()
    view = view_of(client)
    view.look(client)
    assert view.is_nowhere(client, "kept")


def wait():
    return Event("gate").wait(30)


def test_a_task_on_a_worker_is_somewhere(client):
    view = view_of(client)
    assert view.look(client) is not None
    assert not view.is_nowhere(client, "running")  # there is no worker that could have it
    client.cluster.scale(1)
    client.wait_for_workers(1, timeout=30)
    future = client.submit(wait, key="running", pure=False)
    deadline = time.monotonic() + 30
    while not any(client.processing().values()):  # it is on its way to the scheduler
        assert time.monotonic() < deadline
    view._processing = 0.0, frozenset()
    view.look(client)
    assert not view.is_nowhere(client, "running")
    Event("gate").set()
    future.result(timeout=30)


@given(
    threads=st.lists(st.integers(1, 4), min_size=1, max_size=6),
    steps=st.lists(st.integers(0, 9), max_size=60),
)
def test_it_is_always_the_worker_with_the_fewest_for_its_threads(threads, steps):
    load, given_to = WorkerLoad(), []
    workers = {f"w{index}": count for index, count in enumerate(threads)}
    for step in steps:
        if step > 6 and given_to:
            load.give_back(given_to.pop(step % len(given_to)))
            continue
        if step == 0:
            workers = dict(workers)  # the scheduler was asked again
        least = min(workers, key=lambda one: (given_to.count(one) + 1) / workers[one])
        given_to.append(load.take(workers))
        assert given_to[-1] == least


def test_what_a_worker_has_counts_when_it_comes_back():
    load = WorkerLoad()
    assert load.take({"a": 1}) == "a"
    assert load.take({"b": 1}) == "b"
    load.give_back("b")
    assert load.take({"a": 1, "b": 1}) == "b"
    load.give_back("a")
    assert load.take({"a": 1, "b": 1}) == "a"
