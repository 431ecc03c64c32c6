"""``aer-k8s`` and ``aer-helm``: Dask clusters on Kubernetes."""
