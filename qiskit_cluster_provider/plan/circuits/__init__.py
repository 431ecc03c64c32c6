"""Circuits as a plan keeps them: snapshots, and what they have in common."""
