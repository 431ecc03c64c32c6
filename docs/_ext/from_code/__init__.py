"""Text for the documentation, made from the code. Nothing here needs Sphinx, so that tests can read it."""
