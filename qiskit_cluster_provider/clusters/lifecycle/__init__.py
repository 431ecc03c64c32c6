"""How the start of a cluster is abandoned, and how a cluster is closed."""
