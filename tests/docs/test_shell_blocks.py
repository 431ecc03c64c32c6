"""Each ``$ qiskit-cluster ...`` line of the documents runs, beside the files that its document shows."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_NAME = re.compile(r"// (\S+\.qasm)\n")


def commands(document):
    text = document.read_text()
    lines = [line for kind, body in FENCE.findall(text) if kind == "console" for line in body.splitlines()]
    return [line[2:] for line in lines if line.startswith("$ qiskit-cluster ")]


def write_files(document, folder):
    for _, body in FENCE.findall(document.read_text()):
        if found := FILE_NAME.match(body):
            (folder / found[1]).write_text(body)


_MANY = 4  # commands: a document with more takes long


def documents():
    for document in DOCUMENTS:
        if number := len(commands(document)):
            yield pytest.param(document, id=document.name, marks=[pytest.mark.slow] if number > _MANY else [])


@pytest.mark.parametrize("document", list(documents()))
def test_shell_blocks_run(document, tmp_path):
    write_files(document, tmp_path)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("QISKIT_CLUSTER_")}
    for command in commands(document):
        program, *arguments = shlex.split(command)
        script = Path(sys.executable).with_name(program)
        done = subprocess.run(
            [script, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert done.stdout.strip(), command


def test_there_are_shell_blocks():
    assert sum(len(commands(document)) for document in DOCUMENTS) >= 3
