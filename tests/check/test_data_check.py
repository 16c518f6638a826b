"""Tests of charnn.tasks.check, and of the whole output of `charnn data check`."""

import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from charnn.cli.main import main
from charnn.cli.verbs import data as trial
from charnn.tasks.check import Cost, Trial, check_data
from charnn.tasks.lm.settings import LanguageModelInputs, LanguageModelSettings
from charnn.tasks.registry import TASKS
from charnn.training.model import Sources
from tests.runs import SERIES
from tests.tools import write

pytestmark = pytest.mark.usefixtures("here")

COST = Cost(
    parameters=1000,
    preparation_seconds=12.3,
    updates=1234,
    epoch_seconds=75.4,
    validation_seconds=2.2,
    per_second=4321.5,
    unit="texts",
    peak_bytes=500 << 20,
    device="cpu",
    threads=2,
)


def charnn(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["data", "check", *arguments])


def checked_output(*arguments: str, code: int = 0) -> str:
    """What is printed without a measurement."""
    result = charnn(*arguments, "--no-measure")
    assert result.exit_code == code, result.output
    assert result.stderr == ""
    return result.stdout


def facts(*arguments: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(checked_output(*arguments, "--json", code=code))
    return found


def said(output: str, *names: str) -> list[str]:
    """The rows of these names."""
    return [line for line in output.split("\n") if line.startswith(names)]


UNTRIED = "training was not tried, and no problem was found"


def test_a_text() -> None:
    write("sea.txt", "The sea is wide, the sea is blue,\nthe sea has room for me and you.\n\n" * 10)
    assert checked_output("sea.txt") == (
        "task        lm (nothing points to labels, tags, pairs or numbers; --task says otherwise)\n"
        "files       1 file, 680 bytes, 30 lines\n"
        "encoding    utf-8, valid: 680 characters, 0 beyond ASCII\n"
        "line ends   LF 30\n"
        "split       612 characters to train on, 68 to validate on\n"
        "duplicates  16 lines of 20 characters or more repeat earlier ones, for example sea.txt:4\n"
        "characters  22 different, 0 only once or twice\n"
        "words       11 different among 160, 0 (0 %) only once, 0 twice\n"
        "lengths     characters of a line, at most 33\n"
        "                0  10  ████████████████████████████████████████\n"
        "            31-35  20  ████████████████████████████████████████\n"
        "warning     2 lines of 20 characters or more are in both splits (100.0 % of the validation part), for example sea.txt:28\n"
        f"verdict     {UNTRIED}: charnn train lm sea.txt\n"
    ).replace("10  ████████████████████████████████████████", "10  ████████████████████")


def test_documents_with_labels() -> None:
    write("names.csv", "name,sex\n" + "".join(f"name {number},{'fm'[number % 2]}\n" for number in range(20)))
    assert checked_output("names.csv", "--task", "lm", "--text-column", "name", "--label-column", "sex") == (
        "task        lm\n"
        "files       1 file, 199 bytes, 21 lines\n"
        "encoding    utf-8, valid: 199 characters, 0 beyond ASCII\n"
        "line ends   LF 21\n"
        "columns     name, sex, divided by commas\n"
        "documents   18 to train on, 2 to validate on\n"
        "labels      f 9 (50 %), m 9 (50 %)\n"
        "characters  15 different, 9 only once or twice: 0 2 3 4 5 6 7 8 ...\n"
        "words       21 different among 40, 20 (95 %) only once, 0 twice\n"
        "lengths     characters of a document, at most 7\n"
        "            6  10  ████████████████████████████████████████\n"
        "            7  10  ████████████████████████████████████████\n"
        f"verdict     {UNTRIED}: charnn train lm names.csv --text-column name --label-column sex\n"
    )


def test_labelled_texts() -> None:
    rows = "".join(f'"no {number},\nit is {"good" if number % 2 else "bad"}",{"pos" if number % 2 else "neg"}\n' for number in range(40))
    write("films.csv", f"text,label\n{rows}")
    write("valid.csv", 'text,label\n"NO 7, it is good",pos\nnew,neg\n')
    assert checked_output("films.csv", "--valid", "valid.csv") == (
        "task        classifier (its columns text and label are a text and a label; --task says otherwise)\n"
        "files       2 files, 983 bytes, 84 lines\n"
        "encoding    utf-8, valid: 983 characters, 0 beyond ASCII\n"
        "line ends   LF 84\n"
        "columns     text, label, divided by commas\n"
        "labels      neg 20 (50 %), pos 20 (50 %)\n"
        "validation  neg 1 (50 %), pos 1 (50 %)\n"
        "lengths     15, 16, 17, 17 characters; 5, 5, 5, 5 words (at 5, 50, 95, 100 % of the texts)\n"
        "characters  22 different, 0 only once or twice\n"
        "words       45 different among 200, 40 (89 %) only once, 0 twice\n"
        "lengths     words of a text, at most 5\n"
        "            5  40  ████████████████████████████████████████\n"
        "warning     1 text is in both splits, for example valid.csv:2\n"
        f"verdict     {UNTRIED}: charnn train classifier films.csv --valid valid.csv\n"
    )


def test_fasttext_lines() -> None:
    lines = "".join(f"__label__{'xy'[number % 2]} film {number}\n" for number in range(30))
    write("films.txt", f"{lines}__label__x FILM 2\n__label__y film 4\n")
    assert said(checked_output("films.txt"), "task", "labels", "duplicates", "verdict") == [
        "task        classifier (its lines begin with __label__; --task says otherwise)",
        "labels      x 14 (50 %), y 14 (50 %)",
        "duplicates  2 texts repeat earlier ones, 1 of them with another label, for example films.txt:32",
        f"verdict     {UNTRIED}: charnn train classifier films.txt",
    ]


def test_tagged_sentences() -> None:
    write("a.conll", "".join(f"Ann{number}\tB-person\nleft\tO\n.\tO\n\n" for number in range(10)) + "New\tB-place\nYork\tI-place\n\n")
    write("b.conll", "Ann3\tB-person\nleft\tO\n.\tO\n\nBob\tB-person\n\n")
    assert checked_output("a.conll", "--valid", "b.conll") == (
        "task        tagger (.conll files contain a token and its tag per line; --task says otherwise)\n"
        "files       2 files, 326 bytes, 49 lines\n"
        "encoding    utf-8, valid: 326 characters, 0 beyond ASCII\n"
        "line ends   LF 49\n"
        "training    11 sentences, 32 tokens\n"
        "validation  2 sentences, 4 tokens, 25.0 % of them not seen in training\n"
        "tags        O 20 (62 %), B-person 10 (31 %), B-place 1 (3 %), I-place 1 (3 %)\n"
        "spans       BIO: person 10 (91 %), place 1 (9 %)\n"
        "characters  23 different, 16 only once or twice: 0 1 2 3 4 5 6 7 ...\n"
        "words       14 different among 32, 12 (86 %) only once, 0 twice\n"
        "lengths     tokens of a sentence, at most 3\n"
        "            2   1  ████\n"
        "            3  10  ████████████████████████████████████████\n"
        "warning     1 sentence occurs in both splits, for example b.conll:1\n"
        "warning     the type 'place' has only 1 span, first at a.conll:41\n"
        f"verdict     {UNTRIED}: charnn train tagger a.conll --valid b.conll\n"
    )


def test_parallel_files_that_are_not() -> None:
    write("a.de", "eins\nzwei\u2028drei\nvier\n")
    write("a.en", "one\ntwo\nthree\nfour\n")
    assert checked_output("--source", "a.de", "--target", "a.en", code=1) == (
        "task        translator (its files are parallel; --task says otherwise)\n"
        "files       2 files, 41 bytes, 7 lines\n"
        "encoding    utf-8, valid: 39 characters, 1 beyond ASCII\n"
        "line ends   LF 7\n"
        "pairs       2 to train on, 1 to validate on\n"
        "source      4, 4, 9, 9 characters; 1, 1, 2, 2 words (at 5, 50, 95, 100 % of the texts)\n"
        "target      3, 3, 5, 5 characters; 1, 1, 1, 1 words (at 5, 50, 95, 100 % of the texts)\n"
        "characters  source: 10 different, 8 only once or twice: d n r s v w z U+2028\n"
        "words       source: 4 different among 4, 4 (100 %) only once, 0 twice\n"
        "characters  target: 7 different, 6 only once or twice: h n o r t w\n"
        "words       target: 3 different among 3, 3 (100 %) only once, 0 twice\n"
        "lengths     words of a source, at most 2\n"
        "            1  2  ████████████████████████████████████████\n"
        "            2  1  ████████████████████\n"
        "lengths     words of a target, at most 1\n"
        "            1  3  ████████████████████████████████████████\n"
        "warning     1 line separator (U+0085, U+2028, U+2029), where other programs end a line and charnn does not, first at a.de:2\n"
        "verdict     cannot be trained on: a.de has 3 lines and a.en 4; give files with a line for a line.\n"
    )


def test_a_series() -> None:
    write("sold.csv", SERIES)
    assert checked_output("sold.csv", "--target", "sold", "--inputs", "rain", "--missing", "interpolate") == (
        "task        forecaster (only it has a --target within a file; --task says otherwise)\n"
        "files       1 file, 2,078 bytes, 121 lines\n"
        "encoding    utf-8, valid: 2,078 characters, 0 beyond ASCII\n"
        "line ends   LF 121\n"
        "values      97 to train on, 11 to validate on, 12 held out\n"
        "columns     month, sold, rain, divided by commas\n"
        "times       every month, from 2001-01 to 2010-12\n"
        "column      sold, to predict: 106 to 288\n"
        "column      rain, to predict from: 1 to 11\n"
        "season      12 values\n"
        f"verdict     {UNTRIED}: charnn train forecaster sold.csv --target sold --inputs rain --missing interpolate\n"
    )


def test_a_series_whose_target_is_not_said() -> None:
    write("sold.csv", SERIES)
    assert said(checked_output("sold.csv", code=1), "task", "values", "times", "column", "warning", "verdict") == [
        "task        forecaster (it contains times in month and numbers; --task says otherwise)",
        "columns     month, sold, rain, divided by commas",
        "times       every month, from 2001-01 to 2010-12",
        "column      sold: 106 to 288",
        "column      rain: 1 to 11",
        "verdict     cannot be trained on: sold.csv:2: which column is to be predicted? say --target; there are sold, rain.",
    ]


def test_json_of_a_series_has_every_number() -> None:
    write("sold.csv", SERIES)
    found = facts("sold.csv", "--task", "forecaster", "--target", "sold")
    assert list(found) == [
        *("files", "task", "because", "health", "unit", "values", "duplicates", "columns", "times", "late", "train", "valid", "held_out"),
        *("season", "lengths", "problems", "warnings", "training", "trainable", "reason", "command"),
    ]
    assert (found["files"], found["because"], found["unit"]) == (["sold.csv"], None, "value")
    assert (found["train"], found["valid"], found["held_out"], found["season"]) == (97, 11, 12, 12)
    assert (found["columns"]["month"]["kind"], found["columns"]["rain"]["use"], found["columns"]["sold"]["use"]) == ("time", None, "target")
    assert found["times"] == {"first": "2001-01", "last": "2010-12", "every": "every month"}
    assert found["command"] == "charnn train forecaster sold.csv --target sold"


HOSTILE = {
    "empty": (b"", ["verdict     cannot be trained on: x.txt: holds no text; give a file that does."]),
    "utf-16": (
        "été\n".encode("utf-16"),
        [
            "warning     1 file begins with the byte order mark of utf-16 (say --encoding utf-16), first x.txt",
            "verdict     cannot be trained on: x.txt: begins with the byte order mark of utf-16; say --encoding utf-16.",
        ],
    ),
    "latin-1": (
        "line\nété\n".encode("latin-1") * 10,
        [
            "warning     20 bytes are no utf-8, nor is anything else beyond ASCII, so this may be cp1252 (say --encoding cp1252), "
            "first at x.txt:2 (byte 5)",
            "verdict     cannot be trained on: x.txt: byte 5 is not valid utf-8; say the right --encoding, or --errors replace.",
        ],
    ),
    "NUL": (
        b"a line\nand \0 one\n" * 10,
        [
            "warning     10 NULs, which no text has, first at x.txt:2",
            "verdict     cannot be trained on: x.txt: byte 11 is NUL, so this is no text file; leave it out, or say --errors replace.",
        ],
    ),
    "mixed line ends": (
        b"one\ntwo\r\nthree\rfour\n" * 10,
        [
            "warning     10 CRs without LF, where other programs end a line and charnn does not, first at x.txt:3",
            "warning     10 lines end otherwise than most do, in LF or in CR LF, first at x.txt:2",
            f"verdict     {UNTRIED}: charnn train lm x.txt",
        ],
    ),
    "strange characters": (
        "fine\n\x07 \ue000\n".encode() * 10,
        [
            "warning     10 control characters, first at x.txt:2",
            "warning     10 characters of private use, first at x.txt:2",
            f"verdict     {UNTRIED}: charnn train lm x.txt",
        ],
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_read_to_their_end(name: str) -> None:
    content, rows = HOSTILE[name]
    code = 1 if "cannot" in rows[-1] else 0
    assert said(checked_output(write("x.txt", content), code=code), "warning", "verdict") == rows


def test_one_line_of_ten_megabytes() -> None:
    output = checked_output(write("x.txt", "ab cd " * 1_700_000))
    assert said(output, "split", "words", "lengths", "warning") == [
        "split       9,200,000 characters to train on, 1,000,000 to validate on",
        "words       2 different among 3,400,000, 0 (0 %) only once, 0 twice",
        "lengths     characters of a line, at most 10,200,000",
    ]


def test_bytes_that_are_replaced_speak_against_nothing() -> None:
    write("x.txt", b"line \xff\n" * 20)
    assert said(checked_output("x.txt", "--errors", "replace"), "warning", "verdict") == [
        "warning     20 bytes are no utf-8, nor is anything else beyond ASCII, so this may be cp1252 (say --encoding cp1252), "
        "first at x.txt:1 (byte 5)",
        f"verdict     {UNTRIED}: charnn train lm x.txt --errors replace",
    ]


def test_every_bad_row_is_a_warning_and_the_first_is_the_reason() -> None:
    write("x.csv", "text,label\none\ntwo,x,y\n" + "".join(f"{number},{'xy'[number % 2]}\n" for number in range(40)) + "z\n" * 7)
    assert said(checked_output("x.csv", code=1), "warning", "verdict") == [
        "warning     x.csv:2: expected 2 columns (text, label), found 1",
        "warning     x.csv:3: expected 2 columns (text, label), found 3",
        "warning     x.csv:44: expected 2 columns (text, label), found 1",
        "warning     x.csv:45: expected 2 columns (text, label), found 1",
        "warning     x.csv:46: expected 2 columns (text, label), found 1",
        "warning     and 4 more like these",
        "verdict     cannot be trained on: x.csv:2: expected 2 columns (text, label), found 1.",
    ]


def test_json_has_every_number() -> None:
    write("x.tsv", "".join(f"source {number}\ttarget {number % 5}\n" for number in range(20)) + "source 1\ttarget 1\n")
    found = facts("x.tsv")
    assert list(found) == [
        *("files", "task", "because", "health", "unit", "train", "valid", "duplicates", "ambiguous", "shared", "shared_sources", "empty"),
        *("outliers", "symbols", "lengths", "problems", "warnings", "training", "trainable", "reason", "command"),
    ]
    assert found["files"] == ["x.tsv"]
    assert found["unit"] == "pair"
    assert found["train"] + found["valid"] == 21
    assert found["duplicates"]["count"] in (0, 1)
    assert found["symbols"]["source"]["words"] == {"total": 42, "different": 21, "once": 19, "twice": 1, "one_in": 1}
    assert found["lengths"]["words of a source"] == {"longest": 2, "classes": [[2, 2, 21]]}
    assert found["problems"] == {"count": 0, "first": []}
    assert (found["trainable"], found["reason"], found["command"]) == (True, None, "charnn train translator x.tsv")


def test_json_says_why_not() -> None:
    write("x.txt", b"\xff\n")
    found = facts("x.txt", code=1)
    reason = "x.txt: byte 0 is not valid utf-8; say the right --encoding, or --errors replace"
    assert (found["trainable"], found["reason"], found["command"], found["training"]) == (False, reason, None, None)
    assert found["health"]["found"]["invalid"] == {"count": 1, "where": "x.txt:1"}
    assert found["health"]["invalid_byte"] == 0


def test_what_training_takes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def try_out(trial: Trial) -> Cost:
        asked.append(trial)
        return COST

    monkeypatch.setattr(trial, "try_out", try_out)
    result = charnn(write("x.tsv", "one\tun\ntwo\tdeux\n" * 9), "--task", "translator", "--reverse")
    assert said(result.output, "cost", "verdict") == [
        "cost        measured here, with the defaults: preparation takes 0:12, an epoch of 1,234 updates 1:15, "
        "a validation 0:02, 4,322 texts/s on cpu, 2 threads, 500 MiB of memory",
        "verdict     can be trained on: charnn train translator x.tsv --reverse",
    ]
    assert asked[0].settings.data.reverse
    assert json.loads(charnn("x.tsv", "--json").output)["training"] == vars(COST)
    charnn("phrasebook")
    assert (asked[-1].task, asked[-1].settings.loop.batch_size) == ("translator", 16)


@pytest.mark.parametrize("task", TASKS)
def test_what_is_tried_out_is_what_train_does_where_nothing_is_said(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check once took the defaults of the shared classes, which a task's own differ from: 16 texts in an update, not 32."""
    settings: list[Any] = []
    monkeypatch.setattr(trial, "try_out", lambda one: settings.append(one.settings) or COST)
    monkeypatch.setattr("charnn.cli.verbs.train.train_model", lambda ctx, task, found, *others: settings.append(found))
    name = TASKS[task].corpus
    assert charnn(name, "--task", task).exit_code == 0
    assert CliRunner().invoke(main, ["train", task, name]).exit_code == 0
    assert settings[0] == settings[1]


def test_what_training_says_of_data_that_it_refuses_is_the_verdict() -> None:
    result = charnn(write("x.txt", "x"))
    assert result.exit_code == 1
    assert said(result.output, "warning", "verdict") == [
        "verdict     cannot be trained on: x contains too little text to train on; give more.",
    ]


REFUSED = [
    ([], 2, "give a file, or --source FILE --target FILE."),
    (["none.txt"], 1, "none.txt: no such file; "),
    (["-"], 1, "standard input can be read only once, and a check reads several times; write it to a file and give the file."),
    (["a.txt", "--tag-column", "2", "--task", "lm"], 2, "--tag-column has no effect on the task lm; leave it out, or give "),
    (["a.txt", "--valid-source", "a.txt"], 2, "--valid-source has no effect on the task lm; leave it out, or give another --task."),
    (["a.txt", "--task", "lm", "--target", "x"], 2, "--target has no effect on the task lm; leave it out, or give another --task."),
    (["a.txt", "--inputs", "x", "--valid-source", "a.txt"], 2, "--valid-source has no effect on the task forecaster; leave it out"),
    (["a.txt", "--source", "a.txt"], 2, "--source cannot be combined with a table of pairs; give one of the two."),
    (["a.txt", "--encoding", "none"], 2, "--encoding must name a text encoding such as utf-8, utf-16 or cp1252; got 'none'."),
    (["a.txt", "--valid", "none.txt"], 1, "none.txt: no such file; "),
]


@pytest.mark.parametrize(("arguments", "code", "message"), REFUSED, ids=[" ".join(row[0]) for row in REFUSED])
def test_what_cannot_be_checked_is_refused(arguments: list[str], code: int, message: str) -> None:
    write("a.txt", "a line\n" * 30)
    result = charnn(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert f"Error: {message}" in result.stderr


def test_rows_are_wrapped_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    write("a.txt", "a line\n" * 30)
    one = Trial("lm", LanguageModelSettings(), Sources(["a.txt"]), LanguageModelInputs())
    found = check_data(one, "nothing points to labels, tags, pairs or numbers")
    lines = list(trial.report(found, None, None, "charnn train lm a.txt"))
    assert lines[:2] == [
        "task        lm (nothing points to labels, tags, pairs or",
        "            numbers; --task says otherwise)",
    ]
    assert max(map(len, lines)) <= 60


def test_what_would_command_a_terminal_is_not_printed() -> None:
    write("a.csv", "text,label\n" + "".join(f"{number},{'x' if number % 2 else chr(27) + '[31m'}\n" for number in range(40)))
    output = checked_output("a.csv")
    assert "\x1b" not in output
    assert said(output, "labels") == ["labels      \ufffd[31m 18 (50 %), x 18 (50 %)"]


def peak_of_checking(megabytes: int) -> int:
    """The most memory that checking one line of so many megabytes takes."""
    write("a.txt", (b"x" * 1023 + b" ") * (megabytes << 10))
    tracemalloc.start()
    try:
        check_data(Trial("lm", LanguageModelSettings(), Sources(["a.txt"]), LanguageModelInputs()))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_a_text() -> None:
    assert peak_of_checking(20) - peak_of_checking(4) < 1 << 20


class TestRealCorpora:
    def test_tweets(self, real_data: Path) -> None:
        found = facts(str(real_data / "airline" / "Tweets.csv"))
        assert (found["task"], found["train"], found["valid"]) == ("classifier", 13_175, 1_465)
        assert found["labels"] == {"negative": 8_260, "neutral": 2_789, "positive": 2_126}
        assert (found["duplicates"]["count"], found["contradictions"], found["warnings"]) == (213, 32, [])
        assert found["health"]["found"]["crlf"]["count"] == 14_641

    def test_penn_treebank(self, real_data: Path) -> None:
        folder = real_data / "ptb"
        found = facts(str(folder / "ptb.valid.txt"), "--valid", str(folder / "ptb.test.txt"))
        assert (found["task"], found["train"], found["valid"], found["characters"]) == ("lm", 3_370, 3_761, [399_782, 449_945])
        assert found["symbols"]["text"]["characters"]["different"] == 50

    def test_wnut_17(self, real_data: Path) -> None:
        folder = real_data / "wnut17"
        found = facts(str(folder / "train.conll"), "--valid", str(folder / "valid.conll"))
        assert (found["task"], found["train"], found["valid"], found["scheme"]) == ("tagger", 3_394, 1_009, "BIO")
        assert found["health"]["found"]["inner_mark"] == {"count": 1, "where": f"{folder / 'valid.conll'}:16730"}

    def test_captions(self, real_data: Path) -> None:
        folder = real_data / "multi30k"
        named = {"source": "train.de.gz", "target": "train.en.gz", "valid-source": "val.de.gz", "valid-target": "val.en.gz"}
        found = facts(*(word for option, name in named.items() for word in (f"--{option}", str(folder / name))))
        assert (found["task"], found["train"], found["valid"]) == ("translator", 29_000, 1_014)
        assert (found["duplicates"]["count"], found["shared"]["count"], found["outliers"]["count"]) == (3, 0, 2)

    def test_temperatures_of_oil(self, real_data: Path) -> None:
        found = facts(str(real_data / "timeseries" / "ETTh1.csv"), "--target", "OT")
        assert (found["train"], found["valid"], found["held_out"], found["season"]) == (14_110, 1_568, 1_742, 24)
        assert (found["duplicates"]["count"], found["late"]["count"], found["columns"]["OT"]["outliers"]["count"]) == (0, 0, 1)

    def test_reviews_in_another_encoding(self, real_data: Path) -> None:
        names = [str(real_data / "mr" / "raw" / f"rt-polarity.{label}") for label in ("neg", "pos")]
        assert facts(*names, "--task", "classifier", code=1)["trainable"] is False
        found = facts(*names, "--task", "classifier", "--encoding", "cp1252")
        assert (found["labels"], found["warnings"]) == ({"neg": 4_797, "pos": 4_797}, [])
