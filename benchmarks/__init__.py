"""Side by side with what a user would use instead, as ratios: `python -m benchmarks`."""
