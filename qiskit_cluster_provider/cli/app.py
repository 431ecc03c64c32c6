"""``qiskit-cluster``: the command line. Commands import what they need, so that ``--help`` is fast."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import clusters
from .printing import show
from .reporting import reported, say

if TYPE_CHECKING:
    from ..backend.cluster_backend import ClusterBackend
    from ..provider import ClusterProvider

app = typer.Typer(
    name="qiskit-cluster",
    help="Run many Qiskit simulations on a Dask cluster, with the answer of one machine.",
    no_args_is_help=True,
    add_completion=False,
)
app.add_typer(clusters.app)
_DIFFERENCES = 10  # that are printed

Workers = Annotated[
    int | None, typer.Option(help="The number of Dask workers of aer-local; default: one for each CPU.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to stdout and nothing else.")]


@app.command()
def demo(
    circuits: Annotated[
        int, typer.Option(min=1, help="The number of circuits or parameter sets in all workloads together.")
    ] = 200,
    shots: Annotated[int, typer.Option(min=1, help="The number of shots of each circuit.")] = 4096,
    workers: Workers = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the circuits and of the simulations.")] = 7,
) -> None:
    """Run real circuits on a local cluster and on one AerSimulator, and compare the results.

    The exit code is 1 if any result is not identical.
    """
    with reported(), _provider() as provider:
        from qiskit_aer import AerSimulator
        from rich.console import Console

        from .demo import compare, footnote, table, warm_up
        from .workloads import workloads

        console = Console(highlight=False)
        backend = _backend(provider, "aer-local", workers=workers, placement="cluster")
        local = AerSimulator(max_parallel_threads=1)
        batch = workloads(circuits, seed)
        console.print(f"{circuits} experiments of {shots} shots, seed {seed}")
        threads, started = warm_up(backend, local)
        console.print(
            f"Warm-up run: {started:.1f} s to start the cluster and {threads} simulating processes; "
            "not part of the times below."
        )
        rows = list(compare(backend, local, batch, shots, seed, announce=console.print))
        show(table(rows), footnote(threads))
        said = [f"{row.workload.name}: {text}" for row in rows for text in row.differences]
        for text in said[:_DIFFERENCES]:
            say(text)
        if said:
            raise typer.Exit(1)


@app.command()
def backends() -> None:
    """List the backends: the installed kinds of cluster, the profiles, and the plugins that cannot be loaded."""
    with reported(), _provider() as provider:
        from qiskit.exceptions import QiskitError
        from rich.table import Table
        from rich.text import Text

        # Asked for before the table is printed, raised after it: the table shows what there is instead.
        default, problem = "", None
        try:
            default = _backend(provider, None).name
        except QiskitError as error:
            problem = error
        table = Table("Backend", "Kind", "Installed", "Default", "Description")
        for name, kind_name, installed, description in _listing(provider):
            is_default = "yes" if name == default else ""
            table.add_row(*map(Text, (name, kind_name, installed, is_default, description)))
        show(table, wraps=["Installed", "Description"])
        if problem is not None:
            raise problem


@app.command()
def run(
    files: Annotated[list[Path], typer.Argument(help="Files of OpenQASM 2, OpenQASM 3, or QPY.", metavar="FILE")],
    backend: Annotated[
        str | None,
        typer.Option(help="A kind or a profile, by name; default: $QISKIT_CLUSTER_BACKEND or aer-local."),
    ] = None,
    shots: Annotated[
        int | None, typer.Option(min=1, help="The number of shots of each circuit; default: the backend's.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The seed of the simulation; default: one is drawn.")] = None,
    workers: Workers = None,
    as_json: AsJson = False,
    plot: Annotated[
        Path | None, typer.Option(help="Draw histograms of the counts into this file, for example out.png.")
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Print to stderr, after the run, what happened to the job.")
    ] = False,
) -> None:
    """Run circuits from files on a backend and print their counts.

    The format of a file is recognised by its content. Files are parsed, and never executed.
    Circuits are transpiled with optimization level 0, so that gates of Qiskit's library run.

    The exit code is 1 if a circuit failed (the counts of the others are printed),
    and 2 if the input is wrong and nothing ran.
    """
    with reported(), _provider() as provider:
        from .files.reading import printable
        from .runs import check_plot, draw, load, outcomes, tables

        if plot is not None:
            check_plot(plot)
        target = _backend(provider, backend, workers=workers)
        sources, circuits = load(files, target)
        job = target.run(
            circuits, **_given(shots=shots, seed_simulator=seed), progress=not as_json and _in_terminal()
        )
        try:
            found = outcomes(job, sources)
        finally:
            if report:
                for line in str(job.report()).splitlines():
                    typer.echo(printable(line), err=True)
        if as_json:
            typer.echo(json.dumps({"backend": target.name, "experiments": [asdict(one) for one in found]}))
        else:
            show(*tables(found))
        failed = [one for one in found if not one.success]
        for one in failed:
            say(f"{one.file}: {one.status.removeprefix('ERROR: ')}")
        if plot is not None:
            draw(found, plot)
        if failed:
            raise typer.Exit(1)


@app.command()
def job_script(
    backend: Annotated[
        str | None,
        typer.Argument(help="A kind such as aer-slurm, or a profile; default: $QISKIT_CLUSTER_BACKEND."),
    ] = None,
    option: clusters.Options = None,
) -> None:
    """Print the script that would be submitted to the batch system for each worker. Nothing is submitted."""
    with reported(), _provider() as provider:
        from ..clusters.batch.kinds import job_script
        from .settings import settings

        connection = _backend(provider, backend, **settings(option or [])).connection
        typer.echo(job_script(connection.name, connection.kind, connection.config).rstrip())


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the versions that matter in a bug report."""
    from .. import __version__

    others = ("qiskit", "qiskit-aer", "distributed", "dask")
    found = {
        "qiskit-cluster-provider": __version__,
        **{name: installed_version(name) for name in others},
        "python": platform.python_version(),
    }
    typer.echo(json.dumps(found) if as_json else "\n".join(f"{name} {text}" for name, text in found.items()))


@contextmanager
def _provider() -> Iterator[ClusterProvider]:
    from ..clusters.lifecycle import end_on_sigterm
    from ..provider import ClusterProvider

    end_on_sigterm()  # else the folders of Dask stay until it is started again
    with ClusterProvider() as provider:
        yield provider


def _backend(provider: ClusterProvider, name: str | None, **options: Any) -> ClusterBackend:
    """The backend; a value of a wrong type can only come from a profile or the environment here."""
    from ..errors import ClusterConfigError, ClusterError

    try:
        return provider.get_backend(name, **_given(**options))
    except ClusterError:
        raise
    except TypeError as error:
        raise ClusterConfigError(str(error)) from error


def _given(**options: Any) -> dict[str, Any]:
    """Without what was not given: ``None`` is a value to some options."""
    return {name: value for name, value in options.items() if value is not None}


def _in_terminal() -> bool:
    """Whether a progress bar would be seen: it is drawn on stdout, which may be a file."""
    from rich.console import Console

    return Console().is_terminal


def _listing(provider: ClusterProvider) -> Iterator[tuple[str, str, str, str]]:
    """Rows of name, kind, what to install, and description."""
    for name, kind in provider.kinds.items():
        yield name, name, _installed(provider, name), kind.description
    for name, profile in provider.profiles.items():
        options = ", ".join(f"{key}={value!r}" for key, value in profile.options.items())
        yield name, profile.kind, _installed(provider, profile.kind), f"Profile: {options or 'no options'}"
    for broken in provider.broken:
        yield broken.name, broken.name, "broken", broken.reason


def _installed(provider: ClusterProvider, kind_name: str) -> str:
    kind = provider.kinds.get(kind_name)
    if kind is None:
        return f"no kind {kind_name!r}"
    return f"pip install '{kind.extra}'" if kind.missing() else "yes"
