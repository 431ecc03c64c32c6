"""docs/howto/troubleshooting.md: it names every error, and its messages are those of the code."""

import ast
import re
from pathlib import Path

import pytest

from qiskit_cluster_provider import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/howto/troubleshooting.md").read_text()
ERRORS = [
    name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, errors.ClusterError)
]
ROW = re.compile(r"^\| (`.*?`) \| ", re.MULTILINE)
FROM_ELSEWHERE = ("exceeded quota", "is forbidden: User")  # Kubernetes' own words, which we pass on


def messages():
    """The messages in the tables, without what differs from time to time."""
    tables = PAGE.partition("## A worker's log")[0]
    for row in ROW.findall(tables):
        for message in re.findall(r"`([^`]+)`", row):
            yield from (part.strip(" .,") for part in message.split("…") if len(part.strip(" .,")) > 3)


def texts():
    """The texts in the code, with ``…`` where a value stands."""
    for path in (ROOT / "qiskit_cluster_provider").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


SAID = "\n".join(texts())


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_explained(name):
    assert name in PAGE


@pytest.mark.parametrize("message", sorted(set(messages())))
def test_messages_are_those_of_the_code(message):
    assert message in SAID or message in FROM_ELSEWHERE


def test_a_message_that_nobody_says_is_seen():
    assert len(set(messages())) > 40
    assert "the cluster has caught fire" not in SAID
