"""The one cache: bounded in bytes, least recently used first, for any thread, and safe in a fork."""

import copy
import os
import pickle
import threading

import pytest

from qiskit_cluster_provider.plan.cache import ByteCache


def make_nothing():
    raise AssertionError("it is there already")


def test_what_is_kept_is_not_made_again():
    cache = ByteCache(100)
    value = object()
    assert cache.get("things", "a", lambda: value, lambda _: 10) is value
    assert cache.get("things", "a", make_nothing, lambda _: 10) is value
    assert "a" in cache
    assert (len(cache), cache.size) == (1, 10)


def test_that_there_is_nothing_can_be_remembered_too():
    cache = ByteCache(100)
    assert cache.get("things", "a", lambda: None, lambda _: 1) is None
    assert cache.get("things", "a", make_nothing, lambda _: 1) is None
    assert cache.uses() == {"things": (1, 1)}


def test_the_least_recently_used_goes_first():
    cache = ByteCache(30)
    for name in "abc":
        cache.put(name, name, 10)
    assert cache.find("", "a") == "a"
    cache.get("", "b", make_nothing, len)
    cache.put("d", "d", 10)
    assert [name in cache for name in "abcd"] == [True, True, False, True]
    assert cache.size == 30


def test_one_large_value_makes_room_for_itself_and_stays_until_the_next():
    cache = ByteCache(30)
    cache.put("a", "a", 10)
    cache.put("large", "large", 1000)
    assert (len(cache), cache.size) == (1, 1000)
    cache.put("b", "b", 10)
    assert (len(cache), cache.size) == (1, 10)


def test_what_is_put_again_is_weighed_anew():
    cache = ByteCache(100)
    cache.put("a", 1, 60)
    cache.put("a", 2, 20)
    assert (cache.find("", "a"), len(cache), cache.size) == (2, 1, 20)


def test_uses_are_counted_by_kind_since_the_last_question():
    cache = ByteCache(100)
    for name in "aab":
        cache.get("circuits", name, lambda: 1, lambda _: 1)
    assert cache.find("models", "x") is None
    assert cache.uses() == {"circuits": (1, 2), "models": (0, 1)}
    assert cache.uses() == {}


def test_it_can_be_emptied():
    cache = ByteCache(100)
    cache.put("a", 1, 60)
    cache.clear()
    assert (len(cache), cache.size, "a" in cache) == (0, 0, False)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda cache: pickle.loads(pickle.dumps(cache))])
def test_a_copy_is_empty_and_has_the_same_limit(copied):
    cache = ByteCache(100)
    cache.put("a", threading.Lock(), 60)
    other = copied(cache)
    assert (other.limit, len(other), len(cache)) == (100, 0, 1)


def test_what_goes_may_ask_the_cache():
    """A value may have a destructor that does anything."""
    cache, found = ByteCache(10), []

    class Asks:
        def __del__(self):
            found.append(cache.find("", "b"))

    cache.put("a", Asks(), 10)
    cache.put("b", "b", 10)
    assert found == ["b"]


def test_all_threads_get_the_value_that_was_kept_first():
    cache, together, found = ByteCache(1000), threading.Barrier(4), []

    def make():
        together.wait(timeout=30)  # all four have seen that it is not there
        return object()

    threads = [
        threading.Thread(target=lambda: found.append(cache.get("", "a", make, lambda _: 10))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(found) == 4
    assert len(set(map(id, found))) == 1
    assert (len(cache), cache.size) == (1, 10)


def test_threads_that_evict_each_other_keep_the_books():
    cache = ByteCache(50)

    def use(seed):
        for index in range(2000):
            cache.get("numbers", (seed * index) % 17, lambda: 1, lambda _: 10)
            cache.put((seed + index) % 17, 1, 10)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (len(cache), cache.size) == (5, 50)
    assert sum(map(sum, cache.uses().values())) == 4 * 2000


def test_a_fork_needs_no_lock_of_its_parent():
    """Another thread holds the lock at the moment of the fork, and is not there in the child to let it go."""
    cache = ByteCache(100)
    cache.put("a", 1, 10)
    holds, over = threading.Event(), threading.Event()

    def hold():
        with cache._lock:
            holds.set()
            over.wait(timeout=60)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert holds.wait(timeout=30)
        child = os.fork()
        if not child:
            try:
                os._exit(int(cache.find("", "a") is not None or cache.get("", "a", lambda: 2, lambda _: 1) != 2))
            finally:
                os._exit(3)
        ended = threading.Timer(30, os.kill, (child, 9))  # a child that waits for ever fails the test
        ended.start()
        _, status = os.waitpid(child, 0)
        ended.cancel()
    finally:
        over.set()
        thread.join(timeout=30)
    assert os.waitstatus_to_exitcode(status) == 0
    assert cache.find("", "a") == 1, "the parent still has it"
