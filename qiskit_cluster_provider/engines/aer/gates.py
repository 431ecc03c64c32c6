"""Which instructions Aer has, by name, and what Aer does with them.

Read from ``AerCompiler`` and ``_assemble_op`` in ``qiskit_aer/backends/aer_compiler.py`` and from the sets of the
methods in ``src/simulators`` of qiskit-aer 0.17 and 0.18. A name that is in none of the sets is tried with the
assembler of the Aer that is installed.

A new gate needs no change here to run. To make it fast, add its name to ``GATES``, so that nothing tries it, and to
``PASSED_ON`` if Aer's assembler passes it on as it is; to ``CLIFFORD`` if the stabilizer method has it; and to
``HARMLESS`` if Qiskit does not count it among its standard gates. ``seconds.py`` estimates all gates of one width
alike.
"""

from __future__ import annotations

BRANCHES = frozenset({"if_else", "while_loop", "for_loop", "switch_case"})
"""Control flow that holds other instructions."""

CONTROL_FLOW = BRANCHES | {"break_loop", "continue_loop"}
"""Control flow that Aer has; Qiskit has more."""

GATES = frozenset({
    "ccx", "ccz", "cp", "cswap", "csx", "cx", "cy", "cz", "delay", "ecr", "h", "id", "mcp", "mcphase", "mcr",
    "mcrx", "mcry", "mcrz", "mcswap", "mcsx", "mcu", "mcu1", "mcu2", "mcu3", "mcx", "mcx_gray", "mcy", "mcz",
    "p", "r", "rx", "rxx", "ry", "ryy", "rz", "rzx", "rzz", "s", "sdg", "swap", "sx", "sxdg", "t", "tdg", "u",
    "x", "y", "z", "u1", "u2", "u3", "cu", "cu1", "cu2", "cu3", "crx", "cry", "crz",
})  # fmt: skip
"""Gates that Aer simulates. A simulator of a device has those alone that the device has."""

INSTRUCTIONS = frozenset({
    "measure", "reset", "diagonal", "unitary", "pauli", "initialize", "roerror", "multiplexer", "kraus",
    "superop", "barrier", "jump", "mark", "store", "save_statevector", "save_statevector_dict", "save_clifford",
    "save_probabilities", "save_probabilities_dict", "save_matrix_product_state", "save_unitary",
    "save_superop", "save_density_matrix", "save_state", "save_stabilizer", "save_amplitudes",
    "save_amplitudes_sq", "save_expval", "save_expval_var", "set_statevector", "set_unitary",
    "set_density_matrix", "set_stabilizer", "set_superop", "set_matrix_product_state",
})  # fmt: skip
"""Instructions that every simulator has."""

PASSED_ON = frozenset({
    "ccx", "ccz", "cp", "crx", "cry", "crz", "cswap", "csx", "cu1", "cu3", "cx", "cy", "cz", "ecr", "h", "id", "p",
    "r", "rx", "rxx", "ry", "ryy", "rz", "rzx", "rzz", "s", "sdg", "swap", "sx", "sxdg", "t", "tdg", "u", "u1", "u2",
    "u3", "x", "y", "z",
})  # fmt: skip
"""Gates that Aer's assembler passes on with their name and their numbers."""

CLIFFORD = frozenset({"x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "swap", "ecr", "id", "pauli"})
"""Gates with which Aer's method ``automatic`` takes the stabilizer."""

READS_AND_RESETS = frozenset({"measure", "reset", "barrier"})
"""Instructions of which Aer sees the bits alone."""

IDLE = frozenset({"barrier", "delay"})
"""Instructions that change no state."""

READS = IDLE | {"measure"}
"""Instructions after which Aer can still sample all shots from one state."""

BESIDE_GATES = frozenset({*IDLE, "measure", "reset"})
"""Instructions that every method of Aer has, and that are no gates."""

NOT_UNITARY = frozenset({"measure", "reset", "initialize", "kraus", "superop", "quantum_channel", "store"})
"""Instructions after which the state is not a function of the circuit alone, or that Aer simulates shot by shot."""

BY_SHOT = BRANCHES | {"reset", "kraus", "quantum_channel", "initialize"}
"""Instructions that make Aer simulate shot by shot, wherever they stand."""

SAVES = "save_"
SETS = "set_"

SAVED_STATES = frozenset(
    ["save_statevector", "save_state", "save_density_matrix", "save_unitary", "save_superop", "save_statevector_dict"]
)
"""Instructions that save a whole state."""

SAVED_NUMBERS = {"save_statevector": 1, "save_density_matrix": 2, "save_unitary": 2, "save_superop": 4}
"""Instruction -> it saves 2 ** (this * n) complex numbers of ``n`` qubits."""

AMPLITUDES = frozenset({"save_statevector", "save_statevector_dict", "save_density_matrix", "save_amplitudes"})
"""Instructions that the stabilizer method lacks."""

METHOD_FOR = {
    "save_matrix_product_state": "matrix_product_state",
    "set_matrix_product_state": "matrix_product_state",
    "save_unitary": "unitary",
    "set_unitary": "unitary",
    "save_superop": "superop",
    "set_superop": "superop",
    "set_density_matrix": "density_matrix",
    "superop": "density_matrix",
    "save_stabilizer": "stabilizer",
    "save_clifford": "stabilizer",
    "set_stabilizer": "stabilizer",
}
"""Instructions that Aer's state vector lacks -> the first method that Aer tries and that has them."""

HARMLESS = READS_AND_RESETS | {"unitary", "pauli", "if_else", "switch_case", "for_loop"}
"""Instructions of Qiskit that neither crash Aer nor keep it busy for ever; so do standard gates, delays and saves."""
