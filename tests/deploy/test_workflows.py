"""The workflows of the public CI: GitHub's schema, and what they call."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ..kubernetes.lab import IMAGE_VARIABLE

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def check(path):
    """What ``check-jsonschema`` says of it, with the schema that it brings along."""
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)],
        capture_output=True,
        text=True,
    )


def steps(path):
    return [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_github_takes_it(path):
    done = check(path)
    assert done.returncode == 0, done.stdout


def test_a_mistake_is_seen(tmp_path):
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:"))
    done = check(wrong)
    assert done.returncode == 1
    assert "run-on" in done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_it_calls_what_is_there(path):
    """Files of this repository that a command names exist, and actions are pinned to a major version."""
    for step in steps(path):
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])
        for name in re.findall(r"(?<![\w/.-])(?:deploy|tests|\.ci)/[\w./-]+", step.get("run", "")):
            assert (ROOT / name).exists(), name


def test_the_image_gets_the_clients_python():
    job = yaml.safe_load((ROOT / ".github/workflows/kubernetes.yml").read_text())["jobs"]["kind"]
    build = next(step["run"] for step in job["steps"] if "docker build" in step.get("run", ""))
    assert '--build-arg PYTHON="$PYTHON"' in build
    python = next(step["with"] for step in job["steps"] if "setup-python" in step.get("uses", ""))
    assert python["python-version"] == "${{ env.PYTHON }}"


def test_the_tests_get_the_image():
    job = yaml.safe_load((ROOT / ".github/workflows/kubernetes.yml").read_text())["jobs"]["kind"]
    assert re.search(r":(?!latest$)\S+", job["env"][IMAGE_VARIABLE])
    commands = "\n".join(step.get("run", "") for step in job["steps"])
    assert f'--tag "${IMAGE_VARIABLE}"' in commands
    assert f'kind load docker-image "${IMAGE_VARIABLE}"' in commands
