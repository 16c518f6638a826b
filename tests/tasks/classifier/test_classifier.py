"""The classifier as task, as job and as trained model."""

import re

import numpy as np
import pytest
import torch

from charnn.checkpoint.model import SavedModel, load_model, save_model
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.layers.settings import POOLINGS
from charnn.metrics.classification import Blending, fit_blending, log_softmax
from charnn.tasks.classifier.model import balanced
from charnn.tasks.load import load
from tests.runs import TABLE, classifier_run, classifier_settings, trained
from tests.tools import message

pytestmark = pytest.mark.usefixtures("quick_probe")

TEXTS = ["a fine film", "", "no fun at all , I hated it", "x" * 200, "what a joy\n\nreally \u2028 !"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run with a referee, at its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)
        return trained(classifier_run(tmp_path_factory.mktemp("classifier"), baseline=True))


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("cell", "bidirectional"), [("rnn", True), ("lstm", False), ("gru", True)])
def test_every_cell_and_pooling_learns_the_table(tmp_path, pooling, cell, bidirectional):
    run = trained(classifier_run(tmp_path, 120, pooling=pooling, cell=cell, bidirectional=bidirectional))
    assert load_model(run.place.folder).metrics["valid"]["network"]["accuracy"] > 0.9


@pytest.mark.parametrize(
    "options",
    [
        {"tokenizer": "char"},
        {"tokenizer": "byte"},
        {"tokenizer": "subword"},
        {"word_characters": True},
        {"class_weights": "balanced", "label_smoothing": 0.1, "word_dropout": 0.1},
        {"dropout": 0.2, "variational_dropout": True, "embedding_dropout": 0.2, "output_dropout": 0.2},
        {"ema": 0.9},
        {"precision": "bfloat16"},
        {"layers": 2, "layer_norm": True, "initial_state": "learned", "window": 3},
    ],
    ids=lambda options: " ".join(options),
)
def test_every_option_trains_saves_and_answers_the_same_when_loaded(tmp_path, options):
    run = trained(classifier_run(tmp_path, 120, **options))
    model = load(run.place.folder)
    run.model.network.eval()
    expected = run.model.each_model(TEXTS)["network"]
    assert np.allclose(model.log_probabilities(TEXTS), expected, atol=1e-6)
    assert model.evaluate([tmp_path / "table.tsv"])["accuracy"] > 0.7


def test_an_answer_does_not_depend_on_what_stands_beside_it(finished):
    model = load(finished.place.folder)
    together = model.predict(TEXTS)
    alone = [model.predict([text])[0] for text in TEXTS]
    assert [one["label"] for one in together] == [one["label"] for one in alone]
    assert [one["probability"] for one in together] == pytest.approx([one["probability"] for one in alone], abs=1e-5)


def test_a_text_of_any_length_is_read_to_its_end(finished):
    """Truncation is what others do: here the last words of a megabyte still count."""
    model = load(finished.place.folder)
    filler = "so it goes " * 30_000
    one, other = (model.each_model([filler + end])["network"] for end in ("I loved it what a joy", "I hated it what a bore"))
    assert np.abs(one - other).max() > 1e-4


def test_an_empty_text_has_a_defined_answer(finished):
    (answer,) = load(finished.place.folder).predict([""])
    assert answer["label"] in ("good", "bad")
    assert 0.5 <= answer["probability"] <= 1


def test_no_texts_have_no_answers(finished):
    assert load(finished.place.folder).predict([]) == []


def test_a_classifier_may_abstain(finished):
    model = load(finished.place.folder)
    assert [one["label"] for one in model.predict(TEXTS, abstain_below=1.1)] == [None] * len(TEXTS)
    assert all(one["label"] is not None for one in model.predict(TEXTS, abstain_below=0.0))


def test_leaving_out_the_word_that_decides_matters_most(finished):
    label, probability, parts = load(finished.place.folder).explain("no 3 : I hated it")
    assert label == "bad"
    assert probability > 0.5
    assert max(parts, key=lambda part: part.nats).text == "hated"
    assert "".join(part.text for part in parts) == "no3:Ihatedit"


def test_a_long_text_is_explained_by_parts_of_several_words(finished):
    text = "so it goes and goes " * 200
    _, _, parts = load(finished.place.folder).explain(text)
    assert len(parts) <= 200
    assert all(text[part.begin : part.end] == part.text for part in parts)


def test_what_ships_is_the_blend_and_each_model_is_reported(finished, tmp_path):
    (tmp_path / "test.tsv").write_text(TABLE)
    found = load(finished.place.folder).evaluate([tmp_path / "test.tsv"])
    assert {"network", "baseline", "blend", "comparison"} <= found.keys()
    assert found["accuracy"] == found["blend"]["accuracy"]
    assert found["examples"] == 96
    assert np.sum(found["confusion"]) == 96


def test_the_results_on_validation_are_what_evaluating_gives(finished, tmp_path):
    job = finished.model
    rows = zip(job.data.valid_numbers, job.data.valid_texts, strict=True)
    (tmp_path / "valid.tsv").write_text("label\ttext\n" + "".join(f"{job.labels[label]}\t{text}\n" for label, text in rows))
    found = load(finished.place.folder).evaluate([tmp_path / "valid.tsv"])
    assert found["blend"]["accuracy"] == load_model(finished.place.folder).metrics["valid"]["blend"]["accuracy"]


def test_temperatures_are_fitted_without_dropout(tmp_path):
    """They were fitted on a network that was still training, and its probabilities came out far too low."""
    run = trained(classifier_run(tmp_path, 40, dropout=0.5, output_dropout=0.5))
    job = run.model
    logits = job.network_logits(job.read(job.data.valid_texts))
    assert job.blending == fit_blending(logits, None, job.data.valid_numbers)
    assert (logits == job.network_logits(job.read(job.data.valid_texts))).all()


def test_no_referee_leaves_the_network_alone(tmp_path):
    run = trained(classifier_run(tmp_path, 10))
    assert load(run.place.folder).baseline is None
    assert list(load_model(run.place.folder).metrics["valid"]) == ["network"]


def test_runs_of_one_seed_write_the_same_model(tmp_path):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        run = trained(classifier_run(tmp_path / name, 10, dropout=0.2, word_dropout=0.1, baseline=True))
        written.append(load_model(run.place.folder).tensors)
    assert written[0].keys() == written[1].keys()
    assert all((written[0][name] == written[1][name]).all() for name in written[0])


def test_balanced_weights_give_every_label_the_same_sum():
    labels = np.array([0] * 6 + [1] * 3 + [2])
    weights = balanced(labels, 3)
    assert torch.bincount(torch.from_numpy(labels), weights[labels]).tolist() == pytest.approx([10 / 3] * 3)


def test_temperatures_and_blend_are_at_least_as_likely_as_either_model():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 400)
    right = np.eye(3)[labels]
    network, linear = (log_softmax(right * strength + generator.normal(size=(400, 3))) for strength in (1.0, 1.5))
    fitted = fit_blending(5 * network, linear, labels)

    def nats(values):
        return -float(values[np.arange(400), labels].mean())

    mixed = fitted.weight * log_softmax(5 * network / fitted.network_temperature) + (1 - fitted.weight) * log_softmax(
        linear / fitted.linear_temperature
    )
    assert nats(log_softmax(log_softmax(mixed) / fitted.temperature)) <= min(nats(network), nats(linear)) + 1e-3
    assert fitted.network_temperature > 3


@pytest.mark.parametrize(
    "values", [None, {}, {"weight": 0.5}, {**vars(Blending()), "weight": 2.0}, {**vars(Blending()), "temperature": 0.0}]
)
def test_a_damaged_blending_is_refused(values):
    assert message(CheckpointError, lambda: Blending.restore(values)).startswith("the model's blending is damaged: ")


@pytest.mark.parametrize(
    "change",
    [
        {"labels": None},
        {"labels": ["good"]},
        {"labels": ["a", "a"]},
        {"tokenizer": 3},
        {"characters": ["a"]},
        {"referee": {"views": 1}},
        {"blending": 7},
    ],
)
def test_a_model_file_whose_parts_do_not_fit_is_refused(finished, tmp_path, change):
    saved = load_model(finished.place.folder)
    save_model(tmp_path / "model.safetensors", SavedModel(saved.task, saved.settings, {**saved.learned, **change}, saved.tensors))
    said = message(CheckpointError, lambda: load(tmp_path / "model.safetensors"))
    assert re.fullmatch(rf"{tmp_path}/model.safetensors: the .* (is|are) damaged: .*; train it again or copy it anew", said), said


def test_characters_of_words_need_words():
    said = message(SettingError, lambda: classifier_settings(word_characters=True, tokenizer="char"))
    assert said == "word_characters needs the tokenizer word, and this one is char"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("label\ttext\na\tone\n", "table holds 1 texts, too few to hold some out; give more, or --valid FILE"),
        ("label\ttext\n" + "a\tone\n" * 3 + "\ttwo\n", "{path}:5: has no label in the column label; fill it in or leave the row out"),
    ],
)
def test_data_that_cannot_be_learned_from_are_refused(tmp_path, table, said):
    assert message(DataError, lambda: classifier_run(tmp_path, table=table)) == said.format(path=tmp_path / "table.tsv")


def test_one_label_only_and_a_label_seen_once_are_refused(tmp_path):
    said = message(DataError, lambda: classifier_run(tmp_path, table="label\ttext\n" + "a\tone\n" * 30))
    assert said == "a classifier needs at least two labels, and all examples have the label 'a'; give examples of another one too"
    said = message(DataError, lambda: classifier_run(tmp_path, table=TABLE + "odd\tone more\n"))
    assert "'odd'" in said
    assert f"{tmp_path / 'table.tsv'}:98" in said


def test_a_label_that_training_never_saw_is_named_with_its_line(finished, tmp_path):
    (tmp_path / "test.tsv").write_text("label\ttext\ngood\ta\nugly\tb\n")
    said = message(DataError, lambda: load(finished.place.folder).evaluate([tmp_path / "test.tsv"]))
    assert said == f"{tmp_path / 'test.tsv'}:3: the label 'ugly' does not exist in this model; it has bad, good"
