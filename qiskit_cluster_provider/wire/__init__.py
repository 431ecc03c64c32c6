"""Everything that crosses a process: bytes to plan types and back, versioned.

Circuits and noise models are data. What of them has no such form is pickled, for a worker that trusts its client, as
every Dask worker does. On the way back nothing is pickled: results are msgpack with arrays.
"""

from .circuits import decode_circuits, digest, encode_circuits
from .envelope import VERSION
from .experiments import PackedExperiments
from .handover import Mailbox, example_address
from .noise import decode_noise, encode_noise
from .outputs import decode_output, encode_output
from .results import check_result, decode_result, encode_result, is_handed_over
from .task import Encoder, Piece, Task, TaskRun, decode_context, decode_task

__all__ = [
    "VERSION",
    "Encoder",
    "Mailbox",
    "PackedExperiments",
    "Piece",
    "Task",
    "TaskRun",
    "check_result",
    "decode_circuits",
    "decode_context",
    "decode_noise",
    "decode_output",
    "decode_result",
    "decode_task",
    "digest",
    "encode_circuits",
    "encode_noise",
    "encode_output",
    "encode_result",
    "example_address",
    "is_handed_over",
]
