"""What is measured of a text at each character."""

import numpy as np
import pytest

from charnn.inspection.features import FEATURES, Characters, is_flag, measured


def marks(name: str, text: str) -> str:
    """The feature at every character, as digits."""
    values = measured([list(text)])[name]
    assert len(values) == len(text)
    return "".join(str(int(value)) for value in values)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("in double quotes", 'a "bc" d', "00111000"),
        ("in double quotes", "“a” b", "11000"),
        ("in double quotes", '"a\n\nb"', "111001"),
        ("in single quotes", "don't 'a b' c", "0000001111000"),
        ("depth of brackets", "a(b[c])}{d", "0112210011"),
        ("in a tag <...>", "x<b>y</b>", "011001110"),
        ("in a comment # ...", "x # y\nz", "0011100"),
        ("indentation", "  a\n\tb\nc", "12201100"),
        ("place in line", "ab\ncd", "12012"),
        ("newline", "a\n\nb", "0110"),
        ("line after a blank one", "a\n\nbc\nd", "0001110"),
        ("line in capitals so far", "ANNA: x\nAB\nA", "011111000100"),
        ("line that ends in a colon *", "ab:\nc\nd:", "11110011"),
        ("in a word", "ab c1", "11010"),
        ("letters since word began", "ab, cde", "1200123"),
        ("begin of word", "ab cd", "10010"),
        ("end of word *", "ab, c", "01001"),
        ("begin of sentence", "A b. C d? e", "10000100001"),
        ("capital letter", "aBÜ", "011"),
        ("vowel", "aBE y", "10100"),
        ("digit", "a1٣", "011"),
        ("space", "a b\t", "0100"),
        ("punctuation", "a, b!\n", "010010"),
    ],
)
def test_features_say_what_their_names_say(name, text, expected):
    assert marks(name, text) == expected


def test_the_begin_of_a_line_fades_by_its_tenth_character():
    values = measured([list("ab\nc")])["begin of line, fading"]
    np.testing.assert_allclose(values, np.exp([-0.1, -0.2, 0, -0.1]))


ODD = ["", "\n", "a", "\n\n", '"', "'", "((((", "\r\n\r\n", "\ud800", "🙂\u202e\x00", "שלום", " " * 50, "#" * 9 + "\n"]


@pytest.mark.parametrize("text", ODD)
def test_every_feature_is_a_finite_number_at_every_piece_of_any_text(text):
    for pieces in (list(text), [text], ["", *text, ""]):
        for name, values in measured([pieces]).items():
            assert values.shape == (len(pieces),), name
            assert np.isfinite(values).all(), name


def test_only_features_with_a_star_depend_on_what_comes_later():
    """Causal: whatever follows, the values so far stay; single quotes aside, of which only a later one tells an apostrophe."""
    text = 'AB: "x y (z)\n\n  Cd <e> # f. Gh\nij'
    for name in FEATURES:
        if name.endswith("*") or name == "in single quotes":
            continue
        whole = measured([list(text)])[name]
        for cut in range(1, len(text)):
            np.testing.assert_array_equal(measured([list(text[:cut])])[name], whole[:cut], err_msg=name)


def test_a_piece_has_numbers_of_its_last_character_and_flags_of_any_and_an_empty_one_those_of_the_piece_before():
    pieces = ["", "aB", " c", "", "(", "d)"]  # in "aB c(d)"
    begins, ends = [0, 2, 2, 4, 5], [1, 3, 3, 4, 6]
    for name, values in measured([pieces]).items():
        characters = measured([list("aB c(d)")])[name]
        is_any = FEATURES[name](Characters("aB c(d)")).dtype == np.bool_
        own = [characters[begin : end + 1].max() if is_any else characters[end] for begin, end in zip(begins, ends, strict=True)]
        np.testing.assert_array_equal(values, [0, *own], err_msg=name)
    words = measured([["The", " fox", ",", " it", "\n"]])
    assert words["begin of word"].tolist() == [1, 1, 0, 1, 0]
    assert words["capital letter"].tolist() == [1, 0, 0, 0, 0]
    assert words["letters since word began"].tolist() == [3, 3, 0, 2, 0]


def test_every_text_is_measured_by_itself():
    together = measured([list('"a (b'), list("c\nd")])
    for name, values in together.items():
        alone = np.concatenate([measured([list('"a (b')])[name], measured([list("c\nd")])[name]])
        np.testing.assert_array_equal(values, alone, err_msg=name)


def test_flags_are_told_from_counts():
    assert is_flag(np.array([0.0, 1.0, 0.0]))
    assert not is_flag(np.array([0.0, 2.0]))
    assert not is_flag(np.array([0.5]))
