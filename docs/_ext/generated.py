"""The directive ``generated``: pages of the reference that are made from the code when the documentation is built.

A page says, for example::

    ```{generated} settings
    ```

so that it cannot differ from what the code does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from docutils import nodes
from from_code import changelog, code, commands, settings
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

PAGES: dict[str, Callable[[], str]] = {
    "settings": settings.markdown,
    "run-options": settings.run_options,
    "commands": commands.markdown,
    "layers": code.layers,
    "modules": code.modules,
    "changelog": changelog.restructured_text,
}
"""Name -> the function that writes it, in the markup of the page that asks for it."""


class Generated(SphinxDirective):
    """Put the text of one of :data:`PAGES` in its place."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parse the text as if it stood in the page."""
        self.env.note_reread()  # the code may have changed, and the page has not
        return self.parse_text_to_nodes(PAGES[self.arguments[0]](), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Announce the directive to Sphinx."""
    app.add_directive("generated", Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
