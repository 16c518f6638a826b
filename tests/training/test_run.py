import json
from pathlib import Path

import pytest

from charnn.checkpoint.model import CARD_FILE, METRICS_FILE, MODEL_FILE, load_model
from charnn.errors import DataError, SettingError
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.load import load
from charnn.training.folder import TRAINING_FILE, check_free
from charnn.training.model import Place, Score, Sources
from charnn.training.run import Run
from charnn.training.settings import BudgetSettings
from tests.models import TEXT, small_settings
from tests.tools import message

STEPS = 10


@pytest.fixture(autouse=True)
def _quick_probe(monkeypatch):
    """Nothing here hangs on a careful measurement."""
    monkeypatch.setattr("charnn.training.run.PROBE_SECONDS", 0.01)
    monkeypatch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)


@pytest.fixture
def corpus(tmp_path):
    """A file of running text."""
    path = tmp_path / "foxes.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def names(tmp_path):
    """A table of names with labels."""
    path = tmp_path / "names.csv"
    path.write_text("name,country\n" + "anna,x\notto,y\n" * 20, encoding="utf-8")
    return path


def run_of(corpus, folder, budget=None, *, valid=None, valid_fraction=None, overwrite=False, **changes):
    own = () if valid is None else (valid,)
    place = Place(folder, device="cpu", threads=1, overwrite=overwrite)
    check_free(place.folder, overwrite=place.overwrite, resume=place.resume)
    model = LanguageModel.prepare(Sources([corpus], own, valid_fraction), small_settings(**changes))
    return Run(place, model, budget or BudgetSettings(steps=STEPS))


def trained(*args, **options):
    """A finished run and its results."""
    run = run_of(*args, **options)
    list(run.train())
    return run, run.finish()


def metrics_lines(folder):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in (folder / METRICS_FILE).read_text().splitlines()]


def test_a_run_folder_holds_the_model_its_metrics_and_its_card(corpus, tmp_path):
    trained(corpus, tmp_path / "runs" / "foxes")
    assert {path.name for path in (tmp_path / "runs" / "foxes").iterdir()} == {MODEL_FILE, METRICS_FILE, CARD_FILE, TRAINING_FILE}
    assert {path.name for path in tmp_path.iterdir()} == {"foxes.txt", "runs"}


def test_every_validation_is_a_line_of_json(corpus, tmp_path):
    trained(corpus, tmp_path / "run", validations=5)
    lines = metrics_lines(tmp_path / "run")
    assert [line["step"] for line in lines] == [2, 4, 6, 8, 10]
    assert {"epoch", "seconds", "predictions", "learning_rate", "train_loss", "valid_loss", "is_best", "time"} <= lines[0].keys()
    best = [line for line in lines if line["is_best"]][-1]
    saved = load_model(tmp_path / "run").metrics
    assert (saved["step"], saved["valid_loss"]) == (best["step"], best["valid_loss"])


def test_a_loss_that_is_no_number_is_logged_as_none(corpus, tmp_path, monkeypatch):
    """It was logged as NaN, which is no JSON."""
    run, losses = run_of(corpus, tmp_path / "run"), iter([float("nan"), 2.0])
    monkeypatch.setattr(run.model, "validate", lambda: Score(next(losses)))
    list(run.train())
    assert [line["valid_loss"] for line in metrics_lines(tmp_path / "run")] == [None, 2.0]


def test_the_card_has_the_numbers_with_their_protocol(corpus, tmp_path):
    run, results = trained(corpus, tmp_path / "run")
    card = (tmp_path / "run" / CARD_FILE).read_text()
    assert list(results) == ["streamed", "windows"]
    for result in results.values():
        assert f"| {result['protocol']} | {result['nats_per_token']:.4f} |" in card
    assert f"charnn sample {tmp_path / 'run'}\n" in card
    assert f"- corpus: foxes: {run.model.train_text.counts.characters:,} characters" in card
    assert f"- validation: the end of the corpus: {run.model.valid_text.counts.characters:,} characters" in card
    assert "- hidden_size: 16" in card


def test_the_results_are_what_evaluating_the_model_file_gives(corpus, tmp_path):
    _, results = trained(corpus, tmp_path / "run")
    assert load_model(tmp_path / "run").metrics["valid"] == results
    for protocol, result in results.items():
        found = load(tmp_path / "run").evaluate([corpus], protocol=protocol, tail=0.1)
        assert found == result


def test_the_best_model_is_kept_not_the_last(corpus, tmp_path, monkeypatch):
    run, losses, seen = run_of(corpus, tmp_path / "run", validations=3), iter([2.0, 1.0, 3.0]), []
    monkeypatch.setattr(run.model, "validate", lambda: Score(next(losses)))
    for report in run.train():
        if report.valid_loss is not None:
            seen.append(run.saved_model().tensors)
    kept = load_model(tmp_path / "run").tensors
    same = [all((kept[name] == tensors[name]).all() for name in kept) for tensors in seen]
    assert same == [False, True, False]


def test_with_averaging_the_average_is_kept(corpus, tmp_path):
    run = run_of(corpus, tmp_path / "run", ema=0.9, validations=1)
    list(run.train())
    weights = [name for name, _ in run.model.network.named_parameters()]
    saved = load_model(tmp_path / "run").tensors
    for name, average, last in zip(weights, run.trainer.averages, run.trainer.parameters, strict=True):
        assert (saved[name] == average.numpy()).all()
        assert (saved[name] != last.detach().numpy()).any()


def test_runs_of_one_seed_write_the_same_model(corpus, tmp_path):
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        trained(corpus, tmp_path / name, seed=seed, dropout=0.2)
    one, same, other = ((tmp_path / name / MODEL_FILE).read_bytes() for name in ("one", "same", "other"))
    assert one == same != other


def test_a_run_that_is_broken_off_leaves_its_best_model(corpus, tmp_path):
    reports = run_of(corpus, tmp_path / "run", validations=5).train()
    first = next(report for report in reports if report.is_best)
    reports.close()
    assert load_model(tmp_path / "run").metrics["step"] == first.step


def test_an_existing_model_is_not_overwritten_unless_asked(corpus, tmp_path):
    trained(corpus, tmp_path / "run")
    before = (tmp_path / "run" / MODEL_FILE).read_bytes()
    sentence = message(SettingError, lambda: run_of(corpus, tmp_path / "run"))
    assert sentence == f"to {tmp_path / 'run'} already holds a model; name another folder, or give --overwrite"
    assert (tmp_path / "run" / MODEL_FILE).read_bytes() == before
    trained(corpus, tmp_path / "run", overwrite=True, seed=7, validations=1)
    assert len(metrics_lines(tmp_path / "run")) == 1
    assert (tmp_path / "run" / MODEL_FILE).read_bytes() != before


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_a_readme_of_its_own_is_no_place_for_a_run(corpus, tmp_path, overwrite):
    """With `--to .` the README of somebody's project became a model card."""
    (tmp_path / "README.md").write_text("# My project\n")
    sentence = message(SettingError, lambda: run_of(corpus, tmp_path, overwrite=overwrite))
    assert sentence == f"to {tmp_path} holds a README.md that is no model card; name another folder"


def test_a_file_is_no_place_for_a_run(corpus, tmp_path):
    assert message(SettingError, lambda: run_of(corpus, corpus)) == f"to {corpus} is a file; name a folder"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a", "short contains too little text to train on; give more"),
        ("abc", "the training text has 3 tokens, one window needs 17; give more text or a smaller --window"),
        ("short\n", "the training text has 6 tokens, one window needs 17; give more text or a smaller --window"),
        ("", "{path}: holds no text; give a file that does"),
    ],
)
def test_a_corpus_that_is_too_short_is_refused_and_leaves_nothing(tmp_path, text, sentence):
    path = tmp_path / "short.txt"
    path.write_text(text)
    assert message(DataError, lambda: run_of(path, tmp_path / "run")) == sentence.format(path=path)
    assert list(tmp_path.iterdir()) == [path]


def test_one_document_cannot_be_split(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text("one\n")
    sentence = message(DataError, lambda: run_of(path, tmp_path / "run", documents="lines"))
    assert sentence == "one contains too little text to train on; give more"
    assert list(tmp_path.iterdir()) == [path]


def test_a_share_that_holds_out_nothing_is_refused(corpus, tmp_path):
    sentence = message(DataError, lambda: run_of(corpus, tmp_path / "run", valid_fraction=1e-20))
    assert sentence == "foxes leaves no text for validation; give more text, a larger --valid-fraction or --valid FILE"


def test_a_plan_says_what_the_run_will_do(corpus, tmp_path):
    run = run_of(corpus, tmp_path / "run", BudgetSettings(epochs=3))
    plan, train, valid = run.plan, run.model.train_text, run.model.valid_text
    facts = dict(plan.facts)
    assert (plan.device, plan.threads, plan.rate_unit, plan.loss_unit) == ("cpu", 1, "characters", "nats/token")
    assert facts["network"] == "gru, 1 x 16 units"
    assert facts["vocabulary"] == f"{len(set(TEXT)) + 3} tokens (char)"
    assert train.counts.characters + valid.counts.characters == len(TEXT)
    assert plan.epochs == 3
    assert plan.steps == 3 * -(-len(train.ids) // 64)
    assert plan.per_second > 0


def test_a_budget_in_minutes_becomes_steps(corpus, tmp_path):
    plan = run_of(corpus, tmp_path / "run", BudgetSettings(minutes=0.5)).plan
    assert plan.expected_seconds == pytest.approx(30, rel=0.1)


def test_validation_may_have_a_file_of_its_own(corpus, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text(TEXT[:500])
    run, _ = trained(corpus, tmp_path / "run", valid=other)
    assert run.model.train_text.counts.characters == len(TEXT)
    assert run.model.valid_text.counts.characters == 500
    assert "- validation: from other.txt: 500 characters" in (tmp_path / "run" / CARD_FILE).read_text()


def test_documents_with_labels_are_trained_evaluated_and_described(names, tmp_path):
    run, results = trained(names, tmp_path / "run", text_column="name", label_column="country")
    assert list(results) == ["documents"]
    assert results["documents"]["symbols"] == run.model.valid_text.counts.characters
    assert load(tmp_path / "run").labels == ["x", "y"]
    card = (tmp_path / "run" / CARD_FILE).read_text()
    assert "- labels: x, y\n" in card
    assert "--label 'x'\n" in card
    assert f"- validation: documents drawn by seed 1: {run.model.valid_text.counts.characters:,} characters" in card


def test_a_label_that_only_the_validation_has_is_refused(names, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("name,country\nzoe,z\n")
    options = {"text_column": "name", "label_column": "country"}
    sentence = message(DataError, lambda: run_of(names, tmp_path / "run", valid=other, **options))
    assert sentence == f"{other}:2: the label 'z' does not exist in this model; it has x, y"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("tokenizer", ["byte", "word", "subword"])
def test_every_kind_of_token_can_be_trained_on(corpus, tmp_path, tokenizer):
    _, results = trained(corpus, tmp_path / "run", tokenizer=tokenizer)
    assert results["streamed"]["bits_per_byte"] > 0
    assert load(tmp_path / "run").tokenizer.name == tokenizer


def test_the_same_text_has_the_same_bytes_whatever_the_tokens(corpus, tmp_path):
    counts = []
    for tokenizer in ("char", "byte", "word", "subword"):
        run = run_of(corpus, tmp_path / "run", tokenizer=tokenizer)
        counts.append((run.model.valid_text.counts.characters, run.model.valid_text.counts.bytes))
    assert len(set(counts)) == 1


def test_a_run_has_a_path_whatever_the_working_folder(corpus, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained(Path("foxes.txt"), Path("runs/foxes"))
    assert load(tmp_path / "runs" / "foxes").settings.network.stack.hidden_size == 16
