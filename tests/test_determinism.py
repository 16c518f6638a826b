"""Equal in, equal out: whatever stands beside a text, wherever a corpus comes from, however often a seed is used."""

import json
import os
import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from charnn.baselines.linear import fit_baseline
from charnn.batches.texts import Speller
from charnn.cells import CELLS as REGISTERED
from charnn.checkpoint.model import SavedModel, load_model, save_model
from charnn.data.series import Series
from charnn.decoding.settings import SamplingSettings
from charnn.metrics.classification import Blending
from charnn.tasks.classifier.model import Classifier
from charnn.tasks.forecaster.data import History
from charnn.tasks.forecaster.model import Forecaster
from charnn.tasks.forecaster.scaling import Scaling
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.registry import TASKS
from charnn.tasks.tagger.check import Tags
from charnn.tasks.tagger.model import Tagger
from charnn.tasks.translator.interpreter import Decoding
from charnn.tasks.translator.languages import Languages
from charnn.tasks.translator.model import Translator
from charnn.tasks.translator.settings import SearchSettings
from charnn.tokenizers.registry import TokenizerSettings, fit_tokenizer
from charnn.tokenizers.vocabulary import Vocabulary
from tests.models import small_settings
from tests.networks import CELLS
from tests.runs import PAIRS, SENTENCES, SERIES, TABLE, classifier_settings, forecaster_settings, tagger_settings, translator_settings
from tests.tools import charnn

pytestmark = pytest.mark.usefixtures("quick_probe")

WORDS = [f"{a}{b}{c}" for a in "klmn" for b in "aeiou" for c in "prst"]
LENGTHS = [1, 40, 2, 700, 3, 0, 17, 5, 513, 33, 1, 64, 8, 90, 4, 16, 257, 15, 7, 31]

every_cell = pytest.mark.parametrize("cell", CELLS)


def cell_of(name: str) -> dict[str, str]:
    """The settings that name a cell."""
    return {"cell": CELLS[name].cell, "activation": CELLS[name].activation}


def rows(longest: int, count: int = 61) -> list[str]:
    """Texts of very different lengths, up to the longest, one of them empty; some of their words no vocabulary knows."""
    draw = random.Random(3)
    lengths = [min(length, longest) for length in LENGTHS] + [draw.randrange(1, 50) for _ in range(count - len(LENGTHS))]
    return [" ".join(draw.choices([*WORDS, "unheard"], k=length)) for length in lengths]


def shaken(model):
    """The model with weights of about the size that training leaves; recurrent ones stay orthogonal, or a relu would overflow."""
    with torch.no_grad():
        for name, weight in model.network.named_parameters():
            if not name.endswith("hidden_to_gates"):
                weight.add_(0.2 * torch.randn_like(weight))
    return model


def saved(model) -> SavedModel:
    """What its file would hold."""
    return SavedModel(model.task, model.settings.plain(), model.learned(), model.tensors())


@cache
def tokenizer(name: str = "word"):
    """One that knows the words."""
    return fit_tokenizer(lambda: [" ".join(WORDS) + "\n"], TokenizerSettings(name))


def language_model(**changes: object) -> LanguageModel:
    return shaken(LanguageModel(small_settings(**changes), tokenizer("char"), []))


def classifier(**changes: object) -> Classifier:
    settings = classifier_settings(**changes)
    speller = Speller.fit(WORDS) if settings.network.encoder.word_characters else None
    return shaken(Classifier(settings, tokenizer(settings.tokens.tokenizer), ["a", "b", "c"], speller))


def tagger(tags: list[str] | None = None, **changes: object) -> Tagger:
    kinds = ["B-x", "I-x", "O", "B-y", "I-y"] if tags is None else tags
    known = Tags.of([kinds], "BIO" if tags is None else "none")
    return shaken(Tagger(tagger_settings(**changes), Vocabulary(WORDS[:50]), Speller.fit(WORDS), known))


def translator(**changes: object) -> Translator:
    settings = translator_settings(**{"min_count": 1, **changes})
    return shaken(Translator(settings, Languages(*[tokenizer(settings.tokens.tokenizer)] * 2)))


def forecaster(**changes: object) -> Forecaster:
    settings = forecaster_settings(**changes)
    values = np.cumsum(np.random.default_rng(1).normal(size=(200, 1)), 0)
    series = Series(("sold",), 1, values, tuple(map(str, range(200))))
    return shaken(Forecaster(settings, History(series, 7, (1.0,)), Scaling.fit(series, settings.scaling, settings.network.horizon)))


# what stands beside a text


def is_alone_what_it_is_among_others(predict, texts: list[str]) -> None:
    """All digits, not only those that are printed."""
    together = predict(texts)
    assert [predict([text])[0] for text in texts] == together
    assert predict(texts[::-1]) == together[::-1]


NETWORKS = {
    "narrow": {},
    "deep": {"layers": 2, "layer_norm": True, "residual": True, "initial_state": "learned", "hidden_size": 37},
    "forwards": {"bidirectional": False, "hidden_size": 64},
}


@every_cell
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention", "concat"])
@pytest.mark.parametrize("network", NETWORKS)
def test_a_text_is_classified_as_it_is_alone(cell, pooling, network):
    model = classifier(pooling=pooling, window=300, **cell_of(cell), **NETWORKS[network])
    is_alone_what_it_is_among_others(Classifier.restore(saved(model)).predict, rows(700))


def test_a_text_whose_characters_are_read_is_classified_as_it_is_alone():
    is_alone_what_it_is_among_others(Classifier.restore(saved(classifier(word_characters=True))).predict, rows(700))


def test_a_blend_with_a_linear_model_is_what_it_is_alone():
    model, texts = classifier(), rows(700)
    labels = [number % 3 for number in range(len(texts))]
    model.baseline, model.blending = fit_baseline(texts, labels, texts, labels, 3, seed=1), Blending(1.3, 0.8, 0.35, 1.1)
    is_alone_what_it_is_among_others(Classifier.restore(saved(model)).predict, texts)


@every_cell
@pytest.mark.parametrize("output", ["crf", "softmax"])
@pytest.mark.parametrize("tags", [None, list("defg")], ids=["spans", "tags"])
def test_a_sentence_is_tagged_as_it_is_alone(cell, output, tags):
    model = tagger(tags, output=output, **cell_of(cell))
    is_alone_what_it_is_among_others(Tagger.restore(saved(model)).predict, rows(90))


TRANSLATORS = {
    "general": {"attention": "general"},
    "additive": {"attention": "additive", "input_feeding": True, "bridge": "learned"},
    "dot": {"attention": "dot", "bridge": "zero", "bidirectional": False, "layer_norm": True, "layers": 2},
    "none": {"attention": "none", "residual": True, "layers": 2},
    "char": {"tokenizer": "char", "hidden_size": 40, "embedding_size": 24},
}
DECODINGS = {
    "beam": Decoding(SearchSettings(max_length=0.5), count=2),
    "greedy with a prefix": Decoding(SearchSettings(1, 0.0, 0.5), prefix="kap ker"),
    "drawn": Decoding(SearchSettings(max_length=0.5), sampling=SamplingSettings(), seed=3),
}


@every_cell
@pytest.mark.parametrize("network", TRANSLATORS)
def test_a_text_is_translated_as_it_is_alone(cell, network):
    model = Translator.restore(saved(translator(**cell_of(cell), **TRANSLATORS[network])))
    is_alone_what_it_is_among_others(lambda texts: model.predict(texts, DECODINGS["beam"]), rows(20, count=25))


@pytest.mark.parametrize("decoding", DECODINGS)
def test_however_it_is_searched_a_text_is_translated_as_it_is_alone(decoding):
    model = Translator.restore(saved(translator()))
    is_alone_what_it_is_among_others(lambda texts: model.predict(texts, DECODINGS[decoding], aligns=True), rows(20, count=40))


def test_two_cores_change_no_bit_of_a_prediction():
    model, texts, before = Classifier.restore(saved(classifier(pooling="attention"))), rows(700), torch.get_num_threads()
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(model.predict(texts))
    torch.set_num_threads(before)
    assert found[0] == found[1]


@every_cell
@pytest.mark.parametrize("option", [{}, {"layers": 2, "layer_norm": True, "tie_weights": True}], ids=["plain", "deep"])
def test_a_sample_is_the_same_whatever_is_written_beside_it(cell, option):
    """Stop texts let some end early, so that the others change their places in the batch."""
    trained = LanguageModel.restore(saved(language_model(**cell_of(cell), **option)))
    texts = trained.samples("ka", count=61, length=80, seed=5, stop=["p"], temperature=0.9)
    assert len({len(text) for text in texts}) > 10
    for count in (1, 2, 7, 33, 60):
        assert trained.samples("ka", count=count, length=80, seed=5, stop=["p"], temperature=0.9) == texts[:count]


# what `predict` prints


@pytest.mark.parametrize("task", ["classifier", "tagger", "translator"])
def test_a_line_is_printed_alike_alone_and_among_others(task, tmp_path):
    make, longest = {"classifier": (classifier, 700), "tagger": (tagger, 90), "translator": (translator, 20)}[task]
    save_model(tmp_path / "model.safetensors", saved(make()))
    texts = [text for text in rows(longest) if text]
    (tmp_path / "rows.txt").write_text("\n".join(texts) + "\n")
    for style in ("text", "jsonl"):
        printed = charnn("predict", tmp_path, tmp_path / "rows.txt", "--format", style).stdout.split("\n")
        for number in (0, 2, 3, 20, 40):
            assert charnn("predict", tmp_path, "-", "--format", style, text=texts[number] + "\n").stdout == printed[number] + "\n"


# a seed


TINY = ["--steps", "12", "--validations", "2", "--dropout", "0.2", "--hidden-size", "16", "--batch-size", "8"]
VERSE = "The sea is wide, the sea is blue,\nthe sea has room for me and you.\n" * 20

RUNS = {
    **{f"lm, {cell}": ["lm", "verse.txt", "--cell", cell, "--window", "16"] for cell in REGISTERED},
    "classifier": ["classifier", "table.tsv", "--word-dropout", "0.1"],
    "tagger": ["tagger", "sentences.conll"],
    "translator": ["translator", "pairs.tsv", "--embedding-size", "16", "--word-dropout", "0.1", "--scheduled-sampling", "constant"],
    "forecaster": ["forecaster", "series.csv", "--target", "sold", "--inputs", "rain", "--horizon", "2", "--objective", "quantile"],
}


@pytest.fixture
def desk(tmp_path, monkeypatch) -> Path:
    """A folder with a little data of every task, in which commands run."""
    labelled = "".join(f"__label__{line}\n" for line in TABLE.replace("\t", " ").split("\n")[1:-1])
    texts = {"verse.txt": VERSE, "table.tsv": TABLE, "labelled.txt": labelled, "sentences.conll": SENTENCES, "pairs.tsv": PAIRS}
    texts["series.csv"] = SERIES
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def without_time(values: dict) -> dict:
    return {name: value for name, value in values.items() if name not in ("minutes", "seconds", "time")}


def trained(folder: Path) -> tuple:
    """All that a run leaves but for what tells the time."""
    model = load_model(folder)
    tensors = {name: (array.dtype, array.shape, array.tobytes()) for name, array in model.tensors.items()}
    reports = [without_time(json.loads(line)) for line in (folder / "metrics.jsonl").read_text().split("\n")[:-1]]
    return model.task, model.settings, model.learned, tensors, without_time(model.metrics), reports


@pytest.mark.parametrize("run", RUNS)
def test_one_seed_trains_one_model_whether_it_is_watched_or_not(run, desk):
    for folder, shown in (("watched", ["--progress", "plain"]), ("quiet", ["--quiet"])):
        result = charnn("train", *RUNS[run], *TINY, "--to", folder, *shown)
        assert result.exit_code == 0, result.output
    assert trained(desk / "watched") == trained(desk / "quiet")


def test_how_often_a_run_shows_placeholders_of_life_changes_no_number(desk, monkeypatch):
    """The clock once decided in how many parts the training loss was summed up, and so its last digits."""
    for folder, tick in (("often", 0.0), ("never", 1e9)):
        monkeypatch.setattr("charnn.training.trainer.TICK", tick)
        assert charnn("train", *RUNS["lm, gru"], *TINY, "--steps", 40, "--quiet", "--to", folder).exit_code == 0
    assert trained(desk / "often") == trained(desk / "never")


def test_another_process_trains_the_same_models(desk):
    """With another order of Python's sets and dictionaries of strings."""
    runs, short = ["lm, gru", "classifier", "tagger", "translator", "forecaster"], [*TINY, "--steps", "4", "--validations", "1", "--quiet"]
    commands = [["train", *RUNS[run], *short, "--to", run] for run in runs]
    program = f"from charnn.cli.main import main\nfor command in {commands}: main(command, standalone_mode=False)"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for run in runs:
        assert charnn("train", *RUNS[run], *short, "--to", f"{run} here").exit_code == 0
        assert trained(desk / run) == trained(desk / f"{run} here"), run


def test_another_seed_trains_another_model(desk):
    for folder, seed in (("one", 1), ("two", 2)):
        assert charnn("train", *RUNS["lm, gru"], *TINY, "--quiet", "--to", folder, "--seed", seed).exit_code == 0
    assert trained(desk / "one")[3] != trained(desk / "two")[3]


PIPED = {
    "lm, gru": "verse.txt",
    "classifier": "labelled.txt",
    "tagger": "sentences.conll",
    "translator": "pairs.tsv",
    "forecaster": "series.csv",
}


@pytest.mark.parametrize("run", PIPED)
def test_standard_input_trains_as_a_file_does(run, desk):
    (task, _, *own), name = RUNS[run], PIPED[run]
    for source in (name, "-"):
        result = charnn("train", task, source, "--to", Path(source).stem, *own, *TINY, "--quiet", text=(desk / name).read_bytes())
        assert result.exit_code == 0, result.output
    assert trained(desk / Path(name).stem) == trained(desk / "-")


OPENED = {
    "lm": lambda: (language_model(), lambda model: LanguageModel.restore(model).network),
    "classifier": lambda: (classifier(), Classifier.restore),
    "tagger": lambda: (tagger(), Tagger.restore),
    "translator": lambda: (translator(), Translator.restore),
    "forecaster": lambda: (forecaster(), Forecaster.restore),
}


def test_every_task_is_opened():
    assert OPENED.keys() == TASKS.keys()


@pytest.mark.parametrize("task", OPENED)
def test_opening_a_model_leaves_torchs_random_numbers_alone(task):
    """The translations shown while training once set the seed anew, and a run that was watched came out unlike a quiet one."""
    model, opened = OPENED[task]()
    kept = saved(model)
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    opened(kept)
    assert torch.equal(torch.rand(3), expected)
