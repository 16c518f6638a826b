"""Tests of charnn.data.vectors."""

import gzip
import tracemalloc

import numpy as np
import pytest

from charnn.data.vectors import read_vectors, vectors_width
from charnn.errors import DataError
from tests.tools import write

pytestmark = pytest.mark.usefixtures("here")

GLOVE = "the 0.5 -1 2e-1\ncaf\u00e9 1 2 3\nrome 4 5 6\n. . . 7 8 9\nthe 0 0 0\n"
ADVICE = "give a text file of GloVe, word2vec or fastText, plain or .gz"


def error_of(content: str | bytes, width: int | None = None, name: str = "v.txt") -> str:
    with pytest.raises(DataError) as caught:
        read_vectors(write(name, content), {"the": 0, "caf\u00e9": 1}, width)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("glove.txt", GLOVE),
        ("glove.txt.gz", gzip.compress(GLOVE.encode(), mtime=0)),
        ("fasttext.vec", "5 3\n" + GLOVE.replace("\n", " \n")),
        ("word2vec.txt", "5 3\n" + GLOVE.removesuffix("\n")),
        ("windows.txt", GLOVE.replace("\n", "\r\n")),
    ],
)
def test_every_format_gives_the_wanted_words_in_their_rows(name: str, content: str | bytes) -> None:
    wanted = {". . .": 0, "caf\u00e9": 1, "absent": 2, "the": 3}
    assert vectors_width(write(name, content)) == 3
    vectors, found = read_vectors(name, wanted, 3)
    assert vectors.dtype == np.float32
    assert vectors.tolist() == np.array([[7, 8, 9], [1, 2, 3], [0, 0, 0], [0.5, -1, 0.2]], np.float32).tolist()
    assert found.tolist() == [True, True, False, True]


def test_a_word_that_is_not_found_takes_the_vector_of_its_lower_case() -> None:
    write("v.txt", "rome 1 2\nTHE 3 4\nthe 5 6\nOslo 7 8\n")
    vectors, found = read_vectors("v.txt", {"Rome": 0, "ROME": 1, "THE": 2, "The": 3, "rome": 4, "oslo": 5}, None)
    assert vectors.tolist() == [[1, 2], [1, 2], [3, 4], [5, 6], [1, 2], [0, 0]]
    assert found.tolist() == [True, True, True, True, True, False]


def test_the_exact_word_counts_even_when_its_lower_case_comes_first() -> None:
    vectors, _ = read_vectors(write("v.txt", "the 1 2\nThe 3 4\nThe 5 6\n"), {"The": 0}, None)
    assert vectors.tolist() == [[3, 4]]


def test_numbers_may_leave_rows_for_other_symbols() -> None:
    vectors, found = read_vectors(write("v.txt", "the 1 2\n"), {"the": 2}, None)
    assert vectors.tolist() == [[0, 0], [0, 0], [1, 2]]
    assert found.tolist() == [False, False, True]


def test_nothing_wanted_gives_nothing() -> None:
    vectors, found = read_vectors(write("v.txt", GLOVE), {}, 3)
    assert (vectors.shape, found.shape) == ((0, 3), (0,))


def test_memory_is_that_of_the_wanted_words() -> None:
    row = " ".join(["0.12345"] * 100)
    write("v.txt", "".join(f"w{number} {row}\n" for number in range(20_000)))
    tracemalloc.start()
    try:
        read_vectors("v.txt", {"w19999": 0}, 100)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "width", "message"),
    [
        (GLOVE, 5, "v.txt: holds vectors of 3 numbers, and 5 are wanted; say --embedding-size 3"),
        ("9 50\n" + GLOVE, 3, "v.txt: holds vectors of 50 numbers, and 3 are wanted; say --embedding-size 50"),
        (GLOVE + "cut 1 2", 3, "v.txt:6: expected a word and 3 numbers, found 2; is the file complete, and a text file?"),
        (GLOVE + "\nlong 1.5 1 2 3\n", 3, "v.txt:7: expected a word and 3 numbers, found 4; is the file complete, and a text file?"),
        ("2 3\nthe 1 2 3 \ncaf\u00e9 1 \n", 3, "v.txt:3: expected a word and 3 numbers, found 1; is the file complete, and a text file?"),
        ("the 1 2 x\n", None, "v.txt:1: expected a word and 3 numbers: could not convert string to float: b'x'"),
        ("the 1 nan 2\n", None, "v.txt:1: holds a number that is not finite; correct the line or remove it"),
        ("", None, f"v.txt: holds no word vectors; {ADVICE}"),
        ("one\ntwo\n", None, f"v.txt: holds no word vectors; {ADVICE}"),
    ],
)
def test_a_bad_file_is_reported(content: str, width: int | None, message: str) -> None:
    assert error_of(content, width) == message


def test_a_file_that_cannot_be_read_is_reported() -> None:
    with pytest.raises(DataError, match=r"^no\.txt: cannot be read: No such file or directory$"):
        vectors_width("no.txt")
    assert error_of(b"no gzip", name="v.gz").startswith("v.gz: is not a complete gzip file: ")
    assert error_of(gzip.compress(GLOVE.encode() * 99)[:-9], name="v.gz").startswith("v.gz: is not a complete gzip file: ")
