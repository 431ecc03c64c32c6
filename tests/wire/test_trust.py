"""What a worker sends is data: whatever the bytes are, the client runs none of them and does not crash."""

import pickle
import struct
from concurrent.futures import Executor, Future
from pathlib import Path

import cloudpickle
import msgpack
import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.errors import SlicesLostError, WireError
from qiskit_cluster_provider.plan import PackedCounts, SliceResult
from qiskit_cluster_provider.wire import VERSION, PackedExperiments, decode_result, encode_result
from qiskit_cluster_provider.wire.envelope import pack, seal, unpack

from ..slow import quick


class Evil:
    """Unpickling it makes a file."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def result(body, flag=b"-"):
    return b"QCP%cr%s%s" % (VERSION, flag, body)


def array(dtype, shape, data, size=None):
    head = msgpack.packb([dtype, shape, False])
    return msgpack.ExtType(1, struct.pack("<I", len(head) if size is None else size) + head + data)


def beside(place, dtype, shape):
    return msgpack.ExtType(4, msgpack.packb([place, dtype, shape, False]))


def beside_it(good, parts, *arrays):
    """A message with arrays that follow it: what they are said to be, and what is there."""
    message = result(msgpack.packb({**good, "arrays": list(arrays), "index": good["index"] if parts else "none"}))
    sizes = b"".join(struct.pack("<QQ", size, len(part)) for size, part in parts)
    head = struct.pack("<I", len(parts)) + sizes + struct.pack("<Q", len(message) + (not parts))
    return result(head + message + b"".join(part for _, part in parts), b"+")


def bomb(size):
    return b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", size)


def nested(levels):
    """Tuples inside each other: some bytes each, and much of the C stack when they are read."""
    packed = msgpack.packb([])
    for _ in range(levels):
        packed = msgpack.packb([msgpack.ExtType(3, packed)])
    return packed


def messages(file):
    """Name -> what a worker under somebody's control could send for a result."""
    evil = pickle.dumps(Evil(file))
    good = unpack(encode_result(SliceResult(0, PackedExperiments.of([{"success": True}]), {}, 0.1))[6:])
    return {
        "a pickle": evil,
        "a pickle as the body": result(evil),
        "a pickle, compressed": result(zstandard.ZstdCompressor().compress(evil), b"z"),
        "a pickle as an unknown extension": result(msgpack.packb(msgpack.ExtType(9, evil))),
        "a pickle as an array": result(msgpack.packb({**good, "arrays": [msgpack.ExtType(1, evil)]})),
        "a pickle as an array of objects": result(msgpack.packb({**good, "arrays": [array("|O", [1], evil)]})),
        "objects inside a structured array": result(msgpack.packb({**good, "arrays": [array("O,i8", [1], evil)]})),
        "a pickle as a tuple": result(msgpack.packb({**good, "arrays": [msgpack.ExtType(3, evil)]})),
        "pickled circuits": seal(b"c", {"qpy": b"", "pickle": evil, "by_qpy": [False]}),
        "pickled circuits under the letter of a result": seal(b"r", {"qpy": b"", "pickle": evil, "by_qpy": [False]}),
        "a pickled noise model": seal(b"n", cloudpickle.dumps((Evil(file), ()))),
        "a pickled noise model under the letter of a result": seal(b"r", cloudpickle.dumps((Evil(file), ()))),
        "nothing": b"",
        "a message of another release": result(msgpack.packb({"index": 0})),
        "a list": result(msgpack.packb([1])),
        "an array that is shorter than it says": result(msgpack.packb([array("<f8", [3], bytes(8))])),
        "an array with a head of 2 GiB": result(msgpack.packb([array("<f8", [1], bytes(8), 2**31)])),
        "an array of no type": result(msgpack.packb([array("zz", [1], bytes(8))])),
        "half a complex number": result(msgpack.packb([msgpack.ExtType(2, b"123")])),
        "two bodies": result(msgpack.packb({}) * 2),
        "half a body": result(msgpack.packb(good)[:-3]),
        "no zstandard": result(b"garbage", b"z"),
        "an exabyte, as zstandard says": result(bomb(2**60), b"z"),
        "tuples without end": result(nested(5_000)),
        "arrays beside nothing": result(msgpack.packb({**good, "arrays": [beside(0, "<f8", [1])]})),
        "no arrays at all": beside_it(good, []),
        "an array that is not there": beside_it(good, [(8, bytes(8))], beside(1, "<f8", [1])),
        "an array before the first": beside_it(good, [(8, bytes(8))], beside(-1, "<f8", [1])),
        "an array of objects beside": beside_it(good, [(len(evil), evil)], beside(0, "|O", [len(evil) // 8])),
        "an array beside of no shape": beside_it(good, [(8, bytes(8))], beside(0, "<f8", [-1])),
        "an array beside of another size": beside_it(good, [(8, bytes(8))], beside(0, "<f8", [2**40])),
        "no words about an array": beside_it(good, [(8, bytes(8))], msgpack.ExtType(4, b"\xc0")),
        "an array that is cut off": beside_it(good, [(2**40, bytes(8))], beside(0, "<f8", [2**37])),
        "an array that says it is long": beside_it(good, [(2**40, bomb(2**40))], beside(0, "<u1", [2**40])),
        "an array that is longer": beside_it(good, [(8, zstandard.compress(bytes(9)))], beside(0, "<u1", [8])),
        "more arrays than bytes": result(struct.pack("<I", 2**32 - 1) + bytes(32), b"+"),
        "arrays before a message": result(struct.pack("<IQQQ", 1, 8, 8, 2**60) + bytes(32), b"+"),
        "a pickle after no arrays": result(struct.pack("<IQ", 0, len(evil)) + evil, b"+"),
    }


NAMES = list(messages(Path("unused")))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_result_is_refused_and_not_run(tmp_path, name):
    file = tmp_path / "ran"
    with pytest.raises(WireError) as refusal:
        decode_result(messages(file)[name])
    assert not file.exists()
    assert "\n" not in str(refusal.value)


def test_the_payload_of_these_tests_would_run(tmp_path):
    file = tmp_path / "ran"
    pickle.loads(pickle.dumps(Evil(file)))
    assert file.exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_job_with_such_a_result_loses_its_slice_and_nothing_else(tmp_path, name):
    """The whole way of the client, from a worker's answer to the error."""
    file = tmp_path / "ran"

    class Hostile(Executor):
        def submit(self, fn, /, *args, **kwargs):
            answer = Future()
            answer.set_result(("done", messages(file)[name]))
            return answer

    with ClusterProvider() as provider:
        job = provider.get_backend("aer-local", executor=Hostile()).run(quick())
        with pytest.raises(SlicesLostError, match="WireError"):
            job.result(timeout=20)
    assert not file.exists()


@given(st.binary(max_size=200), st.sampled_from([b"-", b"z", b"+"]))
def test_no_bytes_do_anything_but_a_wire_error(body, flag):
    with pytest.raises(WireError):
        decode_result(result(body, flag))


@given(st.data())
def test_a_result_with_a_changed_byte_is_a_result_or_a_wire_error(data):
    experiments = PackedExperiments.of([{"success": True, "data": {"a": 1j, "counts": PackedCounts.of({"0x3": 5})}}])
    message = bytearray(encode_result(SliceResult(0, experiments, {"b": (1, 2)}, 0.1)))
    message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode_result(bytes(message)).experiments
        for index in range(len(found)):
            found.head(index), found.data(index)
    except WireError:
        return


@given(st.data())
def test_large_arrays_with_a_changed_byte_are_arrays_or_a_wire_error(data):
    """The frame around the message, and what compressed well; what lies there as it is has no checksum."""
    experiments = PackedExperiments.of([{"data": {"a": np.zeros(2**15), "b": np.arange(2**15), "c": np.ones(2**15)}}])
    message = bytearray(encode_result(SliceResult(0, experiments, {}, 0.1)))
    place = data.draw(st.one_of(st.integers(0, 300), st.integers(0, len(message) - 1)))
    message[place] = data.draw(st.integers(0, 255))
    try:
        decode_result(bytes(message)).experiments.data(0)
    except WireError:
        return


def test_tuples_that_are_sent_can_be_read():
    deep = ()
    for _ in range(50):
        deep = (deep, 1)
    assert unpack(pack(deep)) == deep
