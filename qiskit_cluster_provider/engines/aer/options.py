"""The options of a run: which there are, and which hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from qiskit_aer import AerSimulator

from ..._compat.aer import configuration_of, is_from_device, run_option_names
from ...errors import ClusterConfigError, UnknownOptionError
from ...options import SLICE_OPTION_NAMES, SliceOptions, check_names
from ...plan import Simulator
from ...plan.reuse import Reuse
from .checks import check_options
from .settings import RunSettings

_OF_DEVICES: dict[str, tuple[Any, ...]] = {
    "rep_delay": (None,),
    "init_qubits": (None, True),
    "meas_level": (None, 2),
    "meas_return": (None, "single"),
}
"""Options of devices that mthree and qiskit-experiments give to any backend, and the values that a simulation
fulfils by itself."""
_AER_SHARES = ("executor", "max_job_size", "max_shot_size")
"""Aer has options of these names and ignores them; here they work."""


def option_names() -> set[str]:
    """What a backend's ``set_options`` understands: Aer's options, its configuration, and ours."""
    aer = AerSimulator()
    configuration = {key for key in configuration_of(aer) if not key.startswith("_")}
    configuration |= {"basis_gates", "coupling_map", "custom_instructions"}
    return configuration | set(aer.options.__dict__) | set(SLICE_OPTION_NAMES)


def settings_of(
    aer: AerSimulator,
    slice_options: SliceOptions,
    reuse: Reuse,
    run_options: Mapping[str, Any],
    what: str,
    stacklevel: int,
) -> RunSettings:
    """What holds for a run, checked: the options of a backend, and ``run_options`` over them.

    Args:
        aer: has Aer's options of the backend.
        slice_options: ours of the backend.
        reuse: what is known from earlier runs.
        run_options: of the run.
        what: was called, for messages.
        stacklevel: of the user, for warnings.

    Raises:
        UnknownOptionError: an option that Aer would ignore.
        ClusterConfigError: an option that is out of its range.
        OptionTypeError: an option has the wrong type.
    """
    run_options = _without_device_options(run_options)
    check_names(run_options, _run_option_names(), what)
    ours = {key: value for key, value in run_options.items() if key in SLICE_OPTION_NAMES}
    aers = {key: value for key, value in run_options.items() if key not in SLICE_OPTION_NAMES}
    check_options(aers, stacklevel=stacklevel)
    _check_method(aer, aers.get("method"))
    options = {key: value for key, value in aer.options.__dict__.items() if key not in _AER_SHARES}
    # Aer lets run(noise_model=None) switch noise off, and takes any other None for "not given".
    options.update((k, v) for k, v in aers.items() if v is not None or k == "noise_model")
    return RunSettings(options, slice_options.updated(**ours), simulator_of(aer), reuse)


def simulator_of(aer: AerSimulator) -> Simulator:
    """What the workers must rebuild of ``aer``."""
    if not is_from_device(aer):
        return Simulator()
    configuration = aer.configuration()
    custom = set(configuration.custom_instructions)
    return Simulator(
        method=str(aer.options.method),
        configuration=_plain(configuration_of(aer)),
        basis_gates=tuple(gate for gate in configuration.basis_gates if gate not in custom),
    )


def _check_method(aer: AerSimulator, method: Any) -> None:
    if method is not None and method not in aer.available_methods():
        raise ClusterConfigError(
            f"method={method!r} does not exist", hint=f"there are {', '.join(aer.available_methods())}."
        )


@cache
def _run_option_names() -> set[str]:
    return (run_option_names() - {"parameterizations"}) | {"noise_model"} | set(SLICE_OPTION_NAMES)


def _without_device_options(options: Mapping[str, Any]) -> dict[str, Any]:
    for name, fulfilled in _OF_DEVICES.items():
        if name in options and options[name] not in fulfilled:
            raise UnknownOptionError(
                f"{name}={options[name]!r} is for devices and has no effect on a simulation", hint="leave it out."
            )
    return {name: value for name, value in options.items() if name not in _OF_DEVICES}


def _plain(value: Any) -> Any:
    """Configuration values that the wire format has no place for are none that a simulation needs."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, float, complex, str)) else str(value)
