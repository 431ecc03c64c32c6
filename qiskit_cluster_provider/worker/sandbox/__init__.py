"""Child processes with limits, which run what must not run in the worker's own process. They know no circuit."""
