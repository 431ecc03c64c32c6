import logging
import sys
from pathlib import Path

from qiskit_cluster_provider import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
for name in ("qiskit", "reno"):
    logging.getLogger(name).setLevel(logging.WARNING)  # Sphinx turns all loggers on

project = "Qiskit Cluster Provider"
author = "The Qiskit Cluster Provider developers"
copyright = author
release = version = __version__
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "qiskit_sphinx_theme",
    "generated",  # docs/_ext
]
exclude_patterns = ["_build", "_ext"]

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_class_signature = "mixed"

html_theme = "qiskit-ecosystem"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
