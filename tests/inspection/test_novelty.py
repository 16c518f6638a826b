"""Overlaps against looking for every part of every text by itself; copies at their places; the command as a user has it."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.inspection.novelty import WORD, Overlaps, around, compare, covered, new_fractions
from charnn.tasks.lm.data import excerpts
from tests.tools import charnn

FEW = st.text("ab", max_size=30)
MORE = st.text("abc \n中👍", max_size=40)
TEXTS = st.one_of(st.lists(FEW, max_size=4), st.lists(MORE, max_size=4))


def read(texts: list[str], long: str, cuts: list[int]) -> Overlaps:
    overlaps = Overlaps(texts)
    places = sorted({0, len(long), *(cut % (len(long) + 1) for cut in cuts)})
    for begin, end in pairwise(places):
        overlaps.read(long[begin:end])
    return overlaps


def longest(text: str, long: str) -> list[int]:
    """For each character the length of the longest part that ends with it and stands in the long text."""
    return [max(size for size in range(end + 1) if text[end - size : end] in long) for end in range(1, len(text) + 1)]


@settings(deadline=None)
@given(TEXTS, st.one_of(FEW, MORE), st.lists(st.integers(0, 50), max_size=3))
def test_matches_are_the_longest_and_stand_where_they_are_said_to(texts: list[str], long: str, cuts: list[int]) -> None:
    overlaps = read(texts, long, cuts)
    matches = overlaps.matches()
    assert [found.tolist() for found, _ in matches] == [longest(text, long) for text in texts]
    for text, (found, behind) in zip(texts, matches, strict=True):
        for end, (size, place) in enumerate(zip(found.tolist(), behind.tolist(), strict=True), 1):
            assert not size or long[place - size : place] == text[end - size : end]


@settings(deadline=None)
@given(TEXTS, st.one_of(FEW, MORE), st.integers(1, 6))
def test_new_runs_are_those_that_do_not_stand_in_the_long_text(texts: list[str], long: str, size: int) -> None:
    runs = [text[begin : begin + size] for text in texts for begin in range(len(text) - size + 1)]
    expected = sum(run not in long for run in runs) / len(runs) if runs else None
    (found,) = new_fractions([one for one, _ in read(texts, long, []).matches()], [size])
    assert (found is None) == (expected is None)
    assert found is None or abs(found - (expected or 0)) < 1e-12


@settings(deadline=None)
@given(st.one_of(FEW, MORE), st.one_of(FEW, MORE), st.integers(1, 6))
def test_characters_in_overlaps_are_counted_once(text: str, long: str, least: int) -> None:
    runs = [begin for begin in range(len(text) - least + 1) if text[begin : begin + least] in long]
    inside = {place for begin in runs for place in range(begin, begin + least)}
    assert covered(read([text], long, []).matches()[0][0], least) == len(inside)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["the", "sea", "is", "."]), max_size=9), max_size=3),
    st.lists(st.sampled_from(["the", "sea", "?"]), max_size=20),
)
def test_words_are_symbols_as_characters_are(texts: list[list[str]], long: list[str]) -> None:
    overlaps = Overlaps(texts)
    overlaps.read(long)
    joined = f" {' '.join(long)} "
    for text, (found, _) in zip(texts, overlaps.matches(), strict=True):
        for end, size in enumerate(found.tolist(), 1):
            fits = [number for number in range(end + 1) if not number or f" {' '.join(text[end - number : end])} " in joined]
            assert size == max(fits)


def test_matches_may_be_asked_for_while_reading() -> None:
    overlaps = Overlaps(["abcd"])
    overlaps.read("xxab")
    assert overlaps.matches()[0][0].tolist() == [1, 2, 0, 0]
    overlaps.read("cdxbcd")
    assert overlaps.matches()[0][0].tolist() == [1, 2, 3, 4]


def test_ten_thousand_repetitions_take_no_longer_than_others() -> None:
    """A text of one letter has the fewest states, one of all different letters the most edges at the start."""
    alike, different = "a" * 10_000, "".join(map(chr, range(0x4E00, 0x4E00 + 10_000)))
    for text in (alike, different):
        assert read([text], text, []).matches()[0][0].tolist() == list(range(1, 10_001))


def test_half_a_surrogate_pair_is_a_character() -> None:
    assert read(["\udcffa"], "b\udcffa", []).matches()[0][0].tolist() == [1, 2]


TINY = ["--steps", "30", "--hidden-size", "16", "--window", "16", "--batch-size", "4", "--validations", "2", "--quiet"]
VERSE = "The sea is wide, the sea is blue,\nthe sea has room for me and you.\n"
LONG = "It was a bright cold day in April, and the clocks were striking thirteen.\n"
TEXT = VERSE * 15 + LONG + VERSE * 15


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("novelty")
    (folder / "verse.txt").write_text(TEXT)
    result = charnn("train", "lm", folder / "verse.txt", "--to", folder / "run", *TINY)
    assert result.exit_code == 0, result.output
    return folder / "run"


@settings(deadline=None)
@given(st.lists(st.text("ab \n", max_size=20), min_size=1, max_size=3), st.text("ab \n", max_size=60), st.integers(1, 7))
def test_figures_are_those_of_looking_for_every_part(texts: list[str], long: str, width: int) -> None:
    chunks = [long[begin : begin + width] for begin in range(0, len(long), width)]
    found, characters = compare({"samples": texts}, chunks)
    facts = found["samples"].facts()
    assert (characters, facts["characters"], facts["words"]) == (len(long), sum(map(len, texts)), sum(len(text.split()) for text in texts))
    parts = [text[begin:end] for text in texts for begin in range(len(text)) for end in range(begin + 1, len(text) + 1)]
    assert facts["longest"] == max((len(part) for part in parts if part in long), default=0)
    words = f" {' '.join(WORD.findall(long))} "
    for size in (1, 2):
        runs = [row[begin : begin + size] for row in map(str.split, texts) for begin in range(len(row) - size + 1)]
        new = [f" {' '.join(one)} " not in words for one in runs]
        assert facts["new_words"][str(size)] == (pytest.approx(sum(new) / len(new)) if new else None)


@settings(deadline=None)
@given(st.text("ab", max_size=60), st.text("ab", max_size=200), st.integers(0, 5))
def test_copies_stand_in_both_texts_with_what_is_around_them(text: str, long: str, context: int) -> None:
    found, _ = compare({"samples": [text]}, [long])
    copies = found["samples"].copies(5)
    pieces = [(line, f"f:{number}") for number, line in enumerate(re.split("(?<=b)", long), 1)]
    taken: set[int] = set()
    for copy, (where, before, said, after) in zip(
        copies, excerpts([(one.place, one.length) for one in copies], pieces, context, context), strict=True
    ):
        part = text[copy.begin : copy.begin + copy.length]
        assert part == said == long[copy.place : copy.place + copy.length]
        assert (before, after) == (long[max(0, copy.place - context) : copy.place], long[copy.place + copy.length :][:context])
        assert around(copy, text, context) == (
            text[max(0, copy.begin - context) : copy.begin],
            part,
            text[copy.begin + copy.length :][:context],
        )
        assert where == f"f:{long[: copy.place].count('b') + 1}"
        assert not taken & set(range(copy.begin, copy.begin + copy.length))
        taken |= set(range(copy.begin, copy.begin + copy.length))
    assert [copy.length for copy in copies] == sorted((copy.length for copy in copies), reverse=True)
    longest = found["samples"].facts()["longest"]
    assert (copies[0].length if copies else 0) == (longest if longest >= 10 else 0)


def test_a_copied_sentence_is_found_with_its_line(run: Path) -> None:
    sample = "xx" + LONG.strip() + "\nyyy"
    result = charnn("inspect", "novelty", run, "-", "--json", text=sample)
    found = json.loads(result.stdout)
    assert list(found) == ["model", "seed", "corpus", "corpus_characters", "is_training_text", "samples", "held_out", "copies"]
    assert (found["seed"], found["is_training_text"], found["samples"]["longest"]) == (None, True, len(LONG))
    where = f"{run.parent / 'verse.txt'}:31"
    place = len(VERSE * 15)
    assert found["copies"][0] == {"length": len(LONG), "text": LONG, "sample": 0, "begin": 2, "place": place, "where": where}
    assert found["samples"]["in_overlaps"]["50"] == pytest.approx(len(LONG) / len(sample))


def test_the_report_shows_the_copy_in_both_texts_and_real_text_beside_it(run: Path, tmp_path: Path) -> None:
    (tmp_path / "sample.txt").write_text(f"{LONG.strip()} The end")
    result = charnn("inspect", "novelty", run, tmp_path / "sample.txt", "--top", "1")
    lines = result.stdout.split("\n")
    corpus = run.parent / "verse.txt"
    training = int(len(TEXT) * 0.9)
    assert lines[:3] == [
        "samples        81 characters, as given",
        f"training text  {corpus}: {training:,} characters; the model was trained on it",
        "real text      its validation part: 81 characters from its beginning",
    ]
    assert lines[5].split() == ["longest", "verbatim", "overlap,", "characters", "73", "81"]
    shown = "»It was a bright cold day in Ap … clocks were striking thirteen.«"
    assert lines[-4:] == [
        f"73 characters: character 1 and {corpus}:31",
        f"  sample    {' ' * 30}{shown} The end",
        f"  training  {VERSE[-30:].replace(chr(10), '⏎')}{shown}⏎{VERSE[:29]}",
        "",
    ]


def test_samples_are_drawn_by_a_seed(run: Path) -> None:
    first, second, other = (
        json.loads(charnn("inspect", "novelty", run, "--json", "--length", 300, "--seed", seed).stdout) for seed in (1, 1, 2)
    )
    assert first == second != other
    assert (first["seed"], first["samples"]["characters"], first["held_out"]["characters"]) == (1, 300, len(TEXT) - int(len(TEXT) * 0.9))


def test_another_corpus_is_told_from_the_one_that_was_trained_on(run: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text(TEXT.replace("blue", "deep"))
    result = charnn("inspect", "novelty", run, "--length", 50, "--corpus", tmp_path / "other.txt")
    assert "the model was not trained on it, by its fingerprint, or it was split otherwise" in result.stdout
    copied = tmp_path / "copied.txt"
    copied.write_text(TEXT)
    assert "; the model was trained on it\n" in charnn("inspect", "novelty", run, "--length", 50, "--corpus", copied).stdout


def test_a_model_file_by_itself_needs_its_corpus(run: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes((run / "model.safetensors").read_bytes())
    result = charnn("inspect", "novelty", model)
    assert result.stderr == f"Error: --corpus must be given: beside {model} no file records what the model was trained on.\n"
    found = json.loads(charnn("inspect", "novelty", model, "--corpus", run.parent / "verse.txt", "--length", 50, "--json").stdout)
    assert (found["is_training_text"], found["held_out"], found["corpus_characters"]) == (None, None, len(TEXT))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-", "--seed", "1"], "--seed has no effect on samples that are given; leave it out."),
        (["-"], "standard input: holds no text; give a file that does."),
        (["none.txt"], "none.txt: no such file; give a file, a folder, - for standard input, or a built-in corpus: python-docs, "),
    ],
)
def test_bad_samples_are_one_sentence(run: Path, arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = charnn("inspect", "novelty", run, *arguments, text="")
    assert (result.exit_code != 0, result.stdout, result.stderr.startswith(f"Error: {said}")) == (True, "", True)
    assert result.stderr.count("\n") == 1


def test_documents_are_drawn_to_their_ends_and_found_by_row(tmp_path: Path) -> None:
    rows = [f"{name}{number}" for number in range(10) for name in ("theodora", "maximilian", "bartholomew")]
    (tmp_path / "names.txt").write_text("\n".join(rows) + "\n")
    assert charnn("train", "lm", tmp_path / "names.txt", "--documents", "lines", "--to", tmp_path / "run", *TINY).exit_code == 0
    found = json.loads(charnn("inspect", "novelty", tmp_path / "run", "--length", 500, "--json").stdout)
    assert (found["is_training_text"], found["samples"]["characters"] >= 500) == (True, True)
    given = json.loads(charnn("inspect", "novelty", tmp_path / "run", "-", "--json", text="\n".join(rows) + "\n").stdout)
    for copy in given["copies"]:
        line = int(copy["where"].rpartition(":")[2])
        assert copy["text"].split("\n")[0] in "\n".join(rows[line - 1 :])


def test_a_text_in_lower_case_is_compared_in_lower_case(tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(TEXT)
    assert charnn("train", "lm", tmp_path / "verse.txt", "--lowercase", "--to", tmp_path / "run", *TINY).exit_code == 0
    asked = ["inspect", "novelty", tmp_path / "run", "-", "--compare", tmp_path / "verse.txt", "--json"]
    found = json.loads(charnn(*asked, text=LONG.lower()).stdout)
    assert found["held_out"]["longest"] == found["held_out"]["characters"] == len(LONG)
    assert (found["samples"]["longest"], found["copies"][0]["where"], found["is_training_text"]) == (len(LONG), None, True)


def test_files_to_validate_on_are_the_real_text(tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(TEXT)
    (tmp_path / "valid.txt").write_text(LONG * 3)
    options = ["--valid", tmp_path / "valid.txt", "--to", tmp_path / "run"]
    assert charnn("train", "lm", tmp_path / "verse.txt", *options, *TINY).exit_code == 0
    asked = ["inspect", "novelty", tmp_path / "run", "--length", 400, "--json"]
    found = json.loads(charnn(*asked).stdout)
    assert (found["is_training_text"], found["corpus_characters"]) == (True, len(TEXT))
    assert (found["held_out"]["characters"], found["held_out"]["longest"]) == (len(LONG) * 3, len(".\n" + LONG))
    (tmp_path / "valid.txt").unlink()
    found = json.loads(charnn(*asked).stdout)
    assert (found["is_training_text"], found["held_out"]) == (None, None)
    (tmp_path / "verse.txt").unlink()
    result = charnn(*asked)
    missing = f"--corpus must be given, as the text that {tmp_path / 'run'} was trained on is missing: "
    assert result.stderr.startswith(f"Error: {missing}{tmp_path / 'verse.txt'}: no such file; ")


def test_a_text_that_changed_since_is_not_what_was_trained_on(tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(TEXT)
    assert charnn("train", "lm", tmp_path / "verse.txt", "--to", tmp_path / "run", *TINY).exit_code == 0
    (tmp_path / "verse.txt").write_text(TEXT + "more")
    assert json.loads(charnn("inspect", "novelty", tmp_path / "run", "--length", 9, "--json").stdout)["is_training_text"] is False


def test_the_same_figures_are_given_of_text_that_is_named(run: Path, tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("xyz" * 100)
    asked = ["inspect", "novelty", run, "--length", 50, "--compare", tmp_path / "real.txt"]
    found = json.loads(charnn(*asked, "--json").stdout)
    assert (found["held_out"]["characters"], found["held_out"]["new_characters"]["3"]) == (50, 1.0)
    assert f"real text      {tmp_path / 'real.txt'}: 50 characters from its beginning\n" in charnn(*asked).stdout
