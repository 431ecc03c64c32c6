"""Finds private names of other libraries in the code of this package.

The rule, for each name that begins with one underscore:

* ``import`` and ``from``: no private module or name of another library. Of qiskit-aer, which does not mark its inner
  modules, :data:`PUBLIC_AER` may be imported.
* ``self.name``, and what a class defines: none that a class of another library among its bases has, unless
  ``@overriding(...)`` says so of the class.
* any other ``thing.name``, ``getattr(thing, "name")`` and ``vars(thing)["name"]``: this package must define the name
  somewhere, and ``_compat`` must have no record of it.
"""

import ast
import importlib
import inspect
import pkgutil
import textwrap
from functools import cache
from pathlib import Path

import qiskit_cluster_provider
from qiskit_cluster_provider import _compat
from qiskit_cluster_provider._compat.private import Private

PACKAGE = Path(qiskit_cluster_provider.__file__).parent
NAME = qiskit_cluster_provider.__name__
PUBLIC_AER = {"qiskit_aer", "qiskit_aer.noise", "qiskit_aer.library", "qiskit_aer.primitives"}
DOCUMENTED = {"_replace", "_asdict", "_fields", "_make"}
"""Names with an underscore that Python's documentation explains, since a NamedTuple may have fields of any name."""
ASKED_FOR = {
    ("ClusterBackend", "_default_options"): "Qiskit's documentation asks each BackendV2 for it; it is abstract",
}
"""What a class overrides though it is no private name: class and name -> why."""


def records():
    """All records, by the names under which modules of ``_compat`` have them."""
    found = {}
    for info in pkgutil.iter_modules(_compat.__path__):
        module = importlib.import_module(f"{_compat.__name__}.{info.name}")
        for name, value in vars(module).items():
            if isinstance(value, Private):
                found[f"{info.name}.{name}"] = value
            elif name.isupper() and isinstance(value, tuple) and all(isinstance(one, Private) for one in value):
                found.update({f"{info.name}.{name}[{index}]": one for index, one in enumerate(value)})
    return found


@cache
def keys():
    """The private names that the records are of."""
    return {record.key for record in records().values() if record.key.startswith("_")}


def is_private(name):
    """Whether a name begins with one underscore, and is none of those that Python or IPython asks for."""
    return name.startswith("_") and not name.startswith("__") and not name.endswith("_") and name not in DOCUMENTED


@cache
def sources():
    """The modules outside of ``_compat``, by name: their syntax trees."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if "_compat" not in parts:
            found[".".join(parts).removesuffix(".__init__")] = ast.parse(path.read_text())
    return found


@cache
def defined():
    """The private names that this package defines: functions, classes, globals, attributes, slots."""
    found = set()
    for tree in sources().values():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
                found.add(node.attr)
            elif isinstance(node, ast.Assign) and any(getattr(one, "id", "") == "__slots__" for one in node.targets):
                found.update(one.value for one in ast.walk(node.value) if isinstance(one, ast.Constant))
    return found


def is_self(node):
    """Whether a node is what a method calls itself, its class, or its base."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "id", "") == "super"
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def findings(module, tree):
    """What is wrong in a module: line and words."""
    yield from _imports(tree)
    classes = {}  # node -> class
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            classes[node] = _class(module, node)
    inside = {
        inner: cls
        for node, cls in classes.items()
        for inner in ast.walk(node)  # an inner class comes after the one that it is in
    }
    for node, cls in classes.items():
        for name in _bound(node):
            yield from _own(node, name, cls)
    for node in ast.walk(tree):
        for name, owner in _touched(node):
            if not is_private(name):
                continue
            if owner is not None and is_self(owner) and node in inside:
                yield from _own(node, name, inside[node])
            elif name in keys() or name not in defined():
                yield node.lineno, f"{ast.unparse(node)}: {name} is a private name of another library"


def _imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules, names = [alias.name for alias in node.names], []
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules, names = [node.module], [alias.name for alias in node.names]
        elif (
            isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module"
        ):
            modules, names = [one.value for one in node.args[:1] if isinstance(one, ast.Constant)], []
        else:
            continue
        for module in modules:
            parts = module.split(".")
            if parts[0] == NAME or module == "__future__":
                continue
            inner = parts[0] == "qiskit_aer" and module not in PUBLIC_AER
            if inner or any(map(is_private, [*parts, *names])):
                yield node.lineno, f"{ast.unparse(node)}: it is not public"
            if module == "unittest.mock":
                yield node.lineno, f"{ast.unparse(node)}: it is for tests"


def _touched(node):
    """Names of attributes that a node reads or sets, each with what it is an attribute of."""
    if isinstance(node, ast.Attribute):
        yield node.attr, node.value
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr", "setattr", "delattr"):
        if len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            yield str(node.args[1].value), node.args[0]
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        value = node.value
        of = value.value if isinstance(value, ast.Attribute) and value.attr == "__dict__" else None
        if isinstance(value, ast.Call) and getattr(value.func, "id", "") == "vars" and value.args:
            of = value.args[0]
        if of is not None:
            yield str(node.slice.value), of


def _bound(node):
    """What the body of a class defines."""
    for one in node.body:
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield one.name
        elif isinstance(one, (ast.Assign, ast.AnnAssign)):
            for target in one.targets if isinstance(one, ast.Assign) else [one.target]:
                if isinstance(target, ast.Name):
                    yield target.id


def _class(module, node):
    """The class of a node; ``None`` for one inside a function."""
    found = importlib.import_module(module)
    candidates = [found, *(value for value in vars(found).values() if inspect.isclass(value))]
    for place in candidates:
        value = vars(place).get(node.name)
        if inspect.isclass(value) and value.__module__ == module:
            return value
    return None


def _own(node, name, cls):
    if not is_private(name) or cls is None or (cls.__name__, name) in ASKED_FOR:
        return
    said = {key for base in cls.__mro__ for key in overridden(base)}
    for base in cls.__mro__:
        if base.__module__.split(".")[0] != NAME and name in foreign(base) and name not in said:
            yield node.lineno, f"{cls.__name__}.{name} is a private name of {base.__module__}.{base.__qualname__}"
            return


@cache
def overridden(cls):
    """The names that ``@overriding(...)`` says of a class."""
    if cls.__module__.split(".")[0] != NAME:
        return frozenset()
    tree = sources().get(cls.__module__, ast.Module([], []))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "overriding":
                    module = importlib.import_module(cls.__module__)
                    found.update(getattr(module, one.id).key for one in decorator.args)
    return frozenset(found)


@cache
def foreign(cls):
    """The private names that a class of another library has: in its body, and what its methods set."""
    found = {name for name in vars(cls) if is_private(name)}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):  # of C
        return frozenset(found)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            found.add(node.attr)
    return frozenset(filter(is_private, found))
