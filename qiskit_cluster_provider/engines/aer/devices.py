"""A device, or what stands for one, as the ``AerSimulator`` that simulates it."""

from __future__ import annotations

import copy
from typing import Any

from qiskit.providers import BackendV2, Options
from qiskit_aer import AerSimulator

from ..._compat.aer import is_from_device
from ...errors import ClusterConfigError, OptionTypeError


def simulator_from(device: BackendV2, **noise: Any) -> AerSimulator:
    """As ``AerSimulator.from_backend``; and a simulator that has no device, Aer's or ours, is taken as it is.

    Args:
        device: a device, a fake device or a simulator.
        noise: ``noise_model``, in place of the device's.

    Raises:
        OptionTypeError: ``device`` is no BackendV2.
        ClusterConfigError: Aer cannot simulate it, since it has no coupling map.
    """
    if not isinstance(device, BackendV2):
        raise OptionTypeError(f"from_backend needs a BackendV2, not {type(device).__name__}.")
    if isinstance(device, AerSimulator):  # ours count as such
        simulator = getattr(device, "_aer", device)
        if not is_from_device(simulator):
            simulator = twin(simulator)
            simulator.set_options(**noise)
            return simulator
    elif device.coupling_map is None:
        raise ClusterConfigError(
            f"AerSimulator.from_backend cannot simulate {device.name!r}, which has no coupling map.",
            hint="Leave it out, and give its noise: noise_model=NoiseModel.from_backend(device)",
        )
    return AerSimulator.from_backend(device, **noise)


def twin(simulator: AerSimulator) -> AerSimulator:
    """A simulator with options of its own. Values stay the same objects: to copy a device's noise takes a second."""
    other = copy.copy(simulator)
    own = dict, Options, type(simulator.configuration())
    for name, value in vars(simulator).items():
        if isinstance(value, own):
            setattr(other, name, copy.copy(value))
    return other
