"""Where a translator's weights begin: in language models of its two languages."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from charnn.checkpoint.model import load_model
from charnn.cli.main import main
from charnn.errors import SettingError
from charnn.settings import own_settings
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.load import load
from charnn.tasks.translator.model import Translator
from charnn.tasks.translator.settings import ADOPTED, TranslatorInputs
from charnn.tokenizers.registry import TokenizerSettings
from charnn.training.model import Place, Sources
from charnn.training.run import Run
from charnn.training.settings import BudgetSettings
from tests.models import small_settings
from tests.runs import PAIRS, trained, translator_settings

# Without the lines with numbers, so that there is something new in the pairs.
ENGLISH, FRENCH = ("".join(line.split("\t")[side] + "\n" for line in PAIRS.splitlines()[:72]) for side in (0, 1))


@pytest.fixture(scope="module", autouse=True)
def _quick_probe():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)
        yield


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Language models of either side by their settings, each trained for a moment when it is first asked for."""
    made = {}

    def model(side, **changes):
        key = side, *changes.items()
        if key not in made:
            folder = tmp_path_factory.mktemp(side)
            (folder / "text.txt").write_text({"source": ENGLISH, "target": FRENCH}[side])
            place = Place(folder / "run", device="cpu", threads=1)
            settings = small_settings(**{"tokenizer": "char", "embedding_size": 16, "validations": 1, **changes})
            trained(Run(place, LanguageModel.prepare(Sources([folder / "text.txt"]), settings), BudgetSettings(steps=2)))
            made[key] = load(place.folder)
        return made[key]

    return model


def prepared(folder, encoder=None, decoder=None, **changes):
    """Return an untrained translator that starts from these."""
    (folder / "pairs.tsv").write_text(PAIRS)
    inputs = TranslatorInputs(init_encoder=encoder and encoder.name, init_decoder=decoder and decoder.name)
    return Translator.prepare(Sources([folder / "pairs.tsv"]), translator_settings(**changes), inputs)


def train_briefly(folder, model):
    """Train it into the run folder, for two updates."""
    trained(Run(Place(folder / "run", device="cpu", threads=1, overwrite=True), model, BudgetSettings(steps=2)))


def has_rows_of(embedding, tokenizer, start):
    """Are the rows of all symbols of a language model those that it has?"""
    old, new = start.weights["embedding.weight"], embedding.embedding.weight.detach().numpy()
    return all((new[tokenizer.vocabulary.ids[symbol]] == old[place]).all() for symbol, place in start.tokenizer.vocabulary.ids.items())


def has_layer_of(cell, start, layer):
    """Are the weights of a layer those of a language model's layer?"""
    return all((weight.numpy() == start.weights[f"stack.cells.{layer}.{name}"]).all() for name, weight in cell.state_dict().items())


def message(make):
    with pytest.raises(SettingError) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [{}, {"tokenizer": "word"}, {"cell": "lstm", "layers": 2, "layer_norm": True, "initial_state": "learned"}, {"embedding_size": 24}],
    ids=lambda one: "-".join(map(str, one.values())) or "plain",
)
def test_language_models_give_their_rows_symbol_by_symbol_and_their_layers(tmp_path, models, changes):
    source, target = models("source", **changes), models("target", **changes)
    model = prepared(tmp_path, source, target, layers=2)
    network = model.network
    assert has_rows_of(network.source_embedding, model.languages.source, source)
    assert has_rows_of(network.target_embedding, model.languages.target, target)
    assert all(has_layer_of(network.encoder.forward_stack.cells[layer], source, layer) for layer in range(changes.get("layers", 1)))
    assert has_layer_of(network.decoder.cells[0], target, 0)
    stack = network.encoder.forward_stack.cells[1]
    assert stack.hidden_to_gates.shape == network.decoder.cells[1].hidden_to_gates.shape


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_one_language_model_alone_decides_for_both_sides(tmp_path, models, side):
    start = models("source" if side == "encoder" else "target", cell="lstm", hidden_size=8)
    model = prepared(tmp_path, **{side: start}, tokenizer="word")
    assert (model.settings.network.stack.cell, model.settings.network.stack.hidden_size) == ("lstm", 8)
    assert model.settings.tokens == start.settings.tokens
    assert model.languages.source is not model.languages.target
    fitted = model.languages.target if side == "encoder" else model.languages.source
    assert type(fitted) is type(start.tokenizer)
    assert fitted.unknown_symbols("Ann. a e t") == {}


def test_what_was_taken_is_told(tmp_path, models):
    source, target = models("source"), models("target")
    made = prepared(tmp_path, source, target, layers=2)
    facts = dict(made.facts())
    for side, start, known in (("encoder", source, made.languages.source), ("decoder", target, made.languages.target)):
        new = known.size - start.tokenizer.size
        assert new > 0
        assert facts[side] == f"{start.name}: {start.tokenizer.size} tokens known, {new} new, layers 1"
    assert facts["vocabulary"] == f"source {made.languages.source.size}, target {made.languages.target.size} (char)"
    plain = dict(prepared(tmp_path).facts())
    assert not {"encoder", "decoder"} & plain.keys()


def test_a_translator_from_language_models_is_complete_in_itself(tmp_path, models):
    made = prepared(tmp_path, models("source"), models("target"))
    train_briefly(tmp_path, made)
    saved = load_model(tmp_path / "run")
    assert saved.settings["network"]["stack"]["hidden_size"] == 16
    assert saved.learned["target"]["symbols"] != saved.learned["source"]["symbols"]
    assert len(load(tmp_path / "run").predict(["Ann eats the cat."])) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokenizer": "word"}, "tokenizer word where --init-encoder has char"),
        ({"hidden_size": 8}, "hidden_size 8 where --init-encoder has 16"),
        ({"embedding_size": 8}, "embedding_size 8 where --init-encoder has 16"),
        ({"cell": "lstm"}, "cell lstm where --init-encoder has gru"),
        ({"cell": "rnn", "activation": "relu"}, "cell rnn where --init-encoder has gru"),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, dict) else "",
)
def test_two_language_models_that_differ_are_refused(tmp_path, models, changes, said):
    start = models("source"), models("target", **changes)
    assert message(lambda: prepared(tmp_path, *start)) == f"init_decoder has {said}; train one of them again"


def test_a_decoder_that_is_taken_over_knows_no_feed(tmp_path, models):
    said = "input_feeding cannot be combined with --init-decoder, whose layers know no feed; leave one out"
    assert message(lambda: prepared(tmp_path, decoder=models("target"), input_feeding=True)) == said
    assert prepared(tmp_path, encoder=models("source"), input_feeding=True).network.decoder.feed_size == 16


def test_every_setting_that_a_language_model_brings_is_adopted():
    """`--lowercase` and `--vocabulary-size` were taken from the language model, whatever the user had said."""
    assert {one.name for one in own_settings(TokenizerSettings)} < set(ADOPTED)
    assert {"cell", "hidden_size", "embedding_size", "shared_vocabulary"} < set(ADOPTED)
    assert not {"layers", "dropout", "layer_norm", "residual"} & set(ADOPTED)


@pytest.mark.parametrize("side", ["--init-encoder", "--init-decoder"])
@pytest.mark.parametrize(
    "options",
    [["--hidden-size", "16"], ["--tokenizer", "char"], ["--lowercase"], ["--vocabulary-size", "500"], ["--no-shared-vocabulary"]],
    ids=lambda one: one[0],
)
def test_what_comes_from_a_language_model_cannot_be_said(tmp_path, options, side):
    (tmp_path / "pairs.tsv").write_text(PAIRS)
    command = ["train", "translator", str(tmp_path / "pairs.tsv"), "--to", str(tmp_path / "run"), "--steps", "1"]
    result = CliRunner().invoke(main, [*command, side, "missing", *options])
    flag = options[0].replace("--no-", "--")
    assert result.exit_code == 2
    assert result.stderr == f"Error: {flag} comes from the language model that the translator starts from; leave it out.\n"


def test_only_a_language_model_can_be_started_from(tmp_path, models):
    (tmp_path / "pairs.tsv").write_text(PAIRS)
    train_briefly(tmp_path, prepared(tmp_path))
    command = ["train", "translator", str(tmp_path / "pairs.tsv"), "--to", str(tmp_path / "other"), "--quiet", "--init-encoder"]
    for name, said in (
        (tmp_path / "run", f"{tmp_path / 'run'} is a translator, and this needs a lm; name another model"),
        (Path("missing"), "missing holds no model; give a run folder or a model file, or make one: charnn train lm FILE --to missing"),
    ):
        result = CliRunner().invoke(main, [*command, str(name)])
        assert result.exit_code == 4
        assert result.stderr == f"Error: {said}.\n"
    assert not (tmp_path / "other").exists()
