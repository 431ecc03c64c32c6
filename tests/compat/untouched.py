"""A program that says what changes in a process when this package is imported, and when its objects are made.

``python -m tests.compat.untouched`` imports everything first and prints what that brings of other libraries.
``python -m tests.compat.untouched MODULE...`` imports those, and then prints what the package itself changes.
"""

import atexit
import faulthandler
import gc
import importlib
import logging
import multiprocessing
import os
import pkgutil
import signal
import socket
import sys
import threading
import types
import warnings
from contextlib import suppress

NAME = "qiskit_cluster_provider"
LEFT_OUT = (NAME, "tests", "__main__", "importlib_metadata")  # the last puts classes in the place of lazy ones itself


def package():
    """Import all of it."""
    found = importlib.import_module(NAME)
    for info in pkgutil.walk_packages(found.__path__, f"{NAME}."):
        importlib.import_module(info.name)


def objects():
    """What a user makes before anything runs."""
    import qiskit_cluster_provider as ours
    from qiskit_cluster_provider.clusters import Connection, find_kinds

    provider = ours.ClusterProvider()
    settings = {
        "aer-dask": {"address": "tcp://127.0.0.1:1"},
        "aer-slurm": {"cores": 1, "memory": "1GB"},
        "aer-k8s": {"image": "mine", "workers": 2},
        "aer-helm": {"release": "mine"},
    }
    kinds = find_kinds()[0]
    backends = [provider.get_backend("aer-local", workers=2)]
    for name, options in settings.items():  # get_backend() asks for the programs and logins that these need
        connection = Connection(name, kinds[name], kinds[name].Config(**options))
        backends.append(ours.ClusterBackend(connection, provider))
    made = [kind(mode=backend) for backend in backends for kind in (ours.SamplerV2, ours.EstimatorV2)]
    return provider, backends, made, [backend.target for backend in backends]


def state():
    """What a package could change in its process, by name."""
    found = {
        "warnings.filters": list(warnings.filters),
        "atexit": atexit._ncallbacks(),
        "threading._register_atexit": len(threading._threading_atexits),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "sys.path": list(sys.path),
        "sys.meta_path": list(sys.meta_path),
        "os.environ": dict(os.environ),
        "start method": multiprocessing.get_start_method(allow_none=True),
        "faulthandler": faulthandler.is_enabled(),
        "gc": (gc.isenabled(), gc.get_threshold(), list(gc.callbacks)),
        "socket": socket.getdefaulttimeout(),
        "switch interval": sys.getswitchinterval(),
        "threads": {thread.name for thread in threading.enumerate()},
        "dask.config": repr(importlib.import_module("dask").config.config),
    }
    for module, hook in (
        (sys, "excepthook"),
        (sys, "unraisablehook"),
        (sys, "displayhook"),
        (threading, "excepthook"),
    ):
        found[f"{module.__name__}.{hook}"] = getattr(module, hook)
    for name in ["root", *logging.root.manager.loggerDict]:
        logger = logging.getLogger(name) if name != "root" else logging.root
        found[f"logger {name}"] = (list(logger.handlers), list(logger.filters), logger.level, logger.propagate)
    return found


def members():
    """The functions and classes of other modules, and what these classes have: (module or class, name) -> value."""
    found = {}
    for key, module in list(sys.modules.items()):
        if not isinstance(module, types.ModuleType) or key.split(".")[0] in LEFT_OUT:
            continue
        for name, value in list(vars(module).items()):
            if isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)):
                found[key, name] = value
            if isinstance(value, type) and value.__module__ == key:
                found.update(
                    ((f"{value.__module__}.{value.__qualname__}", inner), one)
                    for inner, one in list(vars(value).items())
                    if callable(one) or isinstance(one, (classmethod, staticmethod, property))
                )
    return found


CALLS = [
    (atexit, "register"),
    (os, "register_at_fork"),
    (threading, "_register_atexit"),
    (signal, "signal"),
    (signal, "set_wakeup_fd"),
    (warnings, "filterwarnings"),
    (warnings, "simplefilter"),
    (logging.Filterer, "addFilter"),
    (logging.Logger, "addHandler"),
]
"""What is recorded if this package calls it, directly or by a module of Python's."""


def recorded(calls):
    """Begin to record."""
    for owner, name in CALLS:
        setattr(owner, name, wrapped(getattr(owner, name), f"{owner.__name__}.{name}", calls))


def wrapped(function, name, calls):
    def told(*args, **options):
        frame = sys._getframe(1)
        while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in sys.stdlib_module_names:
            frame = frame.f_back
        where = "" if frame is None else frame.f_globals.get("__name__", "")
        if where.split(".")[0] == NAME:
            calls.append(f"{where} calls {name}")
        return function(*args, **options)

    return told


def changes(before, after):
    """What is another than before."""
    for name, value in before.items():
        if name not in after or after[name] != value:
            yield f"{name}: {value!r:.200} -> {after.get(name)!r:.200}"


def patches(before, after):
    """What is another object than before."""
    for name, value in before.items():
        if name in after and after[name] is not value:
            yield f"{'.'.join(name)}: {value!r:.100} -> {after[name]!r:.100}"


def main():
    given = sys.argv[1:]
    if not given:
        package()
        objects()
        print(*(name for name in sys.modules if name.split(".")[0] not in (NAME, "tests", "__main__")))
        return
    for name in given:
        with suppress(Exception):
            importlib.import_module(name)
    print(*changed_by(lambda: (package(), objects())), sep="\n")


def changed_by(function):
    """What ``function`` changes."""
    calls = []
    recorded(calls)
    before = state(), members()
    kept = function()
    after = state(), members()
    del kept
    return [*calls, *changes(before[0], after[0]), *patches(before[1], after[1])]


if __name__ == "__main__":
    main()
