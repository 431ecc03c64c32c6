"""Processes of ours: which Python runs them, and what they find in their environment."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import spawn
from pathlib import Path

MARK = "QISKIT_CLUSTER_PROVIDER_PROCESS"
"""The variable that says to a process that we started it: it starts none of its own."""

_SAFE_PATH = "PYTHONSAFEPATH"
_START = str(Path(__file__).with_name("process_start.py"))
_ANSWER = "qiskit-cluster-provider: a Python"
_IS_PYTHON: dict[str, bool] = {}
_ANSWER_WITHIN = 20.0  # seconds for a program to show that it is a Python
_MEND = (
    "name the Python of an environment with this package, by multiprocessing.set_executable('/path/to/python'), or "
    "simulate in this process with placement='here'"
)


class NoPython(RuntimeError):
    """There is no Python that could run a process of ours; says why, and what to do."""


def command(module: str, *arguments: str) -> list[str]:
    """What runs ``main()`` of one of our modules in a process of its own.

    Neither the current directory nor a script's folder can be imported from there (``-P``).

    Raises:
        NoPython, OSError: there is no Python to run it, or this is such a process itself; see :func:`python`.
    """
    return [python(), "-P", _START, module, *arguments]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """``variables`` as a process of ours gets them: marked, and with a ``PYTHONPATH`` without the current directory.

    An empty entry of it means that directory. What the user put there stays importable for what a circuit brings
    along, see :func:`search_path`.
    """
    changed = {**variables, MARK: "1"}
    here = _here()
    entries = [e for e in variables.get("PYTHONPATH", "").split(os.pathsep) if e and os.path.abspath(e) != here]
    changed["PYTHONPATH"] = os.pathsep.join(entries)
    if not entries:
        del changed["PYTHONPATH"]
    return changed


@contextmanager
def safe_path() -> Iterator[None]:
    """Let no Python that others start meanwhile, multiprocessing for example, import from the current directory."""
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_SAFE_PATH, None)
        else:
            os.environ[_SAFE_PATH] = before


def unreadable_main() -> str | None:
    """The main module, if processes of :mod:`multiprocessing` cannot import it as they do, unless they are forks."""
    main = sys.modules.get("__main__")
    path = getattr(main, "__file__", None)
    if path is None or getattr(main, "__spec__", None) is not None:
        return None
    passed = path.startswith("/dev/fd/") and not Path(path).is_file()  # as a shell passes <(command): a pipe of ours
    return str(path) if passed or not Path(path).exists() else None


def search_path() -> list[str]:
    """The folders from which this process imports, as absolute paths."""
    here = _here()
    return [os.path.join(here, entry) for entry in sys.path if isinstance(entry, str) and (entry or here)]


def python() -> str:
    """The program that runs processes of ours: the one that multiprocessing uses, which a user can set.

    It is asked once whether it is a Python, which takes some 20 ms.

    Raises:
        NoPython: it is none, or this is a process of ours itself.
        OSError: it cannot be asked now.
    """
    if os.environ.get(MARK):
        raise NoPython(
            "this process was itself started to simulate, and starts no others. Keep what runs circuits behind "
            "if __name__ == '__main__':, or, if the program is an executable of its own, " + _MEND
        )
    program = os.fsdecode(spawn.get_executable() or "")
    if getattr(sys, "frozen", False) and program == sys.executable:
        raise NoPython(f"{program} is a program of its own and no Python, so that it cannot run simulations; {_MEND}")
    if program not in _IS_PYTHON:
        _IS_PYTHON[program] = _answers(program)
    if not _IS_PYTHON[program]:
        raise NoPython(f"{program} does not answer as a Python; {_MEND}")
    return program


def _answers(program: str) -> bool:
    """Whether it shows that it is one: a name says nothing. It is marked, and starts no others whatever it does."""
    try:
        asked = subprocess.run(
            [program, "-I", "-S", "-c", f"print({_ANSWER!r})"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(os.environ),
            timeout=_ANSWER_WITHIN,
            check=False,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError, subprocess.TimeoutExpired) as error:
        raise NoPython(f"{program or 'sys.executable, which is empty,'} is no Python: {error}; {_MEND}") from error
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        raise NoPython(f"{program} is no Python: {error}; {_MEND}") from error
    return asked.returncode == 0 and asked.stdout.decode(errors="replace").strip() == _ANSWER


def _here() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # somebody removed it
        return ""
