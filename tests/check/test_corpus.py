"""Tests of charnn.check.corpus."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.check import corpus as corpus_examination
from charnn.check.contents import Finding
from charnn.check.corpus import CorpusExamination, examine_corpus
from charnn.check.symbols import SampledCounts
from charnn.data import corpus, readers
from charnn.data.corpus import Corpus
from charnn.data.settings import CorpusSettings
from charnn.errors import DataError

pytestmark = pytest.mark.usefixtures("here")

LINE = "a line that is long enough"


def examined(text: str, valid: str | None = None, **values: object) -> CorpusExamination:
    chosen = CorpusSettings.from_plain(values)
    Path("a").write_bytes(text.encode())
    if valid is not None:
        Path("b").write_bytes(valid.encode())
    return examine_corpus(Corpus(["a"], chosen), None if valid is None else Corpus(["b"], chosen), seed=1)


def test_lines_that_stand_there_twice_or_in_both_parts_are_counted() -> None:
    found = examined(f"{LINE}\nshort\nshort\n A LINE  that is long enough\r\n\n", f"new\n{LINE}\n{LINE} and more")
    assert (found.train, found.valid, found.characters) == (5, 3, (70, 66))
    assert found.duplicates == Finding(1, "a:4")
    assert found.shared == Finding(1, "b:2")
    assert found.lengths == {26: 1, 5: 2, 28: 1, 0: 1}
    assert found.lines() == [
        ("split", "70 characters to train on, 66 to validate on"),
        ("duplicates", "1 line of 20 characters or more repeats an earlier one, for example a:4"),
        ("warning", "1 line of 20 characters or more is in both splits (40.6 % of the validation part), for example b:2"),
    ]


def test_without_a_validation_part_the_last_tenth_is_one() -> None:
    """The line that the border cuts is compared as a part of the end."""
    lines = [f"{number:02} {LINE}\n" for number in range(20)]
    lines[19] = lines[3]
    found = examined("".join(lines))
    assert (found.characters, found.train, found.valid) == ((540, 60), 18, 2)
    assert (found.duplicates, found.shared) == (Finding(0, None), Finding(1, "a:20"))


def test_documents_of_any_length_are_compared_and_their_labels_counted() -> None:
    Path("a.csv").write_text("text,label\none,x\nOne,y\ntwo,y\nthree,y\n")
    Path("b.csv").write_text("text,label\nfour,x\ntwo,x\n")
    settings = CorpusSettings(text_column="text", label_column="label")
    found = examine_corpus(Corpus(["a.csv"], settings), Corpus(["b.csv"], settings), seed=1)
    assert found.lines() == [
        ("documents", "4 to train on, 2 to validate on"),
        ("labels", "y 3 (75 %), x 1 (25 %)"),
        ("duplicates", "1 document repeats an earlier one, for example a.csv:3"),
        ("warning", "1 document is in both splits (42.9 % of the validation part), for example b.csv:3"),
    ]


def test_documents_without_a_validation_part_are_split_as_training_splits_them() -> None:
    found = examined("".join(f"{number}\n" for number in range(100)) * 2, documents="lines")
    assert (found.train, found.valid) == (180, 20)
    assert found.duplicates.count + found.shared.count == 100
    assert found.symbols.words.different == 100


def test_a_line_in_parts_has_its_whole_length_and_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "BLOCK", 4)
    monkeypatch.setattr(corpus, "LONGEST_LINE", 10)
    found = examined(f"{LINE}\n", f"{LINE}\n")
    assert (found.lengths, found.shared) == ({26: 1}, Finding(0, None))


def test_of_very_many_lines_a_sample_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus_examination, "SampledCounts", lambda hashed: SampledCounts(hashed, 500))
    lines = [f"{LINE} {number}\n" for number in range(4000)]
    found = examined("".join(lines + lines[:2000]), "".join(lines[:1000]))
    assert found.one_in == 16
    assert found.duplicates.count == pytest.approx(2000, rel=0.2)
    assert found.shared.count == pytest.approx(1000, rel=0.2)
    assert found.lines()[1][1].endswith("; estimated from one in 16")


def test_strange_characters_are_found_in_the_right_line_of_the_right_file() -> None:
    Path("c").write_text("one\ntwo")
    Path("d").write_text("three\nfour \x07\n")
    found = examine_corpus(Corpus(["c", "d"]), None, seed=1)
    assert found.symbols.strange["control"] == Finding(1, "d:2")


def test_an_empty_corpus_is_refused() -> None:
    with pytest.raises(DataError, match=r"^a: holds no text; give a file that does$"):
        examined("")


@settings(deadline=None)
@given(st.lists(st.sampled_from(["ab", " ", "\n", "c d e f", "\r\n", "Ç"]), max_size=18), st.integers(40, 60), st.integers(1, 50))
def test_words_are_those_of_the_whole_text_wherever_it_is_divided(pieces: list[str], longest: int, block: int) -> None:
    text = "x" + "".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readers, "BLOCK", 3)
        patch.setattr(corpus, "LONGEST_LINE", longest)
        patch.setattr(corpus_examination, "BLOCK", block)
        found = examined(text)
    assert found.symbols.words.total == len(text.split())
    assert found.symbols.characters.total == len(text)
    assert sum(found.lengths.values()) == found.train + found.valid == len(text.removesuffix("\n").split("\n"))


def test_penn_treebank(real_data: Path) -> None:
    found = examine_corpus(Corpus([real_data / "ptb" / "ptb.test.txt"]), Corpus([real_data / "ptb" / "ptb.valid.txt"]), seed=1)
    assert (found.train, found.valid, found.duplicates.count, found.shared.count) == (3761, 3370, 3, 21)
    assert found.symbols.characters.different == 48


def test_names_with_copies(real_data: Path) -> None:
    found = examine_corpus(Corpus([real_data / "names-us" / "names.txt"], CorpusSettings(documents="lines")), None, seed=1)
    assert (found.train, found.valid, found.duplicates.count, found.shared.count) == (28_829, 3_204, 2_023, 494)
