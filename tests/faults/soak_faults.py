"""The faults of the soak: each happens, and is over when its method returns."""

import os
import signal
from collections import Counter

import dask
import psutil
from distributed import Client

from .processes import ROOT, Processes, Wire

WORKERS = 3
_TTL = "4s"


class Faults:
    """A cluster behind a wire, and all that can happen to it.

    Args:
        random: decides.
        stop: set when the soak is over.
        jobs: gives the ids of the jobs that run now.
    """

    def __init__(self, random, stop, jobs):
        self.counts = Counter()
        self.processes = Processes()
        self.wire = Wire(self.processes.port)
        self._random, self._stop, self._jobs = random, stop, jobs
        self._struck = set()  # jobs that ran when a child was killed
        self._start_scheduler()
        self.fill()
        with Client(self.processes.address, set_as_default=False, timeout=60) as client:
            client.wait_for_workers(WORKERS, timeout=60)
        self._kinds = [
            self.kill_worker, self.kill_worker, self.kill_child, self.kill_child, self.pause_worker,
            self.restart_scheduler, self.cut_wire, self.reset_wire, self.delay_wire, self.silence_wire,
            self.join, self.retire, self.terminate,
        ]  # fmt: skip

    @property
    def address(self):
        return f"tcp://127.0.0.1:{self.wire.port}"

    def loop(self):
        """One fault after the other until it is over."""
        while not self._stop.wait(self._random.uniform(0.3, 6)):
            fault = self._random.choice(self._kinds)
            if fault() is not False:
                self.counts[fault.__name__] += 1
            self.fill()

    def fill(self):
        """Start workers for those that are gone."""
        for _ in range(WORKERS - len(self._workers())):
            self._start_worker()

    def heal(self):
        """All is well again."""
        self.wire.open.set()
        self.wire.refusing, self.wire.delay = False, 0.0

    def close(self):
        """End everything; returns the processes that are left all the same."""
        children = [child for one in self.processes.all for child in _below(one.pid)]
        self.heal()
        self.processes.end()
        self.wire.close()
        return psutil.wait_procs(children, timeout=30)[1]

    # What happens

    def kill_worker(self):
        worker = self._random.choice(self._workers())
        worker.kill()
        worker.wait()

    def kill_child(self):
        """Not twice in one job: a circuit whose child dies twice is a culprit by our own rule."""
        running = self._jobs()
        children = [c for one in self._workers() for c in _below(one.pid)]
        if not children or running & self._struck:
            return False
        self._struck = running
        _end(self._random.choice(children))
        return True

    def pause_worker(self):
        worker = self._random.choice(self._workers())
        worker.send_signal(signal.SIGSTOP)
        self._stop.wait(self._random.choice([1, 3, 8]))
        worker.send_signal(signal.SIGCONT)

    def restart_scheduler(self):
        self.processes.scheduler.kill()
        self.processes.scheduler.wait()
        self._stop.wait(self._random.uniform(0, 4))
        self._start_scheduler()

    def cut_wire(self, *, reset=False):
        self.wire.refusing = True
        self.wire.cut(reset=reset)
        self._stop.wait(self._random.uniform(0, 4))
        self.heal()

    def reset_wire(self):
        self.cut_wire(reset=True)

    def delay_wire(self):
        self.wire.delay = self._random.uniform(0.05, 0.5)
        self._stop.wait(self._random.uniform(1, 5))
        self.heal()

    def silence_wire(self):
        self.wire.open.clear()
        self._stop.wait(self._random.choice([1, 4, 14]))
        self.heal()

    def join(self):
        if len(self._workers()) > WORKERS:
            return False
        self._start_worker()
        return True

    def retire(self):
        try:
            with Client(self.processes.address, set_as_default=False, timeout=5) as client:
                addresses = list(client.scheduler_info(n_workers=-1)["workers"])
                if not addresses:
                    return False
                client.retire_workers([self._random.choice(addresses)])
        except (OSError, TimeoutError):
            return False
        return True

    def terminate(self):
        worker = self._random.choice(self._workers())
        worker.terminate()

    def _start_scheduler(self):
        self.processes.start_scheduler(DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL=_TTL)

    def _start_worker(self):
        path = ROOT + os.pathsep + os.environ.get("PYTHONPATH", "")  # a deadly circuit is made of tests/slow.py
        self.processes.start_worker(PYTHONPATH=path)

    def _workers(self):
        return [one for one in self.processes.all if one is not self.processes.scheduler and one.poll() is None]


def _below(pid):
    """The simulating children of a process."""
    try:
        children = psutil.Process(pid).children(recursive=True)
        return [c for c in children if "qiskit_cluster_provider.worker.child" in c.cmdline()]
    except psutil.Error:
        return []


def _end(child):
    try:
        child.kill()
    except psutil.Error:
        return


def quiet():
    """Dask's own words about lost connections are expected here."""
    import logging

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    logging.getLogger("qiskit_cluster_provider").setLevel(logging.ERROR)
    dask.config.set({"distributed.comm.retry.count": 0})
