"""``aer-k8s``: a Dask cluster of one's own in Kubernetes, made by dask-kubernetes' operator."""
