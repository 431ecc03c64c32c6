"""``aer-slurm`` and its family: Dask workers as jobs of a batch system."""
