import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
QUICK = {"lih_vqe.py": ["--quick", "--workers", "2", "--plot", "fall.png"]}


def run(script, arguments, folder, timeout):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("QISKIT_CLUSTER_")}
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.name)
def test_example_runs(script, tmp_path):
    run(script, QUICK.get(script.name, []), tmp_path, timeout=120)
    assert all((tmp_path / argument).stat().st_size for argument in QUICK.get(script.name, []) if ".png" in argument)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_lithium_hydride(tmp_path):
    """The script checks the energy itself; here it is read from what the script prints."""
    (script,) = (script for script in EXAMPLES if script.name == "lih_vqe.py")
    printed = run(script, ["--cases", "dask", "--workers", "2"], tmp_path, timeout=840)
    (row,) = (line.split() for line in printed.splitlines() if line.startswith("dask"))
    assert abs(float(row[1]) + 7.8236790) < 1e-6


def test_there_are_examples():
    assert len(EXAMPLES) >= 3
