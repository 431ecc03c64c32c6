"""The import contracts in ``setup.cfg``, and the modules of the package with the first sentence of each."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Iterator, Mapping
from pathlib import Path

from .docstrings import markdown

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "qiskit_cluster_provider"


def layers() -> str:
    """A section for each contract that import-linter checks."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = []
    for name in config.sections():
        if name.startswith("importlinter:contract:"):
            contract = config[name]
            lines += ["", f"## {contract['name']}", ""]
            lines += _DRAWN.get(contract["type"], _others)(contract)
    return "\n".join(lines)


def modules() -> str:
    """A section for each folder, with a line for each module."""
    folders = sorted({path.parent for path in PACKAGE.rglob("*.py")})
    lines = []
    for folder in folders:
        name = folder.relative_to(ROOT).as_posix()
        lines += ["", f"## `{name}/`", "", "| module | what it is |", "|---|---|"]
        for path in sorted(folder.glob("*.py")):
            lines.append(f"| `{path.name}` | {markdown(first_paragraph(path))} |")
    return "\n".join(lines)


def first_paragraph(path: Path) -> str:
    """Of the docstring of a module; it is not imported."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n\n")[0].removesuffix("\n::")


def _layers(contract: Mapping[str, str]) -> Iterator[str]:
    where = ", ".join(f"`{one.replace('.', '/')}/`" for one in _listed(contract, "containers"))
    if where:
        yield f"In {where}. A module imports only from lines below its own:\n"
    yield "```text"
    yield from _listed(contract, "layers")
    yield "```"


def _forbidden(contract: Mapping[str, str]) -> Iterator[str]:
    how = "directly" if _indirectly(contract) else "directly or indirectly"
    yield f"{_codes(contract, 'source_modules')} must not import, {how}: {_codes(contract, 'forbidden_modules')}.\n"
    yield from _exceptions(contract)


def _others(contract: Mapping[str, str]) -> Iterator[str]:
    yield f"A contract of the type `{contract['type']}`:\n"
    for key in ("modules", "source_modules", "protected_modules", "allowed_importers", "ancestors"):
        if key in contract:
            yield f"- {key.replace('_', ' ')}: {_codes(contract, key)}"
    yield from _exceptions(contract)


def _exceptions(contract: Mapping[str, str]) -> Iterator[str]:
    if "ignore_imports" in contract:
        yield "\nExcept these imports:\n"
        yield from (f"- `{one}`" for one in _listed(contract, "ignore_imports"))


def _indirectly(contract: Mapping[str, str]) -> bool:
    return contract.get("allow_indirect_imports", "").lower() == "true"


def _codes(contract: Mapping[str, str], key: str) -> str:
    return ", ".join(f"`{one.removeprefix('qiskit_cluster_provider.')}`" for one in _listed(contract, key))


def _listed(contract: Mapping[str, str], key: str) -> list[str]:
    return [line.strip() for line in contract.get(key, "").splitlines() if line.strip() and line.strip()[0] != "#"]


_DRAWN = {"layers": _layers, "forbidden": _forbidden}
