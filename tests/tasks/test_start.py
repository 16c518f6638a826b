"""Where an encoder's weights begin: vectors of words, a language model."""

import gzip

import pytest
import torch

from charnn.checkpoint.model import load_model
from charnn.errors import DataError, SettingError
from charnn.tasks.classifier.model import Classifier
from charnn.tasks.classifier.settings import ClassifierInputs
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.load import load
from charnn.tasks.start import Start
from charnn.tasks.tagger.model import Tagger
from charnn.tasks.tagger.settings import TaggerInputs
from charnn.training.model import Place, Sources
from charnn.training.run import Run
from charnn.training.settings import BudgetSettings
from tests.models import small_settings
from tests.runs import SENTENCES, TABLE, classifier_settings, tagger_settings
from tests.tools import message

pytestmark = pytest.mark.usefixtures("quick_probe")

TEXT = "what a fine film , really : great fun !\n" * 40


def sources_of(folder, name, text, kind=".tsv"):
    (folder / f"{name}{kind}").write_text(text)
    return Sources([folder / f"{name}{kind}"])


def place_of(folder, name):
    return Place(folder / name, device="cpu", threads=1)


def language_model(folder, **changes):
    """A trained language model of a little text."""
    place, sources = place_of(folder, "words"), sources_of(folder, "words", TEXT, ".txt")
    run = Run(place, LanguageModel.prepare(sources, small_settings(**{"tokenizer": "word", **changes})), BudgetSettings(steps=3))
    list(run.train())
    run.finish()
    return load(place.folder)


@pytest.mark.parametrize(
    "changes", [{}, {"cell": "lstm", "layers": 2, "layer_norm": True, "initial_state": "learned"}, {"tokenizer": "char"}]
)
def test_a_language_model_gives_its_layers_and_its_rows_symbol_by_symbol(tmp_path, changes):
    start = language_model(tmp_path, **changes)
    model = Classifier.prepare(sources_of(tmp_path, "labels", TABLE), classifier_settings(), start=Start(start))
    network, saved = model.network, start.weights
    for symbol in start.tokenizer.vocabulary.symbols:
        old, new = start.tokenizer.vocabulary.ids[symbol], model.tokenizer.vocabulary.ids[symbol]
        assert (network.embedding.embedding.weight[new].detach().numpy() == saved["embedding.weight"][old]).all()
    stack = network.encoder.forward_stack.state_dict()
    assert all((stack[name].numpy() == saved[f"stack.{name}"]).all() for name in stack)
    new = model.tokenizer.size - start.tokenizer.size
    assert new > 0
    assert dict(model.facts())["start"] == f"{start.name}: {start.tokenizer.size} tokens known, {new} new"


def test_layers_taken_over_learn_later_and_slower_the_lower_they_are(tmp_path):
    start = language_model(tmp_path, layers=2)
    settings = classifier_settings(layer_rate=2.0, unfreeze=0.2)
    model = Classifier.prepare(sources_of(tmp_path, "labels", TABLE), settings, start=Start(start))
    groups = model.groups()
    assert [(group.rate, group.thaw) for group in groups] == [(1.0, 0.0), (0.5, 0.2), (0.25, 0.4), (0.125, pytest.approx(0.6))]
    assert sum(len(group.parameters) for group in groups) == len(list(model.network.parameters()))
    assert groups[-1].parameters[0] is model.network.embedding.embedding.weight
    run = Run(place_of(tmp_path, "labels"), model, BudgetSettings(steps=4))
    before = model.network.embedding.embedding.weight.detach().clone()
    reports = run.train()
    next(report for report in reports if report.step >= 2)
    assert torch.equal(model.network.embedding.embedding.weight, before)
    list(reports)
    assert not torch.equal(model.network.embedding.embedding.weight, before)


def test_a_classifier_from_a_language_model_is_complete_in_itself(tmp_path):
    start = language_model(tmp_path)
    place = place_of(tmp_path, "labels")
    model = Classifier.prepare(sources_of(tmp_path, "labels", TABLE), classifier_settings(), start=Start(start))
    run = Run(place, model, BudgetSettings(steps=3))
    list(run.train())
    run.finish()
    (tmp_path / "words" / "model.safetensors").unlink()
    assert len(load(place.folder).predict(["a fine film"])) == 1
    assert load_model(place.folder).settings["network"]["encoder"]["stack"]["hidden_size"] == 16


@pytest.mark.parametrize("pack", [False, True])
def test_vectors_of_known_words_are_taken_and_counted(tmp_path, pack):
    lines = "film 1 2 3\nfun 4 5 6\nnowhere 7 8 9\n"
    path = tmp_path / ("vectors.txt.gz" if pack else "vectors.txt")
    path.write_bytes(gzip.compress(lines.encode()) if pack else lines.encode())
    settings = classifier_settings(embedding_size=3)
    model = Classifier.prepare(sources_of(tmp_path, "labels", TABLE), settings, start=Start(vectors=str(path)))
    ids = model.tokenizer.vocabulary.ids
    assert model.network.embedding.embedding.weight[ids["film"]].tolist() == [1, 2, 3]
    assert dict(model.facts())["vectors"].startswith(f"{path}: 2 of ")
    tagger = Tagger.prepare(sources_of(tmp_path, "tags", SENTENCES, ".conll"), tagger_settings(embedding_size=3), TaggerInputs(str(path)))
    assert dict(tagger.facts())["vectors"].startswith(f"{path}: 0 of ")


def test_vectors_of_another_width_are_refused(tmp_path):
    (tmp_path / "vectors.txt").write_text("film 1 2 3\n")
    sources, inputs = sources_of(tmp_path, "labels", TABLE), ClassifierInputs(vectors=str(tmp_path / "vectors.txt"))
    said = message((DataError, SettingError), lambda: Classifier.prepare(sources, classifier_settings(), inputs))
    assert "3" in said
    assert "8" in said
    assert "embedding" in said


def test_vectors_and_a_language_model_exclude_each_other(tmp_path):
    start = Start(language_model(tmp_path), str(tmp_path / "vectors.txt"))
    said = message(SettingError, lambda: Classifier.prepare(sources_of(tmp_path, "labels", TABLE), classifier_settings(), start=start))
    assert said == "vectors cannot be combined with --init-from, which brings its own embeddings; leave one out"


def test_layers_of_a_language_model_cannot_read_characters_too(tmp_path):
    start, settings = Start(language_model(tmp_path)), classifier_settings(word_characters=True)
    said = message(SettingError, lambda: Classifier.prepare(sources_of(tmp_path, "labels", TABLE), settings, start=start))
    assert said == "word_characters cannot be combined with --init-from, whose layers know no characters; leave one out"
