"""The ground state of lithium hydride by VQE: on one thread, on Aer's threads, and on a cluster.

It needs the extra ``chemistry`` (and ``plot`` for ``--plot``). ``--quick`` takes the hydrogen molecule, in seconds.
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator, primitives

from qiskit_cluster_provider import ClusterProvider, EstimatorV2

try:
    from pyscf import fci, gto, scf
    from qiskit_algorithms import VQE
    from qiskit_algorithms.optimizers import SLSQP
    from qiskit_nature.second_q.circuit.library import UCCSD, HartreeFock
    from qiskit_nature.second_q.drivers import PySCFDriver
    from qiskit_nature.second_q.mappers import JordanWignerMapper
except ImportError as error:
    raise SystemExit(f"{error}; install the extra: pip install 'qiskit-cluster-provider[chemistry]'") from error

BASIS = "sto3g"
TOLERANCE = 1e-6  # Hartree: that of SLSQP, which stops at another place when the last bits of the energies differ.


@dataclass(frozen=True)
class Molecule:
    """Its nuclei (Ångström), and the energy that VQE must find (Hartree)."""

    name: str
    atoms: str
    energy: float


LITHIUM_HYDRIDE = Molecule("LiH, 2.5 Å", "Li 0 0 0; H 0 0 2.5", -7.823679072)  # as in the tutorial of 2021
HYDROGEN = Molecule("H2, 0.735 Å", "H 0 0 0; H 0 0 0.735", -1.137306036)


@dataclass(frozen=True)
class Problem:
    """What is minimized, and the two energies between which the answer must lie."""

    hamiltonian: SparsePauliOp
    ansatz: QuantumCircuit
    repulsion: float  # of the nuclei, which the Hamiltonian leaves out
    hartree_fock: float
    exact: float  # in this basis ("full configuration interaction")


@dataclass(frozen=True)
class Run:
    """One case: the energy after each evaluation, and what it took."""

    case: str
    energies: np.ndarray
    energy: float
    jobs: int
    start: float  # seconds to the first energy
    seconds: float  # of the VQE, which begins after that


class Counted:
    """An estimator that counts its jobs."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        self.jobs = 0

    def run(self, pubs: Any, **options: Any) -> Any:
        """Run PUBs, as the estimator does."""
        self.jobs += 1
        return self.estimator.run(pubs, **options)


def problem_of(molecule: Molecule) -> Problem:
    """Its Hamiltonian on qubits, and UCCSD on the Hartree-Fock state in gates that Aer runs."""
    structure = PySCFDriver(atom=molecule.atoms, basis=BASIS).run()
    mapper = JordanWignerMapper()
    orbitals, particles = structure.num_spatial_orbitals, structure.num_particles
    ansatz = UCCSD(orbitals, particles, mapper, initial_state=HartreeFock(orbitals, particles, mapper))
    field = scf.RHF(gto.M(atom=molecule.atoms, basis=BASIS, verbose=0)).run()
    return Problem(
        hamiltonian=mapper.map(structure.hamiltonian.second_q_op()),
        ansatz=generate_preset_pass_manager(2, AerSimulator()).run(ansatz),
        repulsion=structure.nuclear_repulsion_energy,
        hartree_fock=field.e_tot,
        exact=fci.FCI(field).kernel()[0],
    )


@contextmanager
def estimator_of(case: str, backend: str, settings: dict[str, Any]) -> Iterator[Any]:
    """The only thing in which the cases differ."""
    if case == "serial":
        yield primitives.EstimatorV2(options={"backend_options": {"max_parallel_threads": 1}})
    elif case == "threads":
        # One thread for each of several experiments. Aer's default is several threads for one, from 14 qubits on.
        yield primitives.EstimatorV2(options={"backend_options": {"max_parallel_experiments": 0}})
    else:
        with ClusterProvider() as provider:
            yield EstimatorV2(mode=provider.get_backend(backend, **settings))


def solve(case: str, problem: Problem, estimator: Any) -> Run:
    """Minimize the energy, from the Hartree-Fock state."""
    origin = np.zeros(problem.ansatz.num_parameters)
    began = time.perf_counter()
    first = estimator.run([(problem.ansatz, problem.hamiltonian, origin)]).result()[0].data.evs
    start = time.perf_counter() - began
    assert abs(first + problem.repulsion - problem.hartree_fock) < TOLERANCE

    energies: list[float] = []
    counted = Counted(estimator)
    vqe = VQE(
        counted,
        problem.ansatz,
        SLSQP(max_evals_grouped=1024),  # all points of a gradient in one job
        initial_point=origin,
        callback=lambda count, point, energy, metadata: energies.append(energy + problem.repulsion),
    )
    began = time.perf_counter()
    lowest = vqe.compute_minimum_eigenvalue(problem.hamiltonian).eigenvalue.real
    seconds = time.perf_counter() - began
    return Run(case, np.array(energies), lowest + problem.repulsion, counted.jobs, start, seconds)


def plot(runs: list[Run], problem: Problem, title: str, path: Path) -> None:
    """How the energy falls, and the seconds of each case."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, (fall, bars) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=(2, 1), layout="constrained")
    for index, run in enumerate(runs):
        above = np.minimum.accumulate(run.energies) - problem.exact
        # The curves lie on each other: each is drawn narrower than the one before, so that all are seen.
        width = 2 * (len(runs) - index)
        fall.step(range(1, len(above) + 1), above, where="post", linewidth=width, alpha=0.8, label=run.case)
        bars.bar_label(bars.bar(run.case, run.seconds), fmt="%.1f s")
    fall.set(yscale="log", xlabel="evaluations of the energy", ylabel="lowest so far, above the exact energy (Ha)")
    fall.grid(alpha=0.3)
    fall.legend()
    bars.set(ylabel="seconds")
    bars.margins(y=0.1)
    figure.suptitle(f"VQE of {title}")
    figure.savefig(path, dpi=120)
    print(f"plot: {path}")


def arguments_of_the_command() -> argparse.Namespace:
    """What to run, and where."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cases = ("serial", "threads", "dask")
    parser.add_argument("--cases", nargs="+", choices=cases, default=cases)
    parser.add_argument("--backend", default="aer-local", help="of the case dask: aer-local, aer-k8s, a profile, …")
    parser.add_argument("--workers", type=int, help="of the case dask; default: the backend's")
    parser.add_argument("--quick", action="store_true", help="hydrogen instead of lithium hydride")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="how the energy falls, and the seconds")
    return parser.parse_args()


def main() -> None:
    """Solve the molecule in each case, print a table, and check the energies."""
    arguments = arguments_of_the_command()
    molecule = HYDROGEN if arguments.quick else LITHIUM_HYDRIDE
    problem = problem_of(molecule)
    circuit = problem.ansatz
    print(
        f"{molecule.name}: {circuit.num_qubits} qubits, {len(problem.hamiltonian)} Pauli terms, "
        f"{circuit.num_parameters} parameters, {circuit.size()} gates\n"
        f"Hartree-Fock {problem.hartree_fock:.9f} Ha, exact {problem.exact:.9f} Ha\n"
    )
    print("case        energy (Ha)  evaluations  jobs  start (s)  VQE (s)", flush=True)
    settings = {} if arguments.workers is None else {"workers": arguments.workers}
    runs = []
    for case in arguments.cases:
        with estimator_of(case, arguments.backend, settings) as estimator:
            run = solve(case, problem, estimator)
        runs.append(run)
        print(
            f"{case:<8} {run.energy:14.9f} {len(run.energies):12} {run.jobs:5} {run.start:10.1f} {run.seconds:8.1f}",
            flush=True,
        )
    if arguments.plot:
        plot(runs, problem, molecule.name, arguments.plot)
    for run in runs:
        assert abs(run.energy - molecule.energy) < TOLERANCE, f"{run.case}: {run.energy} Ha"


if __name__ == "__main__":
    main()
