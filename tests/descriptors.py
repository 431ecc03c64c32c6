"""What a test has opened and not closed.

Clusters of other tests open and close files of their own in this process meanwhile. So a test looks at what was
opened since it began, and gives what is open for a moment the time to go.
"""

import os
import time


def descriptors():
    """What each open descriptor leads to, with its number: ``(3, "pipe:[4711]")``."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add((int(name), os.readlink(f"/proc/self/fd/{name}")))
        except FileNotFoundError:  # the one with which the folder was read, and what another thread has closed
            continue
    return found


def left_open(before, allowed=0, seconds=10):
    """What was opened since ``before`` and is open still, once that is no more than ``allowed`` or time is up."""
    deadline = time.monotonic() + seconds
    while len(left := descriptors() - before) > allowed and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
