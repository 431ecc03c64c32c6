"""``SamplerV2`` and ``EstimatorV2`` on the cluster, with the semantics of ``qiskit_aer.primitives``."""

from .estimator import EstimatorV2
from .options import EstimatorOptions, SamplerOptions
from .sampler import SamplerV2

__all__ = ["EstimatorOptions", "EstimatorV2", "SamplerOptions", "SamplerV2"]
