"""qiskit-aer as an engine: every fact about Aer that the package relies on.

The modules of this folder run on the client. Those of :mod:`.simulation` run where the work is simulated: in the
children of a worker, or in the user's process for a run that stays there.
"""
