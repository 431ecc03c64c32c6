"""A slice of a plan to the bytes of a task, and back on the worker.

What several slices need (a template, a noise model, the options) becomes a *blob*, named by its sha256
and sent once per worker; what only one slice needs lies in the task itself.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..plan import Batch, Item, Output, Plan, Simulator, Slice
from ..plan.circuits.columns import Columns
from .circuits import encode_circuits
from .envelope import seal, unseal
from .handover import Address
from .noise import encode_noise
from .outputs import encode_output

_FEW = 16  # circuits
_INLINE_BELOW = 2048  # bytes: a task of its own for a blob costs more than sending so little again


@dataclass(frozen=True, eq=False)
class Piece:
    """Some experiments of one item: circuit ``position`` of bundle ``bundle`` of the task.

    Attributes:
        bundle, position: its circuit.
        values: the parameter rows that it touches.
        bind: bind each row before Aer sees it.
        output: which of the task's outputs, or ``None`` for Aer's whole result.
        start, stop: its experiments, counted from the first of ``values``' first row.
    """

    bundle: int
    position: int
    values: npt.NDArray[np.float64] | None
    bind: bool
    output: int | None
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class TaskRun:
    """One call of Aer.

    Attributes:
        seed: of its first experiment.
        shots: per experiment.
        widths: the most qubits and classical bits of a circuit of the user's whole batch.
        noise: which of the task's noise models, or ``None``.
        pieces: what it runs.
    """

    seed: int
    shots: int
    widths: tuple[int, int]
    noise: int | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, eq=False)
class Task:
    """A slice as the worker sees it. Bundles, context, noises and outputs are messages, or names of blobs.

    Large arrays of its result are wanted in ``mailbox``, if that is on the worker's machine.
    """

    index: int
    runs: tuple[TaskRun, ...]
    bundles: tuple[bytes | str, ...]
    context: bytes | str
    noises: tuple[bytes | str, ...]
    outputs: tuple[bytes | str, ...]
    mailbox: Address | None = None

    @property
    def blobs(self) -> list[str]:
        """Names of the blobs that it needs."""
        parts = (*self.bundles, self.context, *self.noises, *self.outputs)
        return [part for part in parts if isinstance(part, str)]


class _Parts:
    """The parts of one task, each once, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.messages: list[bytes | str] = []
        self._places: dict[Any, int] = {}

    def place(self, key: Any, make: Callable[..., bytes | str], *arguments: Any) -> int:
        if key not in self._places:
            self._places[key] = len(self.messages)
            self.messages.append(make(*arguments))
        return self._places[key]


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
            items = [work.items[i] for i, _, _ in work.manifest.pieces(*piece.experiments)]
            uses.update({id(item.circuit) for item in items} | {id(item.output) for item in items})
        self._shared = {key for key, count in uses.items() if count > 1}
        # A blob of its own for each of very many circuits would cost more than sending them again.
        self._few = len({id(item.circuit) for item in work.items}) <= _FEW
        self._made: dict[Any, bytes | str] = {}
        self._context = self._blob(_encode_context(work.options, work.simulator))

    def encode(self, piece: Slice, mailbox: Address | None = None) -> tuple[tuple[str, ...], bytes]:
        """The names of the blobs that the task of ``piece`` needs, and its message.

        Args:
            piece: of the plan.
            mailbox: where large arrays of its result are wanted, if it is simulated on this machine.

        Raises:
            WireError: a circuit of it cannot be sent; the message has its name.
        """
        work = self._plan.work
        bundles, noises, outputs = _Parts(), _Parts(), _Parts()
        own: dict[int, tuple[int, Columns]] = {}
        runs = []
        for run in piece.runs:
            batch = work.batches[run.batch]
            pieces = []
            for group in work.manifest.rows(run.start, run.stop):
                item = work.items[group[0][0]]
                circuit, output = item.circuit, item.output
                key = id(circuit)
                if key in self._shared or item.interned is not None:
                    place = [bundles.place(key, self._shared_bundle, item), 0]
                else:
                    place = [-1, own.setdefault(key, (len(own), circuit))[0]]
                which = None if output is None else outputs.place(id(output), self._output, output)
                values, first, last = work.part(group)
                pieces.append([*place, values, item.bind, which, first, last])
            noise = None
            if work.noise_model is not None or batch.channel_errors:
                errors = tuple(error.id for error in batch.channel_errors)
                noise = noises.place(errors, self._noise, errors, batch)
            head = {"seed": run.seed, "shots": run.shots, "widths": list(batch.widths), "noise": noise}
            runs.append({**head, "pieces": pieces})
        if own:
            bundles.messages.append(encode_circuits([circuit for _, circuit in own.values()]))
        parts = [*bundles.messages, self._context, *noises.messages, *outputs.messages]
        body = {
            "index": piece.index,
            "runs": runs,
            "bundles": bundles.messages,
            "context": self._context,
            "noises": noises.messages,
            "outputs": outputs.messages,
            "mailbox": None if mailbox is None else list(mailbox),
        }
        return tuple(dict.fromkeys(part for part in parts if isinstance(part, str))), seal(b"t", body)

    def _output(self, output: Output) -> bytes | str:
        if id(output) not in self._shared:
            return encode_output(output)
        return self._once(id(output), encode_output, output)

    def _noise(self, key: Any, batch: Batch) -> bytes | str:
        work = self._plan.work
        if batch.channel_errors or work.interned_noise is None:
            return self._once(("noise", key), encode_noise, work.engine, work.noise_model, batch.channel_errors)
        if ("noise", key) not in self._made:
            # To read a model takes longer than to simulate a small circuit.
            message = work.interned_noise.memoised("message", lambda model: encode_noise(work.engine, model, ()))
            self._made["noise", key] = self._blob(message, stays=True)
        return self._made["noise", key]

    def _once(self, key: Any, encode: Callable[..., bytes], *arguments: Any) -> bytes | str:
        if key not in self._made:
            self._made[key] = self._blob(encode(*arguments))
        return self._made[key]

    def _shared_bundle(self, item: Item) -> bytes | str:
        if id(item.circuit) not in self._made:
            message = item.memoised("message", _encode_one)
            stays = item.interned is not None and self._few
            shared = stays or id(item.circuit) in self._shared
            self._made[id(item.circuit)] = self._blob(message, stays) if shared else message
        return self._made[id(item.circuit)]

    def _blob(self, message: bytes, stays: bool = False) -> bytes | str:
        """``message``, or its name: if other slices need it too, or later runs may (it ``stays`` on the workers)."""
        if len(message) < _INLINE_BELOW or (len(self._plan.slices) == 1 and not stays):
            return message
        name = hashlib.sha256(message).hexdigest()
        self.blobs[name] = message
        return name


def _encode_one(circuit: Columns) -> bytes:
    return encode_circuits([circuit])


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
            widths=tuple(run["widths"]),
            noise=run["noise"],
            pieces=tuple(Piece(last if bundle < 0 else bundle, *rest) for bundle, *rest in run["pieces"]),
        )
        for run in body["runs"]
    )
    parts = [tuple(body[name]) for name in ("bundles", "noises", "outputs")]
    mailbox = None if body["mailbox"] is None else tuple(body["mailbox"])
    return Task(body["index"], runs, parts[0], body["context"], parts[1], parts[2], mailbox)


def _encode_context(options: Mapping[str, Any], simulator: Simulator) -> bytes:
    configuration = simulator.configuration
    body = {
        "options": dict(options),
        "method": simulator.method,
        "configuration": None if configuration is None else dict(configuration),
        "basis_gates": list(simulator.basis_gates),
    }
    return seal(b"o", body)


def decode_context(message: bytes) -> tuple[dict[str, Any], Simulator]:
    """Aer's options, and the simulator to rebuild."""
    body = unseal(b"o", message)
    return body["options"], Simulator(body["method"], body["configuration"], tuple(body["basis_gates"]))
