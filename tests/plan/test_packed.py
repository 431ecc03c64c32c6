"""Counts and memory as arrays, and back to what Aer had."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit

from qiskit_cluster_provider.plan import PackedCounts, PackedMemory
from qiskit_cluster_provider.plan.packed import added, joined

from ..alone import alone

OUTCOMES = st.one_of(st.integers(0, 3), st.integers(0, 2**20), st.integers(0, 2**64), st.integers(0, 2**130)).map(hex)
COUNTS = st.dictionaries(OUTCOMES, st.integers(1, 10**6))
MEMORIES = st.lists(OUTCOMES)


@given(COUNTS)
def test_counts_come_back_in_their_order(counts):
    assert list(PackedCounts.of(counts).unpacked().items()) == list(counts.items())


@given(MEMORIES)
def test_memory_comes_back(memory):
    assert PackedMemory.of(memory).unpacked() == memory
    assert PackedMemory.of(memory).unpacked(str.upper) == [one.upper() for one in memory]


@given(st.lists(COUNTS, min_size=1, max_size=4))
def test_counts_are_added(parts):
    total = {}
    for part in parts:
        for outcome, number in part.items():
            total[outcome] = total.get(outcome, 0) + number
    found = added([PackedCounts.of(part) for part in parts]).unpacked()
    assert found == total
    assert list(found) == sorted(total, key=lambda outcome: int(outcome, 16))


@given(st.lists(MEMORIES, min_size=1, max_size=4))
def test_memories_are_joined(parts):
    found = joined([PackedMemory.of(part) for part in parts]).unpacked()
    assert found == [shot for part in parts for shot in part]


def as_aer_writes(number, bits):
    """Words of 64 bits, the first one without leading zeros if it is shorter."""
    if bits == 0:
        return ""
    head, words = divmod(bits, 64)[1], bits // 64
    text = f"{number:0{16 * words}x}" if not head else f"{number:0{16 * words + 1}x}"
    return "0x" + text if bits > 64 else hex(number)


@given(st.sampled_from([0, 1, 5, 63, 64, 65, 68, 127, 128, 129, 200]), st.data())
def test_registers_of_any_width(bits, data):
    """Zeros lead where Aer writes them, whichever outcomes a range of shots has."""
    numbers = st.integers(0, 2**bits - 1) | st.integers(0, min(3, 2**bits - 1))
    ranges = data.draw(st.lists(st.lists(numbers, min_size=1), min_size=1, max_size=3))
    memories = [[as_aer_writes(number, bits) for number in part] for part in ranges]
    assert [PackedMemory.of(part).unpacked() for part in memories] == memories
    whole = [shot for part in memories for shot in part]
    assert joined([PackedMemory.of(part) for part in memories]).unpacked() == whole
    counts = [PackedCounts.of({one: part.count(one) for one in part}) for part in memories]
    assert added(counts).unpacked() == {one: whole.count(one) for one in whole}


def memory_of_a_million_shots():
    shots = 1_000_000
    memory = [hex(number) for number in range(32)] * (shots // 32)
    tracemalloc.start()
    packed = PackedMemory.of(memory)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    back = packed.unpacked()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert back == memory
    assert len(set(map(id, back))) == 32
    return kept / shots, peak / shots


def test_a_million_shots_are_a_million_bytes():
    kept, peak = alone(memory_of_a_million_shots)
    assert kept < 1.1
    assert peak < 40


def test_unpacked_numbers_are_plain():
    assert [type(number) for number in PackedCounts.of({"0x1": 7, "0x2": 70_000}).unpacked().values()] == [int, int]


@pytest.mark.parametrize(
    "parts", [(1, b"12", b"1"), (2, b"123", b"1"), (0, b"", b""), (1, b"12", b"123456"), (1, "1", b"1")]
)
def test_what_does_not_fit_together_is_refused(parts):
    with pytest.raises(ValueError, match="outcomes"):
        PackedCounts(*parts)


@pytest.mark.parametrize("clbits", [63, 64, 65, 68, 70, 129])
def test_long_outcomes_have_all_their_digits(backend, aer, same, clbits):
    """Aer writes what fits into 64 bits as a number, and what does not with its zeros."""
    circuit = QuantumCircuit(clbits, clbits)
    circuit.x(0)
    circuit.h(1)
    circuit.measure(range(clbits), range(clbits))
    options = {"shots": 20, "seed_simulator": 1, "memory": True, "method": "stabilizer"}
    theirs = aer.run([circuit], **options).result()
    for more in ({}, {"placement": "here"}):
        ours = backend.run([circuit], **options, **more).result()
        assert ours.data(0) == theirs.data(0)
    same(backend.run([circuit], **options).result(), theirs)


def test_parts_of_long_outcomes_keep_their_digits():
    texts = [f"0x{number:017x}" for number in (1, 3, 2**64)]
    counts = [PackedCounts.of({texts[0]: 2}), PackedCounts.of({texts[2]: 1, texts[0]: 5}), PackedCounts.of({})]
    assert added(counts).unpacked() == {texts[0]: 7, texts[2]: 1}
    assert joined([PackedMemory.of(texts[:1]), PackedMemory.of(texts[1:])]).unpacked() == texts
