"""The report of a job: what its text, its notebook page and its picture say, of jobs that really had it happen."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace

import pytest
from qiskit.circuit import Delay, Gate, Parameter, QuantumCircuit
from qiskit_aer.noise import NoiseModel
from qiskit_aer.noise.passes import LocalNoisePass

from qiskit_cluster_provider import SamplerV2
from qiskit_cluster_provider.dispatch import Attempt
from qiskit_cluster_provider.errors import ClusterConnectionError, PubsFailedError, SlicesLostError
from qiskit_cluster_provider.jobs.timeline import COLOURS, NAMELESS, bars
from qiskit_cluster_provider.outcomes import Outcome
from qiskit_cluster_provider.progress import JobFinished, SliceStarted
from qiskit_cluster_provider.worker.sandbox.pool import POOL
from tests.slow import deadly, endless, quick


def kill_one_child(event):
    """A listener that kills a busy child at the first slice that begins."""
    if isinstance(event, SliceStarted) and not kill_one_child.done.is_set():
        kill_one_child.done.set()
        busy = []
        while not busy:
            busy = [pid for pid, is_busy in POOL.pids().items() if is_busy]
        os.kill(busy[0], signal.SIGKILL)


@pytest.fixture
def murder():
    kill_one_child.done = threading.Event()
    return kill_one_child


@pytest.fixture(scope="module")
def poisoned(provider):
    """A job with a culprit among forty circuits."""
    batch = [quick(f"good {i}") for i in range(40)]
    batch[23] = deadly("<i>culprit</i>")
    job = provider.get_backend("aer-local", workers=2).run(batch, max_job_size=10)
    job.result(timeout=100)
    return job


def test_a_culprit_is_told_from_its_first_death_on(poisoned):
    report = poisoned.report()
    text = str(report)
    assert f"job {poisoned.job_id()} on aer-local: DONE after" in text
    assert "experiments  39 of 40 done, 1 failed" in text
    assert f"slices       {report.slices - 1} of {report.slices} done, 1 failed" in text
    assert f"tries        {len(report.attempts)}: {report.slices - 1} done, 4 crashed" in text
    assert "slice 2, experiments 20 to 29: crashed on inproc://" in text
    assert "(the simulating process was ended by SIGSEGV, without a word); sent again" in text
    assert "; split" in text
    assert "its one experiment is at fault" in text
    cut = any(line.endswith("…") for line in text.splitlines())  # by long addresses; then it is told in full below
    assert text.count("[Experiment 23] circuit '<i>culprit</i>' (index 23)") == 1 + cut
    assert 10 <= len(text.splitlines()) <= 40
    for use in report.workers:
        assert f"{use.name}: {use.attempts} tries, {use.busy:.2f} s busy, {use.utilisation:.0%} used" in text
    assert sum(use.attempts for use in report.workers) == len(report.attempts)


def test_it_is_data_and_does_not_change(poisoned):
    report = poisoned.report()
    assert all(isinstance(one, Attempt) for one in report.attempts)
    assert [one.action for one in report.attempts if one.outcome == "crashed"] == [
        "sent again",
        "split",
        "sent again",
        "its one experiment is at fault",
    ]
    assert all(one.seconds > 0 and one.started <= one.ended for one in report.attempts if one.outcome == "done")
    assert report.outcomes == {"done": report.slices - 1, "crashed": 4}
    assert [one.name for one in report.poison] == ["<i>culprit</i>"]
    assert report.failures == tuple(poisoned.errors())
    assert (report.troubles, report.error) == ((), "")
    with pytest.raises(FrozenInstanceError):
        report.status = "ERROR"
    assert poisoned.report() == report


def test_a_notebook_shows_no_markup_of_a_circuit(poisoned):
    page = poisoned.report()._repr_html_()
    assert "<i>culprit" not in page
    assert "&lt;i&gt;culprit&lt;/i&gt;" in page
    assert page.count(f'fill="{COLOURS["crashed"]}"') == 4
    assert page.count(f'fill="{COLOURS["done"]}"') == poisoned.report().slices - 1
    assert poisoned.report().attempts[0].worker in page


def test_the_picture(poisoned):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import same_color

    report = replace(poisoned.report(), troubles=((0.1, 0.2, "the scheduler has gone"),))
    axes = report.plot()
    drawn = [
        (tuple(one.get_facecolor()[0]), len(one.get_paths()))
        for one in axes.collections
        if isinstance(one, PolyCollection)
    ]
    number = {
        name: sum(count for colour, count in drawn if same_color(colour, COLOURS[name]))
        for name in ("done", "crashed")
    }
    assert number == {"done": report.slices - 1, "crashed": 4}
    assert axes.get_xlabel() == "seconds since the job began"
    assert [label.get_text() for label in axes.get_yticklabels()] == [use.name for use in report.workers]
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend[:2] == [f"done ({report.slices - 1})", "crashed (4)"]
    assert legend[-1] == "no slice could run"
    figure, own = pyplot.subplots()
    assert report.plot(own) is own
    figure.canvas.draw()
    pyplot.close("all")


def test_without_matplotlib_it_says_what_to_install(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError('No module named ' + __name__)")
    script = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from qiskit import QuantumCircuit\n"
        "from qiskit_cluster_provider import ClusterProvider\n"
        "from qiskit_cluster_provider.errors import MissingExtraError\n"
        "circuit = QuantumCircuit(1, 1)\n"
        "circuit.measure(0, 0)\n"
        "job = ClusterProvider().get_backend('aer-local').run(circuit, executor=ThreadPoolExecutor(1))\n"
        "job.result()\n"
        "assert '1 of 1 done' in job.report()._repr_html_()\n"
        "try:\n"
        "    job.report().plot()\n"
        "except MissingExtraError as error:\n"
        "    print(error)\n"
    )
    done = python(script, PYTHONPATH=os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    assert (done.returncode, done.stderr) == (0, "")
    assert "report.plot() needs matplotlib; pip install 'qiskit-cluster-provider[plot]'" in done.stdout


def python(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_killed_child_costs_a_try(backend, murder):
    job = backend.run([quick()] * 4, max_job_size=4, callback=murder)
    assert job.result(timeout=100).success
    report = job.report()
    died, done = report.attempts
    assert (died.outcome, died.action, done.outcome) == ("crashed", "sent again", "done")
    assert died.worker
    assert "SIGKILL" in died.reason
    assert "failures" not in str(report)
    assert f"crashed on {died.worker}" in str(report)


def test_a_job_that_runs_and_one_that_was_cancelled(backend):
    started = threading.Event()
    job = backend.run(
        [quick(), *[endless()] * 12],
        max_job_size=1,
        callback=lambda event: isinstance(event, SliceStarted) and event.index and started.set(),
    )
    assert started.wait(60)
    report = job.report()
    assert report.status == "RUNNING"
    assert report.outcomes["running"] >= 1
    running = next(one for one in report.attempts if one.outcome == "running")
    assert running.worker
    assert running.submitted <= running.started <= running.ended <= report.seconds + 0.1
    assert "running" in str(report)
    assert "not done" in str(report)
    assert COLOURS["running"] in report._repr_html_()
    job.cancel()
    report = job.report()
    assert report.status == "CANCELLED"
    assert report.outcomes["cancelled"] >= 2
    assert "running" not in report.outcomes
    assert "came back" not in str(report), "a cancelled slice is no fault"


def test_before_there_is_a_plan_and_after_a_cluster_that_was_not_there(provider):
    job = provider.get_backend("aer-dask", address="tcp://127.0.0.1:1", timeout=0.5).run(quick())
    assert "0 of 1 done" in str(job.report())
    with pytest.raises(ClusterConnectionError):
        job.result(timeout=60)
    report = job.report()
    assert (report.status, report.attempts, report.slices) == ("ERROR", (), 0)
    assert "the job could not go on" in str(report)
    assert "tcp://127.0.0.1:1" in report.error
    assert report._repr_html_()


def test_an_executor_that_names_no_workers():
    from qiskit_cluster_provider import ClusterProvider

    with ThreadPoolExecutor(2) as executor, ClusterProvider() as provider:
        job = provider.get_backend("aer-local").run([quick()] * 4, max_job_size=1, executor=executor)
        assert job.result(timeout=60).success
    report = job.report()
    (use,) = report.workers
    assert (use.name, use.attempts) == (NAMELESS, 4)
    assert use.busy > 0


def test_a_primitive_has_one_too(backend):
    bad = quick("bad")
    bad.compose(deadly().remove_final_measurements(inplace=False), [0, 1], inplace=True)
    job = SamplerV2(backend).run([quick("good"), bad])
    with pytest.raises(PubsFailedError):
        job.result(timeout=100)
    report = job.report()
    assert report.status == "ERROR"
    assert [(one.pub, one.name) for one in report.poison] == [(1, "bad")]
    assert "PUB 1 (circuit 'bad'): the simulating process was ended by SIGSEGV" in str(report)


def test_lanes_are_the_slices_at_the_same_time():
    def attempt(slice_, started, ended, worker="one"):
        return Attempt(slice_, (slice_, slice_ + 1), worker, 0.0, started, ended, Outcome.CRASHED)

    tries = [attempt(0, 0.0, 2.0), attempt(1, 1.0, 3.0), attempt(2, 2.0, 4.0), attempt(3, 0.5, 1.0, "two")]
    assert [(bar.attempt.slice, bar.worker, bar.lane) for bar in bars(tries)] == [
        (0, "one", 0),
        (3, "two", 0),
        (1, "one", 1),
        (2, "one", 0),
    ]
    never = Attempt(0, (0, 1), "", 0.0, None, 1.0, "cancelled")
    assert bars([never, replace(never, outcome=Outcome.QUEUED)]) == []


class Loud(Gate):
    """A gate that writes what a library would before it ends or stops the process that reads it."""

    def __init__(self, words, last, home):
        super().__init__("id", 1, [])
        self.words, self.last, self.home = words, last, home
        if self.home != os.getpid():
            os.write(2, words.encode())
            last()

    def __reduce__(self):
        return Loud, (self.words, self.last, self.home)


def loud(name, words, last):
    circuit = quick(name)
    circuit.append(Loud(words, last, os.getpid()), [0])
    return circuit


WORDS = "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n"


@pytest.mark.parametrize(
    ("last", "fact"),
    [(os.abort, "SIGABRT"), pytest.param(signal.pause, "longer than 6 s", marks=pytest.mark.slow)],
)
def test_the_last_words_come_with_the_error(backend, last, fact):
    job = backend.run([quick(), loud("loud", WORDS, last)], max_job_size=1, retries=0, slice_timeout=6)
    status = job.result(timeout=100).results[1].status
    assert fact in status
    assert "what():  std::bad_alloc" in status, "the line that tells most"
    assert "(job.errors() has the rest)" in status
    assert "\n" not in status
    (failure,) = job.errors()
    assert WORDS.strip() in failure.detail
    assert "    terminate called" in str(job.report())


def test_the_traceback_of_a_slice_comes_with_the_error(backend):
    noise = NoiseModel()
    noise._custom_noise_passes.append(LocalNoisePass(Broken(), Delay))  # its slices cannot be read
    job = backend.run([quick(), quick()], max_job_size=1, noise_model=noise)
    with pytest.raises(SlicesLostError, match="LookupError: my own fault") as lost:
        job.result(timeout=100)
    first, *rest = str(lost.value).splitlines()
    assert "slice 0 with experiments 0 to 0" in first
    assert "inproc://" in first, "which worker it was"
    assert "print(job.report())" in rest[0]
    assert any(line.startswith("  Traceback") for line in rest)
    assert "Traceback" in job.errors()[0].detail
    assert "Traceback" in str(job.report())
    assert "\n" not in job.partial_result().results[1].status


def test_a_circuit_that_cannot_be_read_fails_alone(backend):
    result = backend.run([quick(), loud("loud", "", broken), quick()]).result(timeout=100)
    assert [one.success for one in result.results] == [True, False, True]
    assert "LookupError: my own fault" in result.results[1].status


class Broken:
    """A function of a noise pass that no worker can read."""

    def __call__(self, operation, qubits):
        return None

    def __reduce__(self):
        return broken, ()


def broken():
    raise LookupError("my own fault")


def test_a_listener_may_ask_for_it(backend):
    """At the end of the job, in its own thread: no lock is held."""
    reports = []
    job = backend.run(quick(), callback=lambda event: isinstance(event, JobFinished) and reports.append(job.report()))
    job.result(timeout=60)
    assert reports[0].status == "DONE"


def test_an_empty_job(backend):
    job = SamplerV2(backend).run([])
    job.result(timeout=60)
    assert "experiments  0 of 0 done" in str(job.report())
    assert job.report().workers == ()


def test_what_was_remembered(provider):
    backend = provider.get_backend("aer-local", workers=1, placement="cluster")
    circuit = QuantumCircuit(2, name="again")
    circuit.rx(Parameter("a"), 0)
    circuit.measure_all()
    reports = []
    for _ in range(3):
        job = backend.run(circuit, [{circuit.parameters[0]: [0.1, 0.2, 0.3]}], shots=10)
        job.result()
        reports.append(job.report())
    assert reports[0].remembered["assembled"] == (0, 1)
    assert reports[2].remembered["assembled"] == (1, 0)
    assert "assembled: 1 of 1" in str(reports[2])
