"""Errors are data: their parts, their codes, and that no module takes a sentence of theirs apart."""

import ast
import copy
import pickle
from pathlib import Path

import pytest

import qiskit_cluster_provider
from qiskit_cluster_provider import errors
from qiskit_cluster_provider.errors import ClusterApiError, ClusterConfigError, ClusterError, ClusterJobError
from qiskit_cluster_provider.outcomes import Reason

ROOT = Path(qiskit_cluster_provider.__file__).parent
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ClusterError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_keeps_its_parts_in_a_copy_and_in_a_pickle(kind):
    error = kind("there is no worker.", hint="Start one.", detail="Traceback …")
    error.circuit, error.index = "bell", 3
    assert str(error) == "there is no worker. Start one.\n\nTraceback …"
    for again in (error, copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is kind
        assert vars(again) == vars(error)
        assert str(again) == str(error)
        assert (again.message, again.hint, again.detail) == ("there is no worker", "Start one.", "Traceback …")
        assert (again.circuit, again.index) == ("bell", 3)


def test_an_error_with_a_message_alone_reads_as_that():
    error = ClusterError("this is so.")
    assert str(error) == "this is so."
    assert (error.message, error.hint, error.detail, error.circuit, error.index) == ("this is so", "", "", None, None)


@pytest.mark.parametrize(
    ("message", "hint", "said"),
    [
        ("it is so", "do that.", "it is so; do that."),
        ("it is so.", "Do that.", "it is so. Do that."),
        ("x is not installed:", "pip install x", "x is not installed: pip install x"),
        ("it is so.", "", "it is so."),
    ],
)
def test_a_fact_and_the_next_step_make_one_sentence_or_two(message, hint, said):
    assert str(ClusterError(message, hint=hint)) == said


def test_each_kind_of_error_has_a_code_of_its_own():
    codes = [kind.code for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)
    assert ClusterConfigError("no", code="no_profile").code == "no_profile"
    assert ClusterConfigError("no").code == ClusterConfigError.code


def test_an_error_tells_the_same_of_something_larger():
    cause = ClusterApiError("the token has expired.", 401, hint="Log in anew.", detail="…")
    error = ClusterJobError.because(cause.reason.within("job 7: "))
    assert str(error) == "job 7: the token has expired. Log in anew.\n\n…"


def test_the_words_of_a_foreign_error_are_one_line_and_the_rest():
    assert Reason.of(ValueError("first\nsecond\nthird")) == Reason("ValueError: first", detail="second\nthird")
    assert Reason.of(KeyboardInterrupt()) == Reason("KeyboardInterrupt, without a word")
    reason = ClusterConfigError("no such profile.", hint="Did you mean 'a'?").reason
    assert Reason.of(ClusterConfigError.because(reason)).line == (
        "ClusterConfigError: no such profile. Did you mean 'a'?"
    )


PARSING = {
    *("partition", "rpartition", "split", "rsplit", "splitlines", "removeprefix", "removesuffix", "strip", "lstrip"),
    *("rstrip", "startswith", "endswith", "find", "rfind", "index", "replace", "count", "match", "search", "sub"),
}
FIELDS = {"message", "hint", "detail", "reason", "args"}
OURS = {kind.__name__ for kind in KINDS}


def names_of(kind):
    nodes = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return {node.id if isinstance(node, ast.Name) else getattr(node, "attr", "") for node in nodes}


def taken_apart(tree):
    """Nodes that take apart the text of an error of ours, which an ``except`` clause names."""
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.type is None or handler.name is None:
            continue
        if not names_of(handler.type) & OURS:
            continue

        def is_text(node, name=handler.name):
            """``error``, ``error.message``, ``str(error)``, ``f"{error}"``, ``error.args[0]``."""
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("str", "repr"):
                return any(map(is_text, node.args))
            if isinstance(node, ast.Attribute):
                return node.attr in FIELDS and is_text(node.value)
            if isinstance(node, ast.JoinedStr):
                return any(is_text(part.value) for part in node.values if isinstance(part, ast.FormattedValue))
            if isinstance(node, ast.Subscript | ast.BoolOp):
                return any(map(is_text, ast.iter_child_nodes(node)))
            return isinstance(node, ast.Name) and node.id == name

        for node in ast.walk(handler):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PARSING:
                if is_text(node.func.value) or any(map(is_text, node.args)):
                    yield node
            elif isinstance(node, ast.Subscript) and is_text(node.value):
                yield node
            elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
                yield from [node] if is_text(node.comparators[0]) else []


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_takes_the_words_of_an_error_apart(path):
    found = [f"line {node.lineno}: {ast.unparse(node)}" for node in taken_apart(ast.parse(path.read_text()))]
    assert not found, "take message, hint, detail, code, circuit or index, or hand over the reason"


@pytest.mark.parametrize(
    "use",
    [
        'str(error.message).rstrip(".")',
        'error.message.partition(". ")',
        'str(error).startswith("no")',
        "error.args[0].splitlines()",
        "error.message[:5]",
        '"quota" in str(error)',
        'PATTERN.search(f"{error}")',
        'str(error.hint or error).removesuffix(".")',
    ],
)
def test_the_check_finds_what_it_is_to_find(use):
    code = f"try:\n    run()\nexcept (ValueError, ClusterApiError) as error:\n    said = {use}\n"
    assert list(taken_apart(ast.parse(code)))
    assert not list(taken_apart(ast.parse(code.replace("ClusterApiError", "TypeError"))))
