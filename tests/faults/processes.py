"""A scheduler and workers that are processes of their own, and a wire between them that can be cut."""

import os
import socket
import struct
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

from distributed import Client
from qiskit.circuit import QuantumCircuit

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
"""Where ``tests`` lies."""
LOOPBACK = ("--host=127.0.0.1", "--no-dashboard", "--dashboard-address=127.0.0.1:0")
"""Without a dashboard there is an HTTP server all the same, of all interfaces, and the scheduler's is on 8787."""


def busy(seconds, name="busy"):
    """Mid-circuit measurement, so that its shots are simulated one by one."""
    circuit = QuantumCircuit(10, 10, name=name)
    circuit.h(range(10))
    circuit.measure(range(5), range(5))
    circuit.h(range(10))
    circuit.measure(range(10), range(10))
    return circuit, int(seconds * 8_000)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Processes:
    """Starts, kills and waits for the processes of one Dask cluster."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.all = []
        self.scheduler = None

    def _start(self, module, *arguments, env=None):
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, *LOOPBACK],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
            cwd=os.sep,  # python -m looks there first
        )
        self.all.append(process)
        return process

    def start_scheduler(self, **env):
        self.scheduler = self._start("distributed.cli.dask_scheduler", f"--port={self.port}", env=env)
        return self.scheduler

    def start_worker(self, threads=1, *options, **env):
        return self._start(
            "distributed.cli.dask_worker", self.address, "--no-nanny", f"--nthreads={threads}", *options, env=env
        )

    def end(self):
        for process in self.all:
            process.kill()
        for process in self.all:
            process.wait()


@contextmanager
def cluster(workers=1, threads=1, **env):
    """A running cluster whose workers have arrived."""
    found = Processes()
    try:
        found.start_scheduler(**env)
        for _ in range(workers):
            found.start_worker(threads)
        with Client(found.address, set_as_default=False, timeout=60) as client:
            if workers:
                client.wait_for_workers(workers, timeout=60)
        yield found
    finally:
        found.end()


class Wire:
    """A TCP proxy on loopback, which a test cuts, resets, delays or silences."""

    def __init__(self, port):
        self.target = port
        self.delay = 0.0
        self.open = threading.Event()  # cleared: bytes lie where they are
        self.open.set()
        self.refusing = False
        self._pairs = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *, reset=False):
        """End all connections; with a reset, as a router that lost its memory does."""
        pairs, self._pairs = self._pairs, []
        for one in [one for pair in pairs for one in pair]:
            if reset:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                with suppress(OSError):  # its other end is gone already
                    one.shutdown(socket.SHUT_RDWR)
            one.close()

    def close(self):
        self._listener.close()
        self.open.set()
        self.cut()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self._pairs.append((client, server))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        late = threading.Event()
        while True:
            try:
                data = source.recv(65536)
                self.open.wait()
                if self.delay:
                    late.wait(self.delay)
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
            except OSError:
                return
