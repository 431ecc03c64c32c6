"""The release notes in ``releasenotes/notes``, by release.

reno finds out from the history of git which release brought a note. A shallow clone or an archive has no such
history: then all notes belong to the release that is documented.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from qiskit_cluster_provider import __version__

ROOT = Path(__file__).parents[3]
NOTES = ROOT / "releasenotes" / "notes"


def restructured_text() -> str:
    """A section for each release, the newest first, with a section for each kind of change.

    Raises:
        ValueError: a note has a section that ``releasenotes/config.yaml`` does not know.
    """
    config = yaml.safe_load((ROOT / "releasenotes" / "config.yaml").read_text())
    known = {"prelude", *(key for key, _ in config["sections"])}
    if unknown := {key for notes in releases().values() for note in notes for key in note} - known:
        raise ValueError(f"release notes have unknown sections: {', '.join(sorted(unknown))}")
    lines = []
    for release, notes in releases().items():
        lines += [release, "=" * len(release), ""]
        lines += [f"{note['prelude'].strip()}\n" for note in notes if "prelude" in note]
        for key, title in config["sections"]:
            entries = [entry for note in notes for entry in note.get(key, [])]
            if entries:
                lines += [title, "-" * len(title), ""]
                lines += [f"* {entry.strip().replace(chr(10), chr(10) + '  ')}" for entry in entries]
                lines.append("")
    return "\n".join(lines)


def releases() -> dict[str, list[Mapping[str, Any]]]:
    """Release -> its notes. What is no release yet has the number of the release that is being made."""
    files = {path.name: yaml.safe_load(path.read_text()) for path in sorted(NOTES.glob("*.yaml"))}
    found: dict[str, list[Mapping[str, Any]]] = {}
    if _has_history():
        from reno.config import Config
        from reno.loader import Loader

        config = Config(str(ROOT))
        config.override(branch=None)  # what is checked out, whatever its name
        with Loader(config) as history:
            for release in history.versions:
                for name in (Path(path).name for path, _ in history[release]):
                    if name in files:
                        found.setdefault(_named(release), []).append(files.pop(name))
    if files:
        found = {__version__: [], **found}
        found[__version__] += files.values()
    return found


def _named(release: str) -> str:
    """The release of a note. For reno, notes after the last tag are in ``1.2.0-34``, without any tag in ``0.0.0``."""
    return __version__ if "-" in release or release == "0.0.0" else release


def _has_history() -> bool:
    """Whether git knows when each note was written, and reno is there to ask it."""
    if find_spec("reno") is None:
        return False
    command = ["git", "rev-parse", "--is-shallow-repository"]
    try:
        answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return False
    return answer.stdout.strip() == "false"
