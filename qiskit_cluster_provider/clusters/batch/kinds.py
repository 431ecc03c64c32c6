"""``aer-slurm`` and its family: Dask workers that are jobs of a batch system.

They are made by `dask-jobqueue <https://jobqueue.dask.org>`_. A job is one Dask worker with a thread for each of its
cores. The scheduler runs in this process, on the login node.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from ...errors import ClusterConfigError, ClusterConnectionError, ClusterError, MissingExtraError
from ...worker.sandbox import processes
from ..base import ClusterKind
from ..doctor.findings import Finding, refuse
from .config import BatchConfig, HTCondorConfig, LsfConfig, OarConfig, PbsConfig, SgeConfig, SlurmConfig
from .slurm_queue import SlurmState, job_states

if TYPE_CHECKING:
    from distributed import Client

_CHANGED = ("workers", "wait_count", "security", "scheduler_options", "shared_temp_directory")
"""Settings that are not handed to dask-jobqueue as they are."""
_PATIENCE = 24 * 3600.0  # seconds; a queue may hold jobs for hours


class BatchKind(ClusterKind):
    """Dask workers that are jobs of a batch system. Each subclass is for one batch system.

    Attributes:
        system: The name of the batch system in dask-jobqueue's configuration.
        cluster: The class of dask-jobqueue.
        commands: The commands that submit and cancel a job.
        look: The command that lists a user's jobs.
        needed: Settings without which a job cannot be described.
    """

    requires = ("distributed", "dask_jobqueue")
    extra = "qiskit-cluster-provider[jobqueue]"
    outlives = True
    system: ClassVar[str]
    cluster: ClassVar[str]
    commands: ClassVar[tuple[str, str]]
    look: ClassVar[str]
    needed: ClassVar[tuple[str, ...]] = ("cores", "memory")

    @contextmanager
    def connect(self, config: BatchConfig) -> Iterator[Client]:
        """Submit the jobs, without waiting for the queue. Leaving the context cancels them."""
        from distributed import Client

        from .jobs import Replacing, submit

        refuse(self._commands())
        first = config.workers if isinstance(config.workers, int) else max(1, config.workers[0])
        with self._new(config) as cluster:
            cluster.sync(submit, cluster, first)
            if refused := cluster.refused():
                raise ClusterConnectionError(
                    f"{len(refused)} of {first} jobs were refused: {refused[0]}.",
                    hint="The command qiskit-cluster job-script shows what is submitted.",
                )
            if isinstance(config.workers, int):
                cluster.adapt(Adaptive=Replacing, wait_count=config.wait_count)
            else:
                low, high = config.workers
                cluster.adapt(minimum=low, maximum=high, wait_count=config.wait_count)
            with Client(cluster, set_as_default=False) as client:
                yield client

    def options(self, config: BatchConfig) -> Mapping[str, Any]:
        """A longer ``no_workers_timeout``, because jobs may wait in the queue."""
        return {"no_workers_timeout": _PATIENCE}

    def size(self, config: BatchConfig) -> tuple[int, int]:
        """The number of jobs, and the cores of each."""
        return config.workers if isinstance(config.workers, int) else config.workers[1], config.cores or 1

    def grows_to(self, config: BatchConfig) -> int:
        """The maximum, if the load decides."""
        return 0 if isinstance(config.workers, int) else config.workers[1]

    def scale(self, client: Any, config: BatchConfig, workers: int, timeout: float | None) -> None:
        """Submit or cancel jobs. The load decides no longer. Only with a timeout does this wait for the queue."""
        from .jobs import Replacing

        client.cluster.adapt(Adaptive=Replacing)
        super().scale(client, config, workers, timeout or 0)

    def states(self, ids: Iterable[str]) -> Mapping[str, SlurmState]:
        """What the batch system tells of submitted jobs; empty if this kind cannot ask."""
        return {}

    def findings(self, config: BatchConfig) -> Iterator[Finding]:
        """Check the commands of the batch system, and the script of a job."""
        yield from self._commands()
        try:
            self.job_script(config)
        except ClusterError as error:
            yield Finding.failed("job", error)
        else:
            yield Finding("job", "its script can be written", mend="qiskit-cluster job-script shows it")
        if not config.security:
            mend = "Leave out security=False, unless nobody else is on this network."
            yield Finding("encryption", "everyone who reaches a port can run code as you", None, mend)

    def job_script(self, config: BatchConfig) -> str:
        """The script that is submitted for each worker. Nothing is started.

        Raises:
            ClusterConfigError: dask-jobqueue refuses the settings.
        """

        async def script() -> str:
            cluster = self._new(config, asynchronous=True)
            try:
                return str(cluster.job_script())
            finally:
                await cluster.close()

        return asyncio.run(script())

    def _commands(self) -> Iterator[Finding]:
        missing = [command for command in self.commands if shutil.which(command) is None]
        if missing:
            mend = "Run this on a login node (submit host) of the batch system."
            yield Finding("commands", f"there is no {' and no '.join(missing)} on the PATH", False, mend)
        else:
            yield Finding("commands", f"{' and '.join(self.commands)} are on the PATH")

    def _new(self, config: BatchConfig, **more: Any) -> Any:
        """dask-jobqueue's cluster, without jobs.

        Raises:
            ClusterConfigError: dask-jobqueue refuses the settings.
        """
        import dask

        from .jobs import cluster_class

        section = f"jobqueue.{config.config_name or self.system}"
        defaults = dask.config.get(section, None)
        if defaults is None:
            raise ClusterConfigError(f"config_name={config.config_name!r}: Dask's configuration has no {section}.")
        for name in self.needed:
            if getattr(config, name) is None and defaults.get(name) is None:
                wanted = " and ".join(f"{one}=" for one in self.needed)
                raise ClusterConfigError(
                    f"aer-{self.system} does not know how large a job is: {name} is missing.",
                    hint=f"Give {wanted} of a job, or set {section}.{name} in Dask's configuration.",
                )
        given = {key: value for key, value in config if key not in _CHANGED and value is not None}
        given["python"] = (
            f"{config.python or defaults.get('python') or _own_python()} -P"  # nothing from its directory
        )
        options = {**defaults.get("scheduler-options", {}), **(config.scheduler_options or {})}
        if config.security is True:
            if importlib.util.find_spec("cryptography") is None:
                raise MissingExtraError(
                    "TLS needs cryptography",
                    hint="install it: pip install 'qiskit-cluster-provider[tls]', or give security=False",
                )
            shared = config.shared_temp_directory or defaults.get("shared-temp-directory") or "~"
            more = {**more, "shared_temp_directory": shared}
        try:
            built = cluster_class(self.cluster)(
                processes=1,  # its threads wait for the processes that simulate
                security=config.security or None,
                scheduler_options={"dashboard_address": "127.0.0.1:0", **options},
                **given,
                **more,
            )
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ClusterConfigError(f"dask-jobqueue refuses the settings: {error}.", hint=config.usage()) from error
        built.look, built.states = self.look, self.states
        return built


def _own_python() -> str:
    try:
        return processes.python()
    except (processes.NoPython, OSError) as error:
        raise ClusterConfigError(f"{error}", hint="or give python=, the program that runs the workers.") from error


def job_script(name: str, kind: ClusterKind, config: Any) -> str:
    """The script of a job of the backend ``name``. Nothing is submitted.

    Raises:
        ClusterConfigError: The kind submits no jobs, or dask-jobqueue refuses the settings.
        MissingExtraError: dask-jobqueue is not installed.
    """
    if not isinstance(kind, BatchKind):
        family = ", ".join(sorted(f"aer-{one.system}" for one in BatchKind.__subclasses__()))
        raise ClusterConfigError(f"{name!r} submits no jobs", hint=f"give {family}, or a profile of such a kind.")
    if missing := kind.missing():
        raise MissingExtraError(
            f"{name!r} needs {', '.join(missing)}", hint=f"install it: pip install '{kind.extra}'"
        )
    return kind.job_script(config)


class SlurmKind(BatchKind):
    """Slurm."""

    description = "Dask workers as jobs of Slurm"
    Config = SlurmConfig
    system, cluster = "slurm", "SLURMCluster"
    commands, look = ("sbatch", "scancel"), "squeue --me"

    def states(self, ids: Iterable[str]) -> Mapping[str, SlurmState]:
        """What ``squeue`` tells of the jobs."""
        return job_states(ids)


class PbsKind(BatchKind):
    """PBS Pro, OpenPBS and Torque."""

    description = "Dask workers as jobs of PBS"
    Config = PbsConfig
    system, cluster = "pbs", "PBSCluster"
    commands, look = ("qsub", "qdel"), "qstat -u $USER"


class MoabKind(BatchKind):
    """Moab."""

    description = "Dask workers as jobs of Moab"
    Config = PbsConfig
    system, cluster = "moab", "MoabCluster"
    commands, look = ("msub", "canceljob"), "showq -u $USER"


class SgeKind(BatchKind):
    """Grid Engine."""

    description = "Dask workers as jobs of Grid Engine"
    Config = SgeConfig
    system, cluster = "sge", "SGECluster"
    commands, look = ("qsub", "qdel"), "qstat"


class LsfKind(BatchKind):
    """LSF."""

    description = "Dask workers as jobs of LSF"
    Config = LsfConfig
    system, cluster = "lsf", "LSFCluster"
    commands, look = ("bsub", "bkill"), "bjobs"


class HTCondorKind(BatchKind):
    """HTCondor."""

    description = "Dask workers as jobs of HTCondor"
    Config = HTCondorConfig
    system, cluster = "htcondor", "HTCondorCluster"
    commands, look = ("condor_submit", "condor_rm"), "condor_q"
    needed = ("cores", "memory", "disk")


class OarKind(BatchKind):
    """OAR."""

    description = "Dask workers as jobs of OAR"
    Config = OarConfig
    system, cluster = "oar", "OARCluster"
    commands, look = ("oarsub", "oardel"), "oarstat -u $USER"
