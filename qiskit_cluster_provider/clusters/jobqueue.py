"""``aer-slurm`` and its family: Dask workers as jobs of a batch system, by `dask-jobqueue <https://jobqueue.dask.org>`_.

A job is one Dask worker with a thread for each of its cores. The scheduler runs in this process, on the login node.
Settings have dask-jobqueue's names; what is left out comes from its own configuration, ``jobqueue.slurm.cores`` and
so on.
"""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, TypeAdapter, field_validator
from pydantic_settings import SettingsConfigDict

from ..errors import ClusterConfigError, ClusterConnectionError, ClusterError, MissingExtraError
from .base import ClusterConfig, ClusterKind
from .findings import Finding, refuse
from .scaling import check_workers
from .slurm_queue import JobState, job_states

if TYPE_CHECKING:
    from distributed import Client

_CHANGED = ("workers", "wait_count", "security", "scheduler_options", "shared_temp_directory")
"""Settings that are not handed to dask-jobqueue as they are."""
_PATIENCE = 24 * 3600.0  # seconds; a queue may hold jobs for hours


class BatchConfig(ClusterConfig):
    """Settings that all kinds of the family have. A job is a Dask worker.

    Attributes:
        workers: how many jobs; or ``(minimum, maximum)``, between which the load decides.
        wait_count: with ``(minimum, maximum)``, seconds without work after which a job is given back.
        cores: of a job: slices that it runs at the same time.
        memory: of a job, for example ``"16GB"``.
        interface: network interface of the scheduler and of the workers, for example ``"ib0"``.
        python: that runs the workers; default: the one that runs this.
        job_name: of the jobs.
        job_extra_directives: further lines for the head of the job's script, without ``#SBATCH``.
        job_directives_skip: lines of the head that contain one of these texts are left out.
        job_script_prologue: commands before the worker starts, for example ``["module load python"]``.
        worker_extra_args: further arguments of ``dask worker``.
        log_directory: where jobs write what they say.
        local_directory: where workers put files.
        death_timeout: seconds after which a worker that cannot find its scheduler ends.
        scheduler_options: of the ``distributed.Scheduler``, for example ``{"port": 8786}``. The dashboard is on
            loopback unless ``dashboard_address`` says otherwise.
        security: encrypt with TLS, and let nobody else in: with a certificate that is made for this cluster, or as a
            ``distributed.Security`` says. ``False`` for neither.
        shared_temp_directory: where the workers read that certificate, on a disk that all machines share; default:
            the home directory.
        config_name: the section of dask-jobqueue's configuration, if it is not the batch system's.
    """

    model_config = SettingsConfigDict(coerce_numbers_to_str=True)  # an account may be a number

    workers: int | tuple[int, int] = 1
    wait_count: int = Field(default=60, ge=1)
    cores: int | None = Field(default=None, ge=1)
    memory: str | None = None
    interface: str | None = None
    python: str | None = None
    job_name: str | None = None
    job_extra_directives: list[str] | None = None
    job_directives_skip: list[str] | None = None
    job_script_prologue: list[str] | None = None
    worker_extra_args: list[str] | None = None
    log_directory: str | None = None
    local_directory: str | None = None
    death_timeout: float | None = Field(default=None, gt=0)
    scheduler_options: dict[str, Any] | None = None
    security: Any = True
    shared_temp_directory: str | None = None
    config_name: str | None = None

    @field_validator("workers")
    @classmethod
    def _some(cls, workers: int | tuple[int, int]) -> int | tuple[int, int]:
        check_workers(workers)
        return workers

    @field_validator("memory", mode="before")
    @classmethod
    def _of_a_job(cls, memory: Any) -> Any:
        if isinstance(memory, bool):
            raise ValueError("it is the memory of a job, '16GB'; for the outcome of each shot, give memory to run()")
        return memory

    @field_validator("security", mode="before")
    @classmethod
    def _yes_no_or_how(cls, security: Any) -> Any:
        if hasattr(security, "get_connection_args"):
            return security
        return TypeAdapter(bool).validate_python(security)


class SlurmConfig(BatchConfig):
    """Settings of ``aer-slurm``, besides those of all :class:`BatchConfig`.

    Attributes:
        queue: the partition.
        account: that is charged.
        walltime: of a job, ``"02:00:00"``.
        job_cpu: CPUs to ask for, if not ``cores``.
        job_mem: memory to ask for, if not ``memory``.
    """

    queue: str | None = None
    account: str | None = None
    walltime: str | None = None
    job_cpu: int | None = None
    job_mem: str | None = None


class PbsConfig(BatchConfig):
    """Settings of ``aer-pbs`` and ``aer-moab``, besides those of all :class:`BatchConfig`.

    Attributes:
        queue: where jobs go.
        account: that is charged.
        walltime: of a job, ``"02:00:00"``.
        resource_spec: what to ask for, ``"select=1:ncpus=8:mem=16GB"``, if it does not follow from the others.
    """

    queue: str | None = None
    account: str | None = None
    walltime: str | None = None
    resource_spec: str | None = None


class SgeConfig(BatchConfig):
    """Settings of ``aer-sge``, besides those of all :class:`BatchConfig`.

    Attributes:
        queue: where jobs go.
        project: that is charged.
        walltime: of a job, ``"02:00:00"``.
        resource_spec: what to ask for; Grid Engine asks for no memory without it.
    """

    queue: str | None = None
    project: str | None = None
    walltime: str | None = None
    resource_spec: str | None = None


class LsfConfig(BatchConfig):
    """Settings of ``aer-lsf``, besides those of all :class:`BatchConfig`.

    Attributes:
        queue: where jobs go.
        project: that is charged.
        walltime: of a job, ``"02:00"``.
        ncpus: CPUs to ask for, if not ``cores``.
        mem: bytes to ask for, if not ``memory``.
        lsf_units: the unit of memory in ``lsf.conf``.
        use_stdin: whether ``bsub`` reads the script from its standard input.
    """

    queue: str | None = None
    project: str | None = None
    walltime: str | None = None
    ncpus: int | None = None
    mem: int | None = None
    lsf_units: str | None = None
    use_stdin: bool | None = None


class HTCondorConfig(BatchConfig):
    """Settings of ``aer-htcondor``, besides those of all :class:`BatchConfig`.

    Attributes:
        disk: of a job, for example ``"4GB"``.
        job_extra_directives: further attributes of the job.
        submit_command_extra: further arguments of ``condor_submit``.
        cancel_command_extra: further arguments of ``condor_rm``.
    """

    disk: str | None = None
    job_extra_directives: dict[str, str] | None = None  # type: ignore[assignment]
    submit_command_extra: list[str] | None = None
    cancel_command_extra: list[str] | None = None


class OarConfig(BatchConfig):
    """Settings of ``aer-oar``, besides those of all :class:`BatchConfig`.

    Attributes:
        queue: where jobs go.
        project: that is charged.
        walltime: of a job, ``"02:00:00"``.
        resource_spec: what to ask for, if it does not follow from ``cores``.
        memory_per_core_property_name: OAR's name for the memory of a core.
    """

    queue: str | None = None
    project: str | None = None
    walltime: str | None = None
    resource_spec: str | None = None
    memory_per_core_property_name: str | None = None


class BatchKind(ClusterKind):
    """Jobs of a batch system. A subclass says of which.

    Attributes:
        system: its name in dask-jobqueue's configuration.
        cluster: its class in dask-jobqueue.
        commands: that submit and cancel a job.
        look: the command that lists a user's jobs.
        needed: settings without which no job can be described.
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
        """Submit the jobs, without waiting for the queue; cancel them afterwards."""
        from distributed import Client

        from .batch_jobs import Replacing, submit

        refuse(self._commands())
        first = config.workers if isinstance(config.workers, int) else max(1, config.workers[0])
        with self._new(config) as cluster:
            cluster.sync(submit, cluster, first)
            if refused := cluster.refused():
                raise ClusterConnectionError(
                    f"{len(refused)} of {first} jobs were refused: {refused[0]}. The command qiskit-cluster "
                    "job-script shows what is submitted."
                )
            if isinstance(config.workers, int):
                cluster.adapt(Adaptive=Replacing, wait_count=config.wait_count)
            else:
                low, high = config.workers
                cluster.adapt(minimum=low, maximum=high, wait_count=config.wait_count)
            with Client(cluster, set_as_default=False) as client:
                yield client

    def options(self, config: BatchConfig) -> Mapping[str, Any]:
        """A queue takes its time."""
        return {"no_workers_timeout": _PATIENCE}

    def grows_to(self, config: BatchConfig) -> int:
        """The maximum, where there is one."""
        return 0 if isinstance(config.workers, int) else config.workers[1]

    def scale(self, client: Any, config: BatchConfig, workers: int, timeout: float | None) -> None:
        """Submit or cancel jobs, and leave the number to the load no longer. Waits for the queue only if told to."""
        from .batch_jobs import Replacing

        client.cluster.adapt(Adaptive=Replacing)
        super().scale(client, config, workers, timeout or 0)

    def states(self, ids: Iterable[str]) -> Mapping[str, JobState]:
        """What is known of submitted jobs; nothing, where nobody knows how to ask."""
        return {}

    def findings(self, config: BatchConfig) -> Iterator[Finding]:
        """The commands, and the job."""
        yield from self._commands()
        try:
            self.job_script(config)
        except ClusterError as error:
            yield Finding("job", str(error.message).rstrip("."), False)
        else:
            yield Finding("job", "its script can be written", mend="qiskit-cluster job-script shows it")
        if not config.security:
            mend = "Leave out security=False, unless nobody else is on this network."
            yield Finding("encryption", "whoever reaches a port can run code as you", None, mend)

    def job_script(self, config: BatchConfig) -> str:
        """What is submitted for each worker. Nothing is started.

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
            ClusterConfigError: it refuses the settings.
        """
        import dask

        from .batch_jobs import cluster_class

        section = f"jobqueue.{config.config_name or self.system}"
        defaults = dask.config.get(section, None)
        if defaults is None:
            raise ClusterConfigError(f"config_name={config.config_name!r}: Dask's configuration has no {section}.")
        for name in self.needed:
            if getattr(config, name) is None and defaults.get(name) is None:
                wanted = " and ".join(f"{one}=" for one in self.needed)
                raise ClusterConfigError(
                    f"aer-{self.system} does not know how large a job is: {name} is missing. Give {wanted} of a job, "
                    f"or set {section}.{name} in Dask's configuration."
                )
        given = {key: value for key, value in config if key not in _CHANGED and value is not None}
        options = {**defaults.get("scheduler-options", {}), **(config.scheduler_options or {})}
        if config.security is True:
            if importlib.util.find_spec("cryptography") is None:
                raise MissingExtraError(
                    "TLS needs cryptography; install it: pip install 'qiskit-cluster-provider[tls]', or give "
                    "security=False"
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
            raise ClusterConfigError(f"dask-jobqueue refuses the settings: {error}. {config.usage()}") from error
        built.look, built.states = self.look, self.states
        return built


def job_script(name: str, kind: ClusterKind, config: Any) -> str:
    """The script of a job of the backend ``name``. Nothing is submitted.

    Raises:
        ClusterConfigError: its kind submits no jobs, or the settings are refused.
        MissingExtraError: dask-jobqueue is not installed.
    """
    if not isinstance(kind, BatchKind):
        family = ", ".join(sorted(f"aer-{one.system}" for one in BatchKind.__subclasses__()))
        raise ClusterConfigError(f"{name!r} submits no jobs; give {family}, or a profile of such a kind.")
    if missing := kind.missing():
        raise MissingExtraError(f"{name!r} needs {', '.join(missing)}; install it: pip install '{kind.extra}'")
    return kind.job_script(config)


class SlurmKind(BatchKind):
    """Slurm."""

    description = "Dask workers as jobs of Slurm"
    Config = SlurmConfig
    system, cluster = "slurm", "SLURMCluster"
    commands, look = ("sbatch", "scancel"), "squeue --me"

    def states(self, ids: Iterable[str]) -> Mapping[str, JobState]:
        """As ``squeue`` tells."""
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
