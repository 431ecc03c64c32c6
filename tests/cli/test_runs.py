"""What ``qiskit-cluster run`` makes of a job: outcomes and pictures."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import QFTGate

from qiskit_cluster_provider.cli.runs import MAX_PLOTS, CircuitOutcome, draw, load, outcomes
from tests.cli.test_cli import random_circuit, write_qpy


def test_circuits_are_unrolled_and_not_optimized(backend, tmp_path):
    """Optimized, they would be other circuits, with another noise."""
    circuit = QuantumCircuit(3, name="library")
    circuit.h(0)
    circuit.h(0)
    circuit.append(QFTGate(3), [0, 1, 2])
    circuit.measure_all()
    files = [write_qpy(tmp_path / "a.qpy", circuit), write_qpy(tmp_path / "b.qpy", random_circuit(2, 1, "b"))]
    sources, (library, other) = load(files, backend)
    assert sources == files
    assert [instruction.operation.name for instruction in library.data[:2]] == ["h", "h"]
    assert "qft" not in library.count_ops()
    assert library.count_ops()["cp"] == 3
    assert [library.name, other.name] == ["library", "b"]


class LosesItsSecondSlice(ThreadPoolExecutor):
    """As a pool does whose process died."""

    calls = 0

    def submit(self, *args, **kwargs):
        self.calls += 1
        if self.calls != 2:
            return super().submit(*args, **kwargs)
        lost = Future()
        lost.set_exception(RuntimeError("lost at sea"))
        return lost


def test_lost_slices_hide_no_other(backend):
    batch = [random_circuit(2, seed, f"c{seed}") for seed in range(3)]
    with LosesItsSecondSlice(1) as executor:
        job = backend.run(batch, executor=executor, max_job_size=1, shots=10)
        found = outcomes(job, [Path("a"), Path("b"), Path("c")])
    assert [(one.name, one.file, one.success) for one in found] == [
        ("c0", "a", True),
        ("c1", "b", False),
        ("c2", "c", True),
    ]
    assert "lost at sea" in found[1].status
    assert [sum(one.counts.values()) for one in found] == [10, 0, 10]


def outcome(name="c", counts=None, success=True):
    counts = {"0": 1} if counts is None else counts
    return CircuitOutcome(name, "f", sum(counts.values()), 1, success, "DONE", "statevector", counts)


def bars(path):
    """Bars in a picture: runs of the bars' colour on the picture's fullest row of pixels."""
    from matplotlib.image import imread

    pixels = (imread(path)[..., :3] * 255).round().astype(int)
    blue = (pixels == [0x40, 0x62, 0xBB]).all(axis=-1)
    return max(int((row[1:] & ~row[:-1]).sum()) for row in blue), pixels.shape


@pytest.mark.parametrize(("outcomes", "drawn"), [(1, 1), (7, 7), (40, 16)])
def test_draw_draws_the_top_outcomes(tmp_path, outcomes, drawn):
    found = outcome(counts={f"{index:0100b}": 100 + index for index in range(outcomes)})
    draw([found], tmp_path / "one.png")
    assert bars(tmp_path / "one.png") == (drawn, (360, 520, 3))


def test_draw_takes_names_as_they_are_and_leaves_failures_out(tmp_path):
    found = [outcome("$x_{$"), outcome("failed", {}, success=False), outcome("a\nb\x1b"), *[outcome()] * 2]
    draw(found, tmp_path / "four.png")
    assert bars(tmp_path / "four.png") == (3, (720, 1560, 3))
    draw(found[1:2], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_draw_says_what_it_leaves_out(tmp_path):
    with pytest.warns(UserWarning, match=f"the first {MAX_PLOTS} of {MAX_PLOTS + 1} circuits"):
        draw([outcome()] * (MAX_PLOTS + 1), tmp_path / "many.svg")
