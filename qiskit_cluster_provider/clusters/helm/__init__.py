"""``aer-helm``: a Dask cluster that Helm has put into Kubernetes. It is used, scaled, and left."""
