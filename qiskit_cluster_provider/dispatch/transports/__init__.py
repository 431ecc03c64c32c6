"""How the bytes of a slice reach a worker: one file, or one folder, a transport."""
