"""The command line as a user has it: whole outputs, exit codes, nothing left behind by what fails."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from charnn.checkpoint.model import load_model, save_model
from charnn.cli.main import main
from tests.tools import charnn

TINY = ["--steps", "30", "--hidden-size", "16", "--window", "16", "--batch-size", "4", "--validations", "2", "--progress", "plain"]
VERSE = "The sea is wide, the sea is blue,\nthe sea has room for me and you.\n"


@pytest.fixture(scope="module")
def verse_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a little verse."""
    folder = tmp_path_factory.mktemp("verse")
    (folder / "verse.txt").write_text(VERSE * 30)
    result = charnn("train", "lm", folder / "verse.txt", "--to", folder / "run", *TINY)
    assert result.exit_code == 0, result.output
    return folder / "run"


@pytest.fixture(scope="module")
def names_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on names with two labels."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "lists").mkdir()
    (folder / "lists" / "short.txt").write_text("ann\nbob\neve\nian\n" * 10)
    (folder / "lists" / "long.txt").write_text("theodora\nmaximilian\nbartholomew\n" * 10)
    result = charnn("train", "lm", folder / "lists", "--labels-from-files", "--to", folder / "run", *TINY)
    assert result.exit_code == 0, result.output
    return folder / "run"


# train


def test_training_says_what_it_will_do_and_what_came_out(verse_run: Path, tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(VERSE * 30)
    result = charnn("train", "lm", tmp_path / "verse.txt", "--to", tmp_path / "run", *TINY)
    assert result.exit_code == 0
    assert result.stdout == ""
    for fact in (
        "corpus      verse: 1,809 characters, 1,810 tokens",
        "validation  the end of the corpus: 201 characters, 202 tokens",
        "vocabulary  25 tokens (char)",
        "network     gru, 1 x 16 units",
        "training    30 updates",
        "| protocol | nats per token |",
        "| streamed |",
        "| windows of 64, cold |",
        f"Wrote {tmp_path / 'run'}. Use it: charnn sample {tmp_path / 'run'}\n",
    ):
        assert fact in result.stderr
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "README.md",
        "metrics.jsonl",
        "model.safetensors",
        "training.safetensors",
    ]


def test_quiet_training_says_only_where_the_model_is(tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(VERSE * 30)
    result = charnn("train", "lm", tmp_path / "verse.txt", "--to", tmp_path / "run", *TINY[:-2], "--quiet")
    assert result.output == f"Wrote {tmp_path / 'run'}. Use it: charnn sample {tmp_path / 'run'}\n"


def test_json_progress_is_one_object_a_line(tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(VERSE * 30)
    result = charnn("train", "lm", tmp_path / "verse.txt", "--to", tmp_path / "run", *TINY[:-1], "json")
    rows = [json.loads(line) for line in result.stderr.split("\n") if line.startswith("{")]
    assert [row["step"] for row in rows if "step" in row] == [15, 30]
    assert sum("sample" in row for row in rows) == 2


NETWORKS = [
    ["--cell", "rnn", "--activation", "relu", "--clip-value", "1", "--optimizer", "sgd"],
    ["--cell", "lstm", "--layers", "2", "--dropout", "0.2", "--variational-dropout", "--residual", "--optimizer", "rmsprop"],
    ["--cell", "gru", "--layer-norm", "--tie-weights", "--initial-state", "learned", "--ema", "0.9", "--optimizer", "adam"],
    ["--cell", "mingru", "--layers", "2", "--initial-memory", "20", "--residual"],
    ["--tokenizer", "word", "--schedule", "step", "--lowercase", "--patience", "3"],
    ["--tokenizer", "subword", "--subword-model", "bpe", "--schedule", "constant"],
    ["--tokenizer", "byte", "--embedding-size", "8", "--precision", "bfloat16", "--clip-norm", "none"],
]


@pytest.mark.parametrize("options", NETWORKS, ids=lambda options: options[1])
def test_every_kind_of_model_trains_samples_predicts_and_is_evaluated(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(VERSE * 30)
    run = tmp_path / "run"
    trained = charnn("train", "lm", tmp_path / "verse.txt", "--to", run, *TINY, *options)
    assert trained.exit_code == 0, trained.output
    assert charnn("sample", run, "the", "--length", 20, "--seed", 1).stdout.startswith("the")
    assert len(charnn("predict", run, "the sea", "--top", 3).stdout.splitlines()) == 3
    evaluated = json.loads(charnn("evaluate", run, tmp_path / "verse.txt", "--json").stdout)
    assert 0 < evaluated["bits_per_byte"] < 9


# sample


def test_a_sample_begins_with_its_prompt_and_ends_in_a_newline(verse_run: Path) -> None:
    result = charnn("sample", verse_run, "the sea ", "--length", 30, "--seed", 7)
    assert result.exit_code == 0
    assert result.stdout.startswith("the sea ")
    assert len(result.stdout) == len("the sea ") + 30 + 1
    assert result.stderr == ""


def test_the_same_seed_gives_the_same_text_whatever_the_count(verse_run: Path) -> None:
    alone = json.loads(charnn("sample", verse_run, "--seed", 3, "--json").stdout)
    many = [json.loads(line) for line in charnn("sample", verse_run, "--seed", 3, "--count", 5, "--json").stdout.split("\n")[:-1]]
    assert many[0]["text"] == alone["text"]
    assert len({one["text"] for one in many}) == 5
    assert sorted(alone) == ["label", "model", "number", "prompt", "seed", "text"]


def test_temperature_zero_repeats_itself(verse_run: Path) -> None:
    first, second = (charnn("sample", verse_run, "--temperature", 0).stdout for _ in range(2))
    assert first == second


def test_a_stop_text_ends_the_sample_before_it(verse_run: Path) -> None:
    whole = charnn("sample", verse_run, "--seed", 1, "--length", 100).stdout
    stop = whole[20:23]
    assert charnn("sample", verse_run, "--seed", 1, "--length", 100, "--stop", stop).stdout == whole[: whole.index(stop)] + "\n"


def test_the_prompt_can_come_from_a_file_or_standard_input(verse_run: Path, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("the sea")
    from_file = charnn("sample", verse_run, "--prompt-file", tmp_path / "prompt.txt", "--seed", 1)
    from_input = charnn("sample", verse_run, "-", "--seed", 1, text="the sea")
    assert from_file.stdout == from_input.stdout == charnn("sample", verse_run, "the sea", "--seed", 1).stdout


def test_unknown_symbols_in_a_prompt_are_named_and_read_as_unknown(verse_run: Path) -> None:
    result = charnn("sample", verse_run, "sea ☃ 海", "--length", 5, "--seed", 1)
    assert result.exit_code == 0
    assert result.stderr == "Warning: the model does not know '☃', '海'; read as unknown.\n"
    assert result.stdout.startswith("sea ☃ 海")


def test_a_conversation_answers_line_by_line(verse_run: Path) -> None:
    result = charnn("sample", verse_run, "--interactive", "--seed", 1, "--length", 20, text="the sea\nthe sky\n")
    assert result.exit_code == 0
    assert len(result.stdout.split("\n")) == 3


def test_labels_choose_what_is_written(names_run: Path) -> None:
    for label in ("short", "long"):
        result = charnn("sample", names_run, "--label", label, "--count", 4, "--seed", 1, "--json")
        rows = [json.loads(line) for line in result.stdout.split("\n")[:-1]]
        assert [row["label"] for row in rows] == [label] * 4
    lengths = [len(one["text"]) for one in rows]
    assert min(lengths) > 0


def test_the_newest_run_is_used_and_named_where_none_is_given(verse_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "verse").symlink_to(verse_run)
    monkeypatch.chdir(tmp_path)
    result = charnn("sample", "--length", 5, "--seed", 1)
    assert result.exit_code == 0
    assert result.stderr == "Using checkpoints/verse, the newest run.\n"


def test_a_closed_pipe_ends_a_sample_quietly(verse_run: Path) -> None:
    command = f"{sys.executable} -m charnn sample {verse_run} --length 100000 --seed 1 | head -1"
    process = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True)
    assert process.stderr == ""
    assert process.returncode == 0


# predict, evaluate


def test_predictions_are_probabilities_in_order(verse_run: Path) -> None:
    result = charnn("predict", verse_run, "the s", "--top", 25, "--format", "jsonl")
    found = json.loads(result.stdout)
    probabilities = [one["probability"] for one in found["next"]]
    assert found["text"] == "the s"
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1)


def test_predict_reads_a_text_a_line_from_standard_input(verse_run: Path) -> None:
    result = charnn("predict", verse_run, "-", "--format", "jsonl", text="the s\nthe r\n")
    assert [json.loads(line)["text"] for line in result.stdout.split("\n")[:-1]] == ["the s", "the r"]


def test_evaluate_names_both_protocols_and_counts_every_symbol(verse_run: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text(VERSE + "☃")
    result = json.loads(charnn("evaluate", verse_run, tmp_path / "new.txt", "--json").stdout)
    assert (result["protocol"], result["windows"]["protocol"]) == ("streamed", "windows of 64, cold")
    assert result["symbols"] == result["windows"]["symbols"] == len(VERSE) + 1
    assert result["unknown"] == 1
    table = charnn("evaluate", verse_run, tmp_path / "new.txt").stdout
    assert table.startswith("protocol ")
    assert "bits per byte" in table


def test_only_the_tail_of_a_text_is_evaluated_on_request(verse_run: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(VERSE * 10)
    result = json.loads(charnn("evaluate", verse_run, tmp_path / "text.txt", "--tail", 0.1, "--json").stdout)
    assert result["symbols"] == len(VERSE)


@pytest.mark.parametrize("protocol", ["streamed", "documents"])
def test_a_window_without_effect_is_refused(protocol: str, verse_run: Path, names_run: Path) -> None:
    run = verse_run if protocol == "streamed" else names_run
    result = charnn("evaluate", run, "python-docs", "--protocol", protocol, "--window", 32)
    assert result.exit_code == 2
    assert result.stderr == f"Error: --window has no effect on the protocol {protocol}; leave it out.\n"


# what goes wrong


def bad_file(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


BAD_CORPORA = {
    "empty": (b"", [], "holds no text; give a file that does"),
    "one character": (b"a", [], "contains too little text to train on; give more"),
    "shorter than a window": (b"abc\n" * 10, [], "one window needs 65; give more text or a smaller --window"),
    "NUL bytes": (b"abc\0def\n" * 50, [], "byte 3"),
    "invalid UTF-8": (b"abc\xff\n" * 50, [], "byte 3 is not valid utf-8"),
    "no table": (VERSE.encode(), ["--text-column", "text"], "is no table"),
}


@pytest.mark.parametrize("name", BAD_CORPORA)
def test_a_bad_corpus_is_one_sentence_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    data, options, said = BAD_CORPORA[name]
    result = charnn("train", "lm", bad_file(tmp_path, "corpus.txt", data), "--to", tmp_path / "run", "--steps", 5, "--quiet", *options)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_missing_column_lists_those_there_are(tmp_path: Path) -> None:
    table = bad_file(tmp_path, "table.csv", b"name,text\na,hello\n")
    result = charnn("train", "lm", table, "--text-column", "body", "--to", tmp_path / "run", "--steps", 5)
    assert result.exit_code == 1
    assert "body" in result.stderr
    assert "name, text" in result.stderr


def test_a_folder_without_text_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "none.txt"):
        result = charnn("train", "lm", path, "--to", tmp_path / "run", "--steps", 5)
        assert result.exit_code == 1
        assert str(path) in result.stderr


CONTRADICTIONS = [
    (["--minutes", "1", "--steps", "5"], "Error: --steps cannot be combined with minutes; give one of minutes, epochs, steps.\n"),
    (["--activation", "relu"], "Error: --activation is a choice of the rnn cell only, and the cell is gru.\n"),
    (["--variational-dropout"], "Error: --variational-dropout has no effect without dropout; give dropout too.\n"),
    (["--tie-weights", "--embedding-size", "8"], "Error: --tie-weights needs an embedding_size equal to hidden_size, got 8 and 384.\n"),
    (["--min-count", "2", "--tokenizer", "byte"], "Error: --min-count has no effect on the tokenizer byte; leave it out.\n"),
    (["--adaptive-softmax"], "Error: --adaptive-softmax needs a vocabulary of at least 4,000 tokens, this one has 25.\n"),
    (["--quiet", "--progress", "json"], "Error: --quiet and --progress exclude each other; give one.\n"),
    (
        ["--documents", "lines", "--state-resets", "0.1"],
        "Error: --state-resets has no effect on documents, each of which starts from the initial state; leave it out.\n",
    ),
    (
        ["--valid", "verse.txt", "--valid-fraction", "0.2"],
        "Error: --valid-fraction and data to validate on exclude each other; give one.\n",
    ),
]


@pytest.mark.parametrize(("options", "said"), CONTRADICTIONS, ids=lambda one: one[0] if isinstance(one, list) else "")
def test_contradictory_flags_are_refused(options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("verse.txt").write_text(VERSE * 30)
    result = charnn("train", "lm", "verse.txt", "--to", "run", *options)
    assert result.exit_code == 2
    assert result.stderr.endswith(said)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--top-p", "1.5"], "must be above 0 and at most 1, got 1.5."),
        (["--length", "0"], "0 is not in the range x>=1."),
        (["--beam", "3", "--temperature", "0.5"], "has no effect on a beam search, which is deterministic; leave it or --beam out."),
        (["--beam", "3", "--count", "4"], "--count can be at most the beam of 3, got 4."),
        (["--temperature", "0", "--top-k", "3"], "has no effect at temperature 0, which always takes the likeliest token; leave it out."),
        (["--label", "x"], "--label was given, and this model was trained without labels; leave it out."),
        (["--until-end"], "--until-end needs a model of documents; this one was trained on running text, which has no end."),
        (["--length-penalty", "1"], "--length-penalty has no effect without --beam; leave it out or give --beam."),
    ],
)
def test_contradictory_sampling_is_refused(options: list[str], said: str, verse_run: Path) -> None:
    result = charnn("sample", verse_run, "x", *options)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.split("\n")[-2].endswith(said)


def test_a_label_that_does_not_exist_lists_those_that_do(names_run: Path) -> None:
    result = charnn("sample", names_run, "--label", "middle")
    assert result.exit_code == 2
    assert result.stderr == "Error: --label must be one of long, short; got 'middle'.\n"


def test_a_run_is_not_overwritten_unasked(verse_run: Path) -> None:
    result = charnn("train", "lm", verse_run.parent / "verse.txt", "--to", verse_run, *TINY)
    assert result.exit_code == 2
    assert result.stderr == f"Error: --to {verse_run} already holds a model; name another folder, or give --overwrite.\n"


def test_a_missing_model_names_the_next_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = charnn("sample", "none", "hi")
    assert result.exit_code == 4
    assert result.stderr == "Error: none holds no model; give a run folder or a model file, or make one: charnn train lm FILE --to none.\n"
    assert charnn("sample").stderr == "Error: checkpoints holds no trained lm; make one: charnn train lm.\n"


@pytest.mark.parametrize("verb", [["sample"], ["predict", "x"], ["evaluate"]])
def test_a_file_that_is_no_model_is_refused(verb: list[str], tmp_path: Path) -> None:
    path = bad_file(tmp_path, "text.txt", b"this is no model at all")
    result = charnn(verb[0], path, *verb[1:])
    assert result.exit_code == 4
    assert result.stderr == f"Error: {path} is no model file; give a run folder or a model.safetensors that charnn wrote.\n"


def test_a_flipped_bit_is_refused(verse_run: Path, tmp_path: Path) -> None:
    data = bytearray((verse_run / "model.safetensors").read_bytes())
    data[-100] ^= 4
    result = charnn("sample", bad_file(tmp_path, "model.safetensors", bytes(data)))
    assert result.exit_code == 4
    assert "its checksum does not match" in result.stderr


def test_weights_that_do_not_fit_the_settings_are_refused(verse_run: Path, tmp_path: Path) -> None:
    saved = load_model(verse_run)
    settings = json.loads(json.dumps(saved.settings))
    settings["network"]["stack"]["hidden_size"] = 8
    save_model(tmp_path / "model.safetensors", type(saved)(saved.task, settings, saved.learned, saved.tensors))
    for verb in (["sample"], ["evaluate", "python-docs"]):
        result = charnn(verb[0], tmp_path, *verb[1:])
        assert result.exit_code == 4, result.output
        assert result.stderr.startswith("Error: ")


def test_interrupting_keeps_the_best_model_and_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(VERSE * 100)
    command = [sys.executable, "-m", "charnn", "train", "lm", str(tmp_path / "verse.txt"), "--to", str(tmp_path / "run")]
    options = ["--steps", "100000", "--validations", "10000", "--hidden-size", "16", "--progress", "plain"]
    process = subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "model.safetensors").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert f"; go on with: charnn train lm --resume --to {tmp_path / 'run'}\n" in said
    assert "Traceback" not in said
    assert charnn("sample", tmp_path / "run", "--length", 5).exit_code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_an_unwritable_folder_is_refused_before_training(tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(VERSE * 30)
    tmp_path.chmod(0o500)
    result = charnn("train", "lm", tmp_path / "verse.txt", "--to", tmp_path / "run", *TINY)
    tmp_path.chmod(0o700)
    assert result.exit_code == 2
    assert result.stderr.endswith("cannot be written; name another folder.\n")


# doors


@pytest.mark.parametrize("door", [["-m", "charnn"], [str(Path(__file__).parents[2] / "cli.py")]])
def test_every_door_opens_the_same_command(door: list[str]) -> None:
    process = subprocess.run([sys.executable, *door, "--help"], capture_output=True, text=True)
    assert process.stdout == CliRunner().invoke(main, ["--help"], prog_name="charnn").stdout


def test_python_has_the_same_words(verse_run: Path) -> None:
    import charnn as package

    model = package.load(verse_run)
    written = model.sample("the sea ", length=30, seed=7, temperature=0.8)
    assert "the sea " + written + "\n" == charnn("sample", verse_run, "the sea ", "--length", 30, "--seed", 7).stdout
    assert model.predict("the s", top=1)[0][1] > 0
    assert model.evaluate([verse_run.parent / "verse.txt"])["protocol"] == "streamed"


def test_numba_starts_without_scipys_linear_algebra_which_stays_usable() -> None:
    program = """
import sys
from charnn.cli.models import start_numba
start_numba()
assert "numba" in sys.modules and "scipy.linalg" not in sys.modules
import scipy.linalg
print(scipy.linalg.norm([3.0, 4.0]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "5.0\n", done.stderr


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The names of every command."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", list(commands(main)), ids=" ".join)
def test_a_help_page_fits_a_screen(path):
    result = CliRunner().invoke(main, [*path, "--help"], terminal_width=80)
    lines = result.stdout.split("\n")
    assert len(lines) <= 46
    assert max(map(len, lines)) <= 80
    if "--help-all" in result.stdout:
        every = CliRunner().invoke(main, [*path, "--help-all"], terminal_width=80)
        assert every.exit_code == 0
        options = [re.findall(r"^  (?:-\w, )?(--[a-z-]+)", page, re.MULTILINE) for page in (result.stdout, every.stdout)]
        assert {*options[0]} < {*options[1]}


@pytest.mark.parametrize("verb", ["predict", "evaluate"])
@pytest.mark.parametrize("task", ["classifier", "tagger"])
def test_the_page_of_a_model_shows_the_options_of_its_task(verb, task, request):
    model = str(request.getfixturevalue(task) / "run")
    page = CliRunner().invoke(main, [verb, model, "--help"], terminal_width=80).stdout
    assert "(classifier" not in page
    assert ("--abstain-below" in page) == (task == "classifier")
    assert len(page.split("\n")) <= 46


def test_a_setting_answers_to_its_older_name(here):
    Path("verse.txt").write_text(VERSE * 30)
    for index, names in enumerate((("--averaging", "--reports", "--valid-share"), ("--ema", "--validations", "--valid-fraction"))):
        options = [word for pair in zip(names, ("0.9", "2", "0.2"), strict=True) for word in pair]
        small = ("--steps", "4", "--hidden-size", "8", "--window", "16", "--batch-size", "4", "--quiet", "--to", f"run{index}")
        assert charnn("train", "lm", "verse.txt", *options, *small).exit_code == 0
    assert Path("run0/model.safetensors").read_bytes() == Path("run1/model.safetensors").read_bytes()
    assert "--averaging" not in charnn("train", "lm", "--help-all").stdout
