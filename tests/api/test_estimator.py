"""Laws of the public classes of all tasks."""

import copy
import inspect
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import charnn
from charnn.tasks.registry import TASKS
from tests.api.small import VALUES, answer, trained, untrained

NAMES = list(VALUES)

every_class = pytest.mark.parametrize("name", NAMES)

FACE = {
    "CharnnError": None,
    "CheckpointError": None,
    "Classifier": "annotated below",
    "DataError": None,
    "DivergedError": None,
    "Forecaster": "annotated below",
    "LanguageModel": "annotated below",
    "SettingError": None,
    "StorageError": None,
    "Tagger": "annotated below",
    "Translator": "annotated below",
    "__version__": None,
    "load": "(model)",
}

PLACE = "valid, to, overwrite, resume, on_report, settings"
SHARED = {"get_params": "deep", "set_params": "settings", "inspect": "what, data, options", "save": "path"}
METHODS = {
    "LanguageModel": {
        "fit": f"data, text, texts, labels, {PLACE}",
        "sample": "prompt, length, seed, label, stop, clamp, rules",
        "samples": "prompt, count, stop, options",
        "predict": "prompt, top, label",
        "evaluate": "data, text, texts, labels, options",
        "score": "texts",
    },
    "Classifier": {
        "fit": f"texts, labels, {PLACE}",
        "predict": "texts, abstain_below",
        "predict_proba": "texts",
        "predict_log_proba": "texts",
        "score": "texts, labels",
        "evaluate": "data, labels, options",
        "explain": "text",
    },
    "Tagger": {
        "fit": f"sentences, tags, {PLACE}",
        "predict": "sentences",
        "annotate": "texts",
        "evaluate": "data, tags, options",
        "score": "sentences, tags",
    },
    "Translator": {
        "fit": f"sources, targets, {PLACE}",
        "predict": "texts, n_best, prefix, sample, seed, search",
        "evaluate": "data, targets, options",
        "score": "sources, targets",
    },
    "Forecaster": {
        "fit": f"series, {PLACE}",
        "predict": "steps, series, interval, seed",
        "stream": "series",
        "evaluate": "series, options",
        "score": "series",
    },
}
"""The public methods of each class, and the names of what they take."""


@pytest.fixture(scope="module")
def models():
    return {name: trained(name) for name in NAMES}


def test_the_face_is_what_is_listed():
    assert dir(charnn) == sorted(FACE)
    assert charnn.__all__ == sorted(FACE)
    for name in FACE:
        assert getattr(charnn, name) is not None


@every_class
def test_public_methods_and_their_arguments_are_pinned(name):
    kind = getattr(charnn, name)
    public = {one: value for one, value in inspect.getmembers(kind, inspect.isfunction) if not one.startswith("_")}
    found = {one: ", ".join(list(inspect.signature(value).parameters)[1:]) for one, value in public.items()}
    assert found == {**SHARED, **METHODS[name]}


@every_class
def test_the_constructor_takes_every_setting_of_the_task_with_its_default(name):
    kind = getattr(charnn, name)
    found = inspect.signature(kind).parameters
    assert {"minutes", "epochs", "steps", "cell", "layers", "hidden_size", "dropout", "seed", "device", "threads"} <= found.keys()
    assert kind().get_params() == {one.name: one.default for one in found.values()}
    assert kind(hidden_size=7).hidden_size == 7


@every_class
def test_a_model_of_every_task_has_its_public_class(name):
    assert name in {task.model for task in TASKS.values()}
    assert getattr(charnn, name).task in TASKS


@every_class
def test_the_constructor_does_nothing_and_checks_nothing_but_names(name):
    assert untrained(name, dropout=99, minutes="soon").dropout == 99
    with pytest.raises(TypeError, match=f"^{name} has no setting 'hiden_size'; did you mean 'hidden_size'\\?$"):
        untrained(name, hiden_size=3)


@every_class
def test_set_params_names_the_nearest_and_leaves_the_rest(name):
    model = untrained(name)
    assert model.set_params(hidden_size=12) is model
    assert model.get_params()["hidden_size"] == 12
    with pytest.raises(ValueError, match=f"^{name} has no setting 'layer'; did you mean 'layers'\\?$"):
        model.set_params(layer=2)


@every_class
def test_a_clone_has_the_settings_and_is_not_trained(name, models):
    copied = clone(models[name])
    assert copied.get_params() == models[name].get_params()
    assert not hasattr(copied, "model_")


@every_class
def test_what_is_asked_before_fit_is_refused_as_scikit_learn_does(name):
    with pytest.raises(NotFittedError, match=f"^this {name} is not trained yet; call fit\\(\\) first, or charnn.load\\(\\)$"):
        answer(untrained(name))


@every_class
def test_fit_twice_gives_the_same_and_writes_nothing_here(name, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(5)
    threads, expected = torch.get_num_threads(), torch.rand(3)
    torch.manual_seed(5)
    assert answer(trained(name)) == answer(models[name])
    assert torch.equal(torch.rand(3), expected), "the random numbers of the program go on as they would have"
    assert torch.get_num_threads() == threads
    assert not list(tmp_path.iterdir())


@every_class
def test_a_saved_model_is_loaded_as_the_same_class_with_its_settings(name, models, tmp_path):
    models[name].save(tmp_path / "m.safetensors")
    loaded = charnn.load(tmp_path / "m.safetensors")
    assert type(loaded) is getattr(charnn, name)
    assert answer(loaded) == answer(models[name])
    assert loaded.hidden_size == 8
    assert repr(loaded).startswith(f"{name}(gru ")
    assert loaded.results_ == models[name].results_


@every_class
def test_a_pickle_and_a_copy_answer_alike(name, models):
    for again in (pickle.loads(pickle.dumps(models[name])), copy.deepcopy(models[name])):
        assert answer(again) == answer(models[name])
        assert again.get_params() == models[name].get_params()
        assert again.history_ == models[name].history_


@every_class
def test_a_model_shows_itself(name, models):
    assert repr(untrained(name)).startswith(f"{name}(")
    assert "hidden_size=8" in repr(untrained(name))
    shown = repr(models[name])
    assert shown.startswith(f"{name}(gru ")
    assert shown.count(",") == 2
    html = models[name]._repr_html_()
    assert html.startswith("<table>")
    assert "<td>gru" in html


@every_class
def test_a_run_folder_is_written_where_one_is_named_and_every_report_reaches_the_caller(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    reports, (positional, named) = [], VALUES[name]
    model = untrained(name).fit(*positional, **named, to=tmp_path / "run", on_report=reports.append)
    assert [one.step for one in reports if one.valid_loss is not None] == [one["step"] for one in model.history_] == [3, 6]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert {"model.safetensors", "metrics.jsonl", "README.md"} <= {path.name for path in (tmp_path / "run").iterdir()}
    assert answer(charnn.load(tmp_path / "run")) == answer(model)
    with pytest.raises(charnn.SettingError, match="already holds a model; name another folder"):
        untrained(name).fit(*positional, **named, to=tmp_path / "run")


@every_class
def test_a_failed_fit_leaves_the_model_as_it_was(name, models):
    before = answer(models[name])
    positional, named = VALUES[name]
    with pytest.raises(charnn.SettingError):
        models[name].fit(*positional, **named, dropout=99)
    assert answer(models[name]) == before


def test_trainings_in_threads_do_not_disturb_each_other():
    expected = [answer(trained("LanguageModel", seed=seed, dropout=0.3)) for seed in (1, 2)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda seed: answer(trained("LanguageModel", seed=seed, dropout=0.3)), (1, 2)))
    assert found == expected


@every_class
def test_a_model_answers_from_several_threads(name, models):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(answer, [models[name]] * 4))
    assert found == [answer(models[name])] * 4


def in_child(name: str) -> object:
    return answer(KEPT[name])


KEPT: dict[str, object] = {}
"""Models that a forked process inherits."""


def test_a_forked_process_answers_after_a_prediction_here(models):
    """A pool of threads that its parent had, and that of OpenMP, made a forked process wait for ever."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        expected = {name: answer(models[name]) for name in NAMES}
        KEPT.update(models)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            found = pool.map_async(in_child, NAMES).get(timeout=60)
        assert found == [expected[name] for name in NAMES]
    finally:
        torch.set_num_threads(threads)


def test_sampling_loads_no_torch(models, tmp_path):
    models["LanguageModel"].save(tmp_path / "m.safetensors")
    code = "import charnn, sys; charnn.load(sys.argv[1]).sample('the', length=5); print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.safetensors")], check=True, capture_output=True, text=True)
    assert found.stdout == "False\n"


def test_what_fit_gets_wins_over_the_constructor():
    model = trained("Classifier", steps=2)
    assert [one["step"] for one in model.history_] == [1, 2]
    again = untrained("Classifier").fit(*VALUES["Classifier"][0], steps=4)
    assert [one["step"] for one in again.history_] == [2, 4]
    assert again.steps == 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dropout": 99.0}, "dropout must be at least 0 and at most 0.9, got 99.0"),
        ({"minutes": 1}, "steps cannot be combined with minutes; give one of minutes, epochs, steps"),
        ({"encoding": "cp1252"}, "encoding has no effect on values in memory; leave it out"),
        ({"overwrite": True}, "overwrite has no effect without a folder; give one by to="),
        ({"resume": True}, "resume has no effect without a folder; give one by to="),
    ],
)
def test_a_setting_that_cannot_be_is_one_sentence(change, said):
    with pytest.raises(charnn.SettingError) as caught:
        untrained("Classifier").fit(*VALUES["Classifier"][0], **change)
    assert str(caught.value) == said


def test_an_unknown_argument_of_fit_names_the_nearest():
    with pytest.raises(TypeError, match=r"^fit\(\) has no argument 'epoch'; did you mean 'epochs'\?$"):
        untrained("Tagger").fit(*VALUES["Tagger"][0], epoch=3)


def test_a_flag_in_a_message_is_a_keyword_in_python():
    with pytest.raises(charnn.DataError) as caught:
        untrained("Forecaster").fit([1.0, 2.0, float("nan")] * 30)
    assert str(caught.value) == "series[2]: the value of value is missing; fill it in, or say missing interpolate"


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(charnn.CheckpointError, match="holds no model; give a run folder or a model file"):
        charnn.load(tmp_path)


def test_a_model_is_not_saved_over_a_folder(models, tmp_path):
    with pytest.raises(charnn.SettingError, match="is a folder; name a file, such as"):
        models["Tagger"].save(tmp_path)


def test_an_unknown_view_names_those_there_are(models):
    with pytest.raises(charnn.SettingError) as caught:
        models["LanguageModel"].inspect("gate", "the cat")
    assert str(caught.value) == "what must be errors or states or gates or neurons or gradients, got 'gate'"


def test_a_file_trains_as_its_values_do(tmp_path):
    rows = "".join(f"{text}\t{label}\n" for text, label in zip(*VALUES["Classifier"][0], strict=True))
    (tmp_path / "r.tsv").write_text("text\tlabel\n" + rows)
    assert answer(untrained("Classifier").fit(tmp_path / "r.tsv")) == answer(trained("Classifier"))
    (tmp_path / "s.txt").write_text("".join(f"{value!r}\n" for value in VALUES["Forecaster"][0][0].tolist()))
    assert answer(untrained("Forecaster").fit(str(tmp_path / "s.txt"))) == answer(trained("Forecaster"))
    (tmp_path / "t.txt").write_text(VALUES["LanguageModel"][1]["text"])
    assert answer(untrained("LanguageModel").fit(tmp_path / "t.txt")) == answer(trained("LanguageModel"))
