"""Ways to leave a program: none of them leaves a cluster behind, but for SIGKILL, whose cluster goes by itself."""

import os
import signal
import threading

import pytest
from typer.testing import CliRunner

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.cli.app import app

from ..slow import quick
from .lab import until

pytestmark = pytest.mark.slow
USING = """
import json, os, sys
from qiskit_cluster_provider import ClusterProvider
from tests.slow import quick

backend = ClusterProvider().get_backend("aer-k8s", **json.loads(sys.argv[1]))
assert backend.run(quick()).result().success
print(backend.cluster.name, flush=True)
how = sys.stdin.readline().strip()
if how == "raise":
    raise RuntimeError("uncaught")
"""
STARTING = """
import json, sys
from qiskit_cluster_provider import ClusterProvider

backend = ClusterProvider().get_backend("aer-k8s", **json.loads(sys.argv[1]))
print("starting", flush=True)
try:
    with backend:
        print("started", flush=True)
except KeyboardInterrupt:
    if sys.argv[2] == "raise":
        raise
print("caught", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def use(lab, script):
    """Scripts that have each used a cluster of their own, which are idle now: process and name, one by one."""

    def use(*settings):
        processes = [script(USING, lab.script_settings(workers=1, **each)) for each in settings]
        for process in processes:
            name = process.stdout.readline().strip()
            assert name, process.communicate()[1]
            yield process, name

    return use


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("return", 0, ""),
        ("raise", 1, "RuntimeError: uncaught"),
        ("SIGINT", -signal.SIGINT, "KeyboardInterrupt"),
        ("SIGTERM", 128 + signal.SIGTERM, ""),
    ],
)
def test_nothing_is_left(lab, step, use, how, code, said):
    ((process, name),) = use({})
    with step("end"):
        if how.startswith("SIG"):
            process.send_signal(signal.Signals[how])
        _, stderr = process.communicate(None if how.startswith("SIG") else f"{how}\n", timeout=60)
    assert (process.returncode, stderr.splitlines()[-1:]) == (code, [said] if said else [])
    assert name not in lab.clusters()
    lab.gone(name)


@pytest.mark.parametrize("then", ["raise", "catch"])
def test_ctrl_c_while_it_starts(lab, step, script, then):
    """Gone when the exception arrives, whether it is caught or not."""
    there = set(lab.clusters())
    process = script(STARTING, lab.script_settings(node_selector={"no": "such"}), then)
    assert process.stdout.readline() == "starting\n"
    (name,) = until(lambda: set(lab.clusters()) - there)
    with step("end"):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        if then == "catch":
            assert process.stdout.readline() == "caught\n"
            assert name not in lab.clusters()
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == (0 if then == "catch" else -signal.SIGINT)
    assert ("KeyboardInterrupt" in stderr) == (then == "raise")
    lab.gone(name)


def test_sigterm_while_it_starts(lab, script):
    there = set(lab.clusters())
    process = script(STARTING, lab.script_settings(node_selector={"no": "such"}), "raise")
    (name,) = until(lambda: set(lab.clusters()) - there)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    lab.gone(name)


def test_what_sigkill_leaves_goes_when_it_is_idle_and_not_before(lab, step, use):
    """While its process lives, idle for longer than the timeout, it stays."""
    idle = 7  # seconds; more than the scheduler takes to notice its client, which a user cannot undercut
    spec = lab.manifest(workers=1)
    spec["spec"]["idleTimeout"] = idle
    ((process, name),) = use({**dict.fromkeys(lab.settings), "spec": spec})
    with step("idle, but in use"):
        threading.Event().wait(2.5 * idle)
    assert name in lab.clusters()
    process.kill()
    with step("idle, in nobody's use"):
        until(lambda: name not in lab.clusters(), 12 * idle)
    lab.gone(name)


def command(*words):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.output


def test_orphans_are_listed_and_reaped(lab, step, backend, use, monkeypatch):
    """And no cluster that somebody uses, or that was to be kept."""
    monkeypatch.setenv("COLUMNS", "200")
    orphan, in_use, kept = use({}, {}, {"keep": True})
    for process, _ in (orphan, kept):
        process.kill()
        process.wait()

    def state(name):
        (line,) = [line for line in command("clusters").splitlines() if name in line]
        return line.split("│")[-2].strip()

    with step("qiskit-cluster clusters"):  # a real scheduler notices after two seconds that its client was killed
        until(lambda: state(orphan[1]) == "orphan")
    assert state(in_use[1]) == "in use"
    assert state(kept[1]) == "kept"
    assert state(backend.cluster.name) == "in use"
    with step("qiskit-cluster reap"):
        said = command("reap", "--yes", "--namespace", lab.namespace)
    assert f"deleted {lab.namespace}/{orphan[1]}" in said
    assert said.count("deleted") == 1
    lab.gone(orphan[1])
    assert {in_use[1], kept[1], backend.cluster.name} <= set(lab.clusters())
    assert "no orphans found" in command("reap", "--yes")
    with ClusterProvider() as provider:
        assert provider.attach(kept[1]).run(quick()).result(timeout=60).success
    lab.remove(kept[1])


def test_nothing_is_reaped_unasked(lab, use, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    ((process, name),) = use({})
    process.kill()
    process.wait()

    def asked():  # a real scheduler notices after two seconds that its client was killed
        done = CliRunner().invoke(app, ["reap"], input="n\n")
        return done if name in done.output else None

    done = until(asked)
    assert done.exit_code == 1, done.output
    assert name in done.output
    assert name in lab.clusters()
    command("reap", "--yes")
    lab.gone(name)
