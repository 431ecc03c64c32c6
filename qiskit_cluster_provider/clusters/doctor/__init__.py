"""What is known of a cluster before it is started, and what a running cluster tells."""
