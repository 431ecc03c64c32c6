"""How long things take, and how slices follow from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit_aer.noise import NoiseModel, depolarizing_error

from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.resources import LEAST_TIMEOUT, UNPREDICTABLE, AerEstimate
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import Calibration, cut, longest_first, parts
from qiskit_cluster_provider.plan.slice_time import (
    LONGEST,
    OVERHEAD_LOCAL,
    SLICES_PER_SLOT,
    minimum_slice_time,
    target_slice_time,
)

WORTHWHILE = minimum_slice_time(OVERHEAD_LOCAL)


def layers(qubits, count, name="layers", angle=0.3):
    circuit = QuantumCircuit(qubits, name=name)
    for _ in range(count):
        for qubit in range(qubits):
            circuit.rx(angle, qubit)
            circuit.cx(qubit, (qubit + 1) % qubits)
    circuit.measure_all()
    return circuit


def work_of(circuits, binds=None, slice_options=None, **options):
    options = {"shots": 100, "seed_simulator": 1, **options}
    return prepare(circuits, binds, RunSettings(options, SliceOptions(**(slice_options or {}))))


def seconds_of(circuit, **options):
    work = work_of([circuit], **options)
    return AerEstimate(work).total()[0]


@given(total=st.floats(1e-6, 1e6), slots=st.integers(0, 500), overhead=st.floats(1e-4, 1.0))
def test_an_aim_is_worth_its_while_and_shares_the_work_out(total, slots, overhead):
    shortest = minimum_slice_time(overhead)
    found = target_slice_time(total, slots, shortest)
    count = total / found.seconds
    assert found.why
    assert found.seconds <= max(LONGEST, shortest * 2, total / max(1, slots)) * (1 + 1e-9)
    if count > max(1, slots) * 1.001:
        assert overhead <= 0.05 * found.seconds * (1 + 1e-9) or found.seconds == LONGEST, "the overhead is small"
    if total > max(1, slots) * shortest:
        assert count >= max(1, slots) * 0.999, "no slot is idle"
    elif count > 1.001:
        assert found.seconds >= 2 * overhead * 0.999, "a second slice pays"


def test_an_aim_in_words():
    assert target_slice_time(0.01, 2, WORTHWHILE) == (0.01, "there is too little work to share it out")
    assert target_slice_time(0.2, 2, WORTHWHILE).why == "2 slots get one each, as there is little work"
    assert (
        target_slice_time(0.7, 2, WORTHWHILE).why
        == "2 for each of 2 slots, none so short that sending it would count"
    )
    assert target_slice_time(10.0, 2, WORTHWHILE).why == "4 for each of 2 slots, to balance and to show progress"
    assert target_slice_time(1e5, 2, WORTHWHILE) == (60.0, "no slice longer than 60 s")
    assert (
        target_slice_time(0.01, 2, WORTHWHILE, known=False).why
        == "4 for each of 2 slots, as nobody knows how long they take"
    )


@given(
    sizes=st.lists(st.tuples(st.integers(2, 6), st.integers(1, 30), st.integers(1, 40)), min_size=1, max_size=6),
    slots=st.integers(1, 6),
    shots=st.sampled_from([1, 1000, 200_000]),
)
def test_slices_are_contiguous_and_even(sizes, slots, shots):
    angle = Parameter("angle")
    circuits = [layers(qubits, depth, angle=angle) for qubits, depth, _ in sizes]
    binds = [{angle: np.linspace(0, 1, rows)} for _, _, rows in sizes]
    work = work_of(circuits, binds, shots=shots)
    needs = AerEstimate(work)
    plan = cut(work, slots, needs)
    assert [i for piece in plan.slices for i in range(*piece.experiments)] == list(range(work.experiments))
    total, _ = needs.total()
    wanted = target_slice_time(total, slots, WORTHWHILE).seconds
    most = max(needs.cost(item, shots).each for item in work.items)
    once = sum(needs.cost(item, shots).once for item in work.items)
    assert all(piece.cost <= wanted + most + once + 1e-9 for piece in plan.slices)


def test_many_experiments_do_not_pile_up_in_one_slice():
    plan = cut(work_of([layers(2, 1)] * 10_000, shots=1), 1)
    assert max(piece.size for piece in plan.slices) < 5000, "64 MB of results"


def test_an_explicit_size_wins():
    plan = cut(work_of([layers(3, 2)] * 10, slice_options={"max_job_size": 3}), 2)
    assert [piece.size for piece in plan.slices] == [3, 3, 3, 1]
    assert plan.why == "max_job_size=3"


def test_uneven_circuits_are_balanced_and_the_longest_come_first():
    batch = [layers(3, 1)] * 50 + [layers(14, 30, "long")] + [layers(3, 1)] * 50
    plan = cut(work_of(batch), 2)
    order = longest_first(plan.slices)
    first, stop = order[0].experiments
    assert first <= 50 < stop
    assert order[0].cost > 1.4 * order[-1].cost
    equal = cut(work_of([layers(12, 20)] * 64), 4).slices
    assert longest_first(equal) == list(equal)
    assert longest_first([]) == []


def test_a_slice_knows_its_seconds_and_its_method():
    work = work_of([layers(5, 3)] * 4, slice_options={"max_job_size": 2})
    one, other = cut(work, 1).slices
    assert one.cost == pytest.approx(AerEstimate(work).total()[0] / 2)
    assert one.kind == other.kind == "statevector, few qubits, NoneType"
    halves = parts(work, one, 2)
    assert sum(half.cost for half in halves) == pytest.approx(one.cost)
    ghz = QuantumCircuit(3)
    ghz.h(0)
    ghz.measure_all()
    (mixed,) = cut(work_of([ghz, layers(3, 1)]), 1).slices
    assert mixed.kind == ""


def test_what_costs_more_is_expected_to():
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.01, 2), ["cx"])
    small = seconds_of(layers(5, 3))
    assert small < seconds_of(layers(5, 30)) < seconds_of(layers(16, 30))
    assert small < seconds_of(layers(5, 3), shots=100_000)
    assert 5 * small < seconds_of(layers(5, 3), noise_model=noise, shots=30), "shot by shot"
    assert seconds_of(layers(5, 3), noise_model=noise, shots=1000) < 10 * small, "as a density matrix"
    again = layers(5, 3)
    again.h(0)
    again.measure(0, 0)
    assert 5 * small < seconds_of(again, shots=1000), "it measures in the middle"


def test_rows_are_assembled_once():
    angle = Parameter("angle")
    template = layers(4, 20, angle=angle)
    rows = AerEstimate(work_of([template], [{angle: np.zeros(100)}])).total()[0]
    bound = AerEstimate(work_of([layers(4, 20)] * 100)).total()[0]
    assert rows < 0.5 * bound


def test_idle_qubits_do_not_count():
    wide = QuantumCircuit(127)
    wide.rx(0.1, [0, 1])
    wide.cx(0, 1)
    wide.measure_all(add_bits=True)
    device = QuantumCircuit(127, 2)
    device.rx(0.1, [0, 1])
    device.cx(0, 1)
    device.measure([0, 1], [0, 1])
    assert seconds_of(device) < 0.01
    assert AerEstimate(work_of([device])).memory(cut(work_of([device]), 1).slices[0]) == 0


def test_what_ran_is_learned_from():
    work = work_of([layers(8, 10)] * 8)
    calibration = Calibration()
    before = AerEstimate(work, calibration).total()[0]
    (piece,) = cut(work, 1, AerEstimate(work, calibration)).slices[:1]
    raw = AerEstimate(work)
    for slow in (40.0, 3.0, 3.0, 3.0, 3.0):  # the first one includes what only a new process does
        raw_seconds = raw.with_cost(piece).cost
        AerEstimate(work, calibration).observe(piece, slow * raw_seconds)
    after = AerEstimate(work, calibration)
    assert after.total()[0] == pytest.approx(3.0 * before)
    assert after.learned_from() == 5
    assert raw.total()[0] == before, "another place"
    assert after.at(Calibration()).total()[0] == before


def test_what_tiny_circuits_teach_does_not_count_for_large_ones():
    tiny, large = work_of([layers(2, 10)] * 100), work_of([layers(16, 10)])
    calibration = Calibration()
    (piece,) = cut(tiny, 1).slices
    before = AerEstimate(large).total()[0]
    AerEstimate(tiny, calibration).observe(piece, 0.1 * piece.cost)
    assert AerEstimate(tiny, calibration).total()[0] == pytest.approx(0.1 * piece.cost)
    assert AerEstimate(large, calibration).total()[0] == before


def test_matrices_cost_more_than_plain_gates():
    plain, volume = QuantumCircuit(12), QuantumCircuit(12)
    for qubit in range(11):
        plain.rzz(0.1, qubit, qubit + 1)
        volume.unitary(np.eye(4), [qubit, qubit + 1])
    assert seconds_of(volume) > 1.3 * seconds_of(plain)


def test_calibration_is_bounded():
    calibration = Calibration()
    assert calibration.factor("statevector") == 1.0
    calibration.record("statevector", 0.001, 0.004)
    assert calibration.slices("statevector") == 0, "too short to be measured"
    calibration.record("statevector", 0.0005, 0.02)
    assert calibration.slices("statevector") == 0, "only what else ran made it long enough"
    calibration.record("statevector", 0.0005, 0.2)
    assert calibration.slices("statevector") == 1, "it was much more than expected"
    for _ in range(100):
        calibration.record("statevector", 1.0, 1e9)
    assert calibration.factor("statevector") == 50.0
    assert calibration.slices("statevector") == 15


def test_a_fast_machine_does_not_shorten_timeouts():
    work = work_of([layers(24, 100)])
    calibration = Calibration()
    (piece,) = cut(work, 1).slices
    plain = AerEstimate(work).timeout(piece)
    calibration.record(piece.kind, 1.0, 0.1)
    assert AerEstimate(work, calibration).timeout(piece) == plain > LEAST_TIMEOUT
    for _ in range(3):
        calibration.record(piece.kind, 1.0, 4.0)
    assert AerEstimate(work, calibration).timeout(piece) > 2 * plain, "four times the estimate, and ten minutes"


def test_a_method_that_nobody_knows_is_cut_by_number():
    work = work_of([layers(3, 1)] * 80, method="matrix_product_state")
    plan = cut(work, 2)
    assert len(plan.slices) == SLICES_PER_SLOT * 2
    assert AerEstimate(work).timeout(plan.slices[0]) == UNPREDICTABLE


def test_a_loop_that_nobody_can_count_is_cut_by_number():
    loop = QuantumCircuit(1, 1)
    loop.h(0)
    loop.measure(0, 0)
    with loop.while_loop((loop.clbits[0], 1)):
        loop.h(0)
        loop.measure(0, 0)
    work = work_of([loop] * 40, shots=1)
    assert len(cut(work, 2).slices) == SLICES_PER_SLOT * 2
    assert AerEstimate(work).timeout(cut(work, 2).slices[0]) < UNPREDICTABLE, "it may not run for a day"
