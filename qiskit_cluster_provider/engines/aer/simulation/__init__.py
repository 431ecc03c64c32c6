"""The half of the engine that simulates. Only children and ``here`` import it."""
