"""A private name of another library as data, and how it is looked up."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from ..errors import LibraryVersionError

MISSING: Final[Any] = object()
"""Stands for a name that the library does not have."""

C = TypeVar("C", bound=type)


@dataclass(frozen=True)
class Private:
    """A private name of another library.

    Attributes:
        library: its distribution, as pip names it; ``python`` for the standard library.
        name: where it is; see the subclasses.
        reason: why it is used, as the rest of a sentence that begins with "It is needed".
        tried: the versions of the library with which it does what is needed, the newest last.
        without: what this package does where the name is missing.
    """

    library: str
    name: str
    reason: str
    tried: tuple[str, ...]
    without: str

    @cached_property
    def key(self) -> str:
        """The last part of the name."""
        return re.split("[:.]", self.name)[-1]

    def error(self) -> LibraryVersionError:
        """The error of something that cannot be done without this name; it says which version to install."""
        from ..errors import LibraryVersionError  # needs Qiskit, which a Dask scheduler does not have

        short = self.name.rpartition(":")[2]
        if self.library == "python":
            return LibraryVersionError(
                f"this Python has no {short}, which is needed {self.reason}", hint=f"use Python {self.tried[-1]}."
            )
        return LibraryVersionError(
            f"{self.library} {_installed(self.library)} has no {short}, which is needed {self.reason}",
            hint=f"install a version that has it: pip install '{self.library}=={self.tried[-1]}.*'",
        )


@dataclass(frozen=True)
class Symbol(Private):
    """What a module or a class has: ``module:name`` or ``module:Class.name``."""

    @cached_property
    def found(self) -> Any:
        """The thing itself, or :data:`MISSING`.

        Raises:
            ImportError: the library is not installed, or cannot be loaded.
        """
        module, _, path = self.name.partition(":")
        import_module(module.partition(".")[0])
        try:
            thing: Any = import_module(module)
            for part in path.split("."):
                thing = getattr(thing, part)
        except (ModuleNotFoundError, AttributeError):
            return MISSING
        return thing

    @property
    def there(self) -> bool:
        """Whether the library has it."""
        return self.found is not MISSING

    def get(self, default: Any) -> Any:
        """The thing itself, or ``default``."""
        return self.found if self.there else default

    def needed(self) -> Any:
        """The thing itself.

        Raises:
            LibraryVersionError: the library does not have it.
        """
        if not self.there:
            raise self.error()
        return self.found


@dataclass(frozen=True)
class Attribute(Private):
    """What the objects of a class have: ``Class.name``."""

    def of(self, thing: Any, default: Any = MISSING) -> Any:
        """That of ``thing``, or ``default``."""
        return getattr(thing, self.key, default)

    def needed_of(self, thing: Any) -> Any:
        """That of ``thing``.

        Raises:
            LibraryVersionError: it has none.
        """
        found = self.of(thing)
        if found is MISSING:
            raise self.error()
        return found

    def put(self, thing: Any, value: Any) -> None:
        """Set that of ``thing``."""
        setattr(thing, self.key, value)


def overriding(*names: Private, needed: bool = True) -> Callable[[C], C]:
    """Say of a class which private methods and attributes of its bases it overrides or uses.

    Args:
        names: of them.
        needed: whether the class is useless without one; else the code that makes its objects asks first.

    Raises:
        LibraryVersionError: one is needed, and missing.
    """

    def checked(cls: C) -> C:
        for name in names:
            if needed and isinstance(name, Symbol):
                name.needed()
        return cls

    return checked


def _installed(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "(version unknown)"
