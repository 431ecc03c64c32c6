"""``doctor``, ``clusters`` and ``reap``: what is, and what is wrong, before and after anything runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .printing import show
from .reporting import reported, say

if TYPE_CHECKING:
    from ..clusters.doctor.findings import Finding
    from ..clusters.kubernetes.reaping import Found

app = typer.Typer()

_MARKS = {True: "[green]✓[/]", False: "[red]✗[/]", None: "[yellow]?[/]"}
Options = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", help="A setting of the backend, as in get_backend.", metavar="KEY=VALUE"),
]
Namespace = Annotated[
    str | None,
    typer.Option("--namespace", "-n", help="Look at this namespace only; default: all namespaces that you may see."),
]


@app.command()
def doctor(
    backend: Annotated[
        str | None,
        typer.Argument(help="A kind or a profile, by name; default: $QISKIT_CLUSTER_BACKEND or aer-local."),
    ] = None,
    option: Options = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to stdout and nothing else.")] = False,
) -> None:
    """Check whether a backend can work, without starting anything.

    Each line begins with a tick, or says what is wrong and which command mends it. A question mark stands
    where the answer cannot be known from this machine, or where the setting may be intended.

    The exit code is 1 if anything is wrong, and 2 if there is no such backend.
    """
    with reported():
        from ..clusters.examination import examine
        from .settings import settings

        name = backend or os.environ.get("QISKIT_CLUSTER_BACKEND") or "aer-local"
        found = []
        for one in examine(name, settings(option or [])):
            found.append(one)
            if not as_json:
                _show(one)
        if as_json:
            typer.echo(json.dumps({"backend": name, "findings": [asdict(one) for one in found]}))
        if any(one.ok is False for one in found):
            raise typer.Exit(1)


@app.command()
def clusters(
    namespace: Namespace = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON to stdout and nothing else.")] = False,
) -> None:
    """List the clusters in Kubernetes that aer-k8s has created, and whether they are in use."""
    with reported():
        found = _found(namespace)
        if as_json:
            typer.echo(json.dumps([{**asdict(one), "age": one.age} for one in found]))
        elif found:
            _table(found)
        else:
            say("none found", "Clusters")


@app.command()
def reap(
    namespace: Namespace = None,
    everybody: Annotated[bool, typer.Option("--all-owners", help="Also delete the clusters of other users.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
) -> None:
    """Delete the clusters in Kubernetes that aer-k8s has created and to which no client is connected.

    A cluster that is to be kept (keep=True) is never deleted.
    """
    with reported():
        from ..clusters.kubernetes.api import connected
        from ..clusters.kubernetes.reaping import ORPHAN
        from ..clusters.kubernetes.reaping import reap as delete
        from ..clusters.kubernetes.spec import owner_label

        mine = owner_label()
        orphans = [one for one in _found(namespace) if one.state == ORPHAN and (everybody or one.owner == mine)]
        if not orphans:
            say("no orphans found", "Clusters")
            return
        _table(orphans)
        if not yes:
            typer.confirm(f"Delete {len(orphans)}?", abort=True)
        with connected() as api:
            gone = delete(api, orphans)
        for one in orphans:
            if one in gone:
                typer.echo(f"deleted {one.namespace}/{one.name}")
            else:
                said = "is there still: it is used again, or may not be deleted"
                delete_it = f"kubectl delete daskcluster --wait=false -n {one.namespace} {one.name}"
                mend = f"qiskit-cluster clusters, or {delete_it}"
                say(f"{one.namespace}/{one.name} {said}. {mend}")
        if len(gone) < len(orphans):
            raise typer.Exit(1)


def _found(namespace: str | None) -> list[Found]:
    from ..clusters.registry import find_kinds
    from ..errors import MissingExtraError

    kind = find_kinds()[0]["aer-k8s"]
    if missing := kind.missing():
        raise MissingExtraError(f"{', '.join(missing)} is not installed:", hint=f"pip install '{kind.extra}'")
    from ..clusters.kubernetes.api import connected
    from ..clusters.kubernetes.reaping import clusters as look

    with connected() as api:
        return look(api, namespace)


def _show(finding: Finding) -> None:
    from rich.console import Console
    from rich.markup import escape

    from .files.reading import printable

    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{_MARKS[finding.ok]} {finding.what}: {escape(printable(finding.said))}")
    if finding.mend and finding.ok is not True:
        console.print(f"    {escape(printable(finding.mend))}", style="bold")


def _table(found: Iterable[Found]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table("Namespace", "Cluster", "Owner", "Created by", "Age", "Workers", "State")
    for one in found:
        made_by = f"process {one.process} on {one.host}"
        row: tuple[Any, ...] = (one.namespace, one.name, one.owner, made_by, _age(one.age), one.workers, one.state)
        table.add_row(*(Text(str(cell)) for cell in row))
    show(table)


def _age(seconds: float) -> str:
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
