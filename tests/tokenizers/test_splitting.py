import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.tokenizers.splitting import PATTERNS, division_of, split_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I don't think it's John's.", "I|do|n't|think|it|'s|John|'s|."),
        ("They’re at the café’s door", "They|’re|at|the|café|’s|door"),
        ("See http://a.b/c?d=1, or www.x.org.", "See|http://a.b/c?d=1|,|or|www.x.org|."),
        ("mail joe@ex-ample.com now", "mail|joe@ex-ample.com|now"),
        ("$3,000.50 at 12:30 on 1/2", "$|3,000.50|at|12:30|on|1/2"),
        ("the U.S. and Mr. Smith-Jones", "the|U.S.|and|Mr.|Smith-Jones"),
        ("WOW!!! so good... :-) @joe #tag", "WOW|!!!|so|good|...|:-)|@joe|#tag"),
        ("rock'n'roll o'clock AT&T", "rock'n'roll|o'clock|AT&T"),
        ("(a) “b”", "(|a|)|“|b|”"),
        ("", ""),
        ("मोहन पुणे गया था। दिल्ली", "मोहन|पुणे|गया|था|।|दिल्ली"),
        ("বাংলা, தமிழ்; ภาษาไทย", "বাংলা|,|தமிழ்|;|ภาษาไทย"),
        ("مَرْحَبًا، שָׁלוֹם צה״ל", "مَرْحَبًا|،|שָׁלוֹם|צה״ל"),
        ("nai\u0308ve re\u0301sume\u0301s", "nai\u0308ve|re\u0301sume\u0301s"),
        ("王明去北京。#日本語 カ゚", "王|明|去|北|京|。|#日本語|カ゚"),
        ("5€ café№5 👍🏽👩\u200d🚒🇩🇪!", "5|€|café|№|5|👍🏽|👩\u200d🚒|🇩🇪|!"),
    ],
)
def test_text_is_split_as_taggers_expect(text, tokens):
    assert [piece.text for piece in split_tokens(text)] == (tokens.split("|") if tokens else [])


def test_models_of_older_files_divide_text_as_they_did():
    assert "|".join(piece.text for piece in split_tokens("मोहन पुणे", "punctuation")) == "म|ो|हन|प|ु|ण|े"


@given(st.text(st.characters(codec="ascii")))
def test_in_ascii_tokens_are_what_they_were(text):
    """The quick way that ASCII takes is the older pattern; the slow one must find the same."""
    assert PATTERNS["unicode"].findall(text) == PATTERNS["punctuation"].findall(text)


HINDI = [["मोहन", "पुणे", "गया", "।"], ["राम", "दिल्ली", "गया", "।"]]


@pytest.mark.parametrize(
    ("sentences", "word_split", "rows"),
    [
        ([["They", "do", "n't", "go", ",", "Mr.", "Smith-Jones", "."]], "unicode", []),
        (HINDI, "unicode", []),
        ([list("王明去北京。"), list("在1999年。")], "characters", [("raw text", "divided into characters, as the training tokens are")]),
        ([list("สวัสดีครับ")], "characters", [("raw text", "divided into characters, as the training tokens are")]),
        ([["GET", "/a/b.c?d", "404-x"], ["PUT", "[a]"]], "spaces", [("raw text", "divided at spaces, as the training tokens are")]),
        (
            [["王明", "去", "北京", "。"]],
            "unicode",
            [
                (
                    "warning",
                    "50 % of the training tokens, such as '王明', come apart otherwise in raw text; "
                    "divide it yourself, and predict with --tokens",
                )
            ],
        ),
    ],
)
def test_raw_text_is_divided_as_the_training_tokens_are(sentences, word_split, rows):
    division = division_of(sentences)
    assert (division.word_split, division.describe()) == (word_split, rows)
    if word_split != "unicode":
        text = ("" if word_split == "characters" else " ").join(sentences[0])
        assert [piece.text for piece in split_tokens(text, word_split)] == sentences[0]


@given(st.text(), st.sampled_from(list(PATTERNS)))
def test_tokens_stand_where_they_say_and_leave_only_white_space(text, word_split):
    place = 0
    for piece in split_tokens(text, word_split):
        assert text[piece.begin : piece.end] == piece.text
        assert text[place : piece.begin].strip() == ""
        assert piece.text.strip() == piece.text != ""
        place = piece.end
    assert text[place:].strip() == ""
