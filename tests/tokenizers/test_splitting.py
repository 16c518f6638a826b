import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.tokenizers.splitting import split_tokens


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
    ],
)
def test_text_is_split_as_taggers_expect(text, tokens):
    assert [piece.text for piece in split_tokens(text)] == (tokens.split("|") if tokens else [])


@given(st.text())
def test_tokens_stand_where_they_say_and_leave_only_white_space(text):
    place = 0
    for piece in split_tokens(text):
        assert text[piece.begin : piece.end] == piece.text
        assert text[place : piece.begin].strip() == ""
        assert piece.text.strip() == piece.text != ""
        place = piece.end
    assert text[place:].strip() == ""
