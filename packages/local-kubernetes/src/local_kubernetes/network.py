"""Addresses: 127.N.0.0/16 is the cluster's, with its node at 127.N.0.1, pods, and Services above 127.N.128.0."""

from __future__ import annotations

import itertools
import random
import socket
from pathlib import Path


class Network:
    """The part of 127.0.0.0/8 that no other local cluster of this machine uses, and the names in it."""

    def __init__(self, names: Path) -> None:
        self.names = names
        self.names.touch()
        self._published: dict[str, str] = {}
        for block in random.sample(range(16, 255), 239):
            self._claim = socket.socket()
            try:
                self._claim.bind((f"127.{block}.0.1", 10250))  # the kubelet's port: held, so the block is taken
                break
            except OSError:
                self._claim.close()
        else:
            raise OSError("no free block of addresses is left in 127.0.0.0/8")
        self.node = f"127.{block}.0.1"
        self._pods = (f"127.{block}.{n >> 8}.{n & 255}" for n in itertools.count(2))
        self._services = (f"127.{block}.{128 + (n >> 8)}.{n & 255}" for n in itertools.count(1))

    def pod(self) -> str:
        """An address for a new pod."""
        return next(self._pods)

    def service(self) -> str:
        """An address for a new Service."""
        return next(self._services)

    def publish(self, names: dict[str, str]) -> None:
        """What ``NAME.NAMESPACE`` resolves to from now on, in the pods' processes."""
        if names == self._published:
            return
        self._published = names
        fresh = self.names.with_suffix(".new")
        fresh.write_text("".join(f"{name} {address}\n" for name, address in names.items()))
        fresh.replace(self.names)

    def close(self) -> None:
        """Give the addresses back."""
        self._claim.close()
