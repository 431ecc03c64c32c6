"""``aer-helm``: a Dask that Helm has put into Kubernetes, with the chart ``dask``. It is used, scaled, and left."""
