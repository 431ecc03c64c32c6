"""Who simulates: one folder an engine, with every fact about it."""
