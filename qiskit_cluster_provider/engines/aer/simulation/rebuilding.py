"""The user's simulator and its options, as Aer's C++ wants them."""

from __future__ import annotations

from typing import Any

from qiskit.transpiler import Target
from qiskit_aer import AerSimulator
from qiskit_aer.backends.aer_compiler import BACKEND_RUN_ARG_TYPES
from qiskit_aer.backends.backendconfiguration import AerBackendConfiguration

from ....plan import Simulator

_KNOWN: list[tuple[Simulator, AerSimulator]] = []  # the last ones; to make one takes as long as a tiny circuit


def rebuilt(simulator: Simulator) -> AerSimulator:
    """An AerSimulator like the user's; not to be changed."""
    for known, aer in list(_KNOWN):
        if known == simulator:
            return aer
    if simulator.configuration is None:
        aer = AerSimulator()
    else:  # one that was made from a device assembles the device's gates only
        configuration = AerBackendConfiguration.from_dict(dict(simulator.configuration))
        aer = AerSimulator(configuration=configuration, target=Target())
        aer.set_options(method=simulator.method, basis_gates=list(simulator.basis_gates))
    _KNOWN.append((simulator, aer))
    del _KNOWN[:-4]
    return aer


def cast(name: str, value: Any) -> Any:
    """An option's value in the type that Aer has for it. Aer warns of that, as was done on the client."""
    types = BACKEND_RUN_ARG_TYPES.get(name)
    return types[0](value) if isinstance(types, tuple) and not isinstance(value, types) else value
