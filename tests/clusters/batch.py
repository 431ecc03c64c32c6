"""A batch system of shell scripts: a submitted job is a process on this machine, in a session of its own.

It has no queue, no accounts and no limits: a job starts when it is submitted, unless a file ``hold`` is there, and
what it asks for is not looked at. A job's number is that of its session.
"""

import os
import signal
import stat
import threading
import time

import psutil

SUBMIT = """#!/bin/sh
cd "{folder}" || exit 1
touch begun
while [ -e slow ]; do sleep 0.02; done
[ -e refuse ] && {{ cat refuse >&2; exit 1; }}
script=$(mktemp job.XXXXXX)
cat "${{1:-/dev/stdin}}" > "$script"
if [ -e hold ]; then job="sleep 1000"; else job="sh $script"; fi
setsid $job < /dev/null > "$script.out" 2>&1 &
echo $! >> submitted
cp "$script" "script.$!"
echo {answer}
"""
CANCEL = """#!/bin/sh
cd "{folder}" || exit 1
for job in "$@"; do
  echo "$job" >> cancelled
  kill -TERM "-$job"
done
"""
QUEUE = """#!/bin/sh
cd "{folder}" || exit 1
for job in $(cat submitted); do
  if [ -e hold ]; then state="PENDING|Priority"
  elif kill -0 "$job" 2> /dev/null; then state="RUNNING|None"
  else state="FAILED|NonZeroExitCode"; fi
  echo "$job|$state"
done
"""
ANSWERS = {
    "sbatch": '"Submitted batch job $!"',
    "qsub": '"$!.login"',
    "bsub": '"Job <$!> is submitted to default queue <normal>."',
}


class BatchSystem:
    """Commands in ``folder/bin``, and what was done with them."""

    def __init__(self, folder, submit="sbatch", cancel="scancel"):
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self._write(submit, SUBMIT.format(folder=folder, answer=ANSWERS[submit]))
        self._write(cancel, CANCEL.format(folder=folder))
        self._write("squeue", QUEUE.format(folder=folder))

    def _write(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(stat.S_IRWXU)

    def say(self, name, text=""):
        """Let commands depend on a file: ``slow``, ``hold`` for a full queue, ``refuse`` with the words for it."""
        (self.folder / name).write_text(text)

    def forget(self, name):
        """Remove that file."""
        (self.folder / name).unlink(missing_ok=True)

    @property
    def begun(self):
        """Whether anything was submitted, or is about to be."""
        return (self.folder / "begun").exists()

    def _ids(self, file):
        path = self.folder / file
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    @property
    def submitted(self):
        return self._ids("submitted")

    @property
    def cancelled(self):
        return self._ids("cancelled")

    @property
    def scripts(self):
        return [(self.folder / f"script.{job}").read_text() for job in self.submitted]

    @property
    def outputs(self):
        return [file.read_text() for file in self.folder.glob("job.*.out")]

    @property
    def running(self):
        """The jobs of which a process is left."""
        jobs = set(self.submitted)
        sessions = set()
        for pid in psutil.pids():
            try:
                if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                    sessions.add(os.getsid(pid))
            except (OSError, psutil.Error):  # gone meanwhile
                continue
        return jobs & sessions

    def end(self):
        """Leave nothing behind."""
        for job in self.running:
            os.killpg(job, signal.SIGKILL)
        until(lambda: not self.running)


def until(true, limit=30):
    """Wait for a condition, not for long."""
    deadline = time.monotonic() + limit
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        threading.Event().wait(0.05)
