"""SamplerV2 gives the bits of qiskit_aer.primitives.SamplerV2, however the work is cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import QuantumCircuit
from qiskit_aer import primitives

from qiskit_cluster_provider import SamplerV2

from .circuits import kraus_and_unitary
from .pubs import noise, sampler_pubs, several_registers

SIZES = st.sampled_from([None, 1, 2, 5])


def equal(ours, theirs):
    assert len(ours) == len(theirs)
    for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        assert one.data.shape == other.data.shape
        assert list(one.data) == list(other.data)
        for name in other.data:
            assert one.data[name].num_bits == other.data[name].num_bits
            assert one.data[name].array.dtype == np.uint8
            assert np.array_equal(one.data[name].array, other.data[name].array), (index, name)
        assert one.metadata["shots"] == other.metadata["shots"]
        assert one.metadata["circuit_metadata"] == other.metadata["circuit_metadata"]
        assert one.metadata.keys() == other.metadata.keys()
        assert one.metadata["simulator_metadata"].keys() >= other.metadata["simulator_metadata"].keys()
    assert ours.metadata == theirs.metadata


def both(backend, pubs, seed, size=None, shots=None, backend_options=None, **run_options):
    common = {"backend_options": backend_options or {}}
    ours = SamplerV2(backend, seed=seed, options={**common, "run_options": {**run_options, "max_job_size": size}})
    theirs = primitives.SamplerV2(seed=seed, options={**common, "run_options": run_options})
    theirs._backend.set_options(max_parallel_threads=1)
    return ours.run(pubs, shots=shots).result(), theirs.run(pubs, shots=shots).result()


@given(
    pubs=st.lists(sampler_pubs(), min_size=1, max_size=5),
    seed=st.integers(-(2**62), 2**62),
    size=SIZES,
    shots=st.sampled_from([None, 20, 64]),
    kind=st.sampled_from([None, "readout", "depolarizing"]),
)
@settings(max_examples=40)
def test_any_pubs(backend, pubs, seed, size, shots, kind):
    equal(*both(backend, pubs, seed, size, shots, {"noise_model": noise(kind)}))


@pytest.mark.parametrize("method", ["statevector", "density_matrix", "matrix_product_state"])
@given(pubs=st.lists(sampler_pubs(), min_size=1, max_size=3), size=SIZES)
@settings(max_examples=8)
def test_methods_and_noise_that_is_not_unitary(backend, method, pubs, size):
    equal(*both(backend, pubs, 3, size, 30, {"noise_model": noise("damping"), "method": method}))


def test_any_number_of_workers(provider, any_workers):
    pubs = [several_registers(), (kraus_and_unitary(), None, 33), several_registers()]
    equal(*both(provider.get_backend("aer-local", workers=any_workers), pubs, 11, size=1))


def test_thousands_of_pubs(backend):
    circuit = QuantumCircuit(3, name="small")
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    equal(*both(backend, [circuit] * 2000, 5, shots=16))


def test_a_million_shots_arrive_as_bytes(backend):
    circuit = QuantumCircuit(5)
    circuit.h(range(5))
    circuit.measure_all()
    equal(*both(backend, [circuit], 5, shots=1_000_000))


def test_shot_slices(backend):
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.cx(0, 1)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    sampler = SamplerV2(backend, seed=4, options={"run_options": {"max_shot_size": 30}})
    theirs = primitives.SamplerV2(seed=4)
    job = sampler.run([circuit, circuit, (circuit, None, 20)], shots=100)
    equal(job.result(), theirs.run([circuit, circuit, (circuit, None, 20)], shots=100).result())
    assert [info.shots for info in job.slices()] == [(0, 30), (30, 60), (60, 90), (90, 100)] * 2 + [None]


def test_a_device(backend):
    from qiskit import transpile
    from qiskit_aer import AerSimulator
    from qiskit_ibm_runtime.fake_provider import FakeManilaV2

    device = FakeManilaV2()
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    circuit.measure_all()
    isa = transpile(circuit, device, seed_transpiler=1)
    ours = SamplerV2.from_backend(device, mode=backend, seed=2)
    theirs = primitives.SamplerV2.from_backend(AerSimulator.from_backend(device), seed=2)
    equal(ours.run([isa] * 3).result(), theirs.run([isa] * 3).result())
