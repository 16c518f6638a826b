"""Laws over every tokenizer, then what is special to characters, bytes and words."""

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.data.readers import Decoding, find_sources, read_text
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.tokenizers import registry
from charnn.tokenizers.registry import (
    TOKENIZERS,
    Grows,
    SplitsWords,
    Tokenizer,
    TokenizerSettings,
    cut_chunks,
    fit_tokenizer,
    lowered,
    restore_tokenizer,
    tokenizer_class,
)
from charnn.tokenizers.vocabulary import END, START, UNKNOWN
from charnn.tokenizers.words import SPLITS, split_last

CORPUS = """\ufeffHe said: "don't go", she\u2019ll wait ...  two spaces, (a) [b] -- done!\r
\tTabs\tand\u00a0no-break; na\u00efve re\u0301sume\u0301, \u039f\u0394\u03a5\u03a3\u03a3\u0395\u03a5\u03a3 \u03a3.
\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645\u060c
\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e
\u4f60\u597d\uff0c\u4e16\u754c\u3002 \u3053\u3093\u306b\u3061\u306f \u4e16\u754c \U00020000\uff01 \ud55c\uad6d\uc5b4
\U0001f469\u200d\U0001f469\u200d\U0001f467 family \U0001f600\U0001f600 <unk> <s> \u2581 \u2585 a , b . . . c 1,2,3 ' x ' \x85 end """

VARIANTS = {name: TokenizerSettings(name) for name in TOKENIZERS} | {
    "char, lower case": TokenizerSettings("char", lowercase=True),
    "byte, lower case": TokenizerSettings("byte", lowercase=True),
    "word, punctuation": TokenizerSettings("word", word_split="punctuation"),
    "word, spaces": TokenizerSettings("word", word_split="spaces"),
    "word, lower case": TokenizerSettings("word", lowercase=True),
    "subword, bpe": TokenizerSettings("subword", subword_model="bpe", lowercase=True),
}
"""Every registered tokenizer, and more settings of some."""


def kind(variant: str) -> type[Tokenizer]:
    return tokenizer_class(VARIANTS[variant].tokenizer)


EXACT = [name for name in VARIANTS if kind(name).is_exact]
GROWING = [name for name in EXACT if issubclass(kind(name), Grows)]

FRAGMENTS = [
    *(" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\x85", "\u2028"),
    *("word", "don't", "\u2019", "'", '"', ",", ".", "(", ")", "-", "<br />", "<br"),
    *("\u093e", "\u094d", "\u064b", "\u200c", "\ufe0f", "\U0001f3fd", "\U0001f1e9", "\U000e0067", "\u20ac", "\u2640", "\u00b7", "\u200b"),
    *("A", "\u03a3", "\u03c3", "\u0130", "e\u0301", "\u4e2d", "\u6587", "\u304b", "\uff0c"),
    *("\U00020001", "\U0001f600\u200d", "\u0628\u0627", "1"),
    *("\u2581", "\u2585", "\0", "\x7f", "\ufffd", "\ufeff", "<unk>", "<0x41>", "</s>", "/>", '"/>'),
]
texts = st.lists(st.sampled_from(FRAGMENTS) | st.characters(codec="utf-8"), max_size=30).map("".join)
any_strings = st.lists(st.sampled_from([*FRAGMENTS, "\ud800", "\udfff"]) | st.characters(), max_size=30).map("".join)
quick = settings(max_examples=60, deadline=None)


@cache
def fitted(variant: str) -> Tokenizer:
    return fit_tokenizer(lambda: [CORPUS], VARIANTS[variant])


def expected(variant: str, text: str) -> str:
    return lowered(text) if VARIANTS[variant].lowercase else text


def test_every_tokenizer_has_the_name_it_is_registered_under() -> None:
    assert all(tokenizer_class(name).name == name for name in TOKENIZERS)


@pytest.mark.parametrize("variant", EXACT)
def test_own_corpus_comes_back_exactly(variant: str) -> None:
    tokenizer = fitted(variant)
    ids = tokenizer.encode(CORPUS)
    assert UNKNOWN not in ids
    assert tokenizer.decode(ids) == expected(variant, CORPUS)


@pytest.mark.parametrize("variant", GROWING)
@quick
@given(text=texts.filter(bool))
def test_any_text_comes_back_from_the_vocabulary_it_gave(variant: str, text: str) -> None:
    tokenizer = fit_tokenizer(lambda: [text], VARIANTS[variant])
    assert tokenizer.decode(tokenizer.encode(text)) == expected(variant, text)


@pytest.mark.parametrize("variant", [name for name in EXACT if name not in GROWING])
@quick
@given(text=texts)
def test_what_need_not_grow_brings_back_any_text(variant: str, text: str) -> None:
    tokenizer = fitted(variant)
    assert tokenizer.decode(tokenizer.encode(text)) == expected(variant, text)


@pytest.mark.parametrize("variant", VARIANTS)
@quick
@given(text=any_strings, cuts=st.lists(st.integers(0, 100), max_size=8))
def test_encoding_in_chunks_is_encoding_the_whole(variant: str, text: str, cuts: list[int]) -> None:
    tokenizer = fitted(variant)
    places = sorted(min(cut, len(text)) for cut in cuts)
    chunks = [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]
    pieces = map(tokenizer.encode, cut_chunks(tokenizer.split, chunks))
    assert [id for ids in pieces for id in ids.tolist()] == tokenizer.encode(text).tolist()


# Sentencepiece sees other sentences when the chunks are others.
@pytest.mark.parametrize("variant", [name for name in VARIANTS if VARIANTS[name].tokenizer != "subword"])
def test_fitting_in_chunks_is_fitting_the_whole(variant: str) -> None:
    parts = fit_tokenizer(lambda: [CORPUS[place : place + 7] for place in range(0, len(CORPUS), 7)], VARIANTS[variant])
    assert parts.learned() == fitted(variant).learned()


@pytest.mark.parametrize("variant", VARIANTS)
@quick
@given(data=st.data())
def test_streaming_is_decoding(variant: str, data: st.DataObject) -> None:
    tokenizer = fitted(variant)
    ids = data.draw(st.lists(st.integers(0, tokenizer.size - 1) | st.sampled_from([UNKNOWN, START, END]), max_size=40))
    stream = tokenizer.stream()
    pieces = [stream.push(id) for id in ids]
    assert "".join(pieces) + stream.finish() == tokenizer.decode(ids) == tokenizer.decode(np.array(ids, np.uint16))


@pytest.mark.parametrize("variant", VARIANTS)
@quick
@given(text=any_strings)
def test_a_restored_tokenizer_is_the_same(variant: str, text: str) -> None:
    tokenizer = fitted(variant)
    restored = restored_twin(variant)
    ids = tokenizer.encode(text)
    assert restored.encode(text).tolist() == ids.tolist()
    assert restored.decode(ids) == tokenizer.decode(ids)


@pytest.mark.parametrize("variant", [name for name in VARIANTS if issubclass(kind(name), SplitsWords)])
@quick
@given(text=any_strings)
def test_the_symbols_of_a_text_are_its_ids(variant: str, text: str) -> None:
    tokenizer = fitted(variant)
    assert isinstance(tokenizer, SplitsWords)
    symbols = tokenizer.symbols(text)
    assert tokenizer.encode_symbols(symbols).tolist() == tokenizer.encode(text).tolist()
    assert sum(map(len, symbols)) <= len(expected(variant, text))


@pytest.mark.parametrize("variant", GROWING)
def test_a_grown_tokenizer_keeps_its_ids(variant: str) -> None:
    tokenizer = fitted(variant)
    assert isinstance(tokenizer, Grows)
    grown = tokenizer.grown(["\u0416", "\u042f"])
    assert [grown.symbol(id) for id in range(grown.size)] == [*(tokenizer.symbol(id) for id in range(tokenizer.size)), "\u0416", "\u042f"]
    assert grown.decode(grown.encode(CORPUS)) == expected(variant, CORPUS)


@cache
def restored_twin(variant: str) -> Tokenizer:
    tokenizer = fitted(variant)
    restored = restore_tokenizer(tokenizer.name, json.loads(json.dumps(tokenizer.learned())), tokenizer.tensors())
    assert restored.size == tokenizer.size
    assert [restored.symbol(id) for id in range(restored.size)] == [tokenizer.symbol(id) for id in range(tokenizer.size)]
    return restored


@pytest.mark.parametrize("variant", VARIANTS)
@quick
@given(text=any_strings)
def test_any_string_encodes_and_unknown_symbols_are_counted(variant: str, text: str) -> None:
    tokenizer = fitted(variant)
    ids = tokenizer.encode(text)
    assert ids.dtype.kind == "u"
    assert all(id < tokenizer.size and id not in (START, END) for id in ids.tolist())
    assert sum(tokenizer.unknown_symbols(text).values()) == np.count_nonzero(ids == UNKNOWN)


@pytest.mark.parametrize("variant", VARIANTS)
def test_specials_have_names_and_decode_to_a_mark_or_to_nothing(variant: str) -> None:
    tokenizer = fitted(variant)
    assert [tokenizer.symbol(id) for id in (UNKNOWN, START, END)] == ["<unk>", "<start>", "<end>"]
    assert tokenizer.decode([START, UNKNOWN, END]) == "\ufffd"
    assert tokenizer.decode([]) == ""


@pytest.mark.parametrize("variant", VARIANTS)
def test_fitting_twice_gives_the_same(variant: str) -> None:
    again = fit_tokenizer(lambda: [CORPUS], VARIANTS[variant])
    assert again.learned() == fitted(variant).learned()
    assert all(np.array_equal(again.tensors()[name], tensor) for name, tensor in fitted(variant).tensors().items())


@pytest.mark.parametrize("variant", VARIANTS)
def test_damaged_learned_data_is_refused(variant: str) -> None:
    with pytest.raises(CheckpointError, match="damaged"):
        restore_tokenizer(fitted(variant).name, {}, {})


def test_an_unknown_tokenizer_is_refused() -> None:
    with pytest.raises(CheckpointError, match="the model's tokenizer is 'runes', this charnn knows char, byte, word, subword"):
        restore_tokenizer("runes", {}, {})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tokenizer": "byte", "min_count": 2}, "min_count has no effect on the tokenizer byte; leave it out"),
        ({"tokenizer": "char", "subword_model": "bpe"}, "subword_model has no effect on the tokenizer char; leave it out"),
        ({"tokenizer": "subword", "word_split": "spaces"}, "word_split has no effect on the tokenizer subword; leave it out"),
        ({"tokenizer": "subword", "vocabulary_size": 20}, "vocabulary_size must be at least 300 for subword, got 20"),
        ({"tokenizer": "char", "vocabulary_size": 3}, "vocabulary_size must be at least 4 and at most 999,999, got 3"),
        (
            {"tokenizer": "torchtext:basic_english", "torchtext_vocabulary": "v", "min_count": 2},
            "torchtext_vocabulary brings its own words; leave vocabulary_size and min_count out",
        ),
    ],
)
def test_a_setting_without_effect_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=f"^{re.escape(message)}$"):
        TokenizerSettings.from_plain(values)


def test_rare_characters_become_unknown() -> None:
    tokenizer = fit_tokenizer(lambda: ["aaabbc"], TokenizerSettings("char", vocabulary_size=5))
    assert tokenizer.encode("abc\u4e2d").tolist() == [3, 4, 0, 0]
    assert tokenizer.unknown_symbols("abcc\u4e2d") == {"c": 2, "\u4e2d": 1}
    assert tokenizer.decode([3, 4, 0]) == "ab\ufffd"


def test_lower_case_does_not_depend_on_the_neighbours() -> None:
    """Python writes a capital sigma at the end of a word as another letter, so a text lowered in pieces would differ from the whole."""
    assert lowered("\u039f\u03a3") == lowered("\u039f") + lowered("\u03a3") == "\u03bf\u03c3"


def test_a_byte_stream_never_gives_half_a_character() -> None:
    tokenizer = fitted("byte")
    stream = tokenizer.stream()
    assert [stream.push(id) for id in tokenizer.encode("\u20ac!").tolist()] == ["", "", "\u20ac", "!"]
    assert stream.push(3 + 0xE2) == ""
    assert stream.finish() == "\ufffd"
    assert tokenizer.symbol(3 + 0xE2) == "0xE2"


def symbols(text: str, **values: str) -> list[str]:
    tokenizer = fit_tokenizer(lambda: [text], TokenizerSettings("word", **values))
    return [tokenizer.symbol(id) for id in tokenizer.encode(text).tolist()]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("the cat sat", ["the", "cat", "sat"]),
        ("yes, no (or so).", ["yes", ", ", "no", " (", "or", "so", ")", "."]),
        ("a , b . . c", ["a", " , ", "b", " .", " . ", "c"]),
        ("don't \u2018she\u2019ll\u2019 'tis", ["don't", " \u2018", "she\u2019ll", "\u2019", " '", "tis"]),
        ("a \n b  c\td ", ["a", " \n ", "b", "  ", "c", "\t", "d", " "]),
        (" a", [" ", "a"]),
        ("\u4f60\u597d \u4e16\u754c\u3002ok", ["\u4f60", "\u597d", " \u4e16", "\u754c", "\u3002", "ok"]),
        ("\u0928\u092e\u0938\u094d\u0924\u0947 re\u0301", ["\u0928\u092e\u0938\u094d\u0924\u0947", "re\u0301"]),
        ("a \U0001f469\u200d\U0001f467", ["a", " \U0001f469\u200d\U0001f467"]),
        ("5€ a≤b café№5 $5", ["5", "€ ", "a", "≤", "b", "café", "№", "5", " $", "5"]),
        ("नमस्ते। दुनिया॥", ["नमस्ते", "। ", "दुनिया", "॥"]),
        ("বাংলা ভাষা।", ["বাংলা", "ভাষা", "।"]),
        ("தமிழ் மொழி, ௧௨", ["தமிழ்", "மொழி", ", ", "௧௨"]),
        ("ภาษาไทย ๆ", ["ภาษาไทย", "ๆ"]),
        ("مَرْحَبًا، بِكُمْ؟", ["مَرْحَبًا", "، ", "بِكُمْ", "؟"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("שָׁלוֹם, צה״ל ג׳ירפה", ["שָׁלוֹם", ", ", "צה״ל", "ג׳ירפה"]),
        ("nai\u0308ve col·legi co\u00adop", ["nai\u0308ve", "col·legi", "co\u00adop"]),
        ("か\u3099く、", ["か\u3099", "く", "、"]),
        ("👍🏽👩\u200d🚒 ok 1\ufe0f\u20e3", ["👍🏽", "👩\u200d🚒 ", "ok", "1\ufe0f\u20e3"]),
        ("🇩🇪🇫🇷🇮 x", ["🇩🇪", "🇫🇷", "🇮 ", "x"]),
        ("\ufeffa\u200bb \ufffd c", ["\ufeff", "a", "\u200b", "b", "\ufffd", "c"]),
        ("snake_case x\u00b2", ["snake", "_", "case", "x\u00b2"]),
    ],
)
def test_words_and_marks(text: str, parts: list[str]) -> None:
    assert symbols(text) == parts


def test_models_of_older_files_split_words_as_they_did() -> None:
    assert symbols("5€ a≤b, $5 नमस्ते। 😀😀", word_split="punctuation") == ["5€", "a≤b", ",", " $", "5", "नमस्ते।", "😀😀"]


@quick
@given(text=st.text(st.characters(codec="ascii")))
def test_in_ascii_words_are_what_they_were(text: str) -> None:
    """The quick way that ASCII takes is the table's; the slow one must find the same."""
    assert SPLITS["unicode"].symbols.findall(text) == SPLITS["punctuation"].symbols.findall(text)


def test_a_text_whose_words_all_end_in_marks_can_be_cut() -> None:
    text = "दुनिया है। " * 1000
    head, rest = split_last(SPLITS["unicode"].cut, text)
    assert head
    assert len(rest) < 20


def test_split_at_spaces_keeps_punctuation_in_words_and_counts_every_newline() -> None:
    assert symbols(" a b, \n <unk> N \n", word_split="spaces") == [" ", "a", "b,", " \n ", "<unk>", "N", " \n"]
    assert symbols("a\n\n  b \n \n c  d", word_split="spaces") == ["a", "\n", "\n ", " ", "b", " \n ", "\n ", "c", "  ", "d"]


def test_an_unknown_word_keeps_its_spaces() -> None:
    tokenizer = fit_tokenizer(lambda: ["one two"], TokenizerSettings("word"))
    assert tokenizer.decode(tokenizer.encode("one three two")) == "one \ufffd two"


def test_a_text_of_one_endless_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "LONGEST_SEARCH", 100)
    with pytest.raises(DataError, match="found no end of a word in 150 characters; such a text needs --tokenizer char or byte"):
        fit_tokenizer(lambda: ["x" * 50] * 9, TokenizerSettings("word"))


@pytest.mark.parametrize(("name", "tokens"), [("ptb/ptb.train.txt.gz", 929_589), ("wikitext-2/wiki.valid.tokens.gz", 217_646)])
def test_tokenised_corpora_have_the_published_counts(real_data: Path, name: str, tokens: int) -> None:
    (source,) = find_sources([real_data / name])

    def chunks() -> list[str]:
        return list(read_text(source, Decoding("utf-8", "strict", "keep")))

    tokenizer = fit_tokenizer(chunks, TokenizerSettings("word", word_split="spaces"))
    found = [tokenizer.symbol(id) for ids in map(tokenizer.encode, cut_chunks(tokenizer.split, chunks())) for id in ids.tolist()]
    assert len(found) == tokens + (found[0] == " ")  # the space that the text begins with
    if name.startswith("ptb"):  # 10,000 with the end of line; the specials; the white space at the beginning and at the end
        assert tokenizer.size == 10_000 + 3 + 2
