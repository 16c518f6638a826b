"""A trained translator in use: raw text in, raw text out, whatever stands in it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import sacrebleu
import torch

from charnn.checkpoint.model import SavedModel, load_model
from charnn.data.pairs import Pair
from charnn.data.settings import PairFiles
from charnn.decoding.settings import SamplingSettings
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.metrics.alignment import Alignment
from charnn.tasks.load import load
from charnn.tasks.translator.interpreter import GREEDY, Decoding, stacked
from charnn.tasks.translator.languages import FIRST_PLACEHOLDER, Languages, Prepared
from charnn.tasks.translator.model import Translator
from charnn.tasks.translator.settings import SearchSettings
from charnn.tasks.translator.translating import score
from charnn.tokenizers.registry import fit_tokenizer
from charnn.tokenizers.vocabulary import END, UNKNOWN
from tests.runs import PAIRS, small, trained, translator_run, translator_settings

TEXTS = [
    "Ann eats the cat.",
    "Zorro sees the dog.",
    "",
    "Mia eats 77 cats. " * 40,
    " \t",
    "Bob takes a book.",
    "a",
    "☃\u2028海",
    "Mia sees a bread . , !" * 9,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a translator that has learned the small pairs, and of their table."""
    place = tmp_path_factory.mktemp("translator")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)
        trained(translator_run(place))
    return place


@pytest.fixture(scope="module")
def translator(folder):
    return load(folder / "run")


@pytest.fixture
def use(folder):
    """The same, to be bent by hand."""
    return load(folder / "run").interpreter


def untrained(tokenizer="char", **changes):
    """An interpreter of a random network that knows the small pairs' symbols."""
    least = {} if tokenizer in ("char", "word") else {"min_count": 1}
    settings = small(translator_settings(), tokenizer=tokenizer, **least, **changes)
    known = fit_tokenizer(lambda: [PAIRS], settings.tokens)
    model = Translator(settings, Languages(known, known))
    model.network.eval()
    return model.interpreter


def always(use, token, nats=50.0):
    """The interpreter with a network that writes one token again and again."""
    with torch.no_grad():
        use.network.output.weight.zero_()
        use.network.output.bias.zero_()
        use.network.output.bias[token] = nats
    return use


def best(use, text, decoding=None):
    return use.translate([text], decoding)[0][0].text


# From a text to its translation


def test_what_training_knew_is_translated(translator):
    assert best(translator, "Ann eats the cat.") == "Ann mange le chat."


def test_an_unknown_word_is_the_word_of_the_text_that_the_decoder_looked_at(translator):
    """Zorro stands in no vocabulary; the decoder wrote that it is unknown."""
    assert "Zorro" not in translator.languages.source.vocabulary.ids
    assert best(translator, "Zorro sees the dog.") == "Zorro voit le chien."


@pytest.mark.parametrize("part", ["77", "3.14", "2024-01-31", "www.example.org/~mia?x=1", "mia@example.org"])
def test_numbers_and_addresses_are_carried_over_as_they_are(translator, part):
    assert translator.languages.placeholders >= 1
    assert best(translator, f"Mia eats {part} cats.") == f"Mia mange {part} chats."


def test_a_decoder_that_knows_no_word_copies_words_of_the_text(use):
    found = best(always(use, UNKNOWN), "Ann takes the Zug.")
    assert len(found) > 20
    assert set(found.replace(".", " ").split()) <= {"Ann", "takes", "the", "Zug"}


def test_without_attention_no_unknown_word_is_written():
    use = always(untrained("word", attention="none"), UNKNOWN)
    assert not use.copies_unknown
    assert "\ufffd" not in best(use, "Ann takes the Zug.")


def test_a_sign_that_stands_for_nothing_leaves_no_gap(use):
    """The spaces beside it stayed: "Mia mange  chats"."""
    sign, cats = (use.languages.target.vocabulary.ids[word] for word in (chr(FIRST_PLACEHOLDER), "chats"))
    always(use, cats)
    with torch.no_grad():
        use.network.output.bias[sign] = 50.0
    for seed in range(5):
        found = best(use, "Ann eats the cat.", Decoding(sampling=SamplingSettings(temperature=1.0), seed=seed))
        assert set(found.split(" ")) == {"chats"}


@pytest.mark.parametrize(("tokenizer", "symbol"), [("char", "\n"), ("byte", "\n"), ("byte", "\r"), ("subword", "\n"), ("subword", "\t")])
def test_a_translation_is_one_line_whatever_the_network_writes(tokenizer, symbol):
    """Line ends are in every vocabulary; drawn at a high temperature, they made two lines of one."""
    use = untrained(tokenizer)
    always(use, int(use.languages.target.encode(symbol)[0]))
    assert best(use, "Ann eats the cat.") == ""
    with torch.no_grad():
        use.network.output.bias[int(use.languages.target.encode("a")[-1])] = 50.0
    found = best(use, "Ann eats the cat.", Decoding(sampling=SamplingSettings(temperature=1.0)))
    assert set(found.split(" ")) <= {"a" * length for length in range(1, 30)}


@pytest.mark.parametrize("text", ["", " ", "\t \n", "\xa0", "\u2028", "\x85\u3000 "])
def test_nothing_is_the_translation_of_nothing(translator, text):
    """No-break spaces and line separators were translated, into whole sentences."""
    (found,) = translator.translate([text])[0]
    assert (found.text, found.score, found.log_probability, found.alignment) == ("", 0.0, 0.0, None)


def test_white_space_and_composed_letters_make_no_difference(translator):
    assert translator.translate(["  Ann\t eats \r\nthe cat. "]) == translator.translate(["Ann eats the cat."])
    use = untrained("char")
    assert use.translate(["e\u0301te\u0301"]) == use.translate(["été"])


# Many texts at once


@pytest.mark.parametrize("decoding", [None, GREEDY, Decoding(count=3), Decoding(sampling=SamplingSettings(), seed=4)])
def test_a_text_among_others_is_translated_as_if_it_were_alone(translator, decoding):
    together = translator.translate(TEXTS, decoding)
    for text, found in zip(TEXTS, together, strict=True):
        (alone,) = translator.translate([text], decoding)
        assert [one.text for one in found] == [one.text for one in alone]
        assert [one.score for one in found] == pytest.approx([one.score for one in alone], abs=1e-3)


def test_a_log_probability_is_that_of_forced_decoding(translator):
    languages, network = translator.languages, translator.network
    for text in ("Ann eats the cat.", "Bob takes a book."):
        for one in translator.translate([text], Decoding(count=3))[0]:
            scored = score(network, languages.read([Prepared(text, one.text)]))
            assert one.log_probability == pytest.approx(-scored.nats[0], abs=1e-4)
            # Wu et al. 2016, eq. 14, with the end token.
            assert one.score == pytest.approx(one.log_probability / ((5 + scored.tokens[0]) / 6), abs=1e-4)


def test_the_best_come_first_and_the_first_is_the_best_alone(translator):
    found = translator.translate(["Ann eats the cat."], Decoding(count=5))[0]
    scores = [one.score for one in found]
    assert len({one.text for one in found}) == len(found) == 5
    assert scores == sorted(scores, reverse=True)
    assert [found[0]] == translator.translate(["Ann eats the cat."])[0]


def test_more_than_the_beam_cannot_be_asked_for():
    with pytest.raises(SettingError) as caught:
        Decoding(SearchSettings(3), count=4)
    assert str(caught.value) == "n_best can be at most the beam of 3, got 4"
    assert Decoding(SearchSettings(3), count=4, sampling=SamplingSettings()).count == 4


def test_at_temperature_zero_sampling_is_a_beam_of_one(translator):
    cold = Decoding(sampling=SamplingSettings(temperature=0.0))
    drawn, found = (translator.translate(TEXTS, decoding) for decoding in (cold, GREEDY))
    assert [one.text for (one,) in drawn] == [one.text for (one,) in found]
    assert [one.log_probability for (one,) in drawn] == pytest.approx([one.log_probability for (one,) in found], abs=1e-3)


def test_the_second_of_a_seed_is_the_first_of_the_next(translator):
    warm = Decoding(sampling=SamplingSettings(temperature=3.0), seed=7, count=3)
    found = translator.translate(["Ann eats the cat."], warm)[0]
    alone = [translator.translate(["Ann eats the cat."], replace(warm, seed=seed, count=1))[0][0] for seed in (7, 8, 9)]
    assert found == alone
    assert len({one.text for one in found}) > 1


# How a translation begins


@pytest.mark.parametrize("prefix", ["Mia", "Mia prend", "Quatsch", "Quatsch, ja!", "(Zorro", "été ☃"])
@pytest.mark.parametrize("tokenizer", ["word", "char", "subword", "byte"])
def test_a_translation_begins_with_its_prefix(translator, tokenizer, prefix):
    """Words of the prefix that are in no vocabulary were replaced by words of the source."""
    use = translator if tokenizer == "word" else untrained(tokenizer)
    for decoding in (Decoding(prefix=prefix, count=2), Decoding(prefix=prefix, sampling=SamplingSettings())):
        assert all(one.text.startswith(prefix) for one in use.translate(["Ann eats the cat."], decoding)[0])


def test_a_prefix_that_is_what_comes_anyway_changes_nothing(translator):
    plain, begun = (translator.translate(["Ann eats the cat."], Decoding(prefix=prefix))[0][0] for prefix in ("", "Ann mange"))
    assert begun.text == plain.text
    assert begun.log_probability == pytest.approx(plain.log_probability, abs=1e-4)


def test_a_long_text_has_its_prefix_once(translator):
    """Each piece of a text that was translated in pieces began with it."""
    found = best(translator, "Ann eats the cat. " * 60, Decoding(prefix="Bob prend"))
    assert found.startswith("Bob prend")
    assert found.count("prend") == 1


# Long texts


@pytest.mark.parametrize("tokenizer", ["char", "word", "subword", "byte"])
def test_a_long_text_is_translated_in_pieces_that_fit(tokenizer):
    use = untrained(tokenizer, longest=20)
    lengths = []
    encode = use.languages.encode
    use.languages.encode = lambda known, text: lengths.append(len(encode(known, text))) or encode(known, text)
    kept = use._pieces("Ann eats the cat. " * 3 + "x" * 500 + " " + "🐱" * 100 + " 海" * 100)
    assert len(kept) > 10
    assert all(len(encode(use.languages.source, one.text)) <= 20 for one in kept)
    assert sum(lengths) < 20_000


def test_sentences_that_are_translated_in_pieces_stay_sentences(translator):
    text = "Ann eats the cat. Mia eats 77 cats. " * 20
    assert best(translator, text) == ("Ann mange le chat. Mia mange 77 chats. " * 20).strip()


def test_the_score_of_a_long_text_is_the_sum_of_its_pieces(translator):
    (one,), (all_of_them,) = translator.translate(["Ann eats the cat.", "Ann eats the cat. " * 50])
    assert all_of_them.score == pytest.approx(50 * one.score, abs=1e-3)
    assert all_of_them.log_probability == pytest.approx(50 * one.log_probability, abs=1e-3)


# Attention


@pytest.mark.parametrize("tokenizer", ["word", "char", "subword", "byte"])
def test_every_row_of_an_alignment_sums_to_one(translator, tokenizer):
    use = translator if tokenizer == "word" else untrained(tokenizer)
    for text, (found, *_) in zip(TEXTS, use.translate(TEXTS, aligns=True), strict=True):
        alignment = found.alignment
        assert alignment.weights.shape == (len(alignment.target), len(alignment.source))
        assert alignment.weights.sum(1) == pytest.approx(np.ones(len(alignment.target)))
        assert "".join(alignment.target).replace(" ", "") == "".join(found.text.split())
        if tokenizer in ("word", "subword", "byte"):
            assert "".join(alignment.source) == "".join(text.split())


def test_the_words_of_an_alignment_are_those_of_the_text_and_its_translation(translator):
    alignment = translator.translate(["Zorro eats 77 cats."], aligns=True)[0][0].alignment
    assert alignment.source == ("Zorro", "eats", "77", "cats", ".")
    assert alignment.target[1:] == ("mange", "77", "chats", ".")


def test_asking_for_an_alignment_changes_no_translation(translator):
    for plain, aligned in zip(translator.translate(TEXTS), translator.translate(TEXTS, aligns=True), strict=True):
        assert [replace(one, alignment=None) for one in aligned] == plain


def test_pieces_look_only_at_themselves():
    one, two = Alignment(("a", "b"), ("x",), np.array([[0.25, 0.75]])), Alignment(("c",), ("y", "z"), np.ones((2, 1)))
    both = stacked([one, two])
    assert (both.source, both.target) == (("a", "b", "c"), ("x", "y", "z"))
    assert both.weights.tolist() == [[0.25, 0.75, 0], [0, 0, 1], [0, 0, 1]]
    assert stacked([None, None]) is None


# Measured on pairs


def pairs_of(*lines):
    return [Pair(*line.split("\t"), f"test:{number}") for number, line in enumerate(lines, 1)]


SOME = pairs_of("Ann eats the cat.\tAnn mange le chat.", "Mia eats 99 cats.\tMia mange 98 chats.", "Quo takes a book.\tQUO PREND UN LIVRE.")


def test_the_metrics_are_those_of_sacrebleu_and_of_forced_decoding(translator):
    use = translator.interpreter
    texts, references = use.translations(SOME), [one.target for one in SOME]
    found = use.measure(SOME, texts)
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(texts, [references]).score)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(texts, [references]).score)
    alone = [use.measure([one], [text]) for one, text in zip(SOME, texts, strict=True)]
    tokens = [6, 6, 6]  # four words, a full stop, the end
    nats = [one["loss"] * count for one, count in zip(alone, tokens, strict=True)]
    assert found["loss"] == pytest.approx(sum(nats) / sum(tokens), rel=1e-5)
    assert found["word_perplexity"] == pytest.approx(np.exp(sum(nats) / 15), rel=1e-5)  # of four words and a line end each


def test_case_counts_for_each_sentence_unless_told_otherwise(translator):
    """The chrF of a sentence was that of its case, with --lowercase too."""
    use = translator.interpreter
    (cased,), (lowered,) = (
        use.measure(SOME[2:], ["Quo prend un livre."], lowercase=lowercase, per_sentence=True)["sentences"] for lowercase in (False, True)
    )
    assert (lowered["chrf"], lowered["reference"], lowered["translation"]) == (100, "QUO PREND UN LIVRE.", "Quo prend un livre.")
    assert cased["chrf"] < 50


def test_a_number_is_scored_as_a_sign_only_where_both_sides_have_it(translator):
    assert translator.languages.prepare_pairs(SOME[1:2]) == [Prepared(SOME[1].source, SOME[1].target)]
    same = pairs_of("Mia eats 99 cats.\tMia mange 99 chats.")
    assert translator.languages.prepare_pairs(same) == [
        Prepared(*(side.replace("99", chr(FIRST_PLACEHOLDER)) for side in (same[0].source, same[0].target)))
    ]


def test_a_model_is_no_better_than_itself(translator, folder):
    found = translator.compare(translator, [str(folder / "pairs.tsv")])
    assert found["examples"] == 144
    assert found["bleu"]["difference"] == found["chrf"]["difference"] == 0
    assert found["bleu"]["p"] == 1


@pytest.mark.parametrize(
    ("line", "side"), [("Ann.\t", "target"), ("\tAnn.", "source"), ("Ann.\t \xa0", "target"), (" \t ", "source")], ids=ascii
)
def test_a_pair_with_an_empty_side_cannot_be_scored(translator, tmp_path, line, side):
    path = tmp_path / "pairs.tsv"
    path.write_text(f"Ann eats.\tAnn mange.\n{line}\n")
    with pytest.raises(DataError) as caught:
        translator.evaluate([str(path)])
    assert str(caught.value) == f"{path}:2: has an empty {side}, which cannot be scored; leave the pair out"


def test_columns_of_the_training_table_do_not_keep_parallel_files_from_being_read(folder, tmp_path):
    """`--source-column has no effect on files of parallel lines`, said evaluate, where nobody had given it."""
    saved = load_model(folder / "run")
    settings = json.loads(json.dumps(saved.settings))
    settings["data"] |= {"source_column": "en", "target_column": "fr"}
    model = Translator.restore(replace(saved, settings=settings))
    (tmp_path / "en").write_text("Ann eats the cat.\n")
    (tmp_path / "fr").write_text("Ann mange le chat.\n")
    found = model.evaluate(PairFiles(source=[tmp_path / "en"], target=[tmp_path / "fr"]), resamples=0)
    assert found["bleu"] == pytest.approx(100)


# The model file


def test_a_model_file_is_all_that_is_needed(folder, translator, tmp_path):
    (tmp_path / "elsewhere.safetensors").write_bytes((folder / "run" / "model.safetensors").read_bytes())
    assert load(tmp_path / "elsewhere.safetensors").translate(TEXTS) == translator.translate(TEXTS)


def damaged(saved, **learned):
    return SavedModel(saved.task, saved.settings, {**saved.learned, **learned}, saved.tensors)


@pytest.mark.parametrize(
    ("learned", "said"),
    [
        ({"source": None}, "the model's tokenizer is damaged: word_split should be of type str, got None"),
        ({"source": {}}, "the model's tokenizer is damaged: word_split should be of type str, got None"),
        ({"signs": 9}, "the model is damaged: it has 9 placeholders"),
        ({"signs": None}, "the model is damaged: it has None placeholders"),
    ],
    ids=str,
)
def test_a_damaged_model_is_refused(folder, learned, said):
    with pytest.raises(CheckpointError) as caught:
        Translator.restore(damaged(load_model(folder / "run"), **learned), "it")
    assert str(caught.value) == said


def test_a_vocabulary_that_does_not_fit_the_weights_is_refused(folder):
    saved = load_model(folder / "run")
    source = {**saved.learned["source"], "symbols": saved.learned["source"]["symbols"][:-1]}
    with pytest.raises(CheckpointError):
        Translator.restore(damaged(saved, source=source))


def test_an_answer_has_what_was_asked_for(translator):
    (plain,) = translator.predict(["Ann eats the cat."])
    assert list(plain) == ["translation", "score"]
    (whole,) = translator.predict(["Ann eats the cat."], Decoding(count=2), aligns=True)
    assert list(whole) == ["translation", "score", "candidates", "attention"]
    assert whole["candidates"][0] == plain
    assert json.loads(json.dumps(whole)) == whole


def test_the_end_is_not_part_of_a_text(use):
    assert best(always(use, END), "Ann eats the cat.") == ""


@pytest.mark.parametrize(("tokenizer", "attention", "copies"), [("word", "general", True), ("word", "none", False), ("char", "dot", False)])
def test_an_unknown_word_may_be_written_where_attention_can_replace_it(tokenizer, attention, copies):
    assert untrained(tokenizer, attention=attention).copies_unknown == copies
