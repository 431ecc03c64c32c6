"""Copies of a backend: with other options, of its own, or in a pickle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from qiskit_aer import AerSimulator

from ..clusters import Connection, connection_of, portable
from ..engines.aer.devices import twin
from ..options import SLICE_OPTION_NAMES, SliceOptions

_OF_THIS_PROCESS = ("executor", "callback")


class Copied:
    """What ``copy``, ``pickle`` and the primitives ask of a backend: a mixin."""

    _aer: AerSimulator
    _connection: Connection
    _slice_options: SliceOptions
    provider: Any
    set_options: Callable[..., None]

    def __copy__(self) -> Self:
        """As :meth:`__deepcopy__`: of options that two shared, one would not see what the other changes."""
        return self.with_options({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A backend with options of its own, on the same cluster.

        The local mode of qiskit-ibm-runtime makes one for each run. Values stay the same objects: an executor
        cannot be copied, a callback must be called where it is, and to copy a device's noise model takes a second.
        """
        return self.with_options({})

    def __reduce__(self) -> Any:
        """Its name, its settings and its options. It is connected anew when it is used.

        A pickle holds no secret (:attr:`~.clusters.ClusterConfig.private` of its kind), and neither ``executor`` nor
        ``callback``, which belong to this process.

        Raises:
            ClusterConfigError: its kind is no entry point, so that nobody could find it again.
        """
        ours = {
            name: getattr(self._slice_options, name) for name in SLICE_OPTION_NAMES if name not in _OF_THIS_PROCESS
        }
        return type(self)._restored, (portable(self._connection), self._aer, ours)

    @classmethod
    def _restored(cls, connection: tuple[str, str, dict[str, Any]], simulator: AerSimulator, ours: Any) -> Self:
        return cls(connection_of(*connection), simulator=simulator, **ours)  # type: ignore[call-arg]

    def with_options(self, options: Mapping[str, Any]) -> Self:
        """A backend on the same cluster with further options; this one stays as it is.

        Args:
            options: as for :meth:`ClusterBackend.set_options`, by name. The values stay the same objects.

        Raises:
            UnknownOptionError: nobody knows an option; the message names the nearest.
            ClusterConfigError: a value is out of its range.
            TypeError: a value has the wrong type.
        """
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        other._aer = twin(self._aer)
        other.set_options(**options)
        return other

    def with_simulator(self, simulator: AerSimulator) -> Self:
        """A backend on the same cluster that stands in for another simulator, with this one's slice options.

        Args:
            simulator: the ``AerSimulator``, whose target, noise and options hold in place of this one's.
        """
        ours = {name: getattr(self._slice_options, name) for name in SLICE_OPTION_NAMES}
        return type(self)(self._connection, provider=self.provider, simulator=simulator, **ours)  # type: ignore[call-arg]
