"""Lithium hydride at 2.5 Å with a UCCSD ansatz, from a file: 12 qubits, 92 parameters, 631 Pauli terms.

``python -m benchmarks.molecule`` writes the file; that, and nothing else here, needs qiskit-nature and pyscf.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import ParameterVector
from qiskit.circuit.library import PauliEvolutionGate
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator

FILE = Path(__file__).parent / "data" / "lih.json"


@cache
def _data() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


@cache
def ansatz() -> QuantumCircuit:
    """UCCSD on the Hartree-Fock state, in gates that Aer runs."""
    operators = excitations()
    theta = ParameterVector("t", len(operators))
    circuit = QuantumCircuit(_data()["qubits"], name="UCCSD")
    circuit.x(occupied())
    for angle, operator in zip(theta, operators, strict=True):
        circuit.append(PauliEvolutionGate(operator, angle), range(circuit.num_qubits))
    return generate_preset_pass_manager(2, AerSimulator(), seed_transpiler=1).run(circuit)


def occupied() -> list[int]:
    """The qubits that are 1 in the Hartree-Fock state."""
    return list(_data()["occupied"])


def excitations() -> list[SparsePauliOp]:
    """Singles and doubles: the ansatz evolves by each, for a time that is its parameter."""
    return [_operator(terms) for terms in _data()["excitations"]]


def energy() -> SparsePauliOp:
    """The electrons' energy; :func:`repulsion` comes on top."""
    return _operator(_data()["hamiltonian"])


def repulsion() -> float:
    """The energy of the nuclei, in Hartree."""
    return float(_data()["nuclear_repulsion"])


def _operator(terms: dict[str, float]) -> SparsePauliOp:
    return SparsePauliOp(list(terms), list(terms.values()))


def write() -> None:
    """Compute the molecule and write the file."""
    from qiskit_nature.second_q.circuit.library import UCCSD, HartreeFock
    from qiskit_nature.second_q.drivers import PySCFDriver
    from qiskit_nature.second_q.mappers import JordanWignerMapper

    mapper = JordanWignerMapper()
    problem = PySCFDriver(atom="Li 0 0 0; H 0 0 2.5", basis="sto3g").run()
    hamiltonian = mapper.map(problem.hamiltonian.second_q_op())
    state = HartreeFock(problem.num_spatial_orbitals, problem.num_particles, mapper)
    excitations = UCCSD(problem.num_spatial_orbitals, problem.num_particles, mapper).operators
    data = {
        "molecule": "Li 0 0 0; H 0 0 2.5 (Å), sto3g, Jordan-Wigner",
        "qubits": hamiltonian.num_qubits,
        "occupied": [state.find_bit(gate.qubits[0]).index for gate in state.data],
        "nuclear_repulsion": float(problem.nuclear_repulsion_energy),
        "hamiltonian": _terms(hamiltonian),
        "excitations": [_terms(operator) for operator in excitations],
    }
    FILE.write_text(json.dumps(data, ensure_ascii=False, indent=0) + "\n")


def _terms(operator: SparsePauliOp) -> dict[str, float]:
    return dict(zip(operator.paulis.to_labels(), operator.coeffs.real.tolist(), strict=True))


if __name__ == "__main__":
    write()
