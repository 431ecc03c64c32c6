"""What one AerSimulator answers, where it can be believed."""

from qiskit_aer import AerSimulator

from qiskit_cluster_provider.engines.aer.seeds import aer_seed
from qiskit_cluster_provider.testing import differences


def wrong(ours, batch, options, *, loses_gates=False):
    """Where ``ours`` differs from what Aer answers to ``batch``.

    Args:
        loses_gates: compare with each circuit alone. Aer 0.18.2 loses the gates of some circuits of a batch, under
            noise that is not unitary and with the method ``automatic``: see ``test_parity``.
    """
    aer = AerSimulator(max_parallel_threads=1)
    if not loses_gates or options["method"] != "automatic":
        theirs = aer.run(batch, **options).result()
        if theirs.results:
            return differences(ours, theirs)
    found = []
    for index, circuit in enumerate(batch):
        alone = aer.run(circuit, **options | {"seed_simulator": aer_seed(options["seed_simulator"], index)}).result()
        own = ours.results[index]
        if not alone.results:  # Aer 0.18.2 cannot load some circuits, and then gives nothing for the whole batch
            if own.success or alone.status.removeprefix("ERROR: ") not in own.status:
                found.append(f"circuit {index}: {own.status} != {alone.status}")
        elif alone.results[0].data.to_dict() != own.data.to_dict():
            found.append(f"circuit {index}: {own.data} != {alone.results[0].data}")
    return found
