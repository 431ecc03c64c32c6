"""``aer-k8s``: a Dask cluster of your own in Kubernetes, made by dask-kubernetes' operator."""
