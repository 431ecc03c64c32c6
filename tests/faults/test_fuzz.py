"""Whatever Aer answers, we answer; whatever kills Aer, does not kill us.

``make fuzz`` draws thousands of calls, and other ones each time; ``FUZZ_EXAMPLES=20000 make fuzz`` draws more.
"""

import os
import signal

import pytest
from hypothesis import HealthCheck, example, given, settings

from qiskit_cluster_provider.errors import ClusterConfigError
from qiskit_cluster_provider.testing import differences

from ..slow import quick
from .drawing import calls
from .judge import judge
from .oracle import Answer, Oracle
from .recipes import Call, Recipe

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
PATIENCE = 10.0
"""Seconds that Aer has for a call; the same call may take longer here."""
H = ("gate", "HGate", [], [0], None)
NESTED = [
    H,
    ("measure", 0, 0),
    ("if", 0, [("if", 0, [("gate", "XGate", [], [0], None)], [H])], [H]),
    ("measure", 0, 0),
]


@pytest.fixture(scope="module")
def oracle():
    oracle = Oracle(PATIENCE)
    yield oracle
    oracle.close()


@pytest.fixture(scope="module")
def workers(provider):
    return provider.get_backend("aer-local", workers=1, threads_per_worker=2)


@pytest.mark.slow
@pytest.mark.timeout(600 + 20 * EXAMPLES)
@settings(
    max_examples=EXAMPLES or 90,
    derandomize=not EXAMPLES,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(calls())
# What it has found: a condition about a bit without a register, in a block of another one.
@example(Call([Recipe(1, 1, NESTED, split=True)], options={"seed_simulator": 3, "shots": 20}))
def test_any_call(workers, oracle, aer, call):
    assert judge(workers, oracle, call) == []
    after = {"seed_simulator": 5, "memory": True}
    theirs = aer.run(quick(), **after).result()
    assert differences(workers.run(quick(), **after).result(timeout=60), theirs) == []


def test_the_oracle_outlives_what_kills_aer(oracle):
    """62 qubits without a limit of memory end the process by a signal."""
    options = {"seed_simulator": 1, "shots": 9, "method": "statevector"}
    wide = [H, *[("gate", "CXGate", [], [i, i + 1], None) for i in range(61)], ("measure", 61, 0)]
    answer = oracle.ask(Call([Recipe(62, 1, wide)], options={**options, "max_memory_mb": -1}))
    assert answer.kind == "died"
    assert -answer.value in set(signal.Signals)
    assert oracle.ask(Call([Recipe(1, 1, [H])], options=options)).value.success


def test_the_judge_sees_another_number(workers, oracle):
    """It compares with what Aer says, so that a lie of Aer's is a disagreement."""

    class Lying:
        def ask(self, call, how="batch"):
            other = Call(call.circuits, call.binds, {**call.options, "seed_simulator": 2})
            return oracle.ask(other, how)

    class Unaware:
        def ask(self, call, how="batch"):
            return oracle.ask(Call(call.circuits, call.binds, call.options), how)

    class Refusing:
        def run(self, *args, **options):
            raise ClusterConfigError("I do not like it.")

    class Dying:
        def ask(self, call, how="batch"):
            return Answer("died", -11)

    call = Call([Recipe(1, 1, [H, ("measure", 0, 0)])], options={"seed_simulator": 1, "shots": 100, "memory": True})
    assert judge(workers, oracle, call) == []
    assert "counts" in " ".join(judge(workers, Lying(), call))
    turned = [("gate", "RYGate", [0.5], [0], None), ("if", 0, [H], [H]), ("measure", 0, 0)]
    call = Call([Recipe(1, 1, turned)], options=call.options, changes=(0, 1))
    assert judge(workers, oracle, call) == []
    assert "counts" in " ".join(judge(workers, Unaware(), call))
    assert "I do not like it" in judge(Refusing(), oracle, call)[0]
    assert "died" in judge(workers, Dying(), call)[0]
