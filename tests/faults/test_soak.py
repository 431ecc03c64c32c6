"""The soak of :mod:`.soak`, for a short time; ``make soak`` runs it for ten minutes."""

import subprocess
import sys

import pytest

from .processes import ROOT


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_short_soak():
    """In a process of its own, whose memory and descriptors it measures."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.soak", "--minutes", "0.6", "--seed", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "all answers are right" in done.stdout
