"""The translator from the command line: whole outputs, exit codes, whatever the text."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import sacrebleu
from click.testing import Result

from charnn.checkpoint.model import load_model
from charnn.data.pairs import Pair, PairData
from charnn.data.settings import PairFiles
from charnn.tasks.load import load
from charnn.tasks.translator.check import read_parts
from charnn.tasks.translator.settings import TranslatorInputs
from charnn.training.model import Sources
from tests.runs import PAIRS, classifier_run, trained, translator_settings
from tests.tools import charnn

TINY = ["--hidden-size", "16", "--embedding-size", "16", "--layers", "1", "--dropout", "0", "--batch-size", "16", "--device", "cpu"]
SHORT = [*TINY, "--steps", "3", "--validations", "1", "--quiet"]
WORDS = ["--tokenizer", "word", "--min-count", "3"]
BY_HEART = [*WORDS, "--no-tie-weights", "--label-smoothing", "0", "--ema", "none", "--learning-rate", "0.03", "--warmup", "10"]

TEST = "Ann eats the cat.\tAnn mange le chat.\nMia eats 99 cats.\tMia mange 99 chats.\nBob takes a book.\tMIA PREND UN PAIN.\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder with the small pairs as a table and as parallel files."""
    monkeypatch.chdir(tmp_path)
    Path("pairs.tsv").write_text(PAIRS)
    Path("test.tsv").write_text(TEST)
    for side, name in enumerate(("en", "fr")):
        Path(name).write_text("".join(line.split("\t")[side] + "\n" for line in PAIRS.splitlines()))


@pytest.fixture(scope="module", autouse=True)
def _quick_probe():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)
        yield


def made(folder: Path, *options: str) -> Path:
    """A run folder, from the small pairs."""
    (folder / "pairs.tsv").write_text(PAIRS)
    result = charnn("train", "translator", folder / "pairs.tsv", "--to", folder / "run", *options)
    assert result.exit_code == 0, result.output
    assert result.output == f'Wrote {folder / "run"}. Use it: charnn predict {folder / "run"} "Some text."\n'
    return folder / "run"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A translator that knows the small pairs by heart."""
    return made(tmp_path_factory.mktemp("translator"), *TINY, *BY_HEART, "--steps", "400", "--validations", "2", "--quiet")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Translators that have learned next to nothing, by tokenizer."""
    options = {one: ["--tokenizer", one] for one in ("char", "byte", "subword")} | {"word": WORDS}
    return {one: made(tmp_path_factory.mktemp(one), *SHORT, *more) for one, more in options.items()}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A classifier and a language model, by task."""
    folder = tmp_path_factory.mktemp("others")
    trained(classifier_run(folder, steps=2))
    (folder / "text.txt").write_text(PAIRS)
    options = ["--steps", "2", "--hidden-size", "16", "--window", "16", "--batch-size", "4", "--validations", "1", "--quiet"]
    assert charnn("train", "lm", folder / "text.txt", "--to", folder / "lm", *options).exit_code == 0
    return {"classifier": folder / "run", "lm": folder / "lm"}


def train(*options: object) -> Result:
    return charnn("train", "translator", *options, "--to", "run", *SHORT, *WORDS)


def weights(*options: object) -> dict[str, list[float]]:
    """The weights that a training gives."""
    result = train(*options, "--overwrite")
    assert result.exit_code == 0, result.output
    return {name: array.tolist() for name, array in load_model("run").tensors.items()}


def facts(*options: object) -> dict[str, str]:
    """What is said about data and network before training."""
    result = charnn("train", "translator", *options, "--to", "run", *SHORT[:-1], "--progress", "plain", *WORDS)
    assert result.exit_code == 0, result.output
    return {line[:12].strip(): line[12:] for line in result.stderr.split("\ntraining ")[0].split("\n")}


# Training


def test_training_says_what_it_reads_and_what_came_out() -> None:
    result = charnn("train", "translator", "pairs.tsv", "--to", "run", *SHORT[:-1], "--progress", "plain", *WORDS)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.startswith(
        "columns     1, 2 of 2 without a header line, divided by tabs\n"
        "pairs       129 to train on, 15 to validate on\n"
        "source      15, 17, 19, 20 characters; 4, 4, 4, 4 words (at 5, 50, 95, 100 % of the texts)\n"
        "target      17, 18, 19, 19 characters; 4, 4, 4, 4 words (at 5, 50, 95, 100 % of the texts)\n"
        "vocabulary  29 tokens, shared (word)\n"
        "network     gru, 1 x 16 units, both directions, attention general\n"
    )
    for part in (
        "update       3/3  epoch   0.33",
        "| validation | BLEU | chrF | nats per token | perplexity per word |\n|---|---|---|---|---|\n| greedy | ",
        "\n| beam 5 | ",
        f"\n\nnrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}\n",
    ):
        assert part in result.stderr
    assert result.stderr.count(" -> ") == 3
    assert result.stderr.endswith('\nWrote run. Use it: charnn predict run "Some text."\n')
    made = {path.name for path in Path("run").iterdir()}
    assert made == {"README.md", "metrics.jsonl", "model.safetensors", "training.safetensors"}
    card = Path("run/README.md").read_text()
    assert "A translator of pairs, trained by charnn." in card
    assert "    charnn evaluate run FILE.tsv\n" in card


def test_one_seed_trains_one_model_to_the_last_byte() -> None:
    for name in ("a", "b", "c"):
        options = ["--seed", "2"] if name == "c" else []
        assert charnn("train", "translator", "pairs.tsv", "--to", name, *SHORT, *options).exit_code == 0
    first, second, third = (Path(name, "model.safetensors").read_bytes() for name in ("a", "b", "c"))
    assert first == second != third


def test_parallel_and_packed_files_train_as_a_table_does() -> None:
    for name in ("pairs.tsv", "en"):
        Path(f"{name}.gz").write_bytes(gzip.compress(Path(name).read_bytes()))
    rows = [line.split("\t") for line in PAIRS.splitlines()]
    Path("rows.jsonl").write_text("".join(json.dumps({"source": en, "target": fr}) + "\n" for en, fr in rows))
    Path("rows.csv").write_text("id,fr,en\n" + "".join(f"1,{fr},{en}\n" for en, fr in rows))
    table = weights("pairs.tsv")
    assert weights("pairs.tsv.gz") == table
    assert weights("--source", "en.gz", "--target", "fr") == table
    assert weights("rows.jsonl") == table
    assert weights("rows.csv", "--source-column", "en", "--target-column", "fr") == table
    lines = Path("en").read_text().splitlines(keepends=True)
    Path("en1").write_text("".join(lines[:40]))
    Path("en2").write_text("".join(lines[40:]))
    assert weights("--source", "en1", "--source", "en2", "--target", "fr") == table


def test_reversed_pairs_are_those_of_the_swapped_table() -> None:
    Path("swapped.tsv").write_text("".join("\t".join(reversed(line.split("\t"))) + "\n" for line in PAIRS.splitlines()))
    assert weights("pairs.tsv", "--reverse") == weights("swapped.tsv") == weights("--source", "fr", "--target", "en")


def test_validation_pairs_may_be_in_files_of_their_own() -> None:
    Path("valid.en").write_text("Ann eats a cat.\nBob.\n")
    Path("valid.fr").write_text("Ann mange un chat.\nBob.\n")
    Path("valid.csv").write_text('n,en,fr\n1,Ann eats a cat.,Ann mange un chat.\n2,Bob.,"Bob."\n')
    assert facts("pairs.tsv", "--valid", "test.tsv")["pairs"] == "144 to train on, 3 to validate on"
    found = facts("pairs.tsv", "--valid-source", "valid.en", "--valid-target", "valid.fr", "--overwrite")
    assert found["pairs"] == "144 to train on, 2 to validate on"
    assert found["warning"] == "1 pair is in both splits, for example valid.en:1"
    Path("train.csv").write_text("n,en,fr\n" + "".join(f"1,{line.replace(chr(9), ',')}\n" for line in PAIRS.splitlines()))
    columns = ["--source-column", "en", "--target-column", "fr"]
    assert facts("train.csv", *columns, "--valid", "valid.csv", "--overwrite")["pairs"] == "144 to train on, 2 to validate on"
    found = facts("train.csv", *columns, "--valid-source", "valid.en", "--valid-target", "valid.fr", "--overwrite")
    assert found["pairs"] == "144 to train on, 2 to validate on"


def test_pairs_with_an_empty_side_are_counted_named_and_left_out() -> None:
    Path("holes.tsv").write_text(PAIRS + "Ann.\t\n\tMia.\n \t\xa0\n")
    assert facts("holes.tsv")["warning"] == "3 pairs with an empty side are left out, for example holes.tsv:145"
    assert weights("holes.tsv") == weights("pairs.tsv")


def test_pairs_with_an_empty_side_are_never_all_that_is_held_out() -> None:
    """With this seed or that, a small corpus with empty sides had nothing to validate on."""
    Path("few.tsv").write_text("a b\tc d\ne\tf\n\tx\ny\t\n\tz\nu\t\n")
    for seed in range(20):
        settings = translator_settings(seed=seed)
        train, held = read_parts(PairData(PairFiles(["few.tsv"])), Sources(["few.tsv"]), settings, TranslatorInputs())
        assert [len(train), len(held)] == [5, 1]
        assert held[0].source
        assert held[0].target


def test_pairs_that_are_too_long_are_counted_and_left_out() -> None:
    Path("long.tsv").write_text(PAIRS + "Ann eats the cat and the dog.\tAnn.\n" + "Bob.\tBob mange le chat et le chien.\n")
    found = facts("long.tsv", "--valid", "test.tsv", "--longest", "5")
    assert found["too long"] == "2 pairs of more than 5 tokens, left out"


FILES = {
    "blank.tsv": "a\t\n\tb\nc\t \n",
    "empty.tsv": "",
    "one.tsv": "Ann eats the cat.\tAnn mange le chat.\nAnn\n",
    "same.tsv": "Ann\tAnn\nann \tMia\n",
    "long.tsv": "".join(f"{' '.join(one * 9)}\t{' '.join(one * 9)}\n" for one in "abcdefghijkl"),
    "two.fr": "Ann mange le chat.\nMia.\n",
    "latin.tsv": "Ann\tétait\n".encode("latin-1"),
    "cells.csv": "id,en,fr\n1,Ann,Ann\n",
}

BAD = [
    (["one.tsv"], 1, "one.tsv:2: expected 'source<TAB>target', found no tab"),
    (["blank.tsv"], 1, "blank: contains no pairs with two sides to train or validate on; give more"),
    (["pairs.tsv", "--valid", "blank.tsv"], 1, "pairs: contains no pairs with two sides to train or validate on; give more"),
    (["empty.tsv"], 1, "empty.tsv: holds no pairs; give sources and their targets"),
    (
        ["same.tsv"],
        1,
        "pairs for training and others for validation need two different sources, and all pairs have the same source; "
        "give more, or --valid FILE",
    ),
    (["long.tsv", "--longest", "5"], 1, "every pair is longer than 5 tokens; raise --longest"),
    (["latin.tsv"], 1, "latin.tsv:1: byte 4 is not valid utf-8; say the right --encoding, or --errors replace"),
    (
        ["cells.csv"],
        1,
        "cells.csv:2: which columns hold the source and the target? say --source-column and --target-column; there are id, en, fr",
    ),
    (["--source", "en", "--target", "two.fr"], 1, "en has 144 lines and two.fr 2; give files with a line for a line"),
    (["--source", "en"], 2, "--source needs a target file beside it, with a line for each of its lines; give --target too"),
    (["--target", "fr"], 2, "--target needs a source file beside it, with a line for each of its lines; give --source too"),
    (["pairs.tsv", "--source", "en", "--target", "fr"], 2, "--source cannot be combined with a table of pairs; give one of the two"),
    (
        ["--source", "en", "--target", "fr", "--source-column", "en"],
        2,
        "--source-column has no effect on files of parallel lines, which have no columns; leave it out",
    ),
    (
        ["pairs.tsv", "--attention", "none", "--bridge", "zero"],
        2,
        "--bridge must be encoder without attention: nothing else would pass the source to the decoder",
    ),
    (["pairs.tsv", "--subword-sampling", "0.1"], 2, "--subword-sampling needs the tokenizer subword, and this one is word"),
    (
        ["pairs.tsv", "--sampling-epochs", "3"],
        2,
        "--sampling-epochs has no effect without scheduled_sampling; leave it out or give --scheduled-sampling",
    ),
]


@pytest.mark.parametrize(("options", "code", "said"), BAD, ids=[" ".join(one[0]) for one in BAD])
def test_bad_training_data_is_one_sentence_and_leaves_nothing(options: list[str], code: int, said: str) -> None:
    for name, content in FILES.items():
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    result = train(*options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr == f"Error: {said}.\n"
    assert not Path("run").exists()


@pytest.mark.parametrize("options", [["--valid", "test.tsv"], ["--valid-source", "en", "--valid-target", "fr"]], ids=lambda one: one[0])
def test_a_share_and_files_to_validate_on_exclude_each_other(options: list[str]) -> None:
    result = train("pairs.tsv", "--valid-fraction", "0.2", *options)
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: --valid-fraction and data to validate on exclude each other; give one.\n")


# predict


def test_translations_are_a_line_each(run: Path) -> None:
    result = charnn("predict", run, "Ann eats the cat.", "Zorro sees the dog.", "Mia eats 77 cats.", "")
    assert result.exit_code == 0
    assert result.stdout == "Ann mange le chat.\nZorro voit le chien.\nMia mange 77 chats.\n\n"
    assert result.stderr == ""


def test_standard_input_keeps_its_lines_blank_ones_too(run: Path) -> None:
    lines = "Ann eats the cat.\n\n  \n\u2028\n\xa0\x85\nMia eats\u2028 77\x85 cats.\r\nAnn eats the cat."
    result = charnn("predict", run, "-", text=lines)
    found = result.stdout.split("\n")
    assert found[:5] == ["Ann mange le chat.", "", "", "", ""]
    assert found[6:] == ["Ann mange le chat.", ""]
    assert len(found) == 8
    Path("lines.txt").write_bytes(lines.encode())
    assert charnn("predict", run, "lines.txt").stdout == result.stdout
    Path("lines.txt.gz").write_bytes(gzip.compress(lines.encode()))
    assert charnn("predict", run, "lines.txt.gz").stdout == result.stdout


def test_tables_come_back_with_two_more_columns(run: Path) -> None:
    Path("rows.csv").write_bytes(b'id,text,score\r\n1,Ann eats the cat.,x\r\n2,"Mia\neats 77 cats.",y\r\n3,,z\r\n')
    result = charnn("predict", run, "rows.csv")
    lines = result.stdout_bytes.split(b"\r\n")
    assert lines[0] == b"id,text,score,translation,predicted_score"
    assert lines[1].startswith(b"1,Ann eats the cat.,x,Ann mange le chat.,-0.")
    assert lines[2].startswith(b'2,"Mia\neats 77 cats.",y,Mia mange 77 chats.,-0.')
    assert lines[3:] == [b"3,,z,,0", b""]
    Path("rows.tsv").write_text("source\tid\nAnn eats the cat.\t1\n")
    result = charnn("predict", run, "rows.tsv", "--text-column", "source")
    head, line, _ = result.stdout.split("\n")
    assert head == "source\tid\ttranslation\tscore"
    assert line.startswith("Ann eats the cat.\t1\tAnn mange le chat.\t-0.")


def test_objects_come_back_with_two_more_keys(run: Path) -> None:
    Path("rows.jsonl").write_text('{"id": 7, "text": "Ann eats the cat."}\n{"text": 3}\n{"text": ""}\n')
    result = charnn("predict", run, "rows.jsonl")
    first, last = (json.loads(line) for line in result.stdout.splitlines())
    assert list(first) == ["id", "text", "translation", "score"]
    assert (first["id"], first["translation"]) == (7, "Ann mange le chat.")
    assert last == {"text": "", "translation": "", "score": 0.0}
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: rows.jsonl:2: the column text should hold text, got 3.\n1 bad row of 3 left out; --strict stops at the first.\n"
    )


def test_the_best_translations_stand_in_order(run: Path) -> None:
    result = charnn("predict", run, "Ann eats the cat.", "", "--n-best", 3)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert [row[0] for row in rows] == ["1", "2", "3"] * 2
    assert rows[0][2] == "Ann mange le chat."
    assert len({row[2] for row in rows[:3]}) == 3
    scores = [float(row[1]) for row in rows[:3]]
    assert scores == sorted(scores, reverse=True)
    assert rows[3:] == [["1", "0.0000", ""], ["2", "0.0000", ""], ["3", "0.0000", ""]]
    answer = json.loads(charnn("predict", run, "Ann eats the cat.", "--n-best", 3, "--json").stdout)
    assert [one["translation"] for one in answer["candidates"]] == [row[2] for row in rows[:3]]
    assert [f"{one['score']:.4f}" for one in answer["candidates"]] == [row[1] for row in rows[:3]]
    assert answer["candidates"][0] == {"translation": answer["translation"], "score": answer["score"]}
    assert len(charnn("predict", run, "Ann eats the cat.", "--n-best", 8, "--beam", 8).stdout.splitlines()) == 8


def test_a_beam_of_one_is_greedy(run: Path) -> None:
    greedy = charnn("predict", run, "Ann eats the cat.", "a b c", "--beam", 1)
    cold = charnn("predict", run, "Ann eats the cat.", "a b c", "--sample", "--temperature", 0)
    assert greedy.stdout == cold.stdout
    assert greedy.stdout.startswith("Ann mange le chat.\n")


def test_a_translation_gets_no_longer_than_it_may(untrained: dict[str, Path]) -> None:
    short, long = (charnn("predict", untrained["word"], "Ann eats the cat.", "--max-length", one).stdout for one in (0.1, 10))
    assert len(short.split()) <= 10
    assert len(short.split()) <= len(long.split()) <= 60


def test_a_prefix_is_what_translations_begin_with(run: Path) -> None:
    result = charnn("predict", run, "Ann eats the cat.", "Mia eats 77 cats. " * 40, "", "--prefix", " Quatsch, ")
    first, second, third = result.stdout.split("\n")[:-1]
    assert first.startswith("Quatsch, ")
    assert second.startswith("Quatsch, ")
    assert second.count("Quatsch") == 1
    assert third == ""


def test_samples_are_a_function_of_their_seed(run: Path) -> None:
    warm = ["predict", run, "Ann eats the cat.", "--sample", "--temperature", 3]
    one, again, other = (charnn(*warm, "--seed", seed).stdout for seed in (5, 5, 6))
    assert one == again != other
    assert charnn(*warm, "--seed", 4294967295, "--n-best", 3).exit_code == 0
    many = charnn(*warm, "--seed", 5, "--n-best", 2).stdout.splitlines()
    assert [line.split("\t")[2] for line in many] == [one[:-1], other[:-1]]
    assert charnn(*warm, "--seed", 5, "--top-k", 1).stdout == charnn("predict", run, "Ann eats the cat.", "--beam", 1).stdout
    assert len(charnn(*warm, "--n-best", 7).stdout.splitlines()) == 7  # more than the beam, which has no say


@pytest.mark.parametrize("tokenizer", ["byte", "subword"])
def test_a_sample_is_one_line_whatever_is_drawn(tokenizer: str, untrained: dict[str, Path]) -> None:
    """Bytes make newlines, so 6 texts came back as 9 lines."""
    result = charnn("predict", untrained[tokenizer], "-", "--sample", "--temperature", 100, text="Ann eats the cat. Bob.\n" * 20)
    assert result.stdout.count("\n") == 20
    result = charnn("predict", untrained[tokenizer], *["Ann eats the cat."] * 3, "--sample", "--temperature", 100, "--n-best", 20)
    assert result.stdout.count("\n") == 60


def test_texts_together_are_translated_as_each_alone(run: Path) -> None:
    texts = ["Ann eats the cat.", "", "Bob takes a book. " * 30, "Zorro sees the dog.", "x"]
    together = charnn("predict", run, "-", text="".join(f"{one}\n" for one in texts)).stdout
    assert together == "".join(charnn("predict", run, "-", text=f"{one}\n").stdout for one in texts)


def test_a_text_in_the_other_language_is_translated_as_well_as_may_be(run: Path) -> None:
    """Nothing tells a model that its source is not its language; there is no check, and an answer anyway."""
    result = charnn("predict", run, "Ann mange le chat.")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    assert charnn("evaluate", run, "--source", "fr", "--target", "en").exit_code == 0


# predict --attention


def test_attention_is_drawn_below_the_translation(run: Path) -> None:
    result = charnn("predict", run, "Ann eats the cat.", "--attention")
    lines = result.stdout.split("\n")
    assert lines[0] == "Ann mange le chat."
    heads, rows = lines[1:5], lines[5:10]
    assert ["".join(head[place : place + 1] for head in heads).strip() for place in range(6, 16, 2)] == ["Ann", "eats", "the", "cat", "."]
    assert [row.split()[0] for row in rows] == ["Ann", "mange", "le", "chat", "."]
    assert lines[10:] == ["", "░ ≥5%  ▒ ≥20%  ▓ ≥40%  █ ≥70%", ""]


@pytest.mark.parametrize("option", [["--attention"], ["--attention-plot", "a.html"]])
def test_a_model_without_attention_has_none_to_show(option: list[str], tmp_path: Path) -> None:
    blind = made(tmp_path, *SHORT, "--attention", "none")
    result = charnn("predict", blind, "Ann eats.", *option)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {option[0]} has nothing to show of a model trained with --attention none; leave it out.\n"


def test_the_phrasebook_is_read_in_small_batches_unless_told_otherwise() -> None:
    tiny = [one for one in SHORT if one not in ("--batch-size", "16")]
    sizes = ["--hidden-size", "8", "--embedding-size", "8"]
    for options, expected in (([], 16), (["--batch-size", "64"], 64)):
        result = charnn("train", "translator", *tiny[tiny.index("--layers") :], *sizes, *options, "--to", f"run-{expected}", "--overwrite")
        assert result.exit_code == 0, result.output
        assert load_model(f"run-{expected}").settings["loop"]["batch_size"] == expected


def test_a_missing_source_is_told_before_anything_is_named() -> None:
    result = charnn("train", "translator", "--target", "fr")
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert result.stderr.startswith("Error: --target needs")


def test_attention_below_the_best_of_several_translations(run: Path) -> None:
    plain, drawn = (charnn("predict", run, "Ann eats the cat.", *options).stdout for options in (["--n-best", 2], ["--attention"]))
    assert charnn("predict", run, "Ann eats the cat.", "--n-best", 2, "--attention").stdout == plain + drawn.split("\n", 1)[1]


def test_attention_in_json_is_a_matrix_of_shares(run: Path) -> None:
    result = charnn("predict", run, "-", "--attention", "--json", text="Zorro eats 77 cats.\n\n" + "Bob takes a book. " * 40)
    first, empty, long = (json.loads(line)["attention"] for line in result.stdout.splitlines())
    assert first["source"] == ["Zorro", "eats", "77", "cats", "."]
    assert first["target"][1:] == ["mange", "77", "chats", "."]
    assert empty == {"source": [], "target": [], "weights": []}
    assert long["source"] == ["Bob", "takes", "a", "book", "."] * 40
    for one in (first, long):
        assert [len(row) for row in one["weights"]] == [len(one["source"])] * len(one["target"])
        assert [sum(row) for row in one["weights"]] == pytest.approx([1] * len(one["target"]), abs=1e-4)


@pytest.mark.parametrize(("name", "content"), [("a.csv", "text\nAnn eats the cat.\n"), ("a.jsonl", '{"text": "Ann eats the cat."}\n')])
def test_attention_goes_into_a_column_of_a_table(name: str, content: str, run: Path) -> None:
    """A traceback: `Object of type Translation is not JSON serializable`."""
    Path(name).write_text(content)
    result = charnn("predict", run, name, "--attention", "--n-best", 2)
    assert result.exit_code == 0, result.output
    asked = charnn("predict", run, "Ann eats the cat.", "--attention", "--n-best", 2, "--format", Path(name).suffix[1:])
    assert result.stdout == asked.stdout
    assert '"weights"' in result.stdout.replace('""', '"')


def test_a_table_without_rows_is_its_header(run: Path) -> None:
    Path("a.csv").write_text("text\n")
    assert charnn("predict", run, "a.csv", "--attention", "--n-best", 2).stdout == "text,translation,score,candidates,attention\n"


@pytest.mark.parametrize(("name", "begins"), [("a.html", b"<!DOCTYPE html>"), ("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_attention_is_drawn_into_a_file(name: str, begins: bytes, run: Path) -> None:
    result = charnn("predict", run, "Ann eats the cat.", "--attention-plot", name)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Ann mange le chat.\n", f"Wrote {name}.\n")
    assert Path(name).read_bytes().lower().startswith(begins.lower())


def test_the_one_text_of_a_file_is_drawn(run: Path) -> None:
    """The name of a file was itself translated."""
    Path("one.txt").write_text("Ann eats the cat.\r\n")
    Path("one.csv").write_text("source,target\nAnn eats the cat.,x\n")
    for arguments in (["one.txt"], ["-"], ["one.csv", "--text-column", "source"]):
        result = charnn("predict", run, *arguments, "--attention-plot", "a.html", text="Ann eats the cat.\n")
        assert result.stdout == "Ann mange le chat.\n"
        assert "Ann eats the cat. → Ann mange le chat." in Path("a.html").read_text()


BAD_PLOTS = [
    (["a", "--attention-plot", "a.gif"], 2, "--attention-plot must end in .png, .svg or .html, got a.gif"),
    (["a", "--attention-plot", "no/a.png"], 5, "no/a.png cannot be written: there is no folder no; make it, or name another file"),
    (["a", "b", "--attention-plot", "a.png"], 2, "--attention-plot draws one text, got 2; give one"),
    (["test.tsv", "--attention-plot", "a.png", "--input-format", "lines"], 2, "--attention-plot draws one text, got 3; give one"),
    (["a", "--attention-plot", "a.png", "--n-best", "2"], 2, "--n-best has no effect on --attention-plot; leave it out"),
    (["a", "--attention-plot", "a.png", "--json"], 2, "--json has no effect on --attention-plot; leave it out"),
    (["a", "--attention-plot", "a.png", "--format", "csv"], 2, "--format has no effect on --attention-plot; leave it out"),
    (["a", "--attention-plot", "a.png", "--attention"], 2, "--attention has no effect on --attention-plot; leave it out"),
]


@pytest.mark.parametrize(("options", "code", "said"), BAD_PLOTS, ids=[" ".join(one[0]) for one in BAD_PLOTS])
def test_what_cannot_be_drawn_is_one_sentence(options: list[str], code: int, said: str, run: Path) -> None:
    result = charnn("predict", run, *options)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"Error: {said}.\n")
    assert not list(Path().glob("a.*"))


# Options without effect

WITHOUT_EFFECT = [
    ("translator", ["predict", "a", "--sample", "--beam", "3"], "--beam has no effect on --sample; leave it out"),
    ("translator", ["predict", "a", "--sample", "--length-penalty", "0"], "--length-penalty has no effect on --sample; leave it out"),
    ("translator", ["predict", "a", "--seed", "3"], "--seed has no effect without --sample; leave it out"),
    ("translator", ["predict", "a", "--temperature", "1"], "--temperature has no effect without --sample; leave it out"),
    ("translator", ["predict", "a", "--no-repeat", "2"], "--no-repeat has no effect without --sample; leave it out"),
    ("translator", ["predict", "a", "--n-best", "6"], "--n-best can be at most the beam of 5, got 6"),
    ("translator", ["predict", "a", "--n-best", "2", "--beam", "1"], "--n-best can be at most the beam of 1, got 2"),
    ("translator", ["predict", "a", "--json", "--format", "csv"], "--json contradicts --format csv; leave one out"),
    ("translator", ["predict", "a", "--top", "3"], "--top has no effect on a translator; leave it out"),
    ("translator", ["predict", "a", "--explain"], "--explain has no effect on a translator; leave it out"),
    ("translator", ["predict", "a", "--tokens"], "--tokens has no effect on a translator; leave it out"),
    ("translator", ["predict", "a", "--abstain-below", "0.5"], "--abstain-below has no effect on a translator; leave it out"),
    ("translator", ["evaluate", "test.tsv", "--window", "8"], "--window has no effect on a translator; leave it out"),
    ("translator", ["evaluate", "test.tsv", "--text-column", "a"], "--text-column has no effect on a translator; leave it out"),
    ("translator", ["evaluate", "test.tsv", "--tag-column", "a"], "--tag-column has no effect on a translator; leave it out"),
    ("lm", ["predict", "a", "--beam", "3"], "--beam has no effect on a lm; leave it out"),
    ("lm", ["predict", "a", "--temperature", "1"], "--temperature has no effect on a lm; leave it out"),
    ("lm", ["evaluate", "--source", "en", "--target", "fr"], "--source has no effect on a lm; leave it out"),
    ("classifier", ["predict", "a", "--n-best", "2"], "--n-best has no effect on a classifier; leave it out"),
    ("classifier", ["predict", "a", "--attention"], "--attention has no effect on a classifier; leave it out"),
    ("classifier", ["predict", "a", "--prefix", "x"], "--prefix has no effect on a classifier; leave it out"),
    ("classifier", ["evaluate", "test.tsv", "--lowercase"], "--lowercase has no effect on a classifier; leave it out"),
    ("classifier", ["evaluate", "test.tsv", "--per-sentence"], "--per-sentence has no effect on a classifier; leave it out"),
]


@pytest.mark.parametrize(("task", "options", "said"), WITHOUT_EFFECT, ids=[" ".join([one[0], *one[1]]) for one in WITHOUT_EFFECT])
def test_an_option_without_effect_is_refused(task: str, options: list[str], said: str, run: Path, others: dict[str, Path]) -> None:
    verb, *rest = options
    result = charnn(verb, {"translator": run, **others}[task], *rest)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"Error: {said}.\n")


# Messy texts

MESSY = {
    "emoji": "Ann eats 🐱🐶👩‍👩‍👧 the cat 🇫🇷.",
    "5,000 words": "Ann eats the cat today " * 1000,
    "no spaces": "!" * 100_000,
    "unknown only": "☃☃ 海海 ლ",
    "empty": "",
    "odd line ends": "Ann\x85eats\u2028the\u2029cat\x0b.\x0c",
    "control characters": "\x1b[31mAnn\x07\x08 \u202e\u200b\ufeff\x1c",
    "accents": "e\u0301\u0301\u0301" * 100,
    "signs of its own": "\ue000 eats \ue001 and \ue007",
    "numbers": " ".join(map(str, range(100, 140))),
    "addresses": "www." * 200 + "org, a@b.c@d.e, http://" + "x" * 300,
}


@pytest.mark.parametrize("tokenizer", ["word", "char", "subword", "byte"])
def test_a_line_comes_out_for_every_line_however_messy(tokenizer: str, untrained: dict[str, Path]) -> None:
    result = charnn(
        "predict", untrained[tokenizer], "-", "--beam", 1, "--max-length", 0.1, text="".join(f"{one}\n" for one in MESSY.values())
    )
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.split("\n")
    assert len(lines) == len(MESSY) + 1
    assert lines[list(MESSY).index("empty")] == lines[-1] == ""


@pytest.mark.parametrize("tokenizer", ["word", "char", "subword"])
def test_letters_without_a_space_are_cut_in_time(tokenizer: str, untrained: dict[str, Path]) -> None:
    """100,000 letters took 25 s before the network saw any of them."""
    result = charnn("predict", untrained[tokenizer], "-", "--beam", 1, "--max-length", 0.1, text="x" * 100_000 + "\n\n")
    assert result.exit_code == 0
    assert result.stdout.count("\n") == 2


def test_messy_lines_among_others_change_nothing(run: Path) -> None:
    lines = ["Ann eats the cat.", *(one[:5000] for one in MESSY.values()), "Zorro sees the dog."]
    result = charnn("predict", run, "-", text="".join(f"{one}\n" for one in lines))
    found = result.stdout.split("\n")
    assert (found[0], found[-2]) == ("Ann mange le chat.", "Zorro voit le chien.")


def test_bytes_that_are_no_text_are_a_bad_row(run: Path) -> None:
    result = charnn("predict", run, "-", text=b"Ann eats the cat.\n\xff\nAnn eats the cat.\n")
    assert result.exit_code == 1
    assert result.stdout == "Ann mange le chat.\nAnn mange le chat.\n"
    assert result.stderr.startswith("Error: standard input:2: byte 0 is not valid utf-8; ")


# evaluate


def test_evaluating_shows_metrics_and_signatures(run: Path) -> None:
    result = charnn("evaluate", run, "test.tsv")
    found = json.loads(charnn("evaluate", run, "test.tsv", "--json").stdout)
    assert (result.exit_code, result.stderr) == (0, "")
    head, row, blank, *signatures = result.stdout.split("\n")
    assert [one.strip() for one in head.split("  ") if one] == ["BLEU", "chrF", "nats per token", "perplexity per word"]
    halves = [(high - low) / 2 for low, high in (found["intervals"][name] for name in ("bleu", "chrf"))]
    assert row.split() == [
        "translator",
        *(f"{found['bleu']:.4f} ± {halves[0]:.4f} {found['chrf']:.4f} ± {halves[1]:.4f}".split()),
        f"{found['loss']:,.4f}",
        f"{found['word_perplexity']:,.4f}",
    ]
    assert blank == ""
    assert signatures == [found["bleu_signature"], found["chrf_signature"], ""]


def test_evaluating_gives_the_keys_that_help_names(run: Path) -> None:
    found = json.loads(charnn("evaluate", run, "test.tsv", "--json").stdout)
    names = ["task", "model", "data", "examples", "seconds", "bleu", "bleu_signature", "chrf", "chrf_signature", "intervals", "loss"]
    assert list(found) == [*names, "word_perplexity"]
    assert (found["task"], found["model"], found["data"], found["examples"]) == ("translator", str(run), ["test.tsv"], 3)
    texts = charnn("predict", run, "-", text="".join(line.split("\t")[0] + "\n" for line in TEST.splitlines())).stdout.splitlines()
    references = [line.split("\t")[1] for line in TEST.splitlines()]
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(texts, [references]).score)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(texts, [references]).score)
    assert found["intervals"].keys() == {"bleu", "chrf"}


def test_case_is_ignored_on_request(run: Path) -> None:
    Path("upper.tsv").write_text("Ann eats the cat.\tANN MANGE LE CHAT.\n")
    cased, lowered = (json.loads(charnn("evaluate", run, "upper.tsv", "--json", *more).stdout) for more in ([], ["--lowercase"]))
    assert (lowered["bleu"], lowered["chrf"]) == pytest.approx((100, 100))
    assert cased["bleu"] < 20
    assert ("case:mixed" in cased["bleu_signature"], "case:lc" in lowered["bleu_signature"]) == (True, True)
    assert lowered["loss"] == cased["loss"]


def test_each_sentence_is_shown_on_request(run: Path) -> None:
    found = json.loads(charnn("evaluate", run, "test.tsv", "--per-sentence", "--json").stdout)
    rows = found["sentences"]
    assert [list(row) for row in rows] == [["source", "reference", "translation", "nats", "tokens", "chrf"]] * 3
    assert [row["tokens"] for row in rows] == [6, 6, 6]
    assert sum(row["nats"] for row in rows) / 18 == pytest.approx(found["loss"])
    result = charnn("evaluate", run, "test.tsv", "--per-sentence")
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert lines[0][1:] == ["6", "100.00", "Ann eats the cat.", "Ann mange le chat.", "Ann mange le chat."]
    assert [[line[0], line[2], *line[3:]] for line in lines] == [
        [f"{row['nats']:.4f}", f"{row['chrf']:.2f}", row["source"], row["reference"], row["translation"]] for row in rows
    ]


def test_parallel_files_are_evaluated_as_a_table_is(run: Path) -> None:
    table, files = (
        json.loads(charnn("evaluate", run, *data, "--json").stdout) for data in (["pairs.tsv"], ["--source", "en", "--target", "fr"])
    )
    assert files.pop("data") == ["en", "fr"]
    assert table.pop("data") == ["pairs.tsv"]
    assert {name: value for name, value in files.items() if name != "seconds"} == {
        name: value for name, value in table.items() if name != "seconds"
    }


def test_two_models_are_compared(run: Path, untrained: dict[str, Path]) -> None:
    other = untrained["word"] / "model.safetensors"
    result = charnn("evaluate", run, other, "pairs.tsv")
    found = json.loads(charnn("evaluate", run, other, "pairs.tsv", "--json", "--lowercase").stdout)
    assert (found["other"], found["examples"]) == (str(other), 144)
    for name in ("bleu", "chrf"):
        assert list(found[name]) == ["first", "second", "difference", "interval", "p"]
        assert found[name]["difference"] == pytest.approx(found[name]["first"] - found[name]["second"])
        assert found[name]["p"] < 0.05
    lines = result.stdout.split("\n")
    assert [line.split()[0] for line in lines[:4]] == ["BLEU", "first", "second", "difference"]
    assert lines[5].startswith("BLEU ")
    assert "the first is better by " in lines[5]
    again = charnn("evaluate", run, run, "pairs.tsv").stdout
    assert "no difference that 144 sentences could show (95 % interval 0.0 to 0.0, p = 1)" in again


def test_the_search_is_what_was_asked_for(run: Path) -> None:
    found = json.loads(charnn("evaluate", run, "test.tsv", "--beam", 1, "--length-penalty", 0, "--max-length", 1, "--json").stdout)
    texts = charnn("predict", run, "-", "--beam", 1, text="".join(line.split("\t")[0] + "\n" for line in TEST.splitlines())).stdout
    assert found["bleu"] == pytest.approx(
        sacrebleu.corpus_bleu(texts.splitlines(), [[line.split("\t")[1] for line in TEST.splitlines()]]).score
    )


BAD_DATA = [
    (["holes.tsv"], 1, "holes.tsv:2: has an empty target, which cannot be scored; leave the pair out"),
    (["one.tsv"], 1, "one.tsv:2: expected 'source<TAB>target', found no tab"),
    (["empty.tsv"], 1, "empty.tsv: holds no pairs; give sources and their targets"),
    (["--source", "en", "--target", "two.fr"], 1, "en has 144 lines and two.fr 2; give files with a line for a line"),
    (["--source", "en"], 2, "--source needs a target file beside it, with a line for each of its lines; give --target too"),
    (["test.tsv", "--source", "en", "--target", "fr"], 2, "--source cannot be combined with a table of pairs; give one of the two"),
    (
        ["none.safetensors", "test.tsv"],
        4,
        "none.safetensors holds no model; give a run folder or a model file, or make one: charnn train lm FILE --to none.safetensors",
    ),
]


@pytest.mark.parametrize(("data", "code", "said"), BAD_DATA, ids=[" ".join(one[0]) for one in BAD_DATA])
def test_bad_data_to_evaluate_on_is_one_sentence(data: list[str], code: int, said: str, run: Path) -> None:
    for name, content in {**FILES, "holes.tsv": "Ann.\tAnn.\nBob.\t \n"}.items():
        Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    result = charnn("evaluate", run, *data)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"Error: {said}.\n")


def test_a_comparison_has_no_sentences_and_needs_data(run: Path) -> None:
    result = charnn("evaluate", run, run, "test.tsv", "--per-sentence")
    assert result.exit_code == 2
    assert result.stderr == "Error: --per-sentence has no effect where two models are compared; leave it out.\n"
    result = charnn("evaluate", run, run)
    assert result.exit_code == 1
    assert result.stderr == "Error: there are no files to read; give a table of pairs, or --source FILE --target FILE.\n"


def test_only_a_translator_can_be_compared_with(run: Path, others: dict[str, Path]) -> None:
    result = charnn("evaluate", run, others["classifier"], "test.tsv")
    assert result.exit_code == 4
    assert result.stderr == f"Error: {others['classifier']} is a classifier, and this needs a translator; name another model.\n"


# inspect


def test_a_translation_has_the_weights_of_predict(run: Path) -> None:
    found = json.loads(charnn("inspect", "attention", run, "Ann sees the dog.", "--json").stdout)
    expected = json.loads(charnn("predict", run, "Ann sees the dog.", "--attention", "--json").stdout)
    assert list(found) == ["model", "task", "text", "translation", "source", "target", "weights"]
    assert (found["translation"], found["source"], found["target"]) == (
        expected["translation"],
        *(expected["attention"][key] for key in ("source", "target")),
    )
    np.testing.assert_allclose(found["weights"], expected["attention"]["weights"], atol=1e-6)
    drawn = charnn("predict", run, "Ann sees the dog.", "--attention").stdout.split("\n", 1)[1]
    shown = charnn("inspect", "attention", run, "-", text="Ann sees the dog.\n").stdout
    assert shown == f"Ann sees the dog. → {found['translation']}\n{drawn}"


def test_inspect_attention_refuses_a_model_without_it(tmp_path: Path) -> None:
    blind = made(tmp_path, *SHORT, "--attention", "none")
    result = charnn("inspect", "attention", blind, "a")
    assert result.stderr == f"Error: {blind} was trained with --attention none; name a model that has attention.\n"


def test_the_pairs_with_the_most_nats_per_token_are_the_worst(untrained: dict[str, Path]) -> None:
    model = load(untrained["word"])
    found = model.errors(["pairs.tsv"], 4)
    pairs = [Pair(*line.split("\t"), f"pairs.tsv:{number}") for number, line in enumerate(PAIRS.splitlines(), 1)]
    scored = model.interpreter.score(pairs)
    losses = scored.nats / scored.tokens
    order = sorted(range(len(pairs)), key=lambda number: (-losses[number], number))[:4]
    assert [one["where"] for one in found.worst] == [pairs[number].where for number in order]
    assert [one["nats"] for one in found.worst] == pytest.approx([float(losses[number]) for number in order], abs=1e-6)
    assert [one["translation"] for one in found.worst] == [model.translate([pairs[number].source])[0][0].text for number in order]


def test_the_worst_pairs_are_shown_in_four_lines_each(untrained: dict[str, Path]) -> None:
    asked = ["inspect", "errors", untrained["word"], "--source", "en", "--target", "fr", "--top", "3"]
    found = json.loads(charnn(*asked, "--json").stdout)
    assert list(found) == ["task", "model", "data", "examples", "nats", "worst", "costs"]
    assert (found["data"], found["examples"]) == (["en", "fr"], 144)
    assert [list(one) for one in found["worst"]] == [["nats", "tokens", "source", "reference", "where", "translation", "chrf"]] * 3
    shown = charnn(*asked)
    assert (shown.exit_code, shown.stderr, len(shown.stdout.splitlines())) == (0, "", 12)
    first = found["worst"][0]
    head = f"{first['nats']:.2f} nats per token, {first['tokens']} tokens, chrF {first['chrf']:.1f}: {first['where']}"
    assert shown.stdout.splitlines()[:2] == [head, f"  source       {first['source']}"]


# The model file


@pytest.mark.parametrize("place", [-100, 0.5, 2000])
def test_a_flipped_byte_is_refused(place: float, run: Path) -> None:
    data = bytearray((run / "model.safetensors").read_bytes())
    data[int(place * len(data)) if isinstance(place, float) else place] ^= 1
    Path("model.safetensors").write_bytes(data)
    for verb, text in (("predict", "Ann eats the cat."), ("evaluate", "test.tsv")):
        result = charnn(verb, "model.safetensors", text)
        assert (result.exit_code, result.stdout) == (4, "")
        assert result.stderr.startswith("Error: model.safetensors is ")
        assert result.stderr.count("\n") == 1


def test_a_translator_writes_no_text_of_its_own(run: Path) -> None:
    result = charnn("sample", run)
    assert result.exit_code == 4
    assert result.stderr == f"Error: {run} is a translator, and this needs a lm; name another model.\n"
