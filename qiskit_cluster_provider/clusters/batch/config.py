"""Settings of ``aer-slurm`` and its family. They have dask-jobqueue's names.

What is left out comes from dask-jobqueue's own configuration, ``jobqueue.slurm.cores`` and so on.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, TypeAdapter, field_validator
from pydantic_settings import SettingsConfigDict

from ..base import ClusterConfig
from ..scaling import check_workers


class BatchConfig(ClusterConfig):
    """Settings that all batch systems share. A job is one Dask worker.

    Attributes:
        workers: The number of jobs, or ``(minimum, maximum)``, between which the load decides.
        wait_count: With ``(minimum, maximum)``, the seconds without work after which a job is given back.
        cores: The cores of a job, which are also the slices that it runs at the same time.
        memory: The memory of a job, for example ``"16GB"``.
        interface: The network interface of the scheduler and of the workers, for example ``"ib0"``.
        python: The Python that runs the workers; default: the one that runs your program.
        job_name: The name of the jobs.
        job_extra_directives: Lines to add to the head of the job's script, without ``#SBATCH``.
        job_directives_skip: Texts: lines of the head that contain one of them are left out.
        job_script_prologue: Commands that run before the worker starts, for example ``["module load python"]``.
        worker_extra_args: Arguments to add to ``dask worker``.
        log_directory: The directory to which jobs write their output.
        local_directory: The directory in which workers put files.
        death_timeout: The seconds after which a worker that cannot find its scheduler ends.
        scheduler_options: Options of the ``distributed.Scheduler``, for example ``{"port": 8786}``. The dashboard
            listens on loopback unless ``dashboard_address`` is given here.
        security: ``True`` encrypts with TLS and a certificate that is made for this cluster, so that nobody else can
            connect. ``False`` encrypts nothing. A ``distributed.Security`` brings its own certificates.
        shared_temp_directory: The directory from which the workers read the certificate, on a disk that all machines
            share; default: the home directory.
        config_name: The section of dask-jobqueue's configuration, if it is not the one of the batch system.
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
    """Settings of ``aer-slurm``, besides those of :class:`BatchConfig`.

    Attributes:
        queue: The partition to which jobs are submitted.
        account: The account that is charged.
        walltime: The longest time that a job may run, for example ``"02:00:00"``.
        job_cpu: The CPUs to ask for, if they are not ``cores``.
        job_mem: The memory to ask for, if it is not ``memory``.
    """

    queue: str | None = None
    account: str | None = None
    walltime: str | None = None
    job_cpu: int | None = None
    job_mem: str | None = None


class PbsConfig(BatchConfig):
    """Settings of ``aer-pbs`` and ``aer-moab``, besides those of :class:`BatchConfig`.

    Attributes:
        queue: The queue to which jobs are submitted.
        account: The account that is charged.
        walltime: The longest time that a job may run, for example ``"02:00:00"``.
        resource_spec: The resources to ask for, for example ``"select=1:ncpus=8:mem=16GB"``, if they do not follow
            from the other settings.
    """

    queue: str | None = None
    account: str | None = None
    walltime: str | None = None
    resource_spec: str | None = None


class SgeConfig(BatchConfig):
    """Settings of ``aer-sge``, besides those of :class:`BatchConfig`.

    Attributes:
        queue: The queue to which jobs are submitted.
        project: The project that is charged.
        walltime: The longest time that a job may run, for example ``"02:00:00"``.
        resource_spec: The resources to ask for. Grid Engine asks for no memory without it.
    """

    queue: str | None = None
    project: str | None = None
    walltime: str | None = None
    resource_spec: str | None = None


class LsfConfig(BatchConfig):
    """Settings of ``aer-lsf``, besides those of :class:`BatchConfig`.

    Attributes:
        queue: The queue to which jobs are submitted.
        project: The project that is charged.
        walltime: The longest time that a job may run, for example ``"02:00"``.
        ncpus: The CPUs to ask for, if they are not ``cores``.
        mem: The bytes of memory to ask for, if they are not ``memory``.
        lsf_units: The unit of memory in ``lsf.conf``.
        use_stdin: Whether ``bsub`` reads the script from its standard input.
    """

    queue: str | None = None
    project: str | None = None
    walltime: str | None = None
    ncpus: int | None = None
    mem: int | None = None
    lsf_units: str | None = None
    use_stdin: bool | None = None


class HTCondorConfig(BatchConfig):
    """Settings of ``aer-htcondor``, besides those of :class:`BatchConfig`.

    Attributes:
        disk: The disk space of a job, for example ``"4GB"``.
        job_extra_directives: Attributes to add to the job.
        submit_command_extra: Arguments to add to ``condor_submit``.
        cancel_command_extra: Arguments to add to ``condor_rm``.
    """

    disk: str | None = None
    job_extra_directives: dict[str, str] | None = None  # type: ignore[assignment]
    submit_command_extra: list[str] | None = None
    cancel_command_extra: list[str] | None = None


class OarConfig(BatchConfig):
    """Settings of ``aer-oar``, besides those of :class:`BatchConfig`.

    Attributes:
        queue: The queue to which jobs are submitted.
        project: The project that is charged.
        walltime: The longest time that a job may run, for example ``"02:00:00"``.
        resource_spec: The resources to ask for, if they do not follow from ``cores``.
        memory_per_core_property_name: OAR's name for the memory of a core.
    """

    queue: str | None = None
    project: str | None = None
    walltime: str | None = None
    resource_spec: str | None = None
    memory_per_core_property_name: str | None = None
