"""A process of its own, for what the threads of other tests' clusters would disturb."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor


def alone(function, *args):
    """What a function at the top of a module returns, or raises, in a new process.

    tracemalloc counts the allocations of all threads; here the clusters of other tests are among them.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *args).result(timeout=120)
