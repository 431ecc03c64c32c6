"""Slices on a Dask cluster."""
