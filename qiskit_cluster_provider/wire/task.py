"""A slice of a plan to the bytes of a task, and back on the worker.

What several slices need (a template, a noise model, the options) becomes a *blob*, named by its sha256
and sent once per worker; what only one slice needs lies in the task itself.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np
import numpy.typing as npt
from qiskit.circuit import QuantumCircuit

from ..errors import WireError
from ..plan import Plan, Simulator, Slice
from .circuits import encode_circuits
from .envelope import seal, unseal

_INLINE_BELOW = 2048  # bytes: a task of its own for a blob costs more than sending so little again


@dataclass(frozen=True, eq=False)
class Piece:
    """Some parameter rows of one circuit: circuit ``position`` of bundle ``bundle`` of the task."""

    bundle: int
    position: int
    values: npt.NDArray[np.float64] | None
    bind: bool


@dataclass(frozen=True, eq=False)
class TaskRun:
    """One call of Aer."""

    seed: int
    shots: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, eq=False)
class Task:
    """A slice as the worker sees it. Bundles, context and noise are messages, or names of blobs."""

    index: int
    runs: tuple[TaskRun, ...]
    bundles: tuple[bytes | str, ...]
    context: bytes | str
    noise: bytes | str | None

    @property
    def blobs(self) -> list[str]:
        """Names of the blobs that it needs."""
        parts = (*self.bundles, self.context, self.noise)
        return [part for part in parts if isinstance(part, str)]


class Encoder:
    """Encodes the slices of one plan, when they are about to be sent.

    Attributes:
        blobs: sha256 -> message, of all blobs that a task so far refers to.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.blobs: dict[str, bytes] = {}
        work = plan.work
        uses: Counter[int] = Counter()
        for piece in plan.slices:
            uses.update({id(work.items[i].circuit) for i, _, _ in work.pieces(*piece.experiments)})
        self._shared = {key for key, count in uses.items() if count > 1}
        self._bundles: dict[int, bytes | str] = {}
        self._context = self._blob(_encode_context(work.options, work.simulator, work.widths))
        self._noise: bytes | str | None = None
        if work.noise_model is not None or work.channel_errors:
            self._noise = self._blob(_encode_noise(work.noise_model, work.channel_errors))

    def encode(self, piece: Slice) -> tuple[tuple[str, ...], bytes]:
        """The names of the blobs that the task of ``piece`` needs, and its message.

        Raises:
            WireError: a circuit of it cannot be sent; the message has its name.
        """
        work = self._plan.work
        bundles: list[bytes | str] = []
        shared: dict[int, int] = {}
        own: dict[int, tuple[int, QuantumCircuit]] = {}
        runs = []
        for run in piece.runs:
            pieces = []
            for item_index, start, stop in work.pieces(run.start, run.stop):
                item = work.items[item_index]
                key = id(item.circuit)
                if key in self._shared:
                    if key not in shared:
                        shared[key] = len(bundles)
                        bundles.append(self._shared_bundle(item.circuit))
                    place = [shared[key], 0]
                else:
                    place = [-1, own.setdefault(key, (len(own), item.circuit))[0]]
                values = None if item.values is None else item.values[start:stop]
                pieces.append([*place, values, item.bind])
            runs.append({"seed": run.seed, "shots": run.shots, "pieces": pieces})
        if own:
            bundles.append(encode_circuits([circuit for _, circuit in own.values()]))
        body = {
            "index": piece.index,
            "runs": runs,
            "bundles": bundles,
            "context": self._context,
            "noise": self._noise,
        }
        names = [part for part in (*bundles, self._context, self._noise) if isinstance(part, str)]
        return tuple(dict.fromkeys(names)), seal(b"t", body)

    def _shared_bundle(self, circuit: QuantumCircuit) -> bytes | str:
        key = id(circuit)
        if key not in self._bundles:
            self._bundles[key] = self._blob(encode_circuits([circuit]))
        return self._bundles[key]

    def _blob(self, message: bytes) -> bytes | str:
        if len(message) < _INLINE_BELOW or len(self._plan.slices) == 1:
            return message
        name = hashlib.sha256(message).hexdigest()
        self.blobs[name] = message
        return name


def decode_task(message: bytes) -> Task:
    """The inverse of :meth:`Encoder.encode`.

    Raises:
        WireError: bytes of another version or kind.
    """
    body = unseal(b"t", message)
    last = len(body["bundles"]) - 1
    runs = tuple(
        TaskRun(
            seed=run["seed"],
            shots=run["shots"],
            pieces=tuple(Piece(last if b < 0 else b, p, values, bind) for b, p, values, bind in run["pieces"]),
        )
        for run in body["runs"]
    )
    return Task(body["index"], runs, tuple(body["bundles"]), body["context"], body["noise"])


def _encode_context(options: Mapping[str, Any], simulator: Simulator, widths: tuple[int, int]) -> bytes:
    configuration = simulator.configuration
    body = {
        "options": dict(options),
        "method": simulator.method,
        "configuration": None if configuration is None else dict(configuration),
        "basis_gates": list(simulator.basis_gates),
        "widths": list(widths),
    }
    return seal(b"o", body)


def decode_context(message: bytes) -> tuple[dict[str, Any], Simulator, tuple[int, int]]:
    """Aer's options, the simulator to rebuild, and the most qubits and classical bits of the whole run."""
    body = unseal(b"o", message)
    simulator = Simulator(body["method"], body["configuration"], tuple(body["basis_gates"]))
    qubits, clbits = body["widths"]
    return body["options"], simulator, (qubits, clbits)


def _encode_noise(noise_model: Any, channel_errors: Sequence[Any]) -> bytes:
    try:
        pickled = cloudpickle.dumps((noise_model, tuple(channel_errors)), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise WireError(f"the noise model cannot be sent: {error}") from error
    return seal(b"n", pickled)


def decode_noise(message: bytes) -> tuple[Any, tuple[Any, ...]]:
    """The noise model (or ``None``) and the channel errors. Runs on workers only: it unpickles."""
    noise_model, channel_errors = pickle.loads(unseal(b"n", message))
    return noise_model, channel_errors
