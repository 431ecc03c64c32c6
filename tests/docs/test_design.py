"""docs/design.md: its map has every folder of the package, and the files that it names are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "qiskit_cluster_provider"
PAGE = (ROOT / "docs/design.md").read_text()
MAP = PAGE.partition("```text\nqiskit_cluster_provider/\n")[2].partition("packages/")[0]


def mapped():
    """Paths in the map, each from the lines above it that are less indented."""
    above = []
    for line in MAP.splitlines():
        indent, name = len(line) - len(line.lstrip()), line.split()[0]
        above = [one for one in above if one[0] < indent] + [(indent, name)]
        yield "".join(name for _, name in above)


def test_the_map_is_the_package():
    folders = {f"{path.parent.relative_to(PACKAGE)}/" for path in PACKAGE.rglob("__init__.py")} - {"./"}
    files = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}
    found = list(mapped())
    assert sorted(found) == sorted(folders | files)


def test_the_files_that_answer_questions_are_there():
    table = PAGE.partition("## Where to look")[2].partition("## Layers")[0]
    named = re.findall(r"`([\w/]+\.py)`", table)
    assert len(named) > 10
    assert [name for name in named if not (PACKAGE / name).is_file()] == []
