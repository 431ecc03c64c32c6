"""Messages: every type of value keeps its type, and nothing foreign is read."""

import struct

import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from qiskit_cluster_provider.errors import WireError
from qiskit_cluster_provider.plan import SliceResult
from qiskit_cluster_provider.wire import VERSION, PackedExperiments, decode_result, encode_result
from qiskit_cluster_provider.wire.envelope import pack, seal, unpack, unseal

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(),
    st.binary(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(st.one_of(st.text(), st.integers(0, 2**40)), inner),
    ),
    max_leaves=20,
)


@given(VALUES)
def test_values_keep_their_types(value):
    back = unpack(pack(value))
    assert back == value
    assert type(back) is type(value)


@given(hnp.arrays(st.sampled_from([np.float64, np.complex128, np.uint8, np.int64]), hnp.array_shapes(max_dims=3)))
def test_arrays_keep_dtype_shape_and_bits(array):
    for one in (array, np.asfortranarray(array), array[::-1]):
        back = unpack(pack(one))
        assert back.dtype == one.dtype
        assert back.shape == one.shape
        assert back.tobytes() == np.ascontiguousarray(one).tobytes()
        assert back.flags.writeable


def test_numpy_scalars_become_numbers():
    assert unpack(pack([np.float64(0.1), np.int32(3), np.bool_(True), np.complex128(1j)])) == [
        0.1,
        3,
        True,
        1j,
    ]


@pytest.mark.parametrize("value", [object(), np.array([object()]), {1: {2}}, 2**64])
def test_what_has_no_place_is_refused(value):
    with pytest.raises(WireError, match="cannot be sent"):
        seal(b"r", value)


@pytest.mark.parametrize("size", [10, 100_000])
def test_messages_know_their_kind_and_version(size):
    message = seal(b"r", ["x" * size])
    assert unseal(b"r", message) == ["x" * size]
    assert len(message) < size + 100
    with pytest.raises(WireError, match="kind 't'"):
        unseal(b"t", message)
    with pytest.raises(WireError, match=f"format {VERSION + 1}"):
        unseal(b"r", message[:3] + bytes([VERSION + 1]) + message[4:])
    with pytest.raises(WireError, match="no message"):
        unseal(b"r", b"\x80\x04pickle")


def test_noise_is_not_compressed():
    noise, zeros = np.random.default_rng(1).bytes(10**6), bytes(10**6)
    assert seal(b"t", noise)[5:6] == b"-"
    assert seal(b"t", zeros)[5:6] == b"z"
    assert unseal(b"t", seal(b"t", [noise, zeros])) == [noise, zeros]


def test_nothing_in_a_result_can_execute():
    """An array of objects would unpickle; it is refused on reading too."""
    head = msgpack.packb(["|O", [1], False])
    body = msgpack.packb(msgpack.ExtType(1, struct.pack("<I", len(head)) + head + b"\0" * 8))
    with pytest.raises(ValueError, match="OBJECT"):
        unpack(body)


def test_results():
    experiments = PackedExperiments.of([{"success": True, "data": {"a": 3}}, {"success": False, "status": "ERROR"}])
    sent = SliceResult(7, experiments, {"omp_enabled": True}, 0.5, refused={1: "ERROR"})
    result = decode_result(encode_result(sent))
    assert result.index == 7
    assert [result.experiments.head(i) for i in (0, 1)] == [{"success": True}, {"success": False, "status": "ERROR"}]
    assert [result.experiments.data(i) for i in (0, 1)] == [{"a": 3}, {}]
    assert result.metadata == {"omp_enabled": True}
    assert result.failed == 1
