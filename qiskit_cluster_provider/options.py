"""What a user may set for a run, checked where it is set.

Two sets of names meet here: Aer's own, whose table of types the backend reads from the installed
qiskit-aer, and ours, which are the fields of :class:`SliceOptions`.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from .errors import ClusterConfigError, OptionTypeError, UnknownOptionError, nearest

_MEANT = {"seed": "seed_simulator", "threads": "max_parallel_threads", "noise": "noise_model"}
SEED_MODES = ("aer", "independent")
PLACEMENTS = ("auto", "here", "cluster")
LONGEST = 10.0**9
"""Seconds; locks take no more than ten times as many."""
_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})
_WHOLE = ("shots", "seed_simulator")


@dataclass(frozen=True)
class SliceOptions:
    """How a run is cut, sent, and watched.

    Only ``seed_mode`` changes an answer, and ``max_shot_size`` together with ``seed_mode="independent"``.

    Attributes:
        max_job_size: The number of experiments in a slice (Aer's name). ``None`` cuts by the estimated time of the
            experiments.
        max_shot_size: The number of shots of one experiment in a slice (Aer's name). ``None`` cuts the shots of a
            long experiment where that changes no bit of its answer, unless ``max_job_size`` is given. A number that
            is not below ``shots`` never cuts an experiment.
        executor: A ``concurrent.futures.Executor`` or ``distributed.Client`` that runs the slices in place of the
            backend's own cluster.
        placement: ``"cluster"`` sends the run to the cluster, and ``"here"`` simulates it in this process. ``"auto"``
            simulates it here if that takes less time than sending it. The answer is the same.
        retries: How often a slice is sent again after its worker was lost, its simulating process crashed, or none
            could be started. A slice of several experiments is split at the second loss or crash.
        slice_timeout: The seconds that a slice may take on its worker. ``None`` allows 50 times the estimated time,
            and ten minutes more.
        no_workers_timeout: The seconds that a job waits for a worker, or for a lost scheduler, before it gives up.
        seed_mode: ``"aer"`` uses Aer's own seeds, which give the answer of one machine. ``"independent"`` gives each
            experiment and each range of shots a seed of its own from :class:`numpy.random.SeedSequence`.
        allow_pickle: Whether operations and noise that are more than data, such as a noise function of your own, are
            sent in a pickle, which a worker executes. ``False`` refuses them, and sends data only.
        progress: Whether to show a progress bar, in a terminal or in a notebook.
        callback: A function that is called with each event of :mod:`qiskit_cluster_provider.progress`.
    """

    max_job_size: int | None = None
    max_shot_size: int | None = None
    executor: Any = None
    placement: str = "auto"
    retries: int = 3
    slice_timeout: float | None = None
    no_workers_timeout: float = 300.0
    seed_mode: str = "aer"
    allow_pickle: bool = True
    progress: bool = False
    callback: Callable[[Any], None] | None = None

    def __post_init__(self) -> None:
        for name in ("max_job_size", "max_shot_size"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _whole(name, value, least=1))
        object.__setattr__(self, "retries", _whole("retries", self.retries, least=0))
        if self.slice_timeout is not None:
            object.__setattr__(self, "slice_timeout", _seconds("slice_timeout", self.slice_timeout))
        object.__setattr__(self, "no_workers_timeout", _seconds("no_workers_timeout", self.no_workers_timeout))
        for name, known in (("seed_mode", SEED_MODES), ("placement", PLACEMENTS)):
            value = getattr(self, name)
            if value not in known:
                raise ClusterConfigError(f"{name}={value!r} does not exist.", hint=nearest(str(value), known))
        if self.placement == "here":
            self._check_here()
        for name in ("allow_pickle", "progress"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise ClusterConfigError(f"{name} must be True or False, not {value!r}.")
        if self.callback is not None and not callable(self.callback):
            raise ClusterConfigError(f"callback must be a function of one event, not {type(self.callback).__name__}.")
        if self.executor is not None and not callable(getattr(self.executor, "submit", None)):
            raise ClusterConfigError(
                f"executor must be a concurrent.futures.Executor or a distributed.Client, "
                f"not {type(self.executor).__name__}."
            )

    def _check_here(self) -> None:
        """What would have no effect in this process."""
        if self.executor is not None:
            raise ClusterConfigError(
                "placement='here' and executor= exclude each other", hint="leave one of them out."
            )
        if self.slice_timeout is not None:
            raise ClusterConfigError(
                "placement='here' and slice_timeout= exclude each other: nothing can end a simulation in "
                "this process.",
                hint="Leave one of them out.",
            )

    def updated(self, **changes: Any) -> SliceOptions:
        """A copy with ``changes``; a change of ``None`` resets the option to its default, as Aer does."""
        if not changes:
            return self
        defaults: dict[str, Any] = {f.name: f.default for f in fields(self)}
        return replace(self, **{k: defaults[k] if v is None else v for k, v in changes.items()})


SLICE_OPTION_NAMES = tuple(f.name for f in fields(SliceOptions))


def _whole(name: str, value: Any, *, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise ClusterConfigError(f"{name} must be a whole number of at least {least}, not {value!r}.")
    return int(value)


def _seconds(name: str, value: Any) -> float:
    number = not isinstance(value, bool) and isinstance(value, numbers.Real)
    if not (number and 0 < value < math.inf):
        raise ClusterConfigError(f"{name} must be a finite number of seconds above 0, not {value!r}.")
    return _at_most(value)


def _at_most(value: Any) -> float:
    return LONGEST if value > LONGEST else float(value)


def yes_or_no(text: str) -> bool:
    """What an environment variable says.

    Raises:
        ValueError: neither.
    """
    word = text.strip().lower()
    if word not in _YES | _NO:
        raise ValueError(f"{text!r} is neither 1 nor 0")
    return word in _YES


def wait_of(name: str, value: Any) -> float | None:
    """Seconds to wait, as locks take them: ``None`` and infinity wait for ever, what is negative is over already.

    Raises:
        ClusterConfigError: ``value`` is no number.
    """
    if value is None or value == math.inf:
        return None
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or value != value:
        raise OptionTypeError(f"{name} must be a number of seconds, or None to wait for ever, not {value!r}.")
    return 0.0 if value <= 0 else _at_most(value)


def check_names(given: Mapping[str, Any], known: Mapping[str, Any] | set[str], what: str) -> None:
    """Refuse a name that nobody knows: Aer's ``run`` ignores it silently.

    Raises:
        UnknownOptionError: with the nearest known name.
    """
    for name in given:
        if name not in known:
            if name in _MEANT:
                raise UnknownOptionError(f"{what} has no option {name!r}.", hint=f"Aer's name is {_MEANT[name]!r}.")
            raise UnknownOptionError(f"{what} has no option {name!r}.", hint=nearest(name, set(known)))


def check_aer_values(given: Mapping[str, Any], types: Mapping[str, Any], stacklevel: int) -> None:
    """Check the types of Aer's options by Aer's own table, and warn where Aer would warn.

    A value of a wrong type that Aer casts is left as it is: the worker's Aer casts it in the same way.

    Args:
        given: option names and values; ``None`` means "not set".
        types: the name's type or tuple of types (``BACKEND_RUN_ARG_TYPES`` of qiskit-aer).
        stacklevel: of the warning, so that it points at the user's line.

    Raises:
        OptionTypeError: the value cannot be cast to the type.
        ClusterConfigError: a number that is out of its range, or not finite.
    """
    for name, value in given.items():
        if value is None or name not in types:
            continue
        expected = types[name] if isinstance(types[name], tuple) else (types[name],)
        if name in _WHOLE and (isinstance(value, bool) or _has_fraction(value)):
            raise OptionTypeError(f"{name} must be a whole number, not {value!r}.")
        if not isinstance(value, expected):
            _check_cast(name, value, expected[0], stacklevel + 1)
    shots = given.get("shots")
    if shots is not None and int(shots) < 1:
        raise ClusterConfigError(f"shots must be at least 1, not {shots!r}.")
    seed = given.get("seed_simulator")
    if seed is not None and not -(2**63) <= int(seed) < 2**63:
        raise ClusterConfigError(
            f"seed_simulator={seed!r} does not fit into 64 bits", hint="choose one from -2**63 to 2**63-1."
        )
    threads = given.get("max_parallel_threads")
    if threads is not None and int(threads) < 0:
        raise ClusterConfigError(f"max_parallel_threads must not be negative, not {threads!r}.")
    bond = given.get("matrix_product_state_max_bond_dimension")
    if bond is not None and int(bond) < 1:
        raise ClusterConfigError(
            f"matrix_product_state_max_bond_dimension must be at least 1, not {bond!r}: Aer crashes on it.",
            hint="Leave it out for no limit.",
        )


def _has_fraction(value: Any) -> bool:
    """Aer would cut it off."""
    return isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral) and value % 1 != 0


def _check_cast(name: str, value: Any, expected: type, stacklevel: int) -> None:
    castable = expected in (int, float, bool, str)
    if castable:
        try:
            expected(value)
        except (TypeError, ValueError, OverflowError):
            castable = False
    if not castable:
        raise OptionTypeError(
            f"option {name} must be {expected.__name__}, not {type(value).__name__} ({value!r:.60})."
        )
    warnings.warn(
        f"option {name} should be {expected.__name__}, not {type(value).__name__}: "
        "qiskit-aer casts it, and has deprecated doing so since 0.12.1.",
        DeprecationWarning,
        stacklevel=stacklevel + 1,
    )
