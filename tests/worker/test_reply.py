"""Large messages go through Dask as buffers, and through everything else as bytes."""

import pickle
import sys

import numpy as np
import pytest
from dask.sizeof import sizeof
from distributed.protocol import deserialize, serialize
from qiskit.circuit import QuantumCircuit

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.testing import differences
from qiskit_cluster_provider.wire import Mailbox
from qiskit_cluster_provider.worker.reply import Reply, bytes_of, shared

from ..faults.processes import cluster

LARGE = bytearray(2**20)


def test_dask_gets_the_bytes_where_they_lie():
    header, frames = serialize(("done", shared(LARGE)))
    assert sum(memoryview(frame).nbytes for frame in frames) < len(LARGE) + 1000
    assert any(np.shares_memory(np.frombuffer(frame, np.uint8), np.frombuffer(LARGE, np.uint8)) for frame in frames)
    word, answer = deserialize(header, frames)
    assert word == "done"
    assert bytes_of(answer) == LARGE
    assert np.shares_memory(np.frombuffer(bytes_of(answer), np.uint8), np.frombuffer(LARGE, np.uint8))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_brings_it_back(protocol):
    assert bytes_of(pickle.loads(pickle.dumps(shared(LARGE), protocol))) == LARGE


def test_its_size_is_known_and_what_is_small_is_left_alone():
    assert sizeof(Reply(LARGE)) > len(LARGE)
    assert sys.getsizeof(Reply(LARGE)) > len(LARGE)
    assert shared(b"small") == b"small"
    assert bytes_of(b"small") == b"small"


@pytest.mark.slow
def test_states_come_over_a_network(aer, monkeypatch):
    """From a worker that is not on this machine, as far as it is told."""
    monkeypatch.setattr(Mailbox, "open", lambda: None)
    circuit = QuantumCircuit(20, name="saved")
    circuit.h(range(20))
    circuit.rx(0.3, range(20))
    circuit.save_statevector()
    zeros = QuantumCircuit(18, name="zeros")
    zeros.save_statevector()
    options = {"shots": 1, "seed_simulator": 7, "method": "statevector"}
    with cluster() as processes, ClusterProvider() as provider:
        backend = provider.get_backend("aer-dask", address=processes.address)
        result = backend.run([circuit, zeros], **options).result()
        assert differences(result, aer.run([circuit, zeros], **options).result()) == []
