"""``aer-slurm`` and its family: Dask workers that are jobs of a batch system."""
