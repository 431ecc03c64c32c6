"""Options of the primitives, under the names of ``qiskit_aer.primitives`` and ``qiskit_ibm_runtime``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import ClusterConfigError, OptionTypeError, UnknownOptionError, nearest

_TYPE_ERRORS = ("_type", "_parsing", "is_instance_of")


class _Checked(BaseModel):
    """Checked when it is made and at every assignment, with our errors."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, arbitrary_types_allowed=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _translated(error, type(self)) from error

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            super().__setattr__(name, value)
        except ValidationError as error:
            raise _translated(error, type(self)) from error

    def update(self, **values: Any) -> None:
        """Set several options, all or none of them.

        Raises:
            UnknownOptionError: an option that does not exist.
            ClusterConfigError: a value that cannot be used.
        """
        fresh = type(self)(**{**{name: getattr(self, name) for name in self.model_fields_set}, **values})
        for name in values:
            self.__dict__[name] = getattr(fresh, name)
        self.model_fields_set.update(values)


class SimulatorOptions(_Checked):
    """``options.simulator`` of ``qiskit_ibm_runtime``.

    Attributes:
        noise_model: A ``qiskit_aer.noise.NoiseModel``.
        seed_simulator: The base seed.
        coupling_map: The coupling map of the target.
        basis_gates: The gates of the target.
    """

    noise_model: Any = None
    seed_simulator: int | None = None
    coupling_map: Any = None
    basis_gates: list[str] | None = None

    def backend_options(self) -> dict[str, Any]:
        """Those that are given, but for the seed."""
        given = {name: getattr(self, name) for name in ("noise_model", "coupling_map", "basis_gates")}
        return {name: value for name, value in given.items() if value is not None}


class PrimitiveOptions(_Checked):
    """What both primitives have.

    Attributes:
        backend_options: Options of the backend for this primitive alone, as for ``AerSimulator(...)``.
        run_options: Options of ``backend.run``, both Aer's (``seed_simulator``) and ours (``max_job_size``).
        simulator: Such options under the names of ``qiskit_ibm_runtime``.
    """

    _refused: ClassVar[Mapping[str, str]] = {}

    backend_options: dict[str, Any] = Field(default_factory=dict)
    run_options: dict[str, Any] = Field(default_factory=dict)
    simulator: SimulatorOptions = Field(default_factory=SimulatorOptions)

    @classmethod
    def of(cls, given: Mapping[str, Any] | PrimitiveOptions | None) -> Self:
        """The options that a user gave: a dictionary, an object of this class, or nothing.

        Raises:
            UnknownOptionError: an option that does not exist.
            ClusterConfigError: a value that cannot be used.
        """
        if isinstance(given, cls):
            return given.model_copy()
        if given is not None and not isinstance(given, Mapping):
            raise OptionTypeError(f"options must be a dictionary or {cls.__name__}, not {type(given).__name__}.")
        return cls(**(given or {}))

    def checked_run_options(self) -> dict[str, Any]:
        """``run_options`` with the seed of ``simulator``.

        Raises:
            ClusterConfigError: an option that would have no effect.
        """
        options = dict(self.run_options)
        for name, instead in self._refused.items():
            if name in options:
                raise ClusterConfigError(f"run_options[{name!r}] would have no effect: {instead}.")
        if self.simulator.seed_simulator is not None:
            options.setdefault("seed_simulator", self.simulator.seed_simulator)
        return options


class SamplerOptions(PrimitiveOptions):
    """Options of :class:`SamplerV2`.

    Attributes:
        default_shots: The shots of PUBs without a number of shots.
    """

    _refused: ClassVar[Mapping[str, str]] = {
        "shots": "give default_shots, run(pubs, shots=...) or shots in a PUB",
        "memory": "a sampler always keeps every shot",
        "parameter_binds": "parameter values are part of a PUB",
    }

    default_shots: int = Field(default=1024, ge=1, strict=True)


class EstimatorOptions(PrimitiveOptions):
    """Options of :class:`EstimatorV2`.

    Attributes:
        default_precision: The precision of PUBs without one; default: 0 for exact values, 1/64 for ``"shots"``.
        default_shots: The same as a number of shots, which gives a precision of ``1 / sqrt(default_shots)``.
        estimation: ``"exact"`` computes expectation values and adds normal noise of the PUB's precision, as
            ``qiskit_aer.primitives.EstimatorV2`` does; ``"shots"`` measures ``ceil(1 / precision**2)`` shots
            of each group of Paulis, as hardware and ``qiskit.primitives.BackendEstimatorV2`` do.
        abelian_grouping: Whether ``"shots"`` measures Paulis that commute qubit by qubit together.
    """

    _refused: ClassVar[Mapping[str, str]] = {
        "memory": "an estimator keeps no shots",
        "parameter_binds": "parameter values are part of a PUB",
    }

    default_precision: float | None = Field(default=None, ge=0.0, allow_inf_nan=False)
    default_shots: int | None = Field(default=None, ge=1, strict=True)
    estimation: Literal["exact", "shots"] = "exact"
    abelian_grouping: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.default_precision is not None and self.default_shots is not None:
            raise ValueError("give default_precision or default_shots, not both")
        if self.estimation == "exact" and not self.abelian_grouping:
            raise ValueError("abelian_grouping has an effect with estimation='shots' only")
        return self

    @property
    def precision(self) -> float:
        """Of PUBs that do not say."""
        if self.default_shots is not None:
            return float(self.default_shots**-0.5)
        if self.default_precision is not None:
            return self.default_precision
        return 0.0 if self.estimation == "exact" else 1 / 64

    def checked_run_options(self) -> dict[str, Any]:
        """As :meth:`PrimitiveOptions.checked_run_options`."""
        options = super().checked_run_options()
        if self.estimation == "shots" and "shots" in options:
            raise ClusterConfigError("run_options['shots'] would have no effect: the precision says how many.")
        return options


def _translated(error: ValidationError, model: type[BaseModel]) -> ClusterConfigError:
    said = []
    for one in error.errors():
        name = ".".join(map(str, one["loc"]))
        inner = one.get("ctx", {}).get("error")
        if isinstance(inner, ClusterConfigError):  # of options inside options
            return inner
        if one["type"] in ("extra_forbidden", "no_such_attribute"):
            return UnknownOptionError(
                f"{model.__name__} has no option {name!r}.", hint=nearest(name, model.model_fields)
            )
        if one["type"].endswith(_TYPE_ERRORS):
            return OptionTypeError(f"option {name}: {one['msg']}, not {one['input']!r:.60}.")
        said.append(f"{f'option {name}: ' if name else ''}{one['msg'].removeprefix('Value error, ')}")
    return ClusterConfigError(f"{'; '.join(said)}.")
