"""Hypothesis strategies of recipes and calls: everything that users run, and some of what they should not."""

import math
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from .menus import AER_OPTIONS, OUR_OPTIONS, WRONG
from .recipes import NOISE, Call, Recipe

GATES = {  # class in qiskit.circuit.library -> (angles, qubits)
    **dict.fromkeys(["HGate", "XGate", "YGate", "ZGate", "SGate", "SdgGate", "SXGate", "SXdgGate"], (0, 1)),
    **dict.fromkeys(["TGate", "TdgGate", "IGate"], (0, 1)),
    **dict.fromkeys(["RXGate", "RYGate", "RZGate", "PhaseGate", "U1Gate"], (1, 1)),
    "RGate": (2, 1), "U2Gate": (2, 1), "UGate": (3, 1), "U3Gate": (3, 1),
    **dict.fromkeys(["SwapGate", "ECRGate"], (0, 2)),
    **dict.fromkeys(["RXXGate", "RYYGate", "RZZGate", "RZXGate"], (1, 2)),
}  # fmt: skip
CONTROLLED = {
    **dict.fromkeys(["CXGate", "CYGate", "CZGate", "CSXGate"], (0, 2)),
    **dict.fromkeys(["CPhaseGate", "CRXGate", "CRYGate", "CRZGate", "CU1Gate"], (1, 2)),
    "CU3Gate": (3, 2), "CUGate": (4, 2),
    **dict.fromkeys(["CCXGate", "CCZGate", "CSwapGate"], (0, 3)),
    "MCXGate": (0, 4), "MCPhaseGate": (1, 4),
}  # fmt: skip
UNKNOWN = {"iSwapGate": (0, 2), "CHGate": (0, 2), "CSGate": (0, 2), "GlobalPhaseGate": (1, 0)}
NUMBERS = st.floats(-7, 7) | st.sampled_from([0.0, -0.0, math.pi, math.pi / 2, 1e-300, 1e17, -1e300, 3])
ANGLES = NUMBERS | st.sampled_from(["a", "b", "2a", "a+b"])
STRANGE = st.sampled_from([math.nan, math.inf, -math.inf])
SAVES = [
    "statevector", "statevector_dict", "probabilities", "probabilities_dict", "density_matrix", "amplitudes",
    "amplitudes_squared", "expectation_value", "expectation_value_variance", "stabilizer", "clifford",
    "matrix_product_state", "state", "unitary", "superop",
]  # fmt: skip
FITTING = {  # method -> saves that it has
    "statevector": [*SAVES[:4], *SAVES[5:9], "state"],
    "density_matrix": [
        "density_matrix",
        "probabilities",
        "probabilities_dict",
        "amplitudes_squared",
        *SAVES[7:9],
        "state",
    ],
    "stabilizer": [
        "stabilizer",
        "clifford",
        "probabilities",
        "probabilities_dict",
        "amplitudes_squared",
        *SAVES[7:9],
        "state",
    ],
    "matrix_product_state": [*SAVES[:1], *SAVES[2:9], "matrix_product_state", "state"],
    "extended_stabilizer": ["statevector", "expectation_value"],
    "unitary": ["unitary", "state"],
    "superop": ["superop", "state"],
}
FITTING["automatic"] = [*FITTING["statevector"], "density_matrix"]
METHODS = [
    "automatic", "statevector", "density_matrix", "stabilizer", "matrix_product_state", "extended_stabilizer",
    "unitary", "superop", "tensor_network",
]  # fmt: skip


@dataclass(frozen=True)
class Style:
    """What a circuit is made of.

    Attributes:
        wrong: it may have labels twice and the like.
        clifford: it has Clifford gates only, and those named in ``more``.
        strange: it may have NaN and infinity.
        angles: strategy for them.
        saves: kinds of save instructions.
        more: gates.
    """

    wrong: bool
    clifford: bool
    strange: bool
    angles: Any
    saves: list[str]
    more: tuple[str, ...]


def _some(draw, most, count):
    return draw(st.permutations(range(most)))[:count]


@st.composite
def gate(draw, qubits, style):
    clifford = style.clifford
    if clifford:
        name = draw(
            st.sampled_from(
                ["HGate", "XGate", "YGate", "SGate", "SdgGate", "CXGate", "CZGate", "SwapGate", *style.more]
            )
        )
    else:
        name = draw(st.sampled_from([*GATES, *CONTROLLED, *CONTROLLED, *(UNKNOWN if style.wrong else ())]))
    angles, needed = {**GATES, **CONTROLLED, **UNKNOWN}[name]
    if needed > qubits:
        name, angles, needed = "HGate", 0, 1
    control = None
    if name in CONTROLLED and not clifford:
        swaps = 1 if name != "CSwapGate" else 2
        control = draw(st.none() | st.integers(0, 2 ** (needed - swaps) - 1))
        if name == "CCZGate":
            control = draw(st.none() | st.integers(0, 3))
    value = STRANGE if style.strange and draw(st.integers(0, 9)) == 0 else style.angles
    return "gate", name, [draw(value) for _ in range(angles)], _some(draw, qubits, needed), control


@st.composite
def save(draw, qubits, number, style):
    name = draw(st.sampled_from(style.saves))
    options = {"label": "x" if style.wrong and draw(st.booleans()) else f"x{number}"}
    if style.wrong and draw(st.booleans()):
        options.pop("label")
    kind = draw(st.sampled_from(["", "", "pershot", "conditional", "both"]))
    if kind in ("pershot", "both"):
        options["pershot"] = True
    if kind in ("conditional", "both") and name not in ("unitary", "superop"):
        options["conditional"] = True
    some = _some(draw, qubits, draw(st.integers(1, qubits)))
    if name in ("probabilities", "probabilities_dict", "density_matrix"):
        return "save", name, [some], options
    if name.startswith("amplitudes"):
        return "save", name, [[0, 2**qubits - 1]], options
    if name.startswith("expectation"):
        labels = draw(st.lists(st.text("IXYZ", min_size=len(some), max_size=len(some)), min_size=1, max_size=3))
        return "save", name, [labels, some], options
    return "save", name, [], options


@st.composite
def other(draw, qubits, clbits, number, depth, style):
    """What is no plain gate."""
    words = [
        "reset",
        "barrier",
        "delay",
        "initialize",
        "pauli",
        "unitary",
        "diagonal",
        "channel",
        "save",
        "save",
        "set",
    ]
    if style.clifford:
        words = ["reset", "barrier", "delay", "pauli", "save"]
    if clbits:
        words += ["measure"] * 4
        if depth < 2:
            words += ["if", "expr", "while", "switch", "break"]
    if depth < 2:
        words += ["for", "turns"]
    if not depth and clbits:
        words += ["store", "wide"]
    word = draw(st.sampled_from(words))
    qubit = draw(st.integers(0, qubits - 1))
    bit = draw(st.integers(0, max(0, clbits - 1)))
    inner = steps(qubits, clbits, depth + 1, style)
    if word == "measure":
        return word, qubit, bit
    if word in ("reset", "barrier"):
        return word, qubit
    if word == "delay":
        duration, unit = draw(st.sampled_from([(100, "dt"), (1.5, "us"), (0, "dt"), (3.0, "ns")]))
        return word, duration, qubit, unit
    if word == "initialize":
        some = _some(draw, qubits, draw(st.integers(1, min(qubits, 2))))
        values = ["1", "+", "r", 1, [0.6, 0.8], [0.6, 0.8j]] if len(some) == 1 else ["01", "+-", 2, [0.5] * 4]
        return word, draw(st.sampled_from(values)), some
    if word == "pauli":
        some = _some(draw, qubits, draw(st.integers(1, qubits)))
        return word, draw(st.text("IXYZ", min_size=len(some), max_size=len(some))), some
    if word == "unitary":
        some = _some(draw, qubits, draw(st.integers(1, min(3, qubits))))
        return word, draw(st.integers(0, 9)), some, draw(st.sampled_from([None, "mine"]))
    if word == "diagonal":
        return word, draw(st.integers(0, 9)), _some(draw, qubits, draw(st.integers(1, qubits)))
    if word == "channel":
        return word, draw(st.sampled_from(["kraus", "superop", "error", "pauli", "reset"])), qubit
    if word == "save":
        return draw(save(qubits, number, style))
    if word == "set":
        return word, number
    if word in ("store", "break"):
        return word, bit
    if word == "wide":
        return word, draw(st.integers(0, 255))
    if word == "turns":
        return word, draw(st.sampled_from([(), (0, 1, 2), (5, -1)])), qubit
    if word == "if":
        return word, bit, draw(inner), draw(inner)
    if word == "expr":
        return word, bit, draw(inner)
    if word == "while":
        return word, bit, draw(inner)
    if word == "switch":
        return word, draw(st.sampled_from([(0,), (1,), (0, 1)])), draw(inner), draw(inner)
    return "for", draw(st.sampled_from([(), (0, 1, 2), range(3), range(40)])), draw(inner)


@st.composite
def steps(draw, qubits, clbits, depth, style):
    found = []
    for number in range(draw(st.integers(1, 3 if depth else 9))):
        if draw(st.integers(0, 2)):
            found.append(draw(gate(qubits, style)))
        else:
            found.append(draw(other(qubits, clbits, 10 * depth + number, depth, style)))
    return found


def _loops(found, inside=False):
    """Without the breaks that stand in no loop."""
    kept = []
    for step in found:
        if step[0] == "break" and not inside:
            continue
        below = inside or step[0] in ("for", "while")
        kept.append(tuple(_loops(p, below) if _is_body(p) else p for p in step))
    return kept


def _is_body(part):
    return isinstance(part, list) and bool(part) and all(isinstance(s, tuple) and isinstance(s[0], str) for s in part)


@st.composite
def recipes(draw, number=0, method="automatic", wrong=False):
    qubits = draw(st.integers(1, 6))
    clbits = draw(st.sampled_from([0, 1, 2, qubits, qubits, qubits]))
    fit = not wrong or draw(st.booleans())
    style = Style(
        wrong=wrong,
        clifford=(fit and "stabilizer" in method) or draw(st.integers(0, 3)) == 0,
        strange=wrong and draw(st.booleans()),
        angles=ANGLES if draw(st.integers(0, 3)) == 0 else NUMBERS,
        saves=FITTING.get(method, SAVES) if fit else SAVES,
        more=("TGate",) if method == "extended_stabilizer" else (),
    )
    found = _loops(draw(steps(qubits, clbits, 0, style)))
    if draw(st.booleans()):
        found += [("measure", i, i) for i in range(min(qubits, clbits))]
    if draw(st.integers(0, 3)) == 0:
        found.append(draw(save(qubits, 99, style)))
    phases = [0.0, 0.0, 0.0, 0.5, 1e300, -0.1]
    return Recipe(
        qubits,
        clbits,
        found,
        name=draw(st.sampled_from([f"c{number}", "twice", "ü 1"])),
        split=draw(st.integers(0, 3)) == 0,
        phase=draw(st.sampled_from([*phases, "a"] if style.angles is ANGLES else phases)),
        metadata=draw(st.sampled_from([None, {}, {"k": [1, (2, 3)]}])),
    )


def parameters_of(recipe):
    """The names in a recipe, wherever they stand."""
    found = set()

    def look(value):
        if isinstance(value, tuple) and value and value[0] == "gate":
            found.update(letter for a in value[2] if isinstance(a, str) for letter in a if letter in "ab")
        elif isinstance(value, (list, tuple)):
            for one in value:
                look(one)

    look(list(recipe.steps))
    return sorted(found | {letter for letter in "ab" if recipe.phase == letter})


@st.composite
def calls(draw):
    wrong = draw(st.integers(0, 3)) == 0
    options = {"seed_simulator": draw(st.integers(-(2**63), 2**63 - 1)), "shots": draw(st.sampled_from([1, 20, 200]))}
    if draw(st.booleans()):
        options["method"] = draw(st.sampled_from(METHODS if wrong else METHODS[:-1]))
    method = options.get("method", "automatic")
    batch = [draw(recipes(number, method, wrong)) for number in range(draw(st.integers(1, 4)))]
    if draw(st.integers(0, 3)) == 0:
        options["noise_model"] = draw(st.sampled_from(sorted(NOISE)))
    if draw(st.booleans()):
        options["memory"] = True
    for name in draw(st.lists(st.sampled_from(sorted(AER_OPTIONS)), max_size=4, unique=True)):
        options[name] = draw(st.sampled_from(AER_OPTIONS[name]))
    if wrong:
        for name in draw(st.lists(st.sampled_from(sorted(WRONG)), max_size=2, unique=True)):
            options[name] = draw(st.sampled_from(WRONG[name]))
    mine = draw(st.lists(st.sampled_from(sorted(OUR_OPTIONS)), max_size=2, unique=True))
    ours = {name: draw(st.sampled_from(OUR_OPTIONS[name])) for name in mine}
    changes = draw(st.just([]) | st.lists(st.integers(0, 99), max_size=4))
    return Call(batch, draw(binds(batch, wrong)), options, ours, tuple(changes))


@st.composite
def binds(draw, batch, wrong):
    """Values for the parameters; now and then wrong ones."""
    names = [parameters_of(recipe) for recipe in batch]
    wrong = wrong and draw(st.booleans())
    if not any(names):
        return draw(st.sampled_from([None, None, [], [{} for _ in batch]]))
    rows = draw(st.integers(1, 3))
    found = []
    for own in names:
        if not own and wrong:
            own = ["z"]
        size = [rows if not wrong else draw(st.integers(0, 3)) for _ in own]
        value = st.floats(-7, 7) | STRANGE if wrong else st.floats(-7, 7) | st.just(1e17)
        found.append({name: [draw(value) for _ in range(n)] for name, n in zip(own, size, strict=True)})
    if wrong and draw(st.booleans()):
        return draw(st.sampled_from([None, found[:-1], [*found, {}]]))
    return found
