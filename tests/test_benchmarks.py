"""benchmarks/: what it measures is what it says, and the command prints, draws and writes it."""

import json
import socket
import threading

import numpy as np
import pytest
from qiskit_aer import AerSimulator

from benchmarks import __main__ as command
from benchmarks import assembly, molecule, picture, report
from benchmarks.contenders import DEFAULT, IDEAL, NAIVE, NAMES, OURS, SINGLE, ClockedSimulator, Reading, spread
from benchmarks.measure import Row, measure, turns
from benchmarks.wire import Meter
from benchmarks.workloads import FULL, QUICK, Workload


class Told:
    """A call whose times are told beforehand."""

    experiments = 8

    def differences(self, found, expected):
        return [] if found == expected else [f"{found} != {expected}"]


def contender(asked, name, *times, result="the answer", part=1.0):
    left = iter(times)

    def run(call, sampled):
        asked.append(name)
        yield Reading(name, next(left), part, result)

    return run


def test_ratios_are_formed_within_a_round():
    asked = []
    everybody = {
        OURS: contender(asked, OURS, 1.0, 2.0, 4.0),
        SINGLE: contender(asked, SINGLE, 3.0, 4.0, 20.0),
    }
    (row,) = measure(Workload("told", lambda number: Told()), everybody, 3, patience=100)
    assert row.ratio(SINGLE) == (3.0, 2.0, 5.0)
    assert row.ratio(OURS) == (1.0, 1.0, 1.0)
    assert row.time(SINGLE) == (4.0, 3.0, 20.0)
    assert row.identical
    assert asked == [OURS, SINGLE, SINGLE, OURS, OURS, SINGLE]


@pytest.mark.slow
def test_who_takes_too_long_is_not_asked_again():
    asked = []
    everybody = {
        SINGLE: contender(asked, SINGLE, 11.0),
        NAIVE: contender(asked, NAIVE, 30.0, 30.0, part=0.1),  # it took 3 seconds in fact
        OURS: contender(asked, OURS, 20.0, 10.0),
    }
    (row,) = measure(Workload("told", lambda number: Told()), everybody, 2, patience=10)
    assert row.seconds == {SINGLE: {0: 11.0}, NAIVE: {0: 30.0, 1: 30.0}, OURS: {0: 20.0, 1: 10.0}}
    assert row.ratio(SINGLE) == (0.55, 0.55, 0.55)
    assert row.part[NAIVE] == 0.1


@pytest.mark.slow
def test_a_later_call_is_compared_with_the_others_of_its_round():
    asked = []
    everybody = {
        OURS: contender(asked, OURS, 4.0, 9.0, 9.0, 1.0, 4.0, 9.0, 9.0, 0.5),
        SINGLE: contender(asked, SINGLE, 2.0, 2.0),
    }
    first, later = measure(Workload("told", lambda number: Told(), again=True), everybody, 2)
    assert (first.name, later.name) == ("told, first call", "told, later call")
    assert first.ratio(SINGLE) == (0.5, 0.5, 0.5)
    assert later.ratio(SINGLE) == (3.0, 2.0, 4.0)
    assert asked.count(SINGLE) == 2


def test_another_answer_is_seen():
    asked = []
    everybody = {OURS: contender(asked, OURS, 1.0, result="mine"), SINGLE: contender(asked, SINGLE, 1.0)}
    (row,) = measure(Workload("told", lambda number: Told()), everybody, 1)
    assert row.differences == ["mine != the answer"]
    assert "**NO**" in report.workload_line(row)
    assert not report.Report({}, [row]).identical


def test_turns_and_samples():
    assert [turns(["a", "b", "c"], number) for number in (0, 1, 5)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
    ]
    assert spread(10, 5) == [0, 2, 4, 6, 8]
    assert spread(3, None) == spread(3, 7) == [0, 1, 2]


def rows():
    row = Row("a workload", "", 1200, differences=[])
    for number, seconds in enumerate([(0.5, 1.0, 1.5, 60.0, 0.45), (0.5, 1.1, 1.5, 70.0, 0.45)]):
        for name, one in zip(NAMES, seconds, strict=True):
            row.add(number, Reading(name, one, 0.25 if name == NAIVE else 1.0))
    return [row, Row("another", "later call", 5, {OURS: {0: 1.0}, DEFAULT: {0: 1234.0}}, {OURS: 1, DEFAULT: 1}, [])]


def test_the_table():
    first, second = rows()
    assert report.workload_line(first) == (
        "| a workload | 1,200 | 0.5 s | 2.10 × (2.00–2.20) | 3.00 × | ≈ 130 × (120–140) | 0.90 × | yes |"
    )
    assert report.workload_line(second) == "| another, later call | 5 | 1 s | 1,234 × |  |  |  | yes |"
    header, rule = report.workload_head().splitlines()
    assert header.count("|") == rule.count("|") == report.workload_line(first).count("|")


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_plot(tmp_path, suffix):
    file = tmp_path / "new" / f"plot.{suffix}"
    picture.draw(rows(), "title", file)
    assert file.read_bytes().startswith({"svg": b"<?xml", "png": b"\x89PNG"}[suffix])
    if suffix == "svg":
        assert all(text in file.read_text() for text in ("a workload", "another, later call", "extrapolated", IDEAL))


@pytest.mark.parametrize("workload", QUICK, ids=lambda workload: workload.name)
def test_rounds_have_the_same_shape_and_other_content(workload):
    call, again, other = (workload.make(number) for number in (0, 0, 1))
    assert call.experiments == other.experiments
    (one, options), (same, _), (new, others) = (each.task(call.experiments - 1) for each in (call, again, other))
    assert one == same
    assert one != new or options["noise_model"] != others["noise_model"]


def test_the_registries_have_names_of_their_own():
    for registry in (FULL, QUICK):
        assert len({workload.name for workload in registry}) == len(registry)


def test_the_seconds_of_cpp_are_those_of_the_result():
    call = QUICK[0].make(0)
    simulator = ClockedSimulator(max_parallel_threads=1)
    result = call.run(simulator)
    assert simulator.cpp_seconds == sum(one.time_taken for one in result.results) > 0
    assert call.differences(result, call.run(AerSimulator(max_parallel_threads=1))) == []


def test_the_molecule_is_lithium_hydride():
    """The energy of Hartree-Fock, and what Brillouin's theorem says of the slopes there: singles do not lower it."""
    energy, excitations = molecule.energy(), molecule.excitations()
    assert (energy.num_qubits, len(energy), len(excitations)) == (12, 631, 92)
    state = np.zeros(2**12)
    state[sum(1 << qubit for qubit in molecule.occupied())] = 1
    applied = energy.to_matrix(sparse=True) @ state
    assert state @ applied.real + molecule.repulsion() == pytest.approx(-7.770873669222, abs=1e-10)
    slopes = [-2 * np.vdot(one.to_matrix(sparse=True) @ state, applied).imag for one in excitations]
    singles = [slope for one, slope in zip(excitations, slopes, strict=True) if len(one) == 2]
    assert len(singles) == 16
    assert singles == pytest.approx([0] * 16, abs=1e-6)
    assert max(map(abs, slopes)) > 0.01


def test_the_meter_counts_both_ways():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                assert connection.recv(100) == b"question"
                connection.sendall(b"the answer")

        served = threading.Thread(target=answer)
        served.start()
        with (
            Meter(*server.getsockname()) as meter,
            socket.create_connection(("127.0.0.1", int(meter.address.rsplit(":", 1)[1]))) as client,
        ):
            client.sendall(b"question")
            assert client.makefile("rb").read() == b"the answer"
        served.join()
    assert (meter.sent, meter.received) == (8, 10)


def tables(printed):
    return [part.splitlines() for part in printed.split("\n\n") if part.startswith("|")]


@pytest.mark.slow
def test_the_command(tmp_path, capsys):
    files = tmp_path / "figures.json", tmp_path / "plot.svg"
    arguments = ["--quick", "--rounds", "2", "--workers", "1", "--only", "tiny"]
    assert command.main([*arguments, "--json", str(files[0]), "--plot", str(files[1])]) == 0
    ((_, _, line),) = tables(capsys.readouterr().out)
    assert line.startswith("| 100 tiny circuits | 100 | ")
    assert line.endswith("| yes |")
    figures = json.loads(files[0].read_text())
    (row,) = figures["rows"]
    assert row["identical"] is True
    assert set(row["seconds"]) == set(row["ratios"]) == set(NAMES)
    assert all(len(rounds) == 2 for rounds in row["seconds"].values())
    assert row["part"][NAIVE] == 0.2
    assert "100 tiny circuits" in files[1].read_text()


@pytest.mark.slow
def test_the_other_tables(tmp_path, capsys):
    file = tmp_path / "figures.json"
    arguments = ["--quick", "--rounds", "1", "--workers", "2", "--only", "wire", "--only", "overhead"]
    assert command.main([*arguments, "--only", "efficiency", "--json", str(file)]) == 0
    wire, overhead, efficiency = tables(capsys.readouterr().out)
    assert len(wire) == 2 + len(QUICK) + sum(workload.again for workload in QUICK)
    assert (len(overhead), len(efficiency)) == (3, 4)
    figures = json.loads(file.read_text())
    sent = {one["workload"]: one for one in figures["wire"] if one["call"] != "later call"}
    assert all(one["sent"] > 0 < one["received"] for one in sent.values())
    sweep = sent["QAOA sweep, 50 points"]
    assert sweep["sent"] < 0.3 * sweep["pickled"]
    assert all(ms > 0 for ms in figures["overhead"]["slices"] + figures["overhead"]["noops"])
    assert [one["workers"] for one in figures["efficiency"]] == [1, 2]
    assert all(0 < one["efficiency"][0] < 2 for one in figures["efficiency"])


def test_aer_runs_as_many_pubs_as_asked(tmp_path, monkeypatch):
    def parts(*arguments):
        asked = []
        monkeypatch.setattr(command, "run", lambda chosen, parts, found, quick: asked.extend(chosen) or found)
        command.main(["--only", "2,000 PUBs", "--only", "tiny", "--json", str(tmp_path / "figures.json"), *arguments])
        return {workload.name: workload.make(0).for_aer()[1] for workload in asked}

    assert parts() == {"1,000 tiny circuits": 1.0, "2,000 PUBs × 100 sets": 0.15}
    assert parts("--aer-pubs", "500") == {"1,000 tiny circuits": 1.0, "2,000 PUBs × 100 sets": 0.25}
    with pytest.raises(SystemExit):
        parts("--aer-pubs", "0")
    assert parts("--aer-pubs", "9000") == {"1,000 tiny circuits": 1.0, "2,000 PUBs × 100 sets": 1.0}


def test_a_name_that_nothing_has(capsys):
    with pytest.raises(SystemExit):
        command.main(["--only", "no such thing"])
    assert "no such thing" in capsys.readouterr().err


def test_the_costs_of_assembly(capsys, monkeypatch):
    monkeypatch.setattr(assembly, "_CALLS", 50)
    monkeypatch.setattr(assembly, "_ROUNDS", 1)
    assembly.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 14
    assert all(float(line.split("|")[2]) > 0 for line in lines[2:])
