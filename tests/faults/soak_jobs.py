"""The jobs of the soak, each with the one answer that it may give."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit_aer import AerSimulator, primitives

from qiskit_cluster_provider import EstimatorV2, SamplerV2
from qiskit_cluster_provider.testing import differences, pub_differences

from ..parity.pubs import noise
from ..slow import deadly, endless, quick
from .processes import busy

ENDLESS = 6.0
"""``slice_timeout`` of jobs with an endless circuit: far more than their other circuits take."""
SEED = {"seed_simulator": 11, "memory": True}


@dataclass
class Template:
    """A kind of job.

    Attributes:
        name: for the table.
        start: ``(backend, random, **options)`` to a job and the planted culprits, index -> name.
        check: ``(result, culprits)`` to what is wrong with it.
    """

    name: str
    start: Any
    check: Any


def templates():
    """All kinds; their references are computed here, with plain Aer and without any fault."""
    aer = AerSimulator(max_parallel_threads=1)
    return [
        *_runs(aer),
        _poisoned("deadly", aer, deadly, {}),
        _poisoned("endless", aer, endless, {"slice_timeout": ENDLESS}),
        _sampler(),
        _estimator(),
    ]


def _runs(aer):
    circuit, shots = busy(0.15)
    angle = Parameter("angle")
    swept = QuantumCircuit(4, 4, name="swept")
    swept.h(range(4))
    swept.rx(angle, 0)
    swept.cx(0, 3)
    swept.measure(range(4), range(4))
    small = [quick(f"q{index}") for index in range(40)]
    kinds = {
        "small": (small, None, {"shots": 100}),
        "long": ([circuit] * 8, None, {"shots": shots}),
        "sweep": ([swept], [{angle: list(np.linspace(0, 3, 120))}], {"shots": 200}),
        "noise": (
            [*small[:4], swept.assign_parameters([0.3])] * 3,
            None,
            {"shots": 300, "noise_model": noise("depolarizing"), "method": "statevector"},
        ),
    }
    for name, (batch, binds, options) in kinds.items():
        yield _run(name, batch, binds, options, aer.run(batch, parameter_binds=binds, **SEED, **options).result())
    batch, binds, options = kinds["noise"]
    yield _run("shots", batch, binds, {**options, "max_shot_size": 70}, aer.run(batch, **SEED, **options).result())


def _run(name, batch, binds, options, expected):
    def start(backend, random, **more):
        return backend.run(batch, binds, max_job_size=_size(random), **SEED, **options, **more), {}

    return Template(name, start, lambda ours, culprits: differences(ours, expected))


def _size(random):
    return random.choice([None, 1, 2, 5, 1000])


def _poisoned(name, aer, poison, options):
    batch = []
    for index in range(12):
        circuit = quick(f"good{index}")
        circuit.ry(0.2 * index, 0)
        circuit.measure(0, 0)
        batch.append(circuit)
    expected = aer.run(batch, shots=50, **SEED).result()

    def start(backend, random, **more):
        planted = {index: f"bad{index}" for index in random.sample(range(12), 1 if options else 2)}
        mixed = [poison(planted[i]) if i in planted else one for i, one in enumerate(batch)]
        job = backend.run(mixed, shots=50, max_job_size=_size(random), **SEED, **options, **more)
        return job, planted

    def check(ours, planted):
        found = {i: one.header["name"] for i, one in enumerate(ours.results) if not one.success}
        if found != planted:
            said = [one.status for one in ours.results if not one.success]
            return [f"culprits {found}, planted {planted}: {said}"]
        pairs = enumerate(zip(ours.results, expected.results, strict=True))
        return [f"memory of {i}" for i, (a, b) in pairs if i not in planted and a.data.memory != b.data.memory]

    return Template(name, start, check)


def _sampler():
    circuit, _ = busy(0.1)
    pubs = [*[circuit] * 3, (quick(), None, 90)]
    expected = primitives.SamplerV2(seed=3, default_shots=200).run(pubs).result()

    def start(backend, random, **more):
        options = {"run_options": {"max_job_size": _size(random), **more}}
        return SamplerV2(backend, seed=3, default_shots=200, options=options).run(pubs), {}

    return Template("sampler", start, lambda ours, culprits: pub_differences(ours, expected))


def _estimator():
    angle = Parameter("angle")
    circuit = QuantumCircuit(3, name="estimated")
    circuit.h(range(3))
    circuit.rx(angle, 0)
    circuit.cx(0, 2)
    rows = np.linspace(0, 3, 30)
    pubs = [(circuit, [["ZZZ"], ["XXI"]], rows, 0.01)]
    run_options = {"seed_simulator": 5, "shots": 100}
    theirs = {"backend_options": {"noise_model": noise("depolarizing"), "method": "statevector"}}
    expected = primitives.EstimatorV2(options={**theirs, "run_options": run_options}).run(pubs).result()

    def start(backend, random, **more):
        options = {**theirs, "run_options": {**run_options, "max_job_size": _size(random), **more}}
        return EstimatorV2(backend, options=options).run(pubs), {}

    return Template("estimator", start, lambda ours, culprits: pub_differences(ours, expected))
