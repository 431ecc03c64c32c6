"""Experiments travel in chunks; one is decoded when it is asked for, and what is damaged says which one it was."""

import msgpack
import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from qiskit_cluster_provider.errors import WireError
from qiskit_cluster_provider.plan import PackedCounts, PackedMemory
from qiskit_cluster_provider.wire import PackedExperiments
from qiskit_cluster_provider.wire import experiments as module

COUNTS = {"0x0": 3, "0x1f": 300}
MEMORY = ["0x1f", "0x0", "0x0"]


def experiment(index, size=0):
    data = {"counts": PackedCounts.of(COUNTS), "memory": PackedMemory.of(MEMORY), "state": np.full(size, index * 1j)}
    return {"success": True, "seed_simulator": index, "header": {"name": f"q{index}"}, "data": data}


def opened(frame):
    return msgpack.unpackb(zstandard.ZstdDecompressor().decompress(frame))


@settings(max_examples=20)
@given(st.lists(st.sampled_from([0, 10, 1_000, 6_000]), max_size=60))
def test_each_comes_back_whatever_its_neighbours_are(sizes):
    packed = PackedExperiments.of(experiment(index, size) for index, size in enumerate(sizes))
    assert len(PackedExperiments(packed.message)) == len(sizes)
    for index in reversed(range(len(sizes))):
        data = packed.data(index)
        assert packed.head(index) == {"success": True, "seed_simulator": index, "header": {"name": f"q{index}"}}
        assert data["counts"].unpacked() == COUNTS
        assert data["memory"].unpacked() == MEMORY
        assert data["state"].tolist() == [index * 1j] * sizes[index]


def test_what_is_large_is_alone_and_not_held():
    some = [experiment(index) for index in range(6)]
    some[3]["data"]["text"] = "x" * 10**6
    packed = PackedExperiments.of(some)
    assert [number for number, _ in packed.message["data"]] == [3, 1, 2]
    assert [number for number, _ in packed.message["heads"]] == [6]
    module._opened.cache_clear()
    packed.data(3)
    assert module._opened.cache_info().currsize == 0


def test_large_arrays_lie_beside_the_message_and_each_reader_gets_its_own():
    packed = PackedExperiments.of(experiment(index, 10**5) for index in range(4))
    assert [len(array) for array in packed.arrays] == [10**5] * 4
    assert sum(len(frame) for _, frame in packed.message["data"]) < 1000
    first = packed.data(2)["state"]
    first[:] = 0
    assert packed.data(2)["state"].tolist() == [2j] * 10**5


def test_one_is_decoded_and_not_the_others(monkeypatch):
    decoded = []
    monkeypatch.setattr(
        module, "unpack", lambda document: decoded.append(document) or module.msgpack.unpackb(document)
    )
    packed = PackedExperiments.of({"name": str(index)} for index in range(1000))
    assert packed.head(617) == {"name": "617"}
    assert len(decoded) == 1


def damaged(change):
    message = PackedExperiments.of(experiment(index) for index in range(3)).message
    documents = opened(message["data"][0][1])
    documents = change(documents)
    frame = zstandard.ZstdCompressor().compress(msgpack.packb(documents))
    return {**message, "data": [[3, frame]]}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"garbage",
        msgpack.packb([None, None]),
        msgpack.packb([None, None, 3]),
        msgpack.packb([[0, b""], None, {}]),
        msgpack.packb([[2, b"123", b"1"], None, {}]),
        msgpack.packb([[1, b"123", b"12"], None, {}]),
        msgpack.packb([[1, b"12", b"123456"], None, {}]),
        msgpack.packb([["1", b"12", b"12"], None, {}]),
        msgpack.packb([None, [1, "text"], {}]),
        msgpack.packb([None, [-1, b"12"], {}]),
        msgpack.packb([None, None, {"a": msgpack.ExtType(9, b"pickle")}]),
    ],
)
def test_damage_is_found_when_it_is_read_and_says_where(document):
    packed = PackedExperiments(damaged(lambda documents: [documents[0], document, documents[2]]))
    assert packed.data(0)["counts"].unpacked() == COUNTS
    assert packed.head(1)["success"]
    with pytest.raises(WireError, match="experiment 1 of its slice is damaged"):
        packed.data(1)
    assert packed.data(2)["memory"].unpacked() == MEMORY


@pytest.mark.parametrize("documents", [[], [b"", b""], "text", [1, 2, 3], {"a": 1}])
def test_a_chunk_that_holds_something_else_is_refused(documents):
    packed = PackedExperiments(damaged(lambda _: documents))
    with pytest.raises(WireError, match="experiment 2 of its slice is damaged"):
        packed.data(2)


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "text",
        {},
        {"heads": [], "data": [[1, b""]]},
        {"heads": [[0, b""]], "data": [[0, b""]]},
        {"heads": [[-1, b""], [1, b""]], "data": []},
        {"heads": [["1", b""]], "data": [[1, b""]]},
        {"heads": [[True, b""]], "data": [[True, b""]]},
        {"heads": [[1, "text"]], "data": [[1, b""]]},
        {"heads": [[1]], "data": [[1]]},
        {"heads": 3, "data": 3},
    ],
)
def test_what_is_no_list_of_chunks_is_refused_at_once(message):
    with pytest.raises(WireError):
        PackedExperiments(message)


def test_a_changed_bit_is_seen():
    """zstandard's checksum, so that damage on the way is no other answer."""
    message = PackedExperiments.of(experiment(index) for index in range(200)).message
    number, frame = message["data"][0]
    changed = 0
    for place in range(10, len(frame), 7):
        broken = bytearray(frame)
        broken[place] ^= 4
        packed = PackedExperiments({**message, "data": [[number, bytes(broken)], *message["data"][1:]]})
        with pytest.raises(WireError):
            packed.data(0)
        changed += 1
    assert changed > 3
