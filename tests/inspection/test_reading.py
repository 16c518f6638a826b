"""A network unrolled: every number is the engine's; the picture; the command."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from charnn.checkpoint.model import save_model
from charnn.cli.main import main
from charnn.cli.views.units import picture
from charnn.inspection.reading import read_passage, trace, unrolled
from tests.networks import CELLS
from tests.stress.tiny import saved
from tests.trained import numpy_states, random_model


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("option", "labels"), [("plain", ()), ("everything", ("x", "y"))])
def test_the_numbers_are_those_of_stepping_the_engine(cell, option, labels):
    trained = random_model(option, cell, labels)
    passage = read_passage(trained, "The fox", labels[1] if labels else None)
    facts = unrolled(trained, passage, trace(trained, passage))
    engine = trained.generator.engine
    state = engine.start(1, 1 if labels else None)
    for layer, own in enumerate(facts["start"]):
        np.testing.assert_array_equal(np.float32(own["hidden"]), state.memory[0, layer, 0])
    losses = []
    for time, step in enumerate(facts["steps"]):
        logits = engine.step([passage.ids[time]], state)[0].astype(np.float64)
        logs = logits - np.log(np.exp(logits).sum())
        assert (step["step"], step["symbol"]) == (time + 1, trained.tokenizer.symbol(passage.ids[time]))
        for layer, own in enumerate(step["states"]):
            hidden = state.memory[0, layer, 0]
            np.testing.assert_array_equal(np.float32(own["hidden"]), hidden)
            assert own["norm"] == pytest.approx(np.linalg.norm(hidden), rel=1e-5)
            assert [abs(one["value"]) for one in own["largest"]] == pytest.approx(sorted(abs(hidden), reverse=True)[:3])
            assert all(hidden[one["unit"]] == np.float32(one["value"]) for one in own["largest"])
            assert ("cell" in own) == (cell == "lstm")
        best = [trained.tokenizer.symbol(id) for id in np.argsort(-logs)[:5].tolist()]
        assert [one["symbol"] for one in step["predictions"]] == best
        assert [one["probability"] for one in step["predictions"]] == pytest.approx(np.exp(np.sort(logs)[::-1][:5]), rel=1e-4)
        if step["next"] is not None:
            after = passage.following[time]
            assert step["next"] == trained.tokenizer.symbol(after)
            assert step["nats"] == pytest.approx(-logs[after], rel=1e-4)
            assert step["probability"] == pytest.approx(np.exp(logs[after]), rel=1e-4)
            losses.append(-logs[after])
    assert len(losses) == len(facts["steps"]) - (not labels)  # a document is followed by its end
    assert facts["mean_nats"] == pytest.approx(np.mean(losses), rel=1e-4)


def test_the_states_are_those_of_the_numpy_loop():
    trained = random_model("plain", "lstm")
    passage = read_passage(trained, "The fox")
    steps = unrolled(trained, passage, trace(trained, passage))["steps"]
    states = numpy_states(trained.settings.network, trained.weights, passage.ids)
    for kind, name in enumerate(["hidden", "cell"]):
        found = [[own[name] for own in step["states"]] for step in steps]
        np.testing.assert_allclose(np.array(found).transpose(1, 0, 2), states[kind], atol=2e-5)


def state(layer: int, value: float) -> dict:
    return {"layer": layer, "norm": value, "largest": [{"unit": 7, "value": value}, {"unit": 12, "value": -value / 2}]}


def step(number: int, symbol: str, after: str | None) -> dict:
    predictions = [{"symbol": "日", "probability": 0.5}, {"symbol": "\n", "probability": 0.25}]
    loss = None if after is None else 0.6931
    return {"step": number, "symbol": symbol, "states": [state(1, number / 4)], "predictions": predictions, "next": after, "nats": loss}


def test_the_picture_wraps_and_goes_on_with_the_state():
    steps = [step(1, "a", "\x1b"), step(2, "\x1b", "c"), step(3, "c", None)]
    facts = {"start": [state(1, 0.0)], "steps": steps, "mean_nats": 0.6931}
    assert "\n".join(picture(facts, 55)) == PICTURE
    alone = {"start": [state(1, 0.0)], "steps": [step(1, "a", None)], "mean_nats": None}
    lines = list(picture(alone, 10))
    assert lines[3] == "layer 1   h0 → h1 |0.25|"
    assert lines[-1] == "No symbol followed another: no loss."


PICTURE = """\
step           1                  2
reads          'a'                '\ufffd'
               ↓                  ↓
layer 1   h0 → h1 |0.25|        → h2 |0.50|
                 7 +0.25 █▌         7 +0.50 ███
                12 -0.12 ▊         12 -0.25 █▌
               ↓                  ↓
likeliest      '日' 50 %          '日' 50 %
               '⏎' 25 %           '⏎' 25 %
came           '\ufffd'                'c'
nats           0.69               0.69

step           3
reads          'c'
               ↓
layer 1   h2 → h3 |0.75|
                 7 +0.75 ████▌
                12 -0.38 ██▎
               ↓
likeliest      '日' 50 %
               '⏎' 25 %
came           -
nats           -

mean loss 0.6931 nats"""


@pytest.fixture
def run(tmp_path):
    save_model(tmp_path / "model.safetensors", saved(random_model()))
    return tmp_path


def inspect(*arguments, text=None):
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, ["inspect", "unroll", *map(str, arguments)], input=text)


def test_the_command_draws_and_gives_numbers(run):
    trained = random_model()
    passage = read_passage(trained, "The fox", length=4)
    facts = unrolled(trained, passage, trace(trained, passage))
    result = inspect(run, "The fox", "--steps", 4)
    assert result.stdout == "".join(f"{line}\n" for line in picture(facts, 200))
    assert result.stderr == "Shows the first 4 symbols; there are more, see --steps.\n"
    found = json.loads(inspect(run, "-", "--steps", 4, "--json", text="The fox").stdout)
    assert found == {"model": str(run), "text": "The ", "is_cut": True, **facts}


@pytest.mark.parametrize("text", ["☃", "\x00\u202e\x1b[0m", "日" * 30, "שלום", "\n\n\n", "🙂"])
def test_any_text_can_be_drawn(run, text):
    result = inspect(run, text)
    assert result.exit_code == 0
    assert not set("\x00\x1b\u202e") & set(result.stdout)
    assert max(map(len, result.stdout.splitlines())) <= 200


def test_what_a_user_can_get_wrong_ends_in_a_sentence(run):
    assert inspect(run, "").stderr == "Error: the text: there is no symbol to read; give some text.\n"
    assert inspect(run, "a", "--label", "x").stderr == (
        "Error: --label was given, and this model was trained without labels; leave it out.\n"
    )
    assert inspect(run, "a", "--steps", 0).exit_code == 2
