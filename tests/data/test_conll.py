"""Tests of charnn.data.conll."""

import gzip
import tracemalloc
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.data.conll import Sentence, TaggedData, split_sentences, token_sentences, write_conll
from charnn.data.readers import read_lines
from charnn.data.settings import TaggedSettings
from charnn.errors import DataError, SettingError
from tests.tools import write

pytestmark = pytest.mark.usefixtures("here")

WORD = "1\tThe\tthe\tDET\tDT\t_\t2\tdet\t_\t_\n"
CONLLU = (
    "# sent_id = 1\n# text = The dogs' n\u00e1v\n"
    f"{WORD}"
    "2-3\tdogs'\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "2\tdogs\tdog\tNOUN\tNNS\t_\t0\troot\t_\t_\n"
    "3\t'\t'\tPART\tPOS\t_\t2\tcase\t_\t_\n"
    "3.1\tseen\t_\tVERB\t_\t_\t_\t_\t_\t_\n"
    "\n"
)


def read(*paths: str | Path, **values: str) -> list[Sentence]:
    return list(TaggedData(paths, TaggedSettings(**values)).sentences())


def error_of(content: str, name: str = "a", **values: str) -> str:
    with pytest.raises(DataError) as caught:
        read(write(name, content), **values)
    return str(caught.value)


class TestConll:
    def test_a_blank_line_ends_a_sentence(self) -> None:
        write("a.conll", "\n\t\nRome\tB-place\r\n!\tO \n\t\n  \n\nOslo\tB-place")
        assert read("a.conll") == [
            Sentence(("Rome", "!"), ("B-place", "O"), "a.conll:3"),
            Sentence(("Oslo",), ("B-place",), "a.conll:8"),
        ]

    def test_columns_divided_by_spaces_have_the_tag_last(self) -> None:
        write("a", "-DOCSTART- -X- -X- O\n\nEU NNP  B-NP B-ORG\nrejects VBZ\tB-VP O \n-DOCSTART- -X- -X- O\n# # O O\n")
        assert read("a") == [Sentence(("EU", "rejects"), ("B-ORG", "O"), "a:3"), Sentence(("#",), ("O",), "a:6")]
        assert [one.tags for one in read("a", tag_column="2")] == [("NNP", "VBZ"), ("#",)]
        assert [one.tokens for one in read("a", token_column="3", tag_column="1")] == [("B-NP", "B-VP"), ("O",)]

    def test_divided_by_tabs_a_token_may_hold_spaces_and_any_line_separator(self) -> None:
        write("a", "New York\tB\n\u2028 \x85\tO\n \tO\n\xa0\tO\n")
        assert read("a") == [Sentence(("New York", "\u2028 \x85", " ", "\xa0"), ("B", "O", "O", "O"), "a:1")]

    def test_a_number_sign_is_a_token_where_it_has_a_tag_and_else_a_comment(self) -> None:
        write("a", "# id = 1\n#\thttp://x\ty\nRome\tB\n#\tO\n#\n\n#\tO\n")
        assert read("a") == [Sentence(("Rome", "#"), ("B", "O"), "a:3"), Sentence(("#",), ("O",), "a:7")]
        assert read(write("b", "#\tO\n#tag\tO\n")) == [Sentence(("#", "#tag"), ("O", "O"), "b:1")]

    def test_several_files_may_have_several_layouts(self) -> None:
        files = [write("a", "Rome B\n"), write("b.conllu", CONLLU), write("c.gz", gzip.compress(b"Oslo\tx\ty"))]
        assert [one.tags for one in read(*files)] == [("B",), ("DET", "NOUN", "PART"), ("y",)]

    def test_a_file_is_read_again_and_again_and_in_constant_memory(self) -> None:
        data = TaggedData([write("a", f"{'Rome' * 50}\tB-place\n\n" * 20_000)])
        tracemalloc.start()
        try:
            assert sum(1 for _ in data.sentences()) == sum(1 for _ in data.sentences()) == 20_000
            assert tracemalloc.get_traced_memory()[1] < 8_000_000
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(
        ("content", "values", "message"),
        [
            ("a\tO\nb\tc\tO\n", {}, "a:2: expected 2 columns as in the first sentence, found 3; they are divided by tabs"),
            ("a\tO\nNew York\n", {}, "a:2: expected 2 columns as in the first sentence, found 1; they are divided by tabs"),
            ("a b O\n\nb O\n", {}, "a:3: expected 3 columns as in the first sentence, found 2; they are divided by spaces"),
            ("a\tO\n#\tO\tO\n", {}, "a:2: expected 2 columns as in the first sentence, found 3; they are divided by tabs"),
            ("a\tO\nb\t\n", {}, "a:2: has no tag in column 2; fill it in or leave the sentence out"),
            ("a\tO\n\tO\n", {}, "a:2: has no token in column 1; fill it in or remove the line"),
            ("a\nb\n", {}, "a:1: has no tag; expected a token and its tag, divided by a tab"),
            ("a\tO\n", {"tag_column": "1"}, "a:1: column 1 cannot hold both the token and the tag; say another --tag-column"),
            ("a\tO\n", {"tag_column": "3"}, "a:1: has 2 columns; say a smaller --tag-column than 3"),
            (
                "a\tO\n",
                {"token_column": "form"},
                "a:1: is no CoNLL-U, so its columns have no names; say --token-column as a number from 1 to 2",
            ),
            ("", {}, "a: holds no sentences; give lines of 'token<TAB>tag', a blank line between sentences"),
            ("\n-DOCSTART-\tO\n\n", {}, "a: holds no sentences; give lines of 'token<TAB>tag', a blank line between sentences"),
        ],
    )
    def test_bad_lines_are_reported(self, content: str, values: dict[str, str], message: str) -> None:
        assert error_of(content, **values) == message

    @pytest.mark.parametrize("value", ["0", "ner", "", "-1", "9" * 10])
    def test_a_column_has_a_number_or_a_known_name(self, value: str) -> None:
        names = "id, form, lemma, upos, xpos, feats, head, deprel, deps, misc"
        with pytest.raises(SettingError) as caught:
            TaggedSettings(tag_column=value)
        assert str(caught.value) == f"tag_column must be a number from 1, or one of {names}; got {value!r}"


class TestConllu:
    @pytest.mark.parametrize("name", ["a.conllu", "a.txt", "a.conllu.gz"])
    def test_words_have_an_integer_number(self, name: str) -> None:
        write(name, gzip.compress(CONLLU.encode()) if name.endswith(".gz") else CONLLU)
        assert read(name) == [Sentence(("The", "dogs", "'"), ("DET", "NOUN", "PART"), f"{name}:3")]

    @pytest.mark.parametrize(
        ("values", "tokens", "tags"),
        [
            ({"tag_column": "xpos"}, ("The", "dogs", "'"), ("DT", "NNS", "POS")),
            ({"tag_column": "8"}, ("The", "dogs", "'"), ("det", "root", "case")),
            ({"tag_column": "feats", "token_column": "lemma"}, ("the", "dog", "'"), ("_", "_", "_")),
        ],
    )
    def test_columns_have_names(self, values: dict[str, str], tokens: tuple[str, ...], tags: tuple[str, ...]) -> None:
        assert read(write("a.conllu", CONLLU), **values) == [Sentence(tokens, tags, "a.conllu:3")]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("2\tdog\tNOUN\n", "a.conllu:2: expected 10 columns of CoNLL-U, found 3; they are divided by tabs"),
            (WORD.replace("1", "x"), "a.conllu:2: expected the number of a word in the first column, got 'x'"),
            (WORD.replace("DET", "_"), "a.conllu:2: has no tag in column 4; fill it in or leave the sentence out"),
        ],
    )
    def test_bad_lines_are_reported(self, line: str, message: str) -> None:
        assert error_of(WORD + line, "a.conllu") == message


class TestUntagged:
    def test_tokens_stand_in_lines_and_other_columns_are_left_out(self) -> None:
        assert list(token_sentences(["Rome\n", "#\n", "\n", "Oslo"], "a")) == [["Rome", "#"], ["Oslo"]]
        assert list(token_sentences(["New York\tO", "", ".\tO"], "a")) == [["New York"], ["."]]
        assert list(token_sentences(["x Rome O", "y , O"], "a", column=1)) == [["Rome", ","]]
        assert list(token_sentences(CONLLU.splitlines(keepends=True), "a")) == [["The", "dogs", "'"]]
        assert list(token_sentences([], "a")) == []

    def test_bad_lines_are_reported(self) -> None:
        with pytest.raises(DataError, match=r"^a:2: expected 1 column as in the first sentence, found 2; they are divided by spaces$"):
            list(token_sentences(["Rome", "New York"], "a"))
        with pytest.raises(DataError, match=r"^a:1: has 1 column, so there is no column 3$"):
            list(token_sentences(["Rome"], "a", column=2))

    def test_the_first_sentence_comes_before_the_second_is_read(self) -> None:
        def lines():
            yield from ("Rome\n", "\n")
            raise AssertionError

        assert next(token_sentences(lines(), "a")) == ["Rome"]


class TestWriting:
    def test_a_sentence_ends_in_a_blank_line(self) -> None:
        assert write_conll(["New York", "!"], [["B", "O"], ["0.9", "1.0"]]) == "New York\tB\t0.9\n!\tO\t1.0\n\n"
        assert write_conll(["a", "b"]) == "a\nb\n\n"

    @pytest.mark.parametrize("token", ["", "a\tb", "a\nb"])
    def test_a_token_that_is_no_cell_is_refused(self, token: str) -> None:
        with pytest.raises(DataError) as caught:
            write_conll([token], [["O"]])
        assert str(caught.value) == f"the token {token!r} cannot be written as CoNLL: it is empty, or holds a tab or a newline"

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.lists(
                st.tuples(
                    st.text(st.characters(codec="utf-8", exclude_characters="\0\t\n\ufeff"), min_size=1, max_size=4).map(
                        lambda text: text.strip(" ") or text
                    ),
                    st.sampled_from(["O", "B-x-y"]),
                ),
                min_size=1,
                max_size=4,
            ),
            min_size=1,
            max_size=4,
        )
    )
    def test_what_is_written_is_read(self, sentences: list[list[tuple[str, str]]]) -> None:
        text = "".join(write_conll([token for token, _ in one], [[tag for _, tag in one]]) for one in sentences)
        assert [list(zip(one.tokens, one.tags, strict=True)) for one in read(write("a", text))] == sentences
        assert list(token_sentences(read_lines([text]), "a")) == [[token for token, _ in one] for one in sentences]


class TestSplit:
    SENTENCES: ClassVar = [Sentence((str(number),), ("O",), f"a:{number}") for number in range(40)]

    def test_every_sentence_is_in_one_part_in_its_order(self) -> None:
        train, held = split_sentences(self.SENTENCES, None, 1, "a")
        assert (len(train), len(held)) == (36, 4)
        assert sorted([*train, *held], key=lambda one: int(one.tokens[0])) == self.SENTENCES
        assert train == [one for one in self.SENTENCES if one in train]

    def test_it_depends_on_the_seed_alone(self) -> None:
        parts = [split_sentences(self.SENTENCES, 0.25, seed, "a")[1] for seed in (1, 1, 2)]
        assert parts[0] == parts[1] != parts[2]

    def test_one_sentence_cannot_be_split(self) -> None:
        with pytest.raises(DataError, match=r"^a holds one sentence, which cannot be split; give more, or --valid FILE$"):
            split_sentences(self.SENTENCES[:1], None, 1, "a")


class TestRealData:
    @pytest.mark.parametrize(
        ("name", "sentences", "tokens", "tags"),
        [
            ("wnut17/train.conll", 3_394, 62_730, 13),
            ("wnut17/valid.conll", 1_009, 15_733, 13),
            ("wnut17/test.conll", 1_287, 23_394, 13),
            ("ud-english-ewt/en_ewt-ud-train.conllu.gz", 12_544, 204_577, 17),
            ("ud-english-ewt/en_ewt-ud-dev.conllu.gz", 2_001, 25_147, 17),
        ],
    )
    def test_counts_are_those_published(self, real_data: Path, name: str, sentences: int, tokens: int, tags: int) -> None:
        found = read(real_data / name)
        assert (len(found), sum(len(one.tokens) for one in found), len({tag for one in found for tag in one.tags})) == (
            sentences,
            tokens,
            tags,
        )
