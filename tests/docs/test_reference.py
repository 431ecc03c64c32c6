"""The pages of the reference that are made from the code name everything that the code has."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from qiskit_cluster_provider import __version__
from qiskit_cluster_provider.cli.app import app
from qiskit_cluster_provider.options import SLICE_OPTION_NAMES
from qiskit_cluster_provider.provider import ClusterProvider

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def extension(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs/_ext"))


def rows(text):
    """Lines of tables, by their first cell."""
    return {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}


def test_every_setting_is_listed_with_its_variable():
    from from_code import settings

    text = settings.markdown()
    for name, kind in ClusterProvider().kinds.items():
        assert f"`{name}`" in text
        for field in kind.Config.model_fields:
            assert f"\n| `{field}` " in text, (name, field)
        for variable in kind.Config.variables():
            assert f" `{variable}` " in text, (name, variable)


def test_a_setting_has_its_type_limits_default_and_meaning():
    from from_code import settings

    line = rows(settings.markdown())["threads_per_worker"]
    assert "`QISKIT_CLUSTER_THREADS_PER_WORKER` | int, at least 1 | `1` | " in line
    assert len(line.split("|")[4].split()) > 3


def test_options_of_a_run():
    from from_code import settings

    found = rows(settings.run_options())
    assert list(found) == list(SLICE_OPTION_NAMES)
    assert "`QISKIT_CLUSTER_RETRIES`" in found["retries"]
    assert "QISKIT_CLUSTER_" not in found["callback"]


def test_every_command_and_option_is_listed():
    from from_code import commands

    text = commands.markdown()
    for name in commands.commands(app):
        section = text.partition(f"## `qiskit-cluster {name}`\n")[2].partition("\n## ")[0]
        shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).stdout
        options = {word.strip(",│") for word in shown.split() if word.startswith("--")} - {"--help"}
        assert options <= set(section.replace("`", " ").replace(",", " ").split()), name
    assert {"doctor", "clusters", "reap", "run", "job-script"} <= set(commands.commands(app))


def test_every_module_is_listed_with_a_sentence():
    from from_code import code

    text = code.modules()
    modules = list((ROOT / "qiskit_cluster_provider").rglob("*.py"))
    assert text.count("\n| `") == len(modules) > 100
    assert "|  |" not in text


def test_layers_are_those_of_the_configuration():
    from from_code import code

    text = code.layers()
    assert text.count("\n## ") == (ROOT / "setup.cfg").read_text().count("[importlinter:contract:")
    assert "\nplan\n" in text


def test_every_release_note_is_in_the_changelog():
    from from_code import changelog

    found = changelog.releases()
    assert sum(len(notes) for notes in found.values()) == len(list((ROOT / "releasenotes/notes").glob("*.yaml")))
    assert __version__ in found


def test_the_changelog_needs_no_history(tmp_path, monkeypatch):
    from from_code import changelog

    (tmp_path / "a-note-0123456789abcdef.yaml").write_text(yaml.safe_dump({"fixes": ["It works.\nAgain.\n"]}))
    monkeypatch.setattr(changelog, "NOTES", tmp_path)
    monkeypatch.setattr(changelog, "_has_history", lambda: False)
    text = changelog.restructured_text()
    assert f"{__version__}\n=====" in text
    assert "Bug fixes\n---------\n\n* It works.\n  Again.\n" in text


def test_a_note_with_an_unknown_section_is_not_left_out_silently(tmp_path, monkeypatch):
    from from_code import changelog

    (tmp_path / "a-note-0123456789abcdef.yaml").write_text(yaml.safe_dump({"other": ["It works."]}))
    monkeypatch.setattr(changelog, "NOTES", tmp_path)
    monkeypatch.setattr(changelog, "_has_history", lambda: False)
    with pytest.raises(ValueError, match="other"):
        changelog.restructured_text()


def test_all_notes_can_be_written():
    from from_code import changelog

    assert changelog.restructured_text().count("\n* ") > 80


def test_nothing_of_this_needs_sphinx():
    code = "import sys; sys.modules['sphinx'] = sys.modules['docutils'] = None; from from_code import settings, code"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "docs/_ext", check=True)
