"""All faults at once, for minutes: ``python -m tests.faults.soak --minutes 10 --seed 1``.

Jobs of all kinds run from several threads while their cluster is killed, paused, cut off and brought back.
Each must end, with the answer that it has without faults, and with the culprits that were planted.
"""

import argparse
import faulthandler
import gc
import os
import random
import sys
import threading
import time
from collections import Counter

import psutil

from qiskit_cluster_provider import ClusterProvider
from qiskit_cluster_provider.errors import ClusterConnectionError, ClusterJobCancelledError, ClusterJobTimeoutError
from qiskit_cluster_provider.progress import ClusterTrouble, SliceDone, SliceRetried, SliceSplit

from .soak_faults import Faults, quiet
from .soak_jobs import templates

THREADS = 3
WATCHDOG = 240.0  # seconds for one job
_MORE_MB, _MORE_FDS = 200, 20  # that the client may have at the end
_LINE_EVERY = 30.0


class Soak:
    """One soak: threads that run jobs, and one that makes faults."""

    def __init__(self, minutes, seed):
        self.minutes = minutes
        self.wrong = []
        self.jobs, self.events = Counter(), Counter()
        self.worst = 0.0, "none"
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._running = set()
        self._templates = templates()

    def run(self):
        """Everything; returns what went wrong."""
        begin = usage()
        faults = Faults(random.Random(self._random.random()), self._stop, lambda: set(self._running))
        try:
            with ClusterProvider() as provider:
                backend = provider.get_backend(
                    "aer-dask", address=faults.address, timeout=5, no_workers_timeout=200, retries=10
                )
                self._all_kinds_once(backend)
                warm = usage()
                self._storm(backend, faults)
                gc.collect()
                end, sockets = usage(), _sockets()
        finally:
            left = faults.close()
        self._table(faults.counts)
        print(f"client at the begin, warm, at the end (MB, descriptors): {begin}, {warm}, {end}")
        if end[0] > warm[0] + _MORE_MB or end[1] > warm[1] + _MORE_FDS:
            self.wrong.append(f"the client grew from {warm} to {end} (MB, descriptors); its sockets: {sockets}")
        if left:
            self.wrong.append(f"processes are left: {left}")
        return self.wrong

    def _storm(self, backend, faults):
        seeds = [self._random.random() for _ in range(THREADS)]
        threads = [threading.Thread(target=self._jobs, args=(backend, random.Random(seed))) for seed in seeds]
        threads.append(threading.Thread(target=faults.loop))
        for thread in threads:
            thread.start()
        over = time.monotonic() + 60 * self.minutes
        while not self._stop.wait(min(_LINE_EVERY, max(0.0, over - time.monotonic()))):
            print(self._line(), flush=True)
            if time.monotonic() >= over:
                self._stop.set()
        for thread in threads:
            thread.join()
        faults.wire.cut()  # its sockets are in this process too

    def _all_kinds_once(self, backend):
        for template in self._templates:
            self._one(template, backend, random.Random(0), cancels=False)

    def _jobs(self, backend, chance):
        while not self._stop.is_set():
            self._one(chance.choice(self._templates), backend, chance, cancels=chance.random() < 0.1)

    def _one(self, template, backend, chance, cancels):
        """Run a job to its end and compare."""
        begin = time.monotonic()
        done = threading.Event()

        def listen(event):
            kind = type(event).__name__
            if isinstance(event, (SliceRetried, SliceSplit, ClusterTrouble)):
                with self._lock:
                    self.events[kind] += 1
            if isinstance(event, SliceDone):
                done.set()

        marker = object()
        with self._lock:
            self._running.add(marker)
        cancelled = refused = False
        job = None
        try:
            job, planted = template.start(backend, chance, callback=listen)
            if cancels:
                done.wait(5)
                cancelled = job.cancel()
            wrong = template.check(job.result(timeout=WATCHDOG), planted)
            if cancelled:
                wrong.append("cancelled, and yet it has a result")
        except ClusterJobCancelledError as error:
            wrong = [] if cancelled else [repr(error)]
        except ClusterJobTimeoutError:
            wrong = [f"it hangs: {job.status()}", *map(str, job.slices())]
            faulthandler.dump_traceback(all_threads=True)
        except ClusterConnectionError as error:
            # A job that finds no scheduler when it begins says so at once; one that has begun waits.
            refused = job is not None and not job.slices()
            wrong = [] if refused else [f"{type(error).__name__}: {error}"]
        except Exception as error:
            wrong = [f"{type(error).__name__}: {error}"]
        seconds = time.monotonic() - begin
        with self._lock:
            self._running.discard(marker)
            self.jobs["cancelled" if cancelled else "no scheduler" if refused else template.name] += 1
            for attempt in job._record.attempts() if job is not None else ():
                self.events[f"slices {attempt.outcome}"] += 1
            self.worst = max(self.worst, (round(seconds, 1), template.name))
            if wrong:
                self._report(template, job, wrong)

    def _report(self, template, job, wrong):
        lines = [f"WRONG, job {template.name}: {wrong[0]}", *wrong[1:20]]
        attempts = [a for a in (job._record.attempts() if job is not None else ()) if a.outcome != "done"]
        lines += [f"  {a}" for a in attempts[:40]]
        print("\n".join(lines), flush=True)
        self.wrong.append(lines[0])
        self._stop.set()

    def _line(self):
        with self._lock:
            return f"{sum(self.jobs.values())} jobs, {dict(self.events)}, worst {self.worst}, {usage()} MB, fds"

    def _table(self, faults):
        rows = [("jobs", self.jobs), ("faults", faults), ("events", self.events)]
        for title, counts in rows:
            print(f"{title}: {sum(counts.values()) if title != 'events' else ''}")
            for name, count in sorted(counts.items()):
                print(f"  {name:24}{count:8}")
        print(f"worst latency: {self.worst[0]} s, of a job {self.worst[1]}")


def usage():
    """Memory in MB and open descriptors of this process."""
    process = psutil.Process(os.getpid())
    return process.memory_info().rss >> 20, process.num_fds()


def _sockets():
    """How many there are to each port, and their states."""
    found = psutil.Process(os.getpid()).net_connections("inet")
    return Counter((one.raddr.port if one.raddr else "listens", one.status) for one in found)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10**6) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    quiet()
    wrong = Soak(given.minutes, seed).run()
    print("\n".join(wrong) + f"\nrepeat with --seed {seed}" if wrong else "all answers are right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
