"""Expressions over parameters as steps, and made again of them."""

import numpy as np
import pytest
from qiskit.circuit import ParameterVector

from qiskit_cluster_provider.plan.circuits.expressions import made_of, steps_of

X = ParameterVector("x", 3)


@pytest.mark.parametrize(
    "expression",
    [
        2 * (np.pi - X[0]) * (np.pi - X[1]),  # of the ZZ feature map: a number is left of what was made before
        2 * (np.pi - X[0]),
        (np.pi - X[0]) * X[1],
        X[2] * (X[0] - X[1]),
        (X[0] + X[1]) - (X[1] * X[2]),
        2 / (1 + X[0]),
        (X[0] * X[1]).sin() - 0.5,
        -(X[0] / 3).cos(),
    ],
    ids=str,
)
def test_an_expression_is_made_again_of_its_steps(expression):
    steps = steps_of(expression, lambda parameter: parameter.index)
    assert steps is not None
    again = made_of(steps, X)
    assert str(again) == str(expression)
    values = {parameter: 0.3 + 0.4 * parameter.index for parameter in expression.parameters}
    assert float(again.bind(values)) == float(expression.bind(values))
