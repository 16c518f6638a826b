"""Gates over a text: they are those of the equations; the command's whole output."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from charnn.checkpoint.model import save_model
from charnn.cli.main import main
from charnn.inspection.gates import Gate, gates_of
from charnn.inspection.reading import read_files, read_passage, trace
from tests.networks import CELLS, OPTIONS
from tests.stress.tiny import saved
from tests.trained import TEXT, random_model

GATED = [name for name, kind in CELLS.items() if kind.loaded_cell.gates]
NAMES = {"lstm": ["input", "forget", "output"], "gru": ["reset", "update"], "mingru": ["update"]}


@pytest.mark.parametrize("option", [option for option in OPTIONS if "adaptive" not in option])
@pytest.mark.parametrize("labels", [(), ("x", "y")])
def test_the_output_gates_give_the_outputs_of_the_engine(tmp_path, option, labels):
    """Of an lstm, whose h is its output gate times tanh(c), whatever stands between the layers."""
    trained = random_model(option, "lstm", labels)
    (tmp_path / "y.txt").write_text(TEXT)
    passage = read_files(trained, [tmp_path / "y.txt"], 120)  # with labels, several documents
    one = trace(trained, passage)
    gates = {gate.layer: gate.values for gate in gates_of(trained, passage, one) if gate.name == "output"}
    assert list(gates) == list(range(1, trained.settings.network.stack.layers + 1))
    for layer, values in gates.items():
        h, c = one.states[:, layer - 1]
        np.testing.assert_allclose(values * np.tanh(c), h, atol=2e-5)


@pytest.mark.parametrize("cell", GATED)
def test_the_gates_are_those_of_the_equations(cell):
    """The last step of every layer, spelled out with the weights' own rows."""
    trained = random_model("plain", cell)
    passage = read_passage(trained, "The fox")
    one = trace(trained, passage)
    gates = gates_of(trained, passage, one)
    assert [(gate.layer, gate.name) for gate in gates] == [(layer, name) for layer in (1, 2) for name in NAMES[cell]]
    blocks = {"lstm": {"input": 0, "forget": 1, "output": 3}, "gru": {"reset": 0, "update": 1}, "mingru": {"update": 0}}[cell]
    for gate in gates:
        name, own = f"stack.cells.{gate.layer - 1}.", slice(37 * blocks[gate.name], 37 * blocks[gate.name] + 37)
        w = {one.removeprefix(name): weight[own].astype(np.float64) for one, weight in trained.weights.items() if one.startswith(name)}
        x = trained.weights["embedding.weight"][passage.ids[-1]] if gate.layer == 1 else one.states[0, 0, -1]
        total = w["input_to_gates"] @ x + w["input_bias"]
        if cell != "mingru":
            total += w["hidden_to_gates"] @ one.states[0, gate.layer - 1, -2] + w["hidden_bias"]
        np.testing.assert_allclose(gate.values[-1], 1 / (1 + np.exp(-total)), atol=1e-5)


def test_shares_of_saturated_values():
    gate = Gate(2, "forget", np.array([[0.05, 0.1, 0.5, 0.95], [0.0, 0.9, 0.91, 1.0]], np.float32))
    facts = gate.facts()
    assert (facts["layer"], facts["gate"], facts["left"], facts["right"]) == (2, "forget", 0.25, 0.375)
    assert facts["openness"] == pytest.approx([0.4, 0.7025])
    assert facts["mean"] == pytest.approx(0.55125)


@pytest.fixture
def run(tmp_path):
    save_model(tmp_path / "model.safetensors", saved(random_model(cell="lstm")))
    return tmp_path


def inspect(*arguments, text=None, columns="40"):
    return CliRunner(env={"COLUMNS": columns}).invoke(main, ["inspect", "gates", *map(str, arguments)], input=text)


def test_the_command_shows_a_row_for_every_gate(run):
    result = inspect(run, "The fox\nover 42 dogs; don't The fox")
    lines = result.stdout.splitlines()
    assert lines[0] == "layer, gate  mean open  least   most  left < 0.1  right > 0.9"
    assert [line[:8].rstrip() for line in lines[1:7]] == [f"{layer} {name}" for layer in (1, 2) for name in NAMES["lstm"]]
    trained = random_model(cell="lstm")
    passage = read_passage(trained, "The fox\nover 42 dogs; don't The fox")
    gates = gates_of(trained, passage, trace(trained, passage))
    for line, gate in zip(lines[1:7], gates, strict=True):
        assert line[8:].split()[:3] == ["".join(f"{one:.3f}") for one in (gate.openness.mean(), gate.openness.min(), gate.openness.max())]
    assert lines[8] == "         The fox⏎"
    assert lines[16] == "         over 42 dogs; don't The fox"
    # Each gate is blank where it stands least open, and full where most.
    for row, gate in enumerate(gates):
        drawn = (lines[9 + row][9:].ljust(8) + lines[17 + row][9:].ljust(27))[:35]
        assert drawn[int(gate.openness.argmin())] == " "
        assert drawn[int(gate.openness.argmax())] == "█"
        assert set(drawn) <= set(" ░▒▓█")
    assert lines[-1] == "Shades: mean openness of each gate, from its least (' ') to its most ('█'), as in the table."


def test_numbers_a_picture_and_texts_from_anywhere(run):
    (run / "a.txt").write_text("The fox")
    results = [
        inspect(run, "The fox", "--json"),
        inspect(run, "-", "--json", text="The fox"),
        inspect(run, "--file", run / "a.txt", "--json"),
    ]
    facts = json.loads(results[0].stdout)
    assert results[0].stdout == results[1].stdout == results[2].stdout
    assert list(facts) == ["model", "cell", "symbols", "is_cut", "text", "gates"]
    assert (facts["cell"], facts["symbols"], facts["is_cut"], facts["text"]) == ("lstm", 7, False, list("The fox"))
    assert [(one["layer"], one["gate"], len(one["openness"])) for one in facts["gates"]] == [
        (layer, name, 7) for layer in (1, 2) for name in NAMES["lstm"]
    ]
    result = inspect(run, "The fox", "--length", 3, "--plot", run / "gates.svg")
    assert result.stderr == f"Reads the first 3 symbols; there are more, see --length.\nWrote {run}/gates.svg.\n"
    assert b"mean openness" in (run / "gates.svg").read_bytes() or (run / "gates.svg").stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["T", "--file", __file__], 2, "--file cannot be combined with a text as argument; give one."),
        ([""], 1, "the text: there is no symbol to read; give some text."),
        (["T", "--plot", "a.gif"], 2, "--plot must end in .png or .svg, got a.gif."),
        (["T", "--label", "x"], 2, "--label was given, and this model was trained without labels; leave it out."),
    ],
)
def test_what_a_user_can_get_wrong_ends_in_a_sentence(run, arguments, code, message):
    result = inspect(run, *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"Error: {message}\n")


def test_a_plain_network_has_no_gates_and_is_told_so(tmp_path):
    save_model(tmp_path / "model.safetensors", saved(random_model(cell="rnn")))
    result = inspect(tmp_path, "The")
    said = f"this model has rnn cells, which have no gates; look at its units with: charnn inspect neurons {tmp_path} FILE"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {said}.\n")
    assert inspect(tmp_path).stderr.endswith("Error: give a text, - for standard input, or --file.\n")


def test_unknown_wide_and_dangerous_symbols_break_no_drawing(run):
    result = inspect(run, "The 日本\x1b[31m\u202e fox", columns="30")
    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: the model does not know ")
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
