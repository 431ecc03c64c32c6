"""Plans are data: made, checked and printed without a cluster."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.circuit import Parameter, QuantumCircuit

from qiskit_cluster_provider.engines.aer.preparation import prepare
from qiskit_cluster_provider.engines.aer.seeds import aer_seed
from qiskit_cluster_provider.engines.aer.settings import RunSettings
from qiskit_cluster_provider.errors import InvalidCircuitError
from qiskit_cluster_provider.options import SliceOptions
from qiskit_cluster_provider.plan import cut
from qiskit_cluster_provider.plan.seeds import IndependentSeeds, draw_base_seed, signed

A, B = Parameter("a"), Parameter("b")


def dynamic(name="dynamic"):
    circuit = QuantumCircuit(1, 1, name=name)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def parametrised(*parameters):
    circuit = QuantumCircuit(1, 1, name="parametrised")
    for parameter in parameters:
        circuit.rx(parameter, 0)
    circuit.measure(0, 0)
    return circuit


def work(circuits, binds=None, shots=100, seed=1, **slice_options):
    options = {"shots": shots, "seed_simulator": seed}
    return prepare(circuits, binds, RunSettings(options, SliceOptions(**slice_options)))


@given(
    rows=st.lists(st.integers(1, 9), min_size=1, max_size=8),
    size=st.integers(1, 40),
    slots=st.integers(1, 9),
    automatic=st.booleans(),
)
def test_every_experiment_is_in_exactly_one_slice_in_order(rows, size, slots, automatic):
    binds = [{A: np.arange(count, dtype=float)} for count in rows]
    plan = cut(work([parametrised(A)] * len(rows), binds, max_job_size=None if automatic else size), slots)
    covered = [i for piece in plan.slices for i in range(*piece.experiments)]
    assert covered == list(range(sum(rows)))
    for index, piece in enumerate(plan.slices):
        assert piece.index == index
        assert piece.seed == aer_seed(1, piece.experiments[0])
        assert piece.item == plan.work.manifest.item_of(piece.experiments[0])
        got = [
            (i, row) for i, start, stop in plan.work.manifest.pieces(*piece.experiments) for row in range(start, stop)
        ]
        want = [(i, row) for i, count in enumerate(rows) for row in range(count)]
        assert got == want[slice(*piece.experiments)]
    if not automatic:
        assert max(piece.size for piece in plan.slices) <= size
    assert all(piece.cost > 0 for piece in plan.slices)


@given(shots=st.integers(2, 500), size=st.integers(1, 499), slots=st.integers(1, 9))
def test_shot_slices_depend_on_the_work_alone(shots, size, slots):
    size = min(size, shots - 1)
    plans = [cut(work([dynamic()] * 2, shots=shots, max_shot_size=size), n) for n in (1, slots)]
    assert plans[0].slices == plans[1].slices
    for experiment in range(2):
        pieces = [s for s in plans[0].slices if s.experiments[0] == experiment]
        ranges = [s.shots for s in pieces]
        assert ranges[0][0] == 0
        assert ranges[-1][1] == shots
        assert all(a[1] == b[0] for a, b in pairwise(ranges))
        assert [s.seed for s in pieces] == [aer_seed(1, experiment, first) for first, _ in ranges]


def test_a_plan_can_be_printed():
    text = str(cut(work([dynamic()] * 10, max_job_size=4), 2))
    assert "10 experiments of 10 circuits" in text
    assert "3 slices of 2 to 4 experiments" in text


@pytest.mark.parametrize(
    ("binds", "says"),
    [
        ([{A: [1.0]}], "1 dictionaries for 2 circuits"),
        ({A: [1.0]}, "must be a list"),
        ([{}, {A: [1.0], B: [1.0]}], "unbound parameters"),
        ([{A: [1.0]}] * 2, "no values for 'b'"),
        ([{A: 1.0, B: [1.0]}] * 2, r"array of shape \(\)"),
        ([{A: [], B: []}] * 2, "empty lists"),
        ([{A: [1.0, 2.0], B: [1.0]}] * 2, "of one length, but 'a' has 2, 'b' has 1"),
        ([{A: ["x"], B: [1.0]}] * 2, "not real numbers"),
        ([{A: [1j], B: [1.0]}] * 2, "not real numbers"),
        ([{A: [1, float("nan")], B: [1, 2]}] * 2, "'a' in parameter set 1 is nan"),
        ([{A: [1, 2], B: [float("inf"), 2]}] * 2, "'b' in parameter set 0 is inf"),
        (None, "unbound parameters"),
    ],
)
def test_bad_parameters_are_refused_with_name_and_index(binds, says):
    circuit = parametrised(A, B)
    with pytest.raises(InvalidCircuitError, match=says) as refusal:
        work([circuit, circuit], binds)
    if binds is None or len(binds) == 2:
        assert "'parametrised' (index 0)" in str(refusal.value)


def test_bad_circuits_are_refused():
    with pytest.raises(InvalidCircuitError, match="no circuits"):
        work([])
    with pytest.raises(TypeError, match=r"circuits\[1\] is a str"):
        work([dynamic(), "circuit"])


def test_parameters_of_other_circuits_are_left_alone():
    made = work([parametrised(A), dynamic()], [{A: [1, 2], B: [5, 6]}, {B: [1]}])
    assert made.experiments == 3
    assert made.items[1].values is None
    assert np.array_equal(made.items[0].values, [[1.0], [2.0]])


def test_seeds():
    assert aer_seed(5, 3) == 5 + 3 * 2113
    assert aer_seed(5, 3, 7) == 5 + 3 * 2113 + 7
    assert signed(2**63) == -(2**63)
    assert aer_seed(2**63 - 1, 1) == -(2**63) + 2112
    assert 0 <= draw_base_seed() < 2**32
    assert len({draw_base_seed() for _ in range(20)}) > 1


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10**18)), max_size=30))
def test_independent_seeds_are_disjoint_whatever_the_sizes(wanted):
    seeds = IndependentSeeds(-3)
    wanted = wanted[:8]  # ranges of 10**18 shots: few fit
    ranges = sorted((s := seeds.seed(i, 0, shots), s + shots) for i, shots in wanted)
    assert all(a[1] <= b[0] for a, b in pairwise(ranges))


def test_a_plan_needs_neither_dask_nor_aer():
    code = (
        "import sys, qiskit_cluster_provider.plan; "
        "print([m for m in ('distributed', 'dask', 'qiskit_aer') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
