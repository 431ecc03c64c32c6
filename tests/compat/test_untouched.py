"""Importing the package, and making objects that are not used, changes nothing in the process."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(*arguments):
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_is_changed():
    """What other libraries change is there before: they are imported first."""
    others = python("-m", "tests.compat.untouched").split()
    assert {"distributed", "qiskit_aer", "dask_jobqueue", "dask_kubernetes"} <= set(others)
    assert python("-m", "tests.compat.untouched", *others) == ""


def test_an_import_of_the_package_imports_nothing_of_others():
    script = (
        "import sys; import qiskit_cluster_provider; print(*{'qiskit', 'dask', 'distributed'} & set(sys.modules))"
    )
    assert python("-c", script) == ""


STATEMENTS = {
    "atexit.register(print)": "calls atexit.register",
    "os.register_at_fork(after_in_child=print)": "calls os.register_at_fork",
    "threading._register_atexit(print)": "calls threading._register_atexit",
    "signal.signal(signal.SIGTERM, print)": "calls signal.signal",
    "warnings.simplefilter('ignore')": "calls warnings.simplefilter",
    "logging.getLogger('distributed').addFilter(print)": "logger distributed",
    "logging.getLogger('qiskit_aer').addHandler(logging.NullHandler())": "calls Logger.addHandler",
    "logging.getLogger('distributed').setLevel(1)": "logger distributed",
    "sys.excepthook = print": "sys.excepthook",
    "os.environ['OMP_NUM_THREADS'] = '37'": "os.environ",
    "sys.path.append('x')": "sys.path",
    "dask.config.set({'distributed.nothing': 1})": "dask.config",
    "threading.Timer(60, print).start()": "threads",
    "distributed.Client.close = print": "distributed.client.Client.close",
    "distributed.utils.offload = print": "distributed.utils.offload",
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_what_would_be_seen(statement):
    script = (
        "import atexit, logging, os, signal, sys, threading, warnings, dask, distributed\n"
        "from tests.compat import untouched\n"
        "ours = {**globals(), '__name__': 'qiskit_cluster_provider.mine'}\n"
        f"print(*untouched.changed_by(lambda: exec({statement!r}, ours)), sep='\\n', flush=True)\n"
        "os._exit(0)\n"
    )
    assert STATEMENTS[statement] in python("-c", script)
