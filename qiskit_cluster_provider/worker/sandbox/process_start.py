"""Begins a process of ours: ``python -P process_start.py MODULE ARGUMENT...`` calls ``main()`` of that module.

The package is loaded from the folder that this file lies in, so that both sides of a pipe have the same one. Nothing
else in the folder around the package becomes importable: it may be the current directory, full of a user's files.
"""

import sys
from importlib import import_module, util
from pathlib import Path


def main() -> None:
    """The module is the first argument, and is not left in ``sys.argv``."""
    folder = Path(__file__).parents[2]
    spec = util.spec_from_file_location(folder.name, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None
    assert spec.loader is not None
    package = sys.modules[folder.name] = util.module_from_spec(spec)
    spec.loader.exec_module(package)
    import_module(sys.argv.pop(1)).main()


if __name__ == "__main__":
    main()
