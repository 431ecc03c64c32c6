"""State has an owner: a connection, a job or a child. What a module keeps is listed here, with its reason."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from qiskit.circuit import QuantumCircuit
from qiskit_aer.noise import NoiseModel, depolarizing_error

import qiskit_cluster_provider
from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.dispatch.transports.dask.scheduler_view import view_of

from .slow import quick

ROOT = Path(qiskit_cluster_provider.__file__).parent

_AT_EXIT = "what Python closes or cancels when it ends, of whatever provider"
_LAST_READ = "the chunks of results that were read last, by their bytes"
_WORKER = "a worker process has its own: threads, memory and children are the machine's, whatever client uses them"
_ONCE = "a hook that a process sets once"
_FACT = "a fact about what is installed"
_FOR_OTHERS = "what is known of an object of another library goes with that object"
_RESTORED = "connections from pickles have no provider; equal ones are one"

ALLOWED = {
    "cli/app.py": {"app": "the command line is one for the process"},
    "cli/clusters.py": {"app": "the command line is one for the process"},
    "clusters/batch/jobs.py": {"cluster_class": _FACT},
    "clusters/clients.py": {"_client_class": _FACT},
    "clusters/connection.py": {"_OPEN": _AT_EXIT},
    "clusters/lifecycle.py": {"_ENDS": _AT_EXIT, "_sigterm_process": "a process has one handler of a signal"},
    "clusters/portable.py": {"_LOCK": _RESTORED, "_RESTORED": _RESTORED},
    "dispatch/transports/executor_health.py": {"_ACTIVITIES": _FOR_OTHERS, "_LOCK": _FOR_OTHERS},
    "dispatch/transports/dask/blobs.py": {"_say_no_blobs": _ONCE},
    "dispatch/transports/dask/scheduler_view.py": {"_VIEWS": _FOR_OTHERS, "_LOCK": _FOR_OTHERS},
    "dispatch/transports/executor.py": {"_folder": "the folder of this process for markers of cancelled jobs"},
    "dispatch/unfinished.py": {"_UNFINISHED": _AT_EXIT, "_leave_to_parent": _ONCE},
    "engines/aer/noise.py": {"_READ": _FOR_OTHERS},
    "engines/aer/error_data.py": {"gate_classes": _FACT},
    "engines/aer/noise_data.py": {"operation_classes": _FACT},
    "engines/aer/options.py": {"_run_option_names": _FACT},
    "engines/aer/simulation/assembly.py": {"_sorts_first": _FACT, "available": _FACT},
    "engines/aer/simulation/here.py": {"_say_nothing_twice": _ONCE},
    "plan/cache.py": {"_ALL": "what begins anew in a fork", "_renew_in_forks": _ONCE},
    "primitives/resolve.py": {"_provider": "the provider of backends that are given by name", "_lock": "its lock"},
    "progress/log.py": {"logger": "a logger of the standard library, by its name"},
    "versions.py": {"report": _FACT},
    "wire/experiments.py": {"_opened": _LAST_READ},
    "wire/handover.py": {"_close_in_forks": _ONCE},
    "worker/entry.py": {"_MEMORY": _WORKER, "_THREADS": _WORKER},
    "worker/sandbox/pool.py": {"POOL": _WORKER},
    "worker/sandbox/processes.py": {"_IS_PYTHON": _FACT},
}
"""File -> name -> why that is no state of a provider, a job or a child."""

_CHANGES = frozenset(
    {"add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "put"}
    | {"remove", "setdefault", "update"}
)
"""Methods that change what they are called on."""
_FIXED = frozenset(
    {"TypeVar", "Path", "frozenset", "tuple", "int", "str", "range", "object", "compile", "maketrans", "getLogger"}
    | {"partial", "with_name", "join", "Struct", "ContextVar", "Symbol", "Attribute", "Advice", "Bits", "Capacity"}
    | {"AerEngine"}
)
"""What is called for a module's constants: nothing of theirs changes."""


def state_of(tree):
    """The names in a module that hold what changes while the program runs."""
    made, fixed, found = {}, set(), set()
    for node in ast.walk(ast.Module([one for one in tree.body if not is_definition(one)], [])):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if is_annotated(node) else []
        made.update((target.id, node.value) for target in targets if isinstance(target, ast.Name))
    for name, value in made.items():
        if isinstance(value, ast.Call):
            made_by = callee(value)
            while isinstance(made.get(made_by), ast.Call):  # a partial of this module
                made_by = callee(made[made_by].args[0])
            (fixed if made_by in _FIXED else found).add(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            found.update(node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.update(node.name for one in node.decorator_list if callee(one) in ("cache", "lru_cache"))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGES:
            found.update({root(node.func.value)} & made.keys())
        elif isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            found.update({root(node)} & made.keys())
    return found - fixed


def is_definition(node):
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def is_annotated(node):
    return isinstance(node, ast.AnnAssign) and node.value is not None


def callee(node):
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def root(node):
    """The name at the beginning of ``name.attribute[index]``."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return getattr(node, "id", None)


def test_no_module_keeps_more_than_is_listed():
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        if names := state_of(ast.parse(path.read_text())):
            found[path.relative_to(ROOT).as_posix()] = names
    assert found == {file: set(names) for file, names in ALLOWED.items()}


@pytest.mark.parametrize(
    "source",
    [
        "kept = {}\ndef keep(key):\n    kept[key] = 1",
        "kept: list[int] = []\ndef keep(key):\n    kept.append(key)",
        "kept = Cache(limit=3)",
        "kept = threading.Lock()",
        "kept = None\ndef keep():\n    global kept\n    kept = 1",
        "@cache\ndef kept():\n    return 1",
        "@functools.lru_cache(maxsize=3)\ndef kept():\n    return 1",
        "if True:\n    kept = deque()",
        "kept = Settings()\ndef keep():\n    kept.name = 1",
    ],
)
def test_state_is_found(source):
    assert state_of(ast.parse(source)) == {"kept"}


@pytest.mark.parametrize(
    "source",
    [
        "NAMES = {'a': 1}\ndef name(key):\n    return NAMES[key]",
        "PATTERN = re.compile('a')",
        "made = partial(Symbol, 'a')\nONE = made('b')",
        "def made():\n    kept = {}\n    kept['a'] = 1\n    return kept",
        "class Kept:\n    names = []",
    ],
)
def test_constants_are_none(source):
    assert state_of(ast.parse(source)) == set()


# Two providers in one process.


@pytest.fixture
def pair():
    """Backends of two providers, equal in all that can be set."""
    with ClusterProvider() as one, ClusterProvider() as other:
        yield [provider.get_backend("aer-local", workers=1) for provider in (one, other)]


def noisy():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "h")
    return model


@pytest.mark.parametrize("placement", ["here", "cluster"])
def test_two_providers_share_nothing_that_a_job_leaves(pair, placement, aer, same):
    one, other = pair
    batch, model = [quick(f"q{index}") for index in range(3)], noisy()
    options = {"seed_simulator": 2, "memory": True, "noise_model": model, "placement": placement}
    theirs = aer.run(batch, seed_simulator=2, memory=True, noise_model=model).result()
    for _ in range(2):  # the second time it has come again
        same(one.run(batch, **options).result(timeout=60), theirs)
    mine, its = one.connection.reuse, other.connection.reuse
    assert mine is not its
    assert len(mine.circuits.kept) == 1
    assert len(mine.noise) == 1
    assert (len(mine.assembled) > 0) == (placement == "here")
    assert [len(its.circuits.kept), len(its.noise), len(its.assembled)] == [0, 0, 0]
    same(other.run(batch, **options).result(timeout=60), theirs)
    assert len(its.noise) == 1


def test_what_one_has_learned_of_speed_is_not_the_others(pair):
    one, other = (backend.connection.reuse for backend in pair)
    for _ in range(20):
        one.calibration("here").record("statevector", 1.0, 7.0)
    assert one.calibration("here").factor("statevector") == 7.0
    assert other.calibration("here").factor("statevector") == 1.0


def test_blobs_of_one_are_not_the_others(pair):
    long = QuantumCircuit(2)
    for index in range(600):
        long.rx(index**1.5 % 3, index % 2)
        long.cx(0, 1)
    long.measure_all()
    views = [view_of(backend.connection.client()) for backend in pair]
    for _ in range(2):
        assert pair[0].run([long, quick()], max_job_size=1).result(timeout=60).success
    assert [len(view.blobs.kept) for view in views] == [1, 0]


def test_one_that_simulates_here_does_not_hold_up_the_other(pair):
    one, other = pair
    with one.connection.reuse.simulating:
        waits = one.run(quick(), placement="here")
        assert other.run(quick(), placement="here").result(timeout=60).success
        assert not waits.done()
    assert waits.result(timeout=60).success


def test_backends_of_one_provider_share_what_is_known_of_their_cluster():
    with ClusterProvider() as provider:
        reuse = provider.get_backend("aer-local", workers=1).connection.reuse
        assert provider.get_backend("aer-local", workers=1, shots=5).connection.reuse is reuse
        assert provider.get_backend("aer-local", workers=2).connection.reuse is not reuse


def test_what_is_remembered_goes_when_the_cluster_is_closed(pair):
    one, other = pair
    for backend in pair:
        for _ in range(2):
            assert backend.run(quick(), noise_model=noisy(), placement="here").result(timeout=60).success
    one.close()
    sizes = [[len(reuse.circuits.kept), len(reuse.noise), len(reuse.assembled)] for reuse in map(reuse_of, pair)]
    assert sizes[0] == [0, 0, 0]
    assert all(sizes[1])
    assert other.run(quick(), placement="here").result(timeout=60).success


def reuse_of(backend):
    return backend.connection.reuse


FORK = """
import os, threading
from qiskit_cluster_provider import ClusterProvider
from tests.slow import quick
backend = ClusterProvider().get_backend("aer-local", workers=1, placement="here", seed_simulator=1)
counts = backend.run([quick(), quick()]).result().get_counts()
reuse = backend.connection.reuse
holds, over = threading.Event(), threading.Event()
def hold():
    with reuse.simulating, reuse.assembled._lock, reuse.noise._lock, reuse.circuits.kept._lock:
        holds.set()
        over.wait()
threading.Thread(target=hold).start()
holds.wait()
child = os.fork()
if not child:
    again = backend.run([quick(), quick()]).result(timeout=60).get_counts()
    os._exit(0 if again == counts else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
over.set()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_simulates_here_whatever_its_parent_held():
    ended = subprocess.run([sys.executable, "-c", FORK], stdout=subprocess.PIPE, text=True, timeout=100, check=False)
    assert ended.stdout == "0\n"
