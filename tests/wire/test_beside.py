"""Large arrays travel beside their message: as they are, or shorter, or in a file that nobody can change."""

import os
import sys

import numpy as np
import pytest

from qiskit_cluster_provider.errors import WireError
from qiskit_cluster_provider.plan import SliceResult
from qiskit_cluster_provider.wire import Mailbox, PackedExperiments, decode_result, encode_result, is_handed_over
from qiskit_cluster_provider.wire.beside import LARGE, InFile, OpenFile, of_file
from qiskit_cluster_provider.wire.handover import hand_over

from ..descriptors import descriptors, left_open

linux = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files without a name are Linux's")
RNG = np.random.default_rng(1)
ARRAYS = {
    "complex": RNG.random(2 * LARGE).view(np.complex128),
    "matrix": RNG.random((512, 300)),
    "by columns": np.asfortranarray(RNG.random((512, 300))),
    "every other": RNG.random(8 * LARGE)[::2],
    "bits": RNG.integers(0, 2, (1000, 300)) > 0,
    "bytes": RNG.integers(0, 255, 2 * LARGE, dtype=np.uint8),
    "zeros": np.zeros(4 * LARGE),
    "single": RNG.random(LARGE).astype(np.float32),
    "cube": RNG.random((30, 40, 50)),
    "small": np.arange(3),
}


def result(**data):
    experiments = PackedExperiments.of([{"success": True, "data": data}, {"success": True, "data": {"a": 1}}])
    return SliceResult(3, experiments, {}, 0.1, arrays=(ARRAYS["bits"], ARRAYS["small"]))


def same(found, expected):
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.flags.writeable
    assert found.flags.f_contiguous or not (expected.flags.f_contiguous and expected.ndim > 1)
    assert np.array_equal(found, expected)


def check(message, descriptor=None):
    found = decode_result(message, descriptor)
    assert found.index == 3
    assert found.experiments.data(1) == {"a": 1}
    for array, expected in zip(found.arrays, (ARRAYS["bits"], ARRAYS["small"]), strict=True):
        same(array, expected)
    for _ in range(2):  # the second reader does not see what the first one writes
        data = found.experiments.data(0)
        for name, expected in ARRAYS.items():
            same(data[name], expected)
            data[name].fill(1)
        same(data["nested"][0]["deep"][0], ARRAYS["complex"])
    return found


def everything():
    return result(**ARRAYS, nested=[{"deep": (ARRAYS["complex"],)}])


def test_arrays_come_back_from_a_message():
    message = encode_result(everything())
    assert not is_handed_over(message)
    check(message)
    check(memoryview(bytes(message)))


def test_what_compresses_is_made_shorter_and_noise_is_not():
    zeros = encode_result(result(state=np.zeros(2**20)))
    noise = RNG.random(2**20)
    assert len(zeros) < 200_000
    assert len(encode_result(result(state=noise))) > noise.nbytes
    half = np.where(np.arange(2**20) < 2**19, 0.0, noise)
    found = decode_result(encode_result(result(state=half))).experiments.data(0)["state"]
    same(found, half)


def test_without_large_arrays_a_message_is_what_it_was():
    small = SliceResult(0, PackedExperiments.of([{"data": {"a": np.arange(9)}}]), {}, 0.1)
    assert encode_result(small)[5:6] in (b"-", b"z")


@pytest.fixture
def mailbox():
    mailbox = Mailbox.open()
    yield mailbox
    mailbox.close()


@linux
def test_arrays_are_handed_over(mailbox):
    before = descriptors()
    message = encode_result(everything(), mailbox.address(3))
    assert is_handed_over(message)
    assert len(message) < 3000
    found = check(message, mailbox.take(3))
    assert mailbox.take(3) is None, "nothing is taken twice"
    del found
    assert not left_open(before)


@linux
def test_an_array_outlives_its_result_and_keeps_no_descriptor(mailbox):
    before = descriptors()
    state = RNG.random(2**20)
    found = decode_result(encode_result(result(state=state), mailbox.address(0)), mailbox.take(0))
    array = found.experiments.data(0)["state"]
    del found
    assert not left_open(before)
    same(array, state)
    array += 1


@linux
def test_many_results_do_not_use_up_the_descriptors(mailbox):
    before = descriptors()
    state = np.zeros(2**20)
    kept = []
    for index in range(140):
        message = encode_result(result(state=state + index), mailbox.address(index))
        kept.append(decode_result(message, mailbox.take(index)))
    assert len(left_open(before, 134)) < 135
    assert [int(one.experiments.data(0)["state"][-1]) for one in kept] == list(range(140))


@linux
def test_what_a_job_no_longer_waits_for_is_let_go(mailbox):
    before = descriptors()
    old = mailbox.address(0)
    assert hand_over(old, [memoryview(b"first")])
    new = mailbox.address(0)
    assert hand_over(new, [memoryview(b"again")])
    found = mailbox.take(0)
    assert os.pread(found, 9, 0) == b"again"
    os.close(found)
    assert hand_over(old, [memoryview(b"late")])
    assert mailbox.take(0) is None
    assert not left_open(before)


@linux
def test_nobody_is_there():
    mailbox = Mailbox.open()
    address = mailbox.address(0)
    mailbox.close()
    assert not hand_over(address, [memoryview(b"x")])
    assert not hand_over((b"\0somebody else", b"x" * 16), [memoryview(b"x")])
    message = encode_result(everything(), address)
    assert not is_handed_over(message)
    check(message)


@linux
def test_the_file_cannot_be_changed(mailbox):
    assert hand_over(mailbox.address(0), [memoryview(b"abc")])
    found = mailbox.take(0)
    for change in (lambda: os.pwrite(found, b"x", 0), lambda: os.ftruncate(found, 1), lambda: os.ftruncate(found, 9)):
        with pytest.raises(PermissionError):
            change()
    os.close(found)


@linux
def test_no_room(mailbox):
    """The kernel refuses to make the file any longer: the arrays travel with their message."""
    code = f"""
import resource, numpy as np
from qiskit_cluster_provider.plan import SliceResult
from qiskit_cluster_provider.wire import PackedExperiments, encode_result
resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
result = SliceResult(0, PackedExperiments.of([{{"data": {{"a": np.ones(2**20)}}}}]), {{}}, 0.1)
print(bytes(encode_result(result, {mailbox.address(0)!r})[5:6]))
"""
    assert run_python(code) == "b'+'"
    assert mailbox.take(0) is None


@linux
def test_no_descriptor_is_left(mailbox):
    code = f"""
import resource, os
from qiskit_cluster_provider.wire.handover import Mailbox, hand_over
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1,) * 2)
print(Mailbox.open(), hand_over({mailbox.address(0)!r}, [memoryview(b"x")]))
"""
    assert run_python(code) == "None False"


def run_python(code):
    import subprocess

    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@linux
def test_a_full_mailbox_refuses_and_nothing_waits():
    mailbox = Mailbox.open()
    address = mailbox.address(0)
    given = 0
    while hand_over(address, [memoryview(b"x")]):
        given += 1
        assert given < 10_000
    assert mailbox.take(0) is not None
    assert hand_over(mailbox.address(1), [memoryview(b"x")])
    mailbox.close()


@linux
def test_a_file_that_is_too_short(mailbox):
    message = encode_result(everything(), mailbox.address(0))
    os.close(mailbox.take(0))
    assert hand_over(mailbox.address(0), [memoryview(b"abc")])
    with pytest.raises(WireError, match="shorter"):
        decode_result(message, mailbox.take(0))


@linux
def test_when_no_map_is_to_be_had_it_is_read(mailbox, monkeypatch):
    monkeypatch.setattr("qiskit_cluster_provider.wire.beside._map", refuse)
    state = RNG.random(2**20)
    file = of_file(OpenFile(descriptor_of(mailbox, state)), [state.nbytes])
    assert isinstance(file, InFile)
    assert np.frombuffer(file.read(0)).tolist() == state.tolist()


def refuse(*_):
    raise OSError("no room for another map")


def descriptor_of(mailbox, array):
    assert hand_over(mailbox.address(0), [array.data])
    return mailbox.take(0)
