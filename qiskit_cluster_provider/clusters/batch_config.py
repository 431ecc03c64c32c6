"""Settings of ``aer-slurm`` and its family. They have dask-jobqueue's names.

What is left out comes from dask-jobqueue's own configuration, ``jobqueue.slurm.cores`` and so on.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field, TypeAdapter, field_validator
from pydantic_settings import SettingsConfigDict

from .base import ClusterConfig
from .scaling import check_workers


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
