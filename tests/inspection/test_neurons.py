"""Features of a text; units over it, read as the engine steps, and those that follow a feature; the command's whole output."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from charnn.checkpoint.model import save_model
from charnn.cli.main import main
from charnn.errors import CharnnError, DataError, SettingError
from charnn.inspection.neurons import FEATURES, Characters, activations, area_under_curve, correlations, followers, is_flag, measured
from charnn.inspection.reading import NOTHING, Passage, Trace, read_files, read_passage, trace
from charnn.plots.terminal import coloured
from charnn.tokenizers.vocabulary import END, START
from tests.networks import CELLS
from tests.runs import tagger_run, trained
from tests.stress.tiny import saved
from tests.trained import TEXT, numpy_states, random_model


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


ABSENT = ["in single quotes", "in a tag <...>", "in a comment # ...", "line that ends in a colon *"]
"""What TEXT has not."""

TOKENIZERS = ["char", "byte", "word", "subword"]


# Reading


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_states_and_losses_of_a_text_are_those_of_the_numpy_loop_and_of_scoring(cell, tokenizer):
    trained = random_model("plain", cell, tokenizer=tokenizer)
    passage = read_passage(trained, TEXT)
    one = trace(trained, passage)
    assert passage.ids.tolist() == trained.tokenizer.encode(TEXT).tolist()
    assert "".join(passage.pieces) == trained.tokenizer.decode(passage.ids)
    np.testing.assert_allclose(one.states, numpy_states(trained.settings.network, trained.weights, passage.ids), atol=1e-4)
    engine = trained.generator.engine
    np.testing.assert_allclose(one.nats[:-1], -engine.log_probabilities(passage.ids, engine.start(1))[0], atol=1e-5)
    assert np.isnan(one.nats[-1])
    assert passage.following.tolist() == [*passage.ids.tolist()[1:], NOTHING]
    assert one.mean_nats() == pytest.approx(one.nats[:-1].mean())
    # The likeliest are sorted, and the probability of one that came is what its nats say.
    assert (np.diff(one.probabilities, axis=1) <= 0).all()
    rows, places = np.nonzero(one.candidates == passage.following[:, None])
    np.testing.assert_allclose(one.probabilities[rows, places], np.exp(-one.nats[rows]), rtol=1e-4)


def test_documents_begin_anew_each_with_its_label(tmp_path):
    trained = random_model(labels=("x", "y"))
    for name, lines in (("x", "ann\nbo\n"), ("y", "e\n")):
        (tmp_path / f"{name}.txt").write_text(lines)
    passage = read_files(trained, [tmp_path / "x.txt", tmp_path / "y.txt"], 100)
    one = trace(trained, passage)
    for text, words, label in zip(passage.texts(), ["ann", "bo", "e"], [0, 0, 1], strict=True):
        ids = [START, *trained.tokenizer.encode(words).tolist()]
        assert passage.ids[text].tolist() == ids
        assert passage.following[text].tolist() == [*ids[1:], END]
        expected = numpy_states(trained.settings.network, trained.weights, ids, label)
        np.testing.assert_allclose(one.states[:, :, text], expected, atol=1e-4)
    assert passage.symbols(trained.tokenizer)[:4] == ["<start>", "a", "n", "n"]
    assert not passage.is_cut
    (tmp_path / "z.txt").write_text("o\n")
    with pytest.raises(DataError, match=r"z.txt:1: the label 'z' does not exist in this model; give one of x, y with --label$"):
        read_files(trained, [tmp_path / "z.txt"], 100)
    assert read_files(trained, [tmp_path / "z.txt"], 100, "y").labels == (1,)
    with pytest.raises(SettingError, match=r"^label must be one of x, y; got 'z'$"):
        read_files(trained, [tmp_path / "z.txt"], 100, "z")


@pytest.mark.parametrize("documents", [False, True])
def test_a_text_of_any_length_is_cut_where_told_and_only_then(tmp_path, documents):
    trained = random_model(documents=documents)
    (tmp_path / "a.txt").write_text("The quick\n\nfox")
    whole = read_files(trained, [tmp_path / "a.txt"], 1000)
    for length in range(1, len(whole) + 2):
        if documents and length == 1:
            continue  # a start symbol alone is no text
        part = read_files(trained, [tmp_path / "a.txt"], length)
        assert part.ids.tolist() == whole.ids[:length].tolist()
        assert part.following.tolist() == whole.following[:length].tolist()
        assert part.is_cut == (length < len(whole))


def test_an_empty_text_is_refused_and_unknown_symbols_are_told():
    trained = random_model()
    with pytest.raises(DataError, match=r"^the text: there is no symbol to read; give some text$"):
        read_passage(trained, "")
    assert read_passage(trained, "fox ☃ and Ж☃").unknown == ("☃", "Ж")
    assert read_passage(trained, "fox").unknown == ()
    with pytest.raises(DataError):
        read_passage(random_model(documents=True), "")


# Finding


def made_up(features: dict[str, int], noise: float, text: str = TEXT * 5) -> tuple[np.ndarray, Passage]:
    """Units of noise, of which some follow features of the text."""
    trained = random_model()
    passage = read_passage(trained, text)
    table = measured([passage.pieces])
    values = np.random.default_rng(5).standard_normal((2, 20, len(passage))).astype(np.float32)
    for name, place in features.items():
        own = table[name]
        values[place // 20, place % 20] = -3 * (own - own.mean()) / own.std() + noise * values[place // 20, place % 20]
    return values, passage


def test_units_that_follow_a_feature_are_found():
    places = {"in double quotes": 3, "depth of brackets": 17, "capital letter": 20, "begin of word": 39}
    values, passage = made_up(places, 1.0)
    found = {one.name: one for one in followers(values, passage, 2)}
    for name, place in places.items():
        best = found[name].units[0]
        assert best.unit == (place // 20 + 1, place % 20)
        assert best.correlation == pytest.approx(-3 / 10**0.5, abs=0.08)
        assert len(found[name].units) == 2
    assert [one.name for one in followers(values, passage)[-4:]] == ABSENT
    assert found["in a tag <...>"].units == []


def test_a_correlation_is_measured_where_the_unit_was_not_chosen():
    """The best of many units of noise looks good on the half that it was chosen by, and not on the other."""
    values, passage = made_up({}, 0.0, TEXT)
    found = [one.units[0] for one in followers(values, passage) if one.units]
    assert np.mean([abs(one.found) for one in found]) > 0.15
    assert np.mean([one.correlation * np.sign(one.found) for one in found]) < 0.05


def test_correlations_are_those_of_numpy_and_none_where_nothing_varies():
    generator = np.random.default_rng(0)
    rows, table = generator.standard_normal((4, 50)).astype(np.float32), generator.standard_normal((3, 50))
    np.testing.assert_allclose(correlations(rows, table), np.corrcoef(rows, table)[:4, 4:], atol=1e-6)
    rows[1], table[2] = 0.1, 7
    found = correlations(rows, table)
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 2]).all()
    assert np.isfinite(found[[0, 2, 3], :2]).all()


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order():
    generator = np.random.default_rng(0)
    values, flags = generator.integers(0, 6, 60).astype(np.float32), generator.random(60) < 0.3
    pairs = [(a > b) + (a == b) / 2 for a in values[flags] for b in values[~flags]]
    assert area_under_curve(values, flags) == pytest.approx(np.mean(pairs))


def test_a_memory_cell_is_shown_as_its_tanh_and_only_an_lstm_has_one():
    trained = random_model(cell="lstm")
    one = trace(trained, read_passage(trained, TEXT))
    stack = trained.settings.network.stack
    np.testing.assert_array_equal(activations(one, stack, "cell")[1], np.tanh(one.states[1, 1]).T)
    np.testing.assert_array_equal(activations(one, stack)[1], one.states[0, 1].T)
    gru = random_model().settings.network.stack
    with pytest.raises(SettingError, match=r"^state must be hidden in a model of gru cells, got cell$"):
        activations(Trace(one.states[:1], one.candidates, one.probabilities, one.nats), gru, "cell")


def test_a_model_that_has_diverged_is_told_so():
    trained = random_model(cell="rnn-relu")
    trained.weights["stack.cells.0.hidden_to_gates"] = trained.weights["stack.cells.0.hidden_to_gates"] * np.float32(1e9)
    with pytest.raises(CharnnError, match=r"^the model's states are not finite numbers; train it again with a lower learning rate$"):
        trace(trained, read_passage(trained, TEXT))


# In a terminal


def test_without_colours_signs_and_digits_stand_below():
    values = [0.0, 0.04, -0.5, 1.0, 0.55, -0.99, 0.2, 0.3]
    symbols = ["a", "b", "日", "\n", "c\x1b", "\u202e", "e\u0301", "x"]
    assert coloured(symbols, values, 1.0, 5, 20).splitlines() == [
        "ab日⏎",
        "  - +",
        "005 9",
        "c\ufffd\ufffde\u0301x",
        "+ -++",
        "5 923",
        "Below each line: sign and size of the values in tenths of 1.00, 9 at most.",
    ]
    assert coloured(["a"] * 10, [0.1] * 10, 1.0, 2, 8).splitlines()[:5] == ["aaaaaaaa", "++++++++", "11111111", "aa", "++"]
    assert coloured(["<start>", "a", "<start>", "b"], [0.1] * 4, 1.0, 4, 20).splitlines()[::3] == [
        "<start>a",
        "<start>b",
        "Below each line: sign and size of the values in tenths of 1.00, 9 at most.",
    ]


def test_colours_are_red_and_blue(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    drawn = coloured(["a", "b"], [1.0, -1.0], 1.0, 5, 20)
    assert "48;2;214;40;30ma" in drawn
    assert "48;2;30;90;220mb" in drawn


@pytest.fixture
def run(tmp_path):
    trained = random_model(cell="lstm")
    save_model(tmp_path / "model.safetensors", saved(trained))
    (tmp_path / "a.txt").write_text(TEXT)
    return tmp_path


def inspect(*arguments, text=None):
    return CliRunner().invoke(main, ["inspect", "neurons", *map(str, arguments)], input=text)


def test_the_command_lists_units_and_shows_the_strongest(run):
    result = inspect(run, run / "a.txt", "--lines", 1)
    lines = result.stdout.splitlines()
    assert lines[0] == f"{len(TEXT)} symbols; units chosen on the first half, measured on the second"
    assert lines[2].split() == ["feature", "positions", "unit", "chosen", "by", "correlation", "AUC"]
    assert lines[-5].startswith("unit ")
    assert lines[-4] == 'The quick "lazy fox" (jumps)⏎'
    assert f"not in this text: {', '.join(ABSENT)}" in lines
    assert result.stderr == ""
    facts = json.loads(inspect(run, run / "a.txt", "--json").stdout)
    assert list(facts) == [
        *("model", "data", "state", "symbols", "is_cut", "layers", "units", "nats_per_token", "features", "absent"),
        *("unit", "text", "values"),
    ]
    assert lines[-5] == f"unit {facts['unit']}" == f"unit {facts['features'][0]['units'][0]['unit']}"
    assert "".join(facts["text"]) == TEXT
    assert len(facts["values"]) == facts["symbols"] == len(TEXT)


def test_standard_input_and_a_unit_by_name(run):
    result = inspect(run, "-", "--length", 20, "--unit", "2:5", "--state", "cell", "--json", text=TEXT)
    trained = random_model(cell="lstm")
    states = numpy_states(trained.settings.network, trained.weights, trained.tokenizer.encode(TEXT[:20]))
    facts = json.loads(result.stdout)
    np.testing.assert_allclose(facts["values"], np.tanh(states[1, 1, :, 5]), atol=1e-4)
    assert (facts["unit"], facts["is_cut"], facts["state"]) == ("2:5", True, "cell")
    assert result.stderr == "Reads the first 20 symbols; there are more, see --length.\n"


@pytest.mark.parametrize(
    ("arguments", "text", "code", "message"),
    [
        (["--unit", "3:0"], TEXT, 2, "--unit names unit 3:0, and this model has layers 1 to 2 with units 0 to 36."),
        (["--unit", "best"], TEXT, 2, "--unit must be LAYER:UNIT, such as 1:0; got 'best'."),
        (["--units", "1:0"], TEXT, 2, "--units has no effect without --page; name a page, or give --unit."),
        (["--page", "a.png"], TEXT, 2, "--page must end in .html, got a.png."),
        (["--page", "none/a.html"], TEXT, 5, "none/a.html cannot be written: there is no folder none; make it, or name another file."),
        (["--label", "x"], TEXT, 2, "--label was given, and this model was trained without labels; leave it out."),
        ([], "", 1, "standard input: holds no text; give a file that does."),
        ([], "The", 1, "the text has 3 symbols, too few to find units by; give at least 4."),
        ([], b"ab\xff", 1, "standard input: byte 2 is not valid utf-8; say the right --encoding, or --errors replace."),
    ],
)
def test_what_a_user_can_get_wrong_ends_in_a_sentence(run, arguments, text, code, message):
    result = inspect(run, "-", *arguments, text=text)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"Error: {message}\n")


def test_symbols_that_the_model_does_not_know_are_told(run):
    result = inspect(run, "-", "--lines", 0, text="fox ☃☃ dog")
    assert result.exit_code == 0
    assert result.stderr == "Warning: the model does not know '☃'; read as unknown.\n"


KINDS = [(tokenizer, False, ()) for tokenizer in TOKENIZERS] + [("char", True, ()), ("byte", True, ("x", "y")), ("word", True, ())]


@pytest.mark.parametrize(("tokenizer", "documents", "labels"), KINDS)
@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru"])
def test_every_kind_of_model_can_be_seen_into(tmp_path, cell, tokenizer, documents, labels):
    save_model(tmp_path / "model.safetensors", saved(random_model("plain", cell, labels, tokenizer, documents=documents)))
    (tmp_path / "x.txt").write_text(TEXT.replace("\t", ""))
    label = ["--label", "y"] if labels else []
    result = inspect(tmp_path, tmp_path / "x.txt", "--page", tmp_path / "a.html", "--units", "1:2,2:36", *label)
    assert (result.exit_code, result.stderr) == (0, f"Wrote {tmp_path}/a.html: 74 of 74 units, {size(tmp_path / 'a.html')} MB.\n")
    facts = json.loads(inspect(tmp_path, tmp_path / "x.txt", "--json", *label).stdout)
    for view in ("gates", "unroll"):
        text = "the quick fox 🙂" if tokenizer in ("byte", "subword") else "The lazy fox"
        result = CliRunner().invoke(main, ["inspect", view, str(tmp_path), text, "--json", *label])
        assert (result.exit_code, result.stderr) == (0, "")
    symbols = [step["symbol"] for step in json.loads(result.stdout)["steps"]]
    assert (symbols[0] == "<start>") == documents == (facts["text"][0] == "<start>")
    assert facts["text"].count("<start>") == (9 if documents else 0)  # empty lines are no documents


def size(path):
    return f"{path.stat().st_size / 1e6:.2f}"


def test_a_model_of_another_task_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)
    trained(tagger_run(tmp_path, steps=2))
    run = tmp_path / "run"
    for view in (["neurons", run, "-"], ["gates", run, "a"], ["unroll", run, "a"]):
        result = CliRunner().invoke(main, ["inspect", *map(str, view)], input=TEXT)
        assert (result.exit_code, result.stdout) == (4, "")
        assert result.stderr == f"Error: {run} is a tagger, and this needs a lm; name another model.\n"
