"""Circuit files: what is read, what is refused, and that nothing but the file is opened."""

import io
import struct
import sys

import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter

from qiskit_cluster_provider.cli.files import reading as files
from qiskit_cluster_provider.cli.files.parsing import parse
from qiskit_cluster_provider.cli.files.reading import printable, read_circuits
from qiskit_cluster_provider.errors import InvalidCircuitError, MissingExtraError

QASM2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\n'
QASM3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\n'


@pytest.fixture
def write(tmp_path):
    def write(content, name="bell.qasm"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def bell(name="bell"):
    circuit = QuantumCircuit(2, 2, name=name)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def qpy_of(*circuits, **options):
    file = io.BytesIO()
    qpy.dump(list(circuits), file, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        QASM2 + "h q[0]; cx q[0], q[1]; measure q -> c;",
        QASM3 + "h q[0]; cx q[0], q[1]; c = measure q;",
    ],
    ids=["OpenQASM 2", "OpenQASM 3"],
)
def test_openqasm_is_read_and_named_after_its_file(write, text):
    (circuit,) = read_circuits(write(text, "some.name.qasm"))
    assert circuit.name == "some.name"
    assert dict(circuit.count_ops()) == {"measure": 2, "h": 1, "cx": 1}


def test_qpy_has_several_circuits_with_names_of_their_own(write):
    circuits = [bell("first"), bell("second"), QuantumCircuit(3, metadata={"a": 1})]
    read = read_circuits(write(qpy_of(*circuits), "batch.qpy"))
    assert read == circuits
    assert [one.name for one in read][:2] == ["first", "second"]
    assert read[2].metadata == {"a": 1}


@pytest.mark.parametrize(
    ("content", "gates"),
    [
        (QASM2 + "h q[0];", {"h": 1}),
        (QASM3 + "x q[0];", {"x": 1}),
        (qpy_of(bell()), {"measure": 2, "h": 1, "cx": 1}),
    ],
    ids=["OpenQASM 2", "OpenQASM 3", "QPY"],
)
@pytest.mark.parametrize("ending", ["qasm", "qasm3", "qpy", "txt", ""])
def test_the_content_decides_and_not_the_ending(write, content, gates, ending):
    (circuit,) = read_circuits(write(content, f"file.{ending}"))
    assert dict(circuit.count_ops()) == gates


@pytest.mark.parametrize(
    "before", ["// OPENQASM 3.0;\n", "\n\t // one\n// two\r\n", "\ufeff", "  "], ids=["decoy", "two", "BOM", "blank"]
)
def test_comments_may_stand_before_the_version(write, before):
    (circuit,) = read_circuits(write(before + QASM2 + "rzz(asin(1)) q[0], q[1];"))
    assert dict(circuit.count_ops()) == {"rzz": 1}, "a legacy gate with a legacy function"


def test_block_comments_may_stand_before_openqasm_3(write):
    (circuit,) = read_circuits(write("/* OPENQASM 2.0;\n */ // x\nOPENQASM 3;\nqubit[4] q;"))
    assert circuit.num_qubits == 4


@pytest.mark.parametrize("name", ["secret.inc", "{folder}/secret.inc", "../{folder_name}/secret.inc"])
@pytest.mark.parametrize("header", [QASM2, QASM3], ids=["OpenQASM 2", "OpenQASM 3"])
def test_include_opens_no_file(write, tmp_path, monkeypatch, header, name):
    write("gate mine a { U(0,0,0) a; }", "secret.inc")
    monkeypatch.chdir(tmp_path)
    name = name.format(folder=tmp_path, folder_name=tmp_path.name)
    with pytest.raises(InvalidCircuitError, match=r"include search path|non-stdgates imports"):
        read_circuits(write(f'{header}include "{name}";\nmine q[0];'))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "neither OpenQASM 2, OpenQASM 3 nor QPY"),
        (b"qreg q[2];", "begins with 'OPENQASM 2.0;'"),
        (b"import os\nos.abort()  # OPENQASM 2.0;", "neither OpenQASM 2"),
        (b"\xff\xfe\x00\x01", "neither OpenQASM 2"),
        (b"OPENQASM 4.0;", "is OpenQASM 4; OpenQASM 2 and 3 can be read"),
        (QASM2.encode() + b"frob q[0];", r"as OpenQASM 2: QASM2ParseError: <input>:5,0: 'frob' is not defined"),
        (QASM3.encode() + b"h q[7];", "as OpenQASM 3: "),
        (QASM3.encode() + b"h q[0;", "as OpenQASM 3: QASM3ParsingError: line 5, before or at ';'"),
        (QASM3.encode() + b"foo %$", "as OpenQASM 3: QASM3ParsingError: L5:C5: token recognition error"),
        (QASM3.encode() + b"rx(" + b"(" * 2000 + b"1" + b")" * 2000 + b") q[0];", "as OpenQASM 3: RecursionError"),
        (b"QISKIT", "as QPY: error: unpack requires"),
        (b"QISKIT\xff" + bytes(40), "as QPY: QiskitError: The QPY format version being read, 255"),
        (qpy_of(bell())[:-5], "as QPY: QpyError: "),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(write, capfd, content, said):
    path = write(content)
    with pytest.raises(InvalidCircuitError, match=said) as caught:
        read_circuits(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", ""), "parsers print nothing of their own"


@pytest.mark.parametrize("filler", [b" ", b"//\n", b"/**/", b"/*/*", b"OPENQASM "])
def test_a_long_file_without_a_version_is_refused_at_once(write, filler):
    """The test's time limit is what fails if the header's pattern backtracks."""
    with pytest.raises(InvalidCircuitError, match="neither"):
        read_circuits(write(filler * 2**20))


def test_the_largest_file_is_read_and_one_byte_more_is_not(write, monkeypatch):
    text = QASM2 + "h q[0];"
    monkeypatch.setattr(files, "MAX_BYTES", len(text))
    assert len(read_circuits(write(text))) == 1
    with pytest.raises(InvalidCircuitError, match="larger than 0 MiB"):
        read_circuits(write(text + " "))


def test_the_limit_is_64_mib_and_holds_for_what_has_no_size(write, tmp_path):
    path = write(b"")
    with path.open("r+b") as sparse:
        sparse.truncate(64 * 2**20 + 1)
    with pytest.raises(InvalidCircuitError, match="larger than 64 MiB; divide it"):
        read_circuits(path)
    endless = tmp_path / "endless.qasm"
    endless.symlink_to("/dev/zero")
    with pytest.raises(InvalidCircuitError, match="larger than 64 MiB"):
        read_circuits(endless)


def test_a_file_that_is_not_there_is_an_oserror(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_circuits(tmp_path / "none.qasm")
    with pytest.raises(IsADirectoryError):
        read_circuits(tmp_path)


def test_without_the_extra_openqasm_3_says_what_to_install(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "qiskit_qasm3_import", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'qiskit-cluster-provider\[qasm3\]'"):
        read_circuits(write(QASM3))
    assert len(read_circuits(write(QASM2))) == 1, "nothing else needs it"


@pytest.mark.parametrize("version", [10, 11, 12])
def test_symengine_in_old_qpy_is_refused(write, version):
    header = struct.pack("!6sBBBBQc", b"QISKIT", version, 1, 1, 0, 1, b"e")
    with pytest.raises(InvalidCircuitError, match="symengine expressions, which is not safe to read"):
        read_circuits(write(header + bytes(100)))
    sympy = struct.pack("!6sBBBBQc", b"QISKIT", version, 1, 1, 0, 1, b"p")
    with pytest.raises(InvalidCircuitError, match="cannot be read as QPY"):
        read_circuits(write(sympy + bytes(100)))


def test_parameters_survive_qpy(write):
    circuit = QuantumCircuit(1, name="p")
    circuit.rx(2 * Parameter("θ"), 0)
    (read,) = read_circuits(write(qpy_of(circuit)))
    assert [parameter.name for parameter in read.parameters] == ["θ"]


def test_printable_takes_out_what_a_terminal_obeys():
    assert printable("θ-7 ok") == "θ-7 ok"
    assert printable("a\x1b[2Jb\nc\u202ed") == "a�[2Jb�c�d"


@pytest.mark.parametrize(
    "text",
    [
        "OPENQASM 2.0; qreg q[1000000000];",
        "OPENQASM 2.0; qreg q[2]; creg  c [ 100001 ];",
        "OPENQASM 3.0; qubit[100_000_000] q;",
        "OPENQASM 3.0; bit [100001] c;",
        "OPENQASM 2.0; qreg q[100000]; creg c[1];",
        "OPENQASM 3.0;" + "".join(f"qubit[99] q{i};" for i in range(1011)),
    ],
)
def test_a_register_that_would_fill_the_memory_is_refused(tmp_path, text):
    file = tmp_path / "wide.qasm"
    file.write_text(text)
    with pytest.raises(InvalidCircuitError, match=r"declares .* registers of up to 100000 bits"):
        read_circuits(file)


@pytest.mark.parametrize(
    "text",
    [
        "OPENQASM 3.0; qubit[1000*1000*1000] q;",
        "OPENQASM 3.0; qubit /* [2] */ [/**/ 0xFFFFFFFF] q;",
        "OPENQASM 2.0; qreg // q[2];\n q[1000000000];",
        "OPENQASM 3.0; const int n = 9; qubit[n] q;",
    ],
)
def test_a_register_whose_size_is_hidden_is_refused(write, text):
    """The test's time limit is what fails if Qiskit begins to build it."""
    with pytest.raises(InvalidCircuitError, match=r"write the size as a number|registers of up to 100000 bits"):
        read_circuits(write(text))


def test_numbers_may_be_written_as_openqasm_3_allows(write):
    (circuit,) = read_circuits(write("OPENQASM 3.0; qubit[1_0] q; bit[0x03] c; // bit[999999999] d;"))
    assert (circuit.num_qubits, circuit.num_clbits) == (10, 3)


@pytest.mark.parametrize(("header", "end"), [(QASM2, ""), (QASM3, "if (c[0]) { g60 q[0]; }")], ids=["2", "3"])
def test_gates_that_double_again_and_again_are_refused(write, header, end):
    """2**60 instructions in 60 lines: whatever does not count first does not come back."""
    # OpenQASM 3's reader makes all of them while it reads.
    gates = "".join(f"gate g{i + 1} a {{ g{i} a; g{i} a; }}\n" for i in range(60))
    text = f"{header}gate g0 a {{ h a; }}\n{gates}{end or 'g60 q[0];'}"
    with pytest.raises(InvalidCircuitError, match="defines a gate of over 1000000 instructions"):
        read_circuits(write(text))


def test_a_long_row_of_definitions_is_refused(write):
    gates = "".join(f"gate g{i + 1} a {{ g{i} a; }}\n" for i in range(200))
    with pytest.raises(InvalidCircuitError, match="defined by others over 100 times in a row"):
        read_circuits(write(f"{QASM2}gate g0 a {{ h a; }}\n{gates}g200 q[0];"))


def test_gates_within_the_limit_are_read(write, monkeypatch):
    text = QASM2 + "gate g0 a { h a; x a; } gate g1 a { g0 a; g0 a; }\n" + "g1 q[0]; " * 10 + "h q[0]; " * 100
    monkeypatch.setattr(files, "MAX_INSTRUCTIONS", 30)
    assert read_circuits(write(text))[0].size() == 110
    monkeypatch.setattr(files, "MAX_INSTRUCTIONS", 29)
    with pytest.raises(InvalidCircuitError, match="has 30 more instructions"):
        read_circuits(write(text))


@pytest.mark.parametrize(
    ("qubits", "said"), [(3_000_000, "needs over 0.0625 GiB of memory"), (400_000_000, "memory allocation failed")]
)
def test_qpy_that_declares_more_than_it_has_is_refused_and_costs_only_a_child(write, monkeypatch, qubits, said):
    """Qiskit's reader reports what fails at once; what fails bit by bit aborts the process that reads it."""
    raw = qpy_of(QuantumCircuit(7, name="w"), version=13)
    place = raw.index(struct.pack("!I", 7))
    path = write(raw[:place] + struct.pack("!I", qubits) + raw[place + 4 :])
    assert len(path.read_bytes()) < 200
    monkeypatch.setattr(files, "MAX_MEMORY", 2**26)
    with pytest.raises(InvalidCircuitError, match=said):
        read_circuits(path)


HUGE2 = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[99000]; creg c[10];\n'
HUGE3 = 'OPENQASM 3.0; include "stdgates.inc"; qubit[99000] q; bit[10] c;\n'


@pytest.mark.parametrize(
    "text",
    [
        HUGE2 + "h q;\n" * 300,
        HUGE2 + "if (c == 1) rx(pi/2) q ;\n" * 300,
        HUGE2 + "reset q;" * 300,
        HUGE2 + "qreg r[1]; cx q, r[0];" + "cx r [0] , q;" * 300,
        HUGE3 + "h q;\n" * 300,
        HUGE3 + "for int i in [0:9] {" + "rz(0.1) q;\n" * 300 + "}",
    ],
)
def test_gates_on_whole_registers_are_counted_before_any_is_made(write, monkeypatch, text):
    """A line is 0.3 s and 9 MB to Qiskit's reader."""
    monkeypatch.setattr(files, "_probed", lambda source: pytest.fail("it was read"))
    with pytest.raises(InvalidCircuitError, match="whole registers, which are over 1000000 instructions more"):
        read_circuits(write(text))


def test_whole_registers_within_the_limit_are_read(write, monkeypatch):
    text = QASM2 + "qreg r[2]; h q; cx q, r; barrier q, r; measure q -> c; x q[0];"
    assert read_circuits(write(text))[0].size() == 7
    (circuit,) = read_circuits(write(HUGE2 + "h q;\nbarrier q;" + "barrier q;" * 30))
    assert circuit.size() == 99_000
    monkeypatch.setattr(files, "MAX_INSTRUCTIONS", 0)
    assert read_circuits(write(QASM2 + "h q[0]; x q[1];"))[0].size() == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    [
        HUGE3 + "let a = q[0:98999];\n" + "h a;\n" * 3000,
        HUGE3 + "let a = q[0:9] ++ q[10:98999];\n" * 20 + "h a;\n" * 3000,
    ],
    ids=["alias", "joined"],
)
def test_what_cannot_be_counted_ends_at_a_limit(write, monkeypatch, text):
    """Of memory or of time, in a process of its own: this one takes neither."""
    import resource

    monkeypatch.setattr(files, "MAX_SECONDS", 6.0)
    monkeypatch.setattr(files, "MAX_MEMORY", 2**28)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidCircuitError, match=r"cannot be read as OpenQASM 3"):
        read_circuits(write(text))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**17, "kB"


def test_a_gate_of_many_controls_is_read(write):
    qubits = ", ".join(f"q[{i}]" for i in range(26))
    text = f"{QASM3.replace('[2] q', '[26] q')}gate mine a {{ h a; sx a; rx(1) a; }}\nctrl(25) @ mine {qubits};"
    assert read_circuits(write(text))[0].size() == 1


def test_a_file_that_takes_too_long(write, monkeypatch):
    monkeypatch.setattr(files, "MAX_SECONDS", 0.01)
    for content in (QASM3 + "h q[0];", qpy_of(bell())):
        with pytest.raises(InvalidCircuitError, match=r"cannot be read as .* within 0 s; divide the file"):
            read_circuits(write(content))
    assert len(read_circuits(write(QASM2 + "h q[0];"))) == 1, "it is known before that this takes no time"


PROGRAM = (
    QASM3
    + """
input float[64] theta;
gate mine(t) a, b { rx(t) a; ctrl @ rz(t/2) a, b; inv @ s b; }
let pair = q[0:1];
h pair[0];
mine(0.25) q[0], q[1];
mine(theta) q[1], q[0];
c[0] = measure q[0];
if (c[0]) { x q[1]; } else { reset q[1]; }
for uint i in {1, 3} { rz(i * pi) q[0]; }
while (c == 1) { h q[0]; c[1] = measure q[0]; }
barrier q;
gphase(pi / 3);
"""
)
DELAY = "delay[100ns] q[0];\n"


@pytest.mark.parametrize(
    ("program", "parsed"), [(PROGRAM, 0), (PROGRAM + DELAY, 1)], ids=["QPY has it", "it has not"]
)
def test_openqasm_3_from_another_process_is_what_it_would_be_here(write, monkeypatch, program, parsed):
    from qiskit import qasm3

    calls = []
    monkeypatch.setattr(files, "parse", lambda source: calls.append(source) or parse(source))
    (circuit,) = read_circuits(write(program))
    here = qasm3.loads(program)
    assert len(calls) == parsed, "QPY makes a float of the delay"
    assert circuit.assign_parameters([0.5]) == here.assign_parameters([0.5])
    assert [one.name for one in circuit.parameters] == ["theta"]
    assert (circuit.qregs, circuit.cregs, circuit.global_phase) == (here.qregs, here.cregs, here.global_phase)


def test_nothing_in_the_current_directory_is_imported_by_the_process(write, tmp_path, monkeypatch):
    for name in ("qiskit", "json", "resource"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert len(read_circuits(write(QASM3))) == 1
    assert not (tmp_path / "imported").exists()


def test_where_no_process_can_start_that_is_said(write, monkeypatch):
    from qiskit_cluster_provider.errors import ClusterError

    monkeypatch.setenv("QISKIT_CLUSTER_PROVIDER_PROCESS", "1")
    with pytest.raises(ClusterError, match="is not read: the process that would try it cannot start"):
        read_circuits(write(QASM3))


WORDS = ["qubit[", "qreg q[", "gate ", "barrier ", "qreg ", "a", "/*", "{", "q->", "(", "9"]


@pytest.mark.parametrize("word", WORDS)
def test_no_text_makes_counting_slow_or_a_message_long(write, word):
    """The test's time limit is what fails if a pattern looks at the rest of the file for each of a million words."""
    with pytest.raises(InvalidCircuitError) as caught:
        read_circuits(write(QASM2 + word * 2**20))
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("version", ["9" * 5000, "0" * 5000, "2" * 2**20])
def test_a_version_of_any_length_is_refused(write, version):
    with pytest.raises(InvalidCircuitError, match="OpenQASM 2 and 3 can be read") as caught:
        read_circuits(write(f"OPENQASM {version};"))
    assert len(str(caught.value)) < 1000


def test_what_an_environment_prints_is_no_answer(write, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("print('wrong'); print('hello' * 1000, flush=True)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert len(read_circuits(write(QASM3))) == 1


def test_an_environment_that_is_broken_is_no_fault_of_the_file(write, tmp_path, monkeypatch):
    from qiskit_cluster_provider.errors import ClusterError

    (tmp_path / "qiskit").mkdir()
    (tmp_path / "qiskit" / "__init__.py").write_text("raise ImportError('libsomething.so is missing')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ClusterError, match=r"does not start: ImportError: libsomething.so is missing") as caught:
        read_circuits(write(QASM3))
    assert not isinstance(caught.value, InvalidCircuitError)
