"""Hidden units by name, and units fixed at a value while a network runs."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from charnn.cells.settings import StackSettings, parse_clamps, parse_unit
from charnn.checkpoint.model import SavedModel, save_model
from charnn.cli.main import main
from charnn.decoding.settings import SamplingSettings
from charnn.decoding.writing import Writer, _write, uniform_streams
from charnn.engine.engine import Engine
from charnn.errors import SettingError
from tests.networks import CELLS, OPTIONS
from tests.trained import numpy_states, random_model

SMALL = ["plain", "residual, narrow embedding", "layer norm", "everything"]
every_network = pytest.mark.parametrize(("cell", "option"), [(cell, option) for cell in CELLS for option in SMALL])

CLAMPS = {(1, 0): 0.75, (2, 3): -1.5, (2, 20): 0.0}


@every_network
@pytest.mark.parametrize("labels", [(), ("x", "y")])
def test_the_trace_of_a_clamped_engine_equals_a_numpy_loop(cell, option, labels):
    trained = random_model(option, cell, labels)
    label = 1 if labels else None
    ids = np.random.default_rng(3).integers(3, trained.tokenizer.size, 40)
    for clamps in ({}, CLAMPS):
        engine = trained.generator.engine.clamped(clamps)
        states, logits = engine.trace(ids, engine.start(1, label))
        expected = numpy_states(trained.settings.network, trained.weights, ids, label, clamps)
        np.testing.assert_allclose(states, expected, atol=2e-5, rtol=0)
        for (layer, unit), value in clamps.items():
            assert (states[0, layer - 1, :, unit] == np.float32(value)).all()
        again = engine.start(1, label)
        steps = [engine.step([id], again)[0] for id in ids]
        np.testing.assert_array_equal(logits, steps)
        np.testing.assert_array_equal(states[:, :, -1], again.memory[:, :, 0])


@every_network
def test_a_clamped_unit_has_its_value_in_every_sample_while_texts_are_written(cell, option):
    engine = random_model(option, cell).generator.engine.clamped(CLAMPS)
    writer = Writer(engine, SamplingSettings(), streams=uniform_streams(1, range(3)), may_end=False)
    writer.begin(None)
    writer.read([3])
    for count in (1, 1, 5):
        written = writer.write(count)
        assert written.shape == (3, count)
        for (layer, unit), value in CLAMPS.items():
            assert (writer._state.memory[0, layer - 1, :, unit] == np.float32(value)).all()


def test_texts_of_a_clamped_model_are_those_of_stepping_it():
    """The likeliest token each time, by the clamped engine step by step, is what sample writes at temperature 0."""
    trained, strong = random_model(), {(2, 3): 9.0, (1, 4): -9.0}
    engine = trained.generator.engine.clamped(strong)
    state, text = engine.start(1), ""
    logits = engine.read(trained.generator.prompt_ids("The"), state)[0]
    for _ in range(30):
        logits[:3] = -np.inf
        id = int(logits.argmax())
        text += trained.tokenizer.decode([id])
        logits = engine.step([id], state)[0]
    assert trained.sample("The", length=30, temperature=0.0, clamp=strong) == text
    assert trained.sample("The", length=30, temperature=0.0) != text


def test_clamps_change_neither_the_engine_they_come_from_nor_a_text_without_them():
    trained = random_model()
    before = trained.sample("The", seed=4, length=50)
    assert trained.sample("The", seed=4, length=50, clamp=CLAMPS) != before
    assert trained.sample("The", seed=4, length=50, clamp={}) == before
    assert trained.sample("The", seed=4, length=50) == before
    assert trained.generator.clamped({}) is trained.generator


def test_search_prediction_and_conversation_clamp_units_too():
    generator = random_model().generator
    clamped = generator.clamped({(2, unit): 2.0 for unit in range(37)})
    # With the whole top layer fixed, the next token cannot depend on the text.
    assert clamped.predict("The") == clamped.predict("over 42")
    assert generator.predict("The") != generator.predict("over 42")
    assert clamped.search("The", length=5, beam=2) == clamped.search("fox", length=5, beam=2)
    settings = SamplingSettings(temperature=0.0)
    likeliest = clamped.predict("The", top=1)[0][0]
    assert "".join(clamped.conversation(settings=settings).reply("The", length=3)) == 3 * likeliest


STACK = StackSettings(layers=2, hidden_size=8)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1:2", "clamp must be LAYER:UNIT=VALUE, such as 1:0=0.9; got '1:2'"),
        ("1:2=", "clamp must be LAYER:UNIT=VALUE, such as 1:0=0.9; got '1:2='"),
        ("1:2=high", "clamp must be LAYER:UNIT=VALUE, such as 1:0=0.9; got '1:2=high'"),
        ("1:2=nan", "clamp must be LAYER:UNIT=VALUE, such as 1:0=0.9; got '1:2=nan'"),
        ("1:2=inf", "clamp must be a finite number between -1e6 and 1e6, got inf for unit 1:2"),
        ("1:2=1e39", "clamp must be a finite number between -1e6 and 1e6, got 1e+39 for unit 1:2"),
        ("2=1", "clamp must be LAYER:UNIT, such as 1:0; got '2'"),
        ("1:-2=1", "clamp must be LAYER:UNIT, such as 1:0; got '1:-2'"),
        ("0:2=1", "clamp names unit 0:2, and this model has layers 1 to 2 with units 0 to 7"),
        ("3:2=1", "clamp names unit 3:2, and this model has layers 1 to 2 with units 0 to 7"),
        ("1:8=1", "clamp names unit 1:8, and this model has layers 1 to 2 with units 0 to 7"),
        ("1:99999999999999=1", "clamp must be LAYER:UNIT, such as 1:0; got '1:99999999999999'"),
        ("１:2=1", "clamp must be LAYER:UNIT, such as 1:0; got '１:2'"),
    ],
)
def test_impossible_clamps_are_refused_in_a_sentence(text, message):
    with pytest.raises(SettingError) as caught:
        parse_clamps([text], STACK)
    assert str(caught.value) == message


def test_clamps_are_read_as_they_are_written():
    assert parse_clamps(["1:0=0.5", " 2:7 =-1e-3"], STACK) == {(1, 0): 0.5, (2, 7): -0.001}
    assert str(parse_unit("2:07", STACK, "unit")) == "2:7"
    with pytest.raises(SettingError, match=r"^clamp names unit 1:0 twice; give it one value$"):
        parse_clamps(["1:0=1", "1:0=2"], STACK)


@pytest.mark.parametrize("clamp", [{(1, 37): 0.0}, {(0, 0): 0.0}, {(1, 0): float("nan")}, {(1, 0): float("-inf")}])
def test_python_refuses_the_same(clamp):
    with pytest.raises(SettingError):
        random_model().sample("The", clamp=clamp)


def test_the_command_clamps_units(tmp_path):
    trained = random_model()
    save_model(tmp_path / "model.safetensors", SavedModel(trained.task, trained.settings.plain(), trained.learned(), trained.tensors()))

    def sample(*arguments):
        return CliRunner().invoke(main, ["sample", str(tmp_path), "The", "--seed", "4", "--length", "30", *arguments])

    expected = trained.sample("The", seed=4, length=30, clamp={(1, 0): 0.75, (2, 3): -1.5})
    result = sample("--clamp", "1:0=0.75", "--clamp", "2:3=-1.5")
    assert (result.exit_code, result.stdout) == (0, f"The{expected}\n")
    facts = json.loads(sample("--clamp", "1:0=0.75", "--clamp", "2:3=-1.5", "--json").stdout)
    assert (facts["text"], facts["clamp"]) == (expected, ["1:0=0.75", "2:3=-1.5"])
    assert "clamp" not in json.loads(sample("--json").stdout)
    assert sample("--clamp", "1:0=0.75", "--beam", "2", "--json").exit_code == 2  # of the seed, not of the clamp
    wrong = sample("--clamp", "7:0=1")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert wrong.stderr == "Error: --clamp names unit 7:0, and this model has layers 1 to 2 with units 0 to 36.\n"


def test_neither_clamps_nor_another_cell_compile_anything_again():
    random_model().sample("The", length=10)
    before = len(_write.signatures)  # type: ignore[attr-defined]
    for cell in CELLS:
        random_model(cell=cell).sample("The", length=10, clamp=CLAMPS)
    assert len(_write.signatures) == before >= 1  # type: ignore[attr-defined]


def test_an_engine_without_clamps_has_no_rows_of_them():
    engine = random_model().generator.engine
    assert isinstance(engine, Engine)
    assert (engine.network.clamped.shape, engine.network.clamp_values.shape) == ((0, 2), (0,))
    assert OPTIONS["plain"].stack.layers == 2  # the unit numbers above mean what they say
