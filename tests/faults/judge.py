"""Did a call get the answer that it gets from Aer? Or one of the refusals that are meant."""

import re
import warnings
from concurrent.futures import TimeoutError as FutureTimeoutError

from qiskit_cluster_provider.errors import ClusterError
from qiskit_cluster_provider.testing import differences
from qiskit_cluster_provider.testing.compare import _differ

from .in_place import change
from .recipes import arguments

SLICE_TIMEOUT = 20.0
WATCHDOG = 150.0

REFUSED = {
    r"shots must be at least 1": "no shots: Aer returns success without counts",
    r"must be a whole number": "a fraction: Aer cuts it off",
    r"has -?(nan|inf)|a global phase of|not finite": "numbers that are not finite: garbage in Aer, or a hang",
    r"is (nan|-?inf); Aer needs finite": "the same among the parameters' values",
    r"has no option": "unknown to run(): Aer ignores it in silence",
    r"matrix_product_state_max_bond_dimension must": "Aer crashes on it where it takes that method",
    r"all lists of values must be of one length": "Aer cuts off what is longer than the first",
    r"parameter_binds has empty lists": "Aer crashes, or leaves the circuit out of the results",
    r"max_shot_size|ShotSlicing": "would change the answer",
    r"seed_mode='x'|max_job_size must|max_shot_size must": "our own options",
}
"""What our errors at run() say -> why, where Aer itself gives an answer."""


class Verdict(list):
    """What is wrong; nothing if all is well. ``kind`` is what Aer did, ``seen`` what we did."""

    kind = seen = ""


def judge(backend, oracle, call):
    verdict = Verdict()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdict += _judge(backend, oracle, call, verdict)
    verdict[:] = verdict[:5]
    return verdict


def _judge(backend, oracle, call, verdict):
    try:
        circuits, binds, options = arguments(call)
    except Exception as error:
        verdict.kind = f"cannot be built: {error!r:.80}"
        return []
    job, said = None, None
    try:
        job = backend.run(circuits, binds, **options, **{"retries": 0, **call.ours}, slice_timeout=SLICE_TIMEOUT)
        change(circuits, call.changes)  # which the job must not see
        ours = job.result(timeout=WATCHDOG)
    except ClusterError as error:
        said, ours = error, None
        if job is not None:
            return [f"result() raised {type(error).__name__}: {error}"]
    except FutureTimeoutError:
        return ["it hangs"]
    except Exception as error:
        return [f"a foreign exception: {type(error).__name__}: {error}"]
    theirs = oracle.ask(call)
    verdict.kind = theirs.kind if theirs.kind != "result" else f"result, {theirs.value.status:.20}"
    if said is not None:
        verdict.seen = f"refused: {said}"
        whole = theirs.kind == "result" and theirs.value.success and theirs.value.results
        if whole and not any(re.search(one, str(said)) for one in REFUSED):
            return [f"we refuse what Aer runs: {type(said).__name__}: {said}"]
        return []
    verdict.seen = ours.status[:20]
    wrong = list(_compare(call, circuits, binds, ours, theirs, oracle))
    if wrong and not _repeats(call, len(ours.results), oracle):
        verdict.seen = "Aer does not repeat itself"
        return []
    return wrong


def _compare(call, circuits, binds, ours, theirs, oracle):
    count = sum(_rows(binds, index) if one.num_parameters else 1 for index, one in enumerate(circuits))
    if len(ours.results) != count:
        yield f"{len(ours.results)} experiments, not {count}"
        return
    if call.ours.get("seed_mode") == "independent":
        return
    rtol = 1e-9 if _rounds(call) else 0.0
    if theirs.kind == "result" and theirs.value.results and _is_bound(circuits):
        theirs = oracle.ask(call, "bound")
    if theirs.kind == "result" and len(theirs.value.results) == count and not _depends_on_neighbours(call):
        its = theirs.value
        if its.success:
            yield from differences(ours, its, rtol=rtol)
            return
        for index, (one, other) in enumerate(zip(ours.results, its.results, strict=True)):
            if one.success != other.success:
                yield f"experiment {index}: {one.success, one.status} != {other.success, other.status}"
            elif one.success:
                yield from _differ(f"[{index}]", one.data.to_dict(), other.data.to_dict(), rtol)
        return
    for index, one in enumerate(ours.results):
        alone = oracle.ask(call, index)
        if alone.kind == "hung":
            continue
        fine = alone.kind == "result" and alone.value.success and len(alone.value.results) == 1
        if one.success != fine:
            words = alone.value.status if alone.kind == "result" else alone.value
            yield f"experiment {index} alone: {one.success, one.status} != {alone.kind, words}"
        elif fine:
            mine, its = one.data.to_dict(), alone.value.results[0].data.to_dict()
            if "counts" not in its:  # Aer counts where a neighbour has classical bits, and so do we
                mine = {key: value for key, value in mine.items() if key not in ("counts", "memory")}
                its = {key: _counted(value) for key, value in its.items()}
                mine = {key: _counted(value) for key, value in mine.items()}
            yield from _differ(f"[{index}]", mine, its, rtol)


def _repeats(call, count, oracle):
    """Whether Aer gives the same again; after another run in the same process it may read what that has left."""
    for how in ("batch", *range(min(count, 8))):
        answers = [oracle.ask(call, how) for _ in range(6)]
        if len({one.kind for one in answers}) > 1:
            return False
        if answers[0].kind == "result":
            first, *others = [one.value for one in answers]
            if any(differences(first, other) for other in others):
                return False
    return True


def _counted(value):
    """A conditional save of a circuit without classical bits is under ``""``; with a neighbour's, under ``"0x0"``."""
    return {"0x0": value[""]} if isinstance(value, dict) and list(value) == [""] else value


def _rows(binds, index):
    return len(next(iter(binds[index].values())))


def _rounds(call):
    """Whether last bits may differ: several threads, or an average that is put together."""
    several = ("max_parallel_threads", "max_parallel_shots", "max_parallel_experiments")
    return any(call.options.get(name, 1) != 1 for name in several) or "max_shot_size" in call.ours


def _is_bound(circuits):
    """Whether we bind a circuit where Aer would overlook its parameters, see docs/explanation/reproducibility.md."""
    from qiskit_cluster_provider.plan.circuits.snapshots import snapshot_of

    from ..columns import columns_of

    return any(snapshot_of(columns_of(circuit)).bind for circuit in circuits)


def _depends_on_neighbours(call):
    """Aer 0.18.2 gets them wrong, see docs/explanation/reproducibility.md."""
    quiet = (None, "readout", "empty")
    return (
        len(call.circuits) > 1
        and call.options.get("method", "automatic") == "automatic"
        and (call.options.get("noise_model") not in quiet or "'channel'" in str(call.circuits))
    )
