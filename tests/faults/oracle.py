"""Plain Aer in a process of its own, which may die of a call or never come back from it.

``python -m tests.faults.oracle`` is the process; :class:`Oracle` talks to it.
"""

import os
import pickle
import select
import struct
import subprocess
import sys
import warnings
from dataclasses import dataclass
from typing import Any

from qiskit_aer.noise import NoiseModel

from qiskit_cluster_provider.engines.aer.preparation import channel_errors

from .processes import ROOT
from .recipes import arguments


@dataclass
class Answer:
    """What Aer did: ``result``, ``raised``, ``died`` or ``hung``; and its result or its words."""

    kind: str
    value: Any = None


def ask_aer(call, how):
    """Run ``call``; ``how`` is ``batch``, ``bound`` (parameters first) or an experiment's number, to run alone."""
    from qiskit_aer import AerSimulator

    aer = AerSimulator(max_parallel_threads=1)
    circuits, binds, options = arguments(call)
    if how == "batch":
        return aer.run(circuits, parameter_binds=binds, **options).result()
    bound = list(each_bound(circuits, binds))
    if how == "bound":
        return aer.run(bound, **options).result()
    errors = channel_errors(circuits)
    if errors:  # Aer puts them into the noise of the whole batch
        model = options.pop("noise_model", None) or NoiseModel()
        for error in errors:
            model.add_all_qubit_quantum_error(error, error.id)
        options["noise_model"] = model
    seed = int(options.pop("seed_simulator")) + 2113 * how
    seed = (seed + 2**63) % 2**64 - 2**63
    return aer.run(bound[how], seed_simulator=seed, **options).result()


def each_bound(circuits, binds):
    """The experiments of a run, each as a circuit without parameters."""
    for index, circuit in enumerate(circuits):
        if not circuit.num_parameters:
            yield circuit
            continue
        values = binds[index]
        for row in range(len(next(iter(values.values())))):
            one = circuit.assign_parameters({p: values[p][row] for p in circuit.parameters})
            one.name = circuit.name
            yield one


class Oracle:
    """Started when it is first asked, and again after it died or was ended."""

    def __init__(self, patience):
        self._patience = patience
        self._process = None

    def ask(self, call, how="batch"):
        """An :class:`Answer`, after ``patience`` seconds at the latest."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.oracle"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
                stderr=subprocess.DEVNULL,  # the last words of what Aer or Rust kills
            )
            self._read(120)  # it is ready
        _write(self._process.stdin, (call, how))
        try:
            return self._read(self._patience)
        except TimeoutError:
            self.close()
            return Answer("hung")
        except EOFError:
            code = self._process.wait()
            self.close()
            return Answer("died", code)

    def close(self):
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None

    def _read(self, seconds):
        stream = self._process.stdout
        if not select.select([stream], [], [], seconds)[0]:
            raise TimeoutError
        return _read(stream)


def _write(stream, value):
    data = pickle.dumps(value)
    stream.write(struct.pack("!Q", len(data)) + data)
    stream.flush()


def _read(stream):
    head = stream.read(8)
    if len(head) < 8:
        raise EOFError
    return pickle.loads(stream.read(struct.unpack("!Q", head)[0]))


def _serve():
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what Aer prints must not come between
    warnings.simplefilter("ignore")
    import logging

    logging.disable(logging.CRITICAL)
    from .recipes import Call, Recipe

    ask_aer(Call([Recipe(1, 1, [("measure", 0, 0)])], options={"shots": 1}), "batch")  # what takes time once
    _write(out, "ready")
    while True:
        try:
            call, how = _read(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = Answer("result", ask_aer(call, how))
        except Exception as error:
            answer = Answer("raised", f"{type(error).__name__}: {error}")
        _write(out, answer)


if __name__ == "__main__":
    # Under this name its classes would be others than those of the process that asks.
    from tests.faults import oracle

    oracle._serve()
