"""What commands print is whole, however narrow the terminal is."""

import time

import pytest
from rich.table import Table
from typer.testing import CliRunner

from qiskit_cluster_provider.cli.app import app
from qiskit_cluster_provider.cli.clusters import _table
from qiskit_cluster_provider.cli.printing import show
from qiskit_cluster_provider.clusters.kubernetes.reaping import Found

WIDE = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[1];
creg c[100];
x q[0];
measure q[0] -> c[3];
"""


@pytest.fixture(params=["1", "10", "80", "300"])
def columns(request, monkeypatch):
    monkeypatch.setenv("COLUMNS", request.param)
    return int(request.param)


def test_no_name_of_a_cluster_is_broken(columns, capsys):
    name = "qiskit-somebody-with-a-long-name-0f3a9c-and-more-of-it"
    _table([Found(name, "physics", "somebody", "a-machine.of.mine", 4711, "0f3a", time.time(), 4, "in use")])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "physics" in line]
    assert name in line


def test_backends(columns):
    printed = CliRunner().invoke(app, ["backends"]).stdout
    lines = [line for line in printed.splitlines() if "aer-dask" in line]
    assert lines
    assert "Description" in printed


def test_outcomes_of_many_bits(columns, tmp_path):
    (tmp_path / "wide.qasm").write_text(WIDE)
    done = CliRunner().invoke(app, ["run", str(tmp_path / "wide.qasm"), "--shots", "7", "--seed", "1"])
    assert done.exit_code == 0
    (line,) = [line for line in done.stdout.splitlines() if "│" in line]
    assert "0" * 96 + "1000" in line
    assert "100.0%" in line


def test_words_wrap_where_there_is_room_for_the_rest(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    table = Table("Name", "Said")
    table.add_row("a-name-of-twenty-one", "words and words and words and words")
    show(table, "below", wraps=["Said"])
    printed = capsys.readouterr().out.splitlines()
    assert max(map(len, printed)) <= 40
    assert printed[-1] == "below"
