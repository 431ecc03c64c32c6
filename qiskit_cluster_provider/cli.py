"""``qiskit-cluster``: the command line. Commands import what they need, so that ``--help`` is fast."""

from __future__ import annotations

import json
import logging
import platform
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from .provider import ClusterProvider
    from .runs import Outcome

app = typer.Typer(
    name="qiskit-cluster",
    help="Run many Qiskit simulations on a Dask cluster, with the answer of one machine.",
    no_args_is_help=True,
    add_completion=False,
)
_TOP = 10  # outcomes in a table

Workers = Annotated[int | None, typer.Option(help="Dask workers of aer-local. [default: one for each CPU]")]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to stdout and nothing else.")]


@app.command()
def demo(
    circuits: Annotated[int, typer.Option(min=1, help="Circuits, or parameter sets, of all workloads.")] = 200,
    shots: Annotated[int, typer.Option(min=1, help="Shots of each.")] = 4096,
    workers: Workers = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of circuits and simulations.")] = 7,
) -> None:
    """Run real circuits on a local cluster and on one AerSimulator, and compare the results.

    Exit code 1 if anything is not identical.
    """
    with _reported(), _provider() as provider:
        from qiskit_aer import AerSimulator
        from rich.console import Console

        from .demo import compare, warm_up, workloads

        console = Console(highlight=False)
        backend = provider.get_backend("aer-local", **_given(workers=workers))
        local = AerSimulator(max_parallel_threads=1)
        batch = workloads(circuits, seed)
        console.print(f"{circuits} experiments of {shots} shots, seed {seed}")
        threads, started = warm_up(backend, local)
        console.print(
            f"Warm-up run: {started:.1f} s to start the cluster and {threads} simulating processes; "
            "not part of the times below."
        )
        rows = list(compare(backend, local, batch, shots, seed, announce=console.print))
        console.print(_comparison(rows, threads))
        said = [f"{row.workload.name}: {text}" for row in rows for text in row.differences]
        for text in said[:_TOP]:
            _say(text)
        if said:
            raise typer.Exit(1)


@app.command()
def backends() -> None:
    """List the backends: the installed kinds of cluster, profiles, and plugins that cannot be loaded."""
    with _reported(), _provider() as provider:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        from .errors import ClusterError

        # Asked for before the table, so that what is wrong with the default does not hide the table.
        problem, default = None, None
        try:
            default = provider.get_backend().name
        except (ClusterError, LookupError, TypeError) as error:
            problem = error
        table = Table("Backend", "Kind", "Installed", "Default", "Description")
        for name, kind_name, installed, description in _listing(provider):
            is_default = "yes" if name == default else ""
            table.add_row(*map(Text, (name, kind_name, installed, is_default, description)))
        Console().print(table)
        if problem is not None:
            raise problem


@app.command()
def run(
    files: Annotated[list[Path], typer.Argument(help="OpenQASM 2, OpenQASM 3 or QPY.", show_default=False)],
    backend: Annotated[
        str | None, typer.Option(help="A kind or a profile. [default: $QISKIT_CLUSTER_BACKEND or aer-local]")
    ] = None,
    shots: Annotated[int | None, typer.Option(min=1, help="Shots. [default: the backend's]")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulation. [default: drawn]")] = None,
    workers: Workers = None,
    as_json: AsJson = False,
    plot: Annotated[Path | None, typer.Option(help="Draw histograms into this file.")] = None,
) -> None:
    """Run circuits from files on a backend and print their counts.

    The kind of a file is decided by its content. Files are parsed, never executed. The circuits are
    transpiled with optimization level 0, so that library gates run.

    Exit code 1 if a circuit failed (the others' counts are printed), 2 if the input is wrong and nothing ran.
    """
    with _reported(), _provider() as provider:
        from .runs import check_plot, draw, load, outcomes

        if plot is not None:
            check_plot(plot)
        target = provider.get_backend(backend, **_given(workers=workers))
        sources, circuits = load(files, target)
        job = target.run(circuits, **_given(shots=shots, seed_simulator=seed), progress=_watched(as_json))
        found = outcomes(job, sources)
        if as_json:
            typer.echo(json.dumps({"backend": target.name, "experiments": [asdict(one) for one in found]}))
        else:
            _print_counts(found)
        failed = [one for one in found if not one.success]
        for one in failed:
            _say(f"{one.file}: {one.status.removeprefix('ERROR: ')}")
        if plot is not None:
            draw(found, plot)
        if failed:
            raise typer.Exit(1)


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the versions that matter in a bug report."""
    from . import __version__

    others = ("qiskit", "qiskit-aer", "distributed", "dask")
    found = {
        "qiskit-cluster-provider": __version__,
        **{name: installed_version(name) for name in others},
        "python": platform.python_version(),
    }
    typer.echo(json.dumps(found) if as_json else "\n".join(f"{name} {text}" for name, text in found.items()))


@contextmanager
def _reported() -> Iterator[None]:
    """Print errors as one line: 2 for bad input, 1 for what went wrong afterwards. Bugs keep their traceback."""
    from qiskit.exceptions import QiskitError

    from .errors import ClusterConnectionError, ClusterJobError

    logger = logging.getLogger("qiskit_cluster_provider")
    level = logger.level
    logger.setLevel(logging.ERROR)  # its warnings are what the commands print
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: _say(str(message), "Warning")
            yield
    except (ClusterJobError, ClusterConnectionError) as error:
        _say(error.message)
        raise typer.Exit(1) from error
    except QiskitError as error:
        _say(error.message)
        raise typer.Exit(2) from error
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}" if error.filename is not None else str(error))
        raise typer.Exit(2) from error
    finally:
        logger.setLevel(level)


def _say(message: str, kind: str = "Error") -> None:
    """One line on stderr. Names come from files: what a terminal would obey is taken out."""
    from rich.console import Console
    from rich.text import Text

    line = " ".join(message.split())
    line = "".join(letter if letter.isprintable() else "�" for letter in line)
    Console(stderr=True).print(Text(f"{kind}: {line}", "red" if kind == "Error" else "yellow"), soft_wrap=True)
