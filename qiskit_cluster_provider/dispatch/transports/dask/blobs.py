"""Blobs that stay on the workers of a Dask cluster from one job to the next."""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import Any

from distributed import Future

from ....plan.cache import ByteCache
from ....worker import keep

LIMIT = 64 * 2**20
"""Bytes of the blobs that are kept for later jobs."""
GONE = ("cancelled", "error", "lost")
"""States of a future that will not be there again."""


_LOST = re.compile(r"lose already computed task\(s\), which will be recomputed elsewhere: \{(.*)\}")


def _is_news(record: logging.LogRecord) -> bool:
    found = _LOST.search(record.getMessage())
    return found is None or not all(key.startswith("qiskit-cluster-") for key in re.findall(r"'([^']*)'", found[1]))


@cache
def _say_no_blobs() -> None:
    """Drop Dask's warning that a worker leaves with results where all of these are blobs, which are made again."""
    logging.getLogger("distributed.scheduler").addFilter(_is_news)


class Blobs:
    """The blobs of one connection, by content; the least recently used go first.

    Args:
        limit: bytes of the blobs that are kept.

    Attributes:
        kept: the Dask tasks that hold them, by name.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.kept = ByteCache(limit)

    def get(self, client: Any, name: str, message: bytes) -> Future:
        """The Dask task that holds ``message``. Its caller holds it, even if it is no longer kept here."""
        future = self.kept.find("blobs", name)
        if future is None or future.status in GONE:
            _say_no_blobs()
            # A task and not scatter(): if the only worker that holds it dies, the scheduler makes it again.
            future = client.submit(keep, message, key=f"qiskit-cluster-blob-{name}", pure=False)
            self.kept.put(name, future, len(message))
        return future
