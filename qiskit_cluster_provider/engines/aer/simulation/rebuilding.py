"""The user's simulator and its options, as Aer's C++ wants them."""

from __future__ import annotations

from typing import Any

from qiskit.transpiler import Target
from qiskit_aer import AerSimulator

from ...._compat.aer import RUN_ARG_TYPES
from ....plan import Simulator
from ....plan.cache import ByteCache

_KNOWN = 4  # simulators that are remembered: to make one takes as long as a tiny circuit
_BYTES = 2**20  # of them, about


def rebuilt(simulator: Simulator, cache: ByteCache) -> AerSimulator:
    """An AerSimulator like the user's; not to be changed.

    Args:
        simulator: what to rebuild.
        cache: remembers the last ones.
    """
    remembered: list[tuple[Simulator, AerSimulator]] = cache.get("", "simulators", list, lambda _: _BYTES)
    for known, aer in remembered:
        if known == simulator:
            return aer
    if simulator.configuration is None:
        aer = AerSimulator()
    else:  # one that was made from a device assembles the device's gates only
        made_of: Any = type(AerSimulator().configuration())
        configuration = made_of.from_dict(dict(simulator.configuration))
        aer = AerSimulator(configuration=configuration, target=Target())
        aer.set_options(method=simulator.method, basis_gates=list(simulator.basis_gates))
    remembered.append((simulator, aer))
    del remembered[:-_KNOWN]
    return aer


def cast(name: str, value: Any) -> Any:
    """An option's value in the type that Aer has for it. Aer warns of that, as was done on the client."""
    types = RUN_ARG_TYPES.get({}).get(name)
    return types[0](value) if isinstance(types, tuple) and not isinstance(value, types) else value
