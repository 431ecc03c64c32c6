"""Circuits of Clifford gates and rotations, simulated without the Clifford gates: exact means, to rounding."""
