"""Going on from a trained language model: what it knew it knows, and what is new stands behind it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from charnn.checkpoint.model import SavedModel, load_model, save_model
from charnn.errors import SettingError
from charnn.settings import own_settings
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.lm.start import TrainedStart
from charnn.tasks.load import load
from charnn.tasks.task import MODEL_ADOPTED
from charnn.tokenizers.registry import TokenizerSettings, fit_tokenizer
from charnn.training.model import Sources
from tests.models import small_settings
from tests.runs import classifier_run, trained
from tests.tools import charnn

OLD = "the quick brown fox jumps over the lazy dog\n" * 8
NEW = "the lazy fox sings: 1 + 1 = 2, na\u00efve fox!\n" * 12

NETWORKS = {
    "rnn": {"cell": "rnn"},
    "relu": {"cell": "rnn", "activation": "relu"},
    "lstm": {"cell": "lstm", "layers": 2, "residual": True},
    "gru": {"cell": "gru", "layers": 2, "layer_norm": True, "initial_state": "learned"},
    "tied": {"cell": "gru", "tie_weights": True, "embedding_size": 16},
    "words": {"tokenizer": "word"},
}


def trained_model(text: str = OLD, labels: tuple[str, ...] = (), **changes: object) -> LanguageModel:
    """A model with weights of about the size that training leaves."""
    settings = small_settings(**changes)
    tokenizer = fit_tokenizer(lambda: [text], settings.tokens)
    settings = small_settings(**{"embedding_size": settings.network.for_vocabulary(tokenizer.size).embedding_size, **changes})
    model = LanguageModel(settings, tokenizer, labels)
    with torch.no_grad():
        for weight in model.network.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return LanguageModel.restore(SavedModel("lm", settings.plain(), model.learned(), model.tensors()), "old")


def job(folder: Path, start: TrainedStart, text: str = NEW, **changes: object) -> LanguageModel:
    """An untrained model of a text, all of it to train on."""
    (folder / "new.txt").write_text(text, encoding="utf-8")
    sources = Sources([folder / "new.txt"], [folder / "new.txt"])
    return LanguageModel.prepare(sources, small_settings(**changes), start=start)


def as_trained(begun: LanguageModel) -> LanguageModel:
    """The model as its file would hold it."""
    return LanguageModel.restore(SavedModel("lm", begun.settings.plain(), begun.learned(), begun.tensors()), "new")


def starts(begun: LanguageModel) -> list[str]:
    """What is said of where the weights begin."""
    return [value for name, value in begun.facts() if name in ("start", "unknown")]


def old_logits(model: LanguageModel, text: str, label: int | None = None) -> np.ndarray:
    """(vocabulary,) logits of what follows a text, from the compiled engine."""
    engine = model.generator.engine
    return engine.read(model.generator.prompt_ids(text), engine.start(1, label))[0]


@pytest.mark.parametrize("network", NETWORKS)
def test_known_symbols_are_as_probable_as_before_but_for_the_share_of_new_ones(network, tmp_path):
    old = trained_model(**NETWORKS[network])
    new = as_trained(job(tmp_path, TrainedStart(old)))
    assert new.tokenizer.size > old.tokenizer.size
    for text in ("the quick", "dog\nthe", OLD):
        before, after = old_logits(old, text), old_logits(new, text)
        assert (after[: len(before)] == before).all()


@pytest.mark.parametrize("network", NETWORKS)
def test_without_new_symbols_it_is_the_old_model(network, tmp_path):
    old = trained_model(**NETWORKS[network])
    begun = job(tmp_path, TrainedStart(old), OLD)
    text = old.tokenized([tmp_path / "new.txt"], None)
    for protocol in ("streamed", "windows"):
        before = old.measure(text, protocol)["nats_per_token"]
        assert begun.measure(text, protocol)["nats_per_token"] == pytest.approx(before, abs=1e-6)
    assert begun.learned() == old.learned()
    tensors = begun.tensors()
    assert tensors.keys() == old.tensors().keys()
    assert all((tensors[name] == old.weights[name]).all() for name in tensors)


@pytest.mark.parametrize("tokenizer", ["char", "word", "byte", "subword", "torchtext:basic_english"])
def test_the_old_vocabulary_stands_in_front_in_its_order(tokenizer, tmp_path):
    if tokenizer.startswith("torchtext"):
        pytest.importorskip("torchtext")
    old = trained_model(tokenizer=tokenizer)
    new = job(tmp_path, TrainedStart(old)).tokenizer
    assert [new.symbol(id) for id in range(old.tokenizer.size)] == [old.tokenizer.symbol(id) for id in range(old.tokenizer.size)]
    assert old.tokenizer.encode(OLD).tolist() == new.encode(OLD).tolist()
    assert (new.size > old.tokenizer.size) == (tokenizer in ("char", "word"))


def test_new_symbols_come_by_frequency_and_begin_as_if_drawn_from_the_known_ones(tmp_path):
    old = trained_model()
    begun = job(tmp_path, TrainedStart(old), "".join(chr(1000 + number) * (1000 - number) for number in range(400)))
    size, network = old.tokenizer.size, begun.network
    added = [begun.tokenizer.symbol(id) for id in range(size, begun.tokenizer.size)]
    assert added == [chr(1000 + number) for number in range(len(added))]
    for table in (network.embedding.weight, network.output.weight):
        known, new = table[:size], table[size:]
        assert new.std(0).mean().item() == pytest.approx(known.std(0).mean().item(), rel=0.1)
        assert (new.mean(0) - known.mean(0)).abs().max().item() < 0.3
    assert set(network.output.bias[size:].tolist()) == {network.output.bias[:size].min().item()}


def test_it_says_what_is_known_what_is_new_and_what_is_missing(tmp_path):
    old = trained_model()
    assert starts(job(tmp_path, TrainedStart(old))) == [
        "old: 31 tokens known, 8 new: '1', '!', '+', ',', '2', ':', '=', '\u00ef'; "
        "11 of the known not in the training text: 'r', 'u', 'b', 'c', 'd', 'j', 'k', 'm' ..."
    ]


def test_nothing_new_is_said_in_few_words(tmp_path):
    assert starts(job(tmp_path, TrainedStart(trained_model()), OLD)) == ["old: 31 tokens known, none new"]


@pytest.mark.parametrize("tokenizer", ["byte", "subword"])
def test_bytes_and_subwords_need_nothing_new(tokenizer, tmp_path):
    old = trained_model(tokenizer=tokenizer)
    (said,) = starts(job(tmp_path, TrainedStart(old)))
    assert said.startswith(f"old: {old.tokenizer.size} tokens known, none new; ")


WORDS = " ".join(f"w{number}" for number in range(4100)) + "\n"


def test_an_adaptive_softmax_keeps_its_vocabulary_and_says_so(tmp_path):
    old = trained_model(WORDS, tokenizer="word", adaptive_softmax=True)
    begun = job(tmp_path, TrainedStart(old), "w1 w2 sea w3 blue sea\n" * 40)
    assert begun.tokenizer.size == old.tokenizer.size
    said = starts(begun)
    assert said[0].startswith("old: 4,104 tokens known, none new; 4,097 of the known not in the training text: 'w0', 'w10', 'w100', ")
    assert said[1] == "2 symbols of the training text, 120 times: an adaptive softmax keeps its vocabulary"
    assert (old_logits(as_trained(begun), "w1 w2") == old_logits(old, "w1 w2")).all()


def test_min_count_and_vocabulary_size_choose_among_the_new_words(tmp_path):
    old = trained_model("one two three\n" * 9, tokenizer="word", min_count=2)
    text = "one four four four five five six\n" + "one two three\n" * 60

    def added(**growth: object) -> list[str]:
        tokenizer = job(tmp_path, TrainedStart(old, growth), text).tokenizer
        return [tokenizer.symbol(id) for id in range(old.tokenizer.size, tokenizer.size)]

    assert added() == ["four", "five"]
    assert added(min_count=1) == ["four", "five", "six"]
    assert added(min_count=3) == ["four"]
    assert added(min_count=1, vocabulary_size=old.tokenizer.size + 1) == ["four"]
    assert added(vocabulary_size=None) == ["four", "five"]
    assert starts(job(tmp_path, TrainedStart(old), text))[1] == (
        "1 symbols of the training text, 1 times: left out by --min-count 2, --vocabulary-size none"
    )


def message(make) -> str:
    with pytest.raises(SettingError) as caught:
        make()
    return str(caught.value)


def test_a_growth_that_cannot_be_is_refused(tmp_path):
    said = message(lambda: job(tmp_path, TrainedStart(trained_model(), {"vocabulary_size": 20})))
    assert said == "vocabulary_size must be at least 31: all tokens of old stay; got 20"
    said = message(lambda: job(tmp_path, TrainedStart(trained_model(tokenizer="subword"), {"vocabulary_size": 2000})))
    assert said == "vocabulary_size has no effect on the vocabulary of old, which stays as it is; leave it out"


LABELLED = {"text_column": "text", "label_column": "mood"}
MOODS = "text,mood\n" + "the dog jumps,happy\nthe fox sings,calm\n" * 20


def labelled_job(folder: Path, old: LanguageModel, table: str = MOODS, **changes: object) -> LanguageModel:
    (folder / "moods.csv").write_text(table)
    sources = Sources([folder / "moods.csv"])
    return LanguageModel.prepare(sources, small_settings(**{**LABELLED, **changes}), start=TrainedStart(old))


def test_known_labels_keep_their_rows_and_new_ones_stand_behind(tmp_path):
    old = trained_model(labels=("sad", "happy"), **LABELLED)
    begun = labelled_job(tmp_path, old)
    assert begun.labels == ["sad", "happy", "calm"]
    new = as_trained(begun)
    for number in range(2):
        before = old_logits(old, "the", number)
        assert (old_logits(new, "the", number)[: len(before)] == before).all()
    assert starts(begun)[1] == "old: 2 labels known, 1 new: calm; 1 of the known not in the training text: sad"


def test_labels_of_a_model_that_had_none_change_nothing_at_first(tmp_path):
    old = trained_model()
    begun = labelled_job(tmp_path, old)
    assert begun.labels == ["calm", "happy"]
    new = as_trained(begun)
    before = old_logits(old, "the")
    for number in range(2):
        engine = new.generator.engine
        after = engine.read(old.generator.prompt_ids("the"), engine.start(1, number))[0]
        assert (after[: len(before)] == before).all()
    assert starts(begun)[1:] == ["old: 0 labels known, 2 new: calm, happy", "old: trained on running text, continues with documents"]


def test_a_model_with_labels_needs_labels(tmp_path):
    old = trained_model(labels=("sad", "happy"), **LABELLED)
    said = message(lambda: job(tmp_path, TrainedStart(old)))
    assert said == ("init_from old was trained with labels, and this corpus has none; give --label-column or --labels-from-files")


def test_whether_a_corpus_is_documents_is_its_own_affair(tmp_path):
    old = trained_model(documents="lines")
    begun = job(tmp_path, TrainedStart(old))
    assert not as_trained(begun).is_documents
    assert starts(begun)[1] == "old: trained on documents, continues with running text"
    begun = job(tmp_path, TrainedStart(trained_model()), documents="lines")
    assert begun.train_text.starts is not None
    assert starts(begun)[1] == "old: trained on running text, continues with documents"
    assert as_trained(begun).sample(length=5)


def test_dropout_and_training_are_the_new_runs_own_and_all_else_comes_from_the_old(tmp_path):
    old = trained_model(cell="lstm", layers=2, dropout=0.5)
    begun = job(tmp_path, TrainedStart(old), dropout=0.2, variational_dropout=True, learning_rate=0.5, hidden_size=99)
    stack = begun.settings.network.stack
    assert (stack.cell, stack.layers, stack.hidden_size, stack.dropout, stack.variational_dropout) == ("lstm", 2, 16, 0.2, True)
    assert begun.settings.optimizer.learning_rate == 0.5


def test_every_setting_of_a_tokenizer_that_does_not_grow_it_is_adopted():
    assert {one.name for one in own_settings(TokenizerSettings)} - set(MODEL_ADOPTED) == {"min_count", "vocabulary_size"}


# the command line

TINY = ["--steps", "20", "--window", "16", "--batch-size", "4", "--validations", "1", "--progress", "plain"]


@pytest.fixture(scope="module")
def old_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run on the old text."""
    folder = tmp_path_factory.mktemp("old")
    (folder / "old.txt").write_text(OLD * 4)
    result = charnn("train", "lm", folder / "old.txt", "--to", folder / "run", "--hidden-size", 16, "--dropout", 0.1, *TINY)
    assert result.exit_code == 0, result.output
    return folder / "run"


def test_a_run_goes_on_from_another_and_its_model_is_complete_in_itself(old_run, tmp_path):
    (tmp_path / "new.txt").write_text(NEW)
    result = charnn("train", "lm", tmp_path / "new.txt", "--init-from", old_run, "--to", tmp_path / "run", *TINY)
    assert result.exit_code == 0, result.output
    assert f"start       {old_run}: 31 tokens known, 8 new: " in result.stderr
    assert load(tmp_path / "run").sample("na\u00efve", length=5, seed=1)
    assert charnn("train", "lm", tmp_path / "new.txt", "--init-from", old_run, "--to", tmp_path / "twin", *TINY).exit_code == 0
    tensors, twins = (load_model(tmp_path / name).tensors for name in ("run", "twin"))
    assert all((tensors[name] == twins[name]).all() for name in tensors)


def test_a_run_can_go_on_in_its_own_folder(old_run, tmp_path):
    (tmp_path / "new.txt").write_text(NEW)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.safetensors").write_bytes((old_run / "model.safetensors").read_bytes())
    result = charnn("train", "lm", tmp_path / "new.txt", "--init-from", tmp_path / "run", "--to", tmp_path / "run", "--overwrite", *TINY)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("option", [["--hidden-size", "8"], ["--tokenizer", "word"], ["--tie-weights"], ["--lowercase"]])
def test_what_comes_from_the_run_cannot_be_given(option, old_run, tmp_path):
    result = charnn("train", "lm", "python-docs", "--init-from", old_run, "--to", tmp_path / "run", *option, *TINY)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {option[0]} comes from the language model of --init-from; leave it out.\n"
    assert not (tmp_path / "run").exists()


def test_a_growth_given_on_the_command_line_is_honoured(old_run, tmp_path):
    (tmp_path / "new.txt").write_text(NEW)
    result = charnn("train", "lm", tmp_path / "new.txt", "--init-from", old_run, "--to", tmp_path / "run", "--vocabulary-size", 33, *TINY)
    assert result.exit_code == 0, result.output
    assert "vocabulary  33 tokens (char)" in result.stderr
    result = charnn("train", "lm", tmp_path / "new.txt", "--init-from", old_run, "--to", tmp_path / "b", "--vocabulary-size", 30, *TINY)
    assert result.stderr == f"Error: --vocabulary-size must be at least 31: all tokens of {old_run} stay; got 30.\n"


def test_a_run_of_another_task_is_refused(tmp_path):
    trained(classifier_run(tmp_path, steps=2))
    (tmp_path / "new.txt").write_text(NEW)
    result = charnn("train", "lm", tmp_path / "new.txt", "--init-from", tmp_path / "run", "--to", tmp_path / "b", *TINY)
    assert result.exit_code == 4
    assert result.stderr == f"Error: {tmp_path / 'run'} is a classifier, and this needs a lm; name another model.\n"


def test_a_run_called_none_is_a_run_that_may_be_missing(tmp_path, monkeypatch):
    """`none` switches off what may be off; where a file is named it is the name of a file."""
    monkeypatch.chdir(tmp_path)
    result = charnn("train", "lm", "python-docs", "--init-from", "none", "--to", tmp_path / "b", *TINY)
    assert result.exit_code == 4
    assert result.stderr == (
        "Error: none holds no model; give a run folder or a model file, or make one: charnn train lm FILE --to none.\n"
    )


def test_weights_that_do_not_fit_their_settings_are_refused(old_run, tmp_path):
    saved = load_model(old_run)
    tensors = {name: array for name, array in saved.tensors.items() if name != "output.bias"}
    save_model(tmp_path / "model.safetensors", SavedModel(saved.task, saved.settings, saved.learned, tensors))
    (tmp_path / "new.txt").write_text(NEW)
    result = charnn("train", "lm", tmp_path / "new.txt", "--init-from", tmp_path / "model.safetensors", "--to", tmp_path / "b", *TINY)
    assert result.exit_code == 4
    assert "its weight output.bias is missing" in result.stderr
