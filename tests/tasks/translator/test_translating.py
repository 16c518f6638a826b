"""Translations by small random networks: what a search finds is what its equations say, whatever stands beside it."""

import numpy as np
import pytest
import torch

from charnn.batches.texts import PairSet, text_set
from charnn.decoding.settings import BeamSettings, SamplingSettings
from charnn.layers.settings import ATTENTIONS
from charnn.tasks.translator import translating
from charnn.tasks.translator.interpreter import Decoding
from charnn.tasks.translator.languages import Languages
from charnn.tasks.translator.model import Translator
from charnn.tasks.translator.settings import SearchSettings, TranslatorSettings
from charnn.tasks.translator.translating import SPARE, Limits, attention_weights, sample, score, search
from charnn.tokenizers.registry import fit_tokenizer
from charnn.tokenizers.vocabulary import END, START, UNKNOWN
from tests.networks import CELLS
from tests.runs import small

LETTERS = "abcdefghi jk"

SHORT = Limits(0.5)
"""Translations of at most 16 tokens."""

with_and_without_feeding = pytest.mark.parametrize("feeding", [False, True], ids=["free", "fed"])
every_beam = pytest.mark.parametrize("beam", [1, 4])


def translator(tokenizer="char", cell="gru", end=1.0, seed=1, **changes):
    """A network that is sure of what it says, and ends now and then: the more, the higher the bias of the end."""
    kind = {"cell": CELLS[cell].cell, "activation": CELLS[cell].activation}
    sizes = {"hidden_size": 8, "embedding_size": 8, "layers": 2, "dropout": 0.0, "tie_weights": False, "seed": seed}
    settings = small(TranslatorSettings(), tokenizer=tokenizer, **sizes, **kind, **changes)
    known = fit_tokenizer(lambda: [LETTERS], settings.tokens)
    model = Translator(settings, Languages(known, known))
    model.network.eval()
    with torch.no_grad():
        for weight in model.network.parameters():
            weight += 0.5 * torch.randn_like(weight)
        model.network.output.weight *= 3
        model.network.output.bias[END] += end
    return model


def sources_of(model, count=8, longest=12, seed=0):
    """Sources of different lengths, the first of no token."""
    generator = np.random.default_rng(seed)
    lengths = [0, 1, longest, *generator.integers(0, longest, count)][:count]
    return [generator.integers(3, model.languages.source.size, length) for length in lengths]


@torch.no_grad()
def shares_after(model, source, tokens):
    """(tokens + 1, vocabulary) log-probabilities: of each token, given the ones before it, and of what follows them all."""
    memory, state = model.network.encode(torch.tensor([[*source, END]]), torch.tensor([len(source) + 1]))
    readouts, _, _ = model.network.decode(torch.tensor([[START, *tokens]]), memory, state)
    return torch.log_softmax(model.network.logits(readouts[0]).double(), -1)


def forced(model, source, tokens, is_ended):
    """The log-probability of a translation, by the network alone."""
    targets = torch.tensor([*tokens, *[END] * is_ended], dtype=torch.int64)
    return float(shares_after(model, source, tokens)[: len(targets)].gather(1, targets[:, None]).sum())


def by_score(model, source, tokens):
    """The same of one that ended, by forced decoding."""
    sides = (text_set([np.append(ids, END).astype(np.int64)], np.array) for ids in (source, tokens))
    return -float(score(model.network, PairSet(*sides)).nats[0])


def greedy(model, source, most, prefix=()):
    """The likeliest token at every step, all read anew each time; is the end among them?"""
    found = []
    while len(found) < most:
        shares = shares_after(model, source, [*prefix, *found])[-1]
        shares[[START] if model.interpreter.copies_unknown else [START, UNKNOWN]] = -np.inf
        token = int(shares.argmax())
        if token == END:
            return tuple(found), True
        found.append(token)
    return tuple(found), False


def assert_same(found, other):
    """Are these the same translations, but for rounding?"""
    assert [[(one.tokens, one.is_ended) for one in row] for row in found] == [[(one.tokens, one.is_ended) for one in row] for row in other]
    numbers, others = ([[one.log_probability, one.score] for row in rows for one in row] for rows in (found, other))
    np.testing.assert_allclose(numbers, others, atol=1e-4)


@pytest.mark.parametrize(
    ("cell", "attention"), [*(("gru", attention) for attention in ATTENTIONS), *((cell, "general") for cell in CELLS if cell != "gru")]
)
@with_and_without_feeding
def test_a_beam_of_one_is_greedy(cell, attention, feeding):
    model = translator(cell=cell, attention=attention, input_feeding=feeding)
    sources = sources_of(model, 4)
    for source, (found,) in zip(sources, search(model.network, sources, BeamSettings(1), limits=SHORT), strict=True):
        assert (found.tokens, found.is_ended) == greedy(model, source, SHORT.tokens(len(source)))


@pytest.mark.parametrize("attention", ATTENTIONS)
@with_and_without_feeding
@pytest.mark.parametrize(("penalty", "end", "is_ended"), [(0.0, 4.0, True), (1.0, 4.0, True), (0.6, -100.0, False)])
def test_probabilities_of_the_best_equal_forced_decoding(attention, feeding, penalty, end, is_ended):
    model = translator(cell="lstm", attention=attention, input_feeding=feeding, end=end, seed=2)
    sources, kinds = sources_of(model, 4), set()
    for source, row in zip(sources, search(model.network, sources, BeamSettings(5, penalty), count=5, limits=SHORT), strict=True):
        assert len({one.tokens for one in row if one.is_ended}) == len([one for one in row if one.is_ended])
        for one in row:
            kinds.add(one.is_ended)
            assert one.log_probability == pytest.approx(forced(model, source, one.tokens, one.is_ended), abs=1e-4)
            assert one.score == pytest.approx(one.log_probability / ((5 + len(one.tokens) + one.is_ended) / 6) ** penalty)
            if one.is_ended:
                assert one.log_probability == pytest.approx(by_score(model, source, one.tokens), abs=1e-4)
    assert is_ended in kinds


def test_the_best_come_first_and_those_that_ended_before_the_others():
    model = translator()
    for row in search(model.network, sources_of(model), BeamSettings(6, 0.6), count=6):
        assert row == sorted(row, key=lambda one: (not one.is_ended, -one.score))


def test_a_wide_beam_finds_the_likeliest_of_all_short_translations():
    model = translator(end=4.0)
    (source,) = sources_of(model, 3)[2:]
    letters = range(3, model.languages.target.size)
    every = [(), *((one,) for one in letters), *((one, other) for one in letters for other in letters)]
    expected = sorted((forced(model, source, tokens, True), tokens) for tokens in every)[-3:][::-1]
    (found,) = search(model.network, [source], BeamSettings(200), count=200)
    short = [(one.log_probability, one.tokens) for one in found if one.is_ended and len(one.tokens) <= 2][:3]
    assert [tokens for _, tokens in short] == [tokens for _, tokens in expected]
    assert [nats for nats, _ in short] == pytest.approx([nats for nats, _ in expected], abs=1e-4)


@every_beam
@pytest.mark.parametrize("rows", [10, 320])
@with_and_without_feeding
def test_many_sources_at_once_are_translated_as_each_is_alone(monkeypatch, beam, rows, feeding):
    model = translator(cell="lstm", input_feeding=feeding)
    sources, settings = sources_of(model, 64), BeamSettings(beam, 1.0)
    alone = [search(model.network, [source], settings, count=beam, limits=SHORT)[0] for source in sources[:8]]
    monkeypatch.setattr(translating, "ROWS", rows)
    assert_same(search(model.network, sources, settings, count=beam, limits=SHORT)[:8], alone)


def test_no_sources_have_no_translations():
    model = translator()
    assert search(model.network, [], BeamSettings(2)) == []
    assert sample(model.network, [], SamplingSettings(), []) == []


@every_beam
@pytest.mark.parametrize("attention", ATTENTIONS)
@with_and_without_feeding
def test_a_prefix_is_given_and_its_nats_are_in_the_score(beam, attention, feeding):
    model, prefix = translator(attention=attention, input_feeding=feeding), (5, 3, 7)
    sources = sources_of(model, 4)
    found = search(model.network, sources, BeamSettings(beam), count=beam, limits=Limits(0.5, prefix))
    for source, row in zip(sources, found, strict=True):
        for one in row:
            expected = forced(model, source, [*prefix, *one.tokens], one.is_ended)
            assert one.log_probability == one.score == pytest.approx(expected, abs=1e-4)
        if beam == 1:
            assert (row[0].tokens, row[0].is_ended) == greedy(model, source, SHORT.tokens(len(source)), prefix)


every_way = pytest.mark.parametrize("sampling", [None, SamplingSettings(1.0)], ids=["search", "sampling"])


def begun(tokenizer, prefix, sampling):
    """Three translations of each of two texts."""
    decoding = Decoding(SearchSettings(3, 0.0, 1.0), count=3, prefix=prefix, sampling=sampling)
    return [one.text for row in translator(tokenizer).translate(["a b jk", "k"], decoding) for one in row]


@pytest.mark.parametrize("tokenizer", ["char", "word", "subword", "byte"])
@pytest.mark.parametrize("prefix", ["jk", "jk abcdefghi", " jk  jk "])
@every_way
def test_every_translation_begins_with_the_prefix(tokenizer, prefix, sampling):
    found = begun(tokenizer, prefix, sampling)
    assert len(found) == 6
    assert [text for text in found if not text.startswith(" ".join(prefix.split()))] == []


@pytest.mark.parametrize("tokenizer", ["char", "word"])
@every_way
def test_a_prefix_that_the_tokenizer_does_not_know_is_given_too(tokenizer, sampling):
    """It was said by a person, so nothing that attention found may take its place."""
    assert [text for text in begun(tokenizer, "jk Zoë", sampling) if not text.startswith("jk Zoë")] == []


@every_beam
@pytest.mark.parametrize("max_length", [0.0, 0.5, 1.7])
@pytest.mark.parametrize("prefix", [(), (4, 4)])
def test_the_length_limit_is_kept(beam, max_length, prefix):
    """What never ends is cut off at the limit; the prefix does not count."""
    model = translator(end=-100.0)
    sources, limits = sources_of(model), Limits(max_length, prefix)
    found = search(model.network, sources, BeamSettings(beam), limits=limits)
    found += [[one] for one in sample(model.network, sources, SamplingSettings(1.0), range(8), limits=limits)]
    for source, (one,) in zip(sources * 2, found, strict=True):
        assert len(one.tokens) == int(max_length * len(source)) + SPARE
        assert not one.is_ended


@pytest.mark.parametrize("temperature", [0.0, 0.7, 5.0])
def test_a_text_drawn_depends_on_its_seed_and_not_on_its_neighbours(monkeypatch, temperature):
    model, settings = translator(), SamplingSettings(temperature)
    sources, seeds = sources_of(model, 64), list(range(100, 164))
    alone = [sample(model.network, [source], settings, [seed], limits=SHORT) for source, seed in zip(sources[:8], seeds, strict=False)]
    for rows in (10, 320):
        monkeypatch.setattr(translating, "ROWS", rows)
        assert_same([[one] for one in sample(model.network, sources, settings, seeds, limits=SHORT)[:8]], alone)


def test_another_seed_draws_another_text():
    model = translator()
    (source,) = sources_of(model, 3)[2:]
    assert len({one.tokens for one in sample(model.network, [source] * 20, SamplingSettings(1.0), range(20))}) > 10


@with_and_without_feeding
def test_temperature_zero_is_greedy(feeding):
    model = translator(input_feeding=feeding)
    sources = sources_of(model)
    for source, one in zip(sources, sample(model.network, sources, SamplingSettings(0.0), range(8), limits=SHORT), strict=True):
        assert (one.tokens, one.is_ended) == greedy(model, source, SHORT.tokens(len(source)))


@pytest.mark.parametrize("prefix", [(), (5, 3)])
def test_probabilities_of_what_is_drawn_equal_forced_decoding(prefix):
    """The log-probability of a draw is that among all tokens, as a search gives it."""
    model = translator()
    sources = sources_of(model)
    for source, one in zip(
        sources, sample(model.network, sources, SamplingSettings(1.5), range(8), limits=Limits(0.5, prefix)), strict=True
    ):
        expected = forced(model, source, [*prefix, *one.tokens], one.is_ended)
        assert one.log_probability == one.score == pytest.approx(expected, abs=1e-4)


def test_first_tokens_are_drawn_as_often_as_they_are_probable(monkeypatch):
    monkeypatch.setattr(translating, "SPARE", 1)
    model, draws = translator(), 3000
    (source,) = sources_of(model, 3)[2:]
    found = sample(model.network, [source] * draws, SamplingSettings(1.0), range(draws), limits=Limits(0.0))
    counts = np.bincount([one.tokens[0] if one.tokens else END for one in found], minlength=model.languages.target.size)
    expected = shares_after(model, source, [])[-1].exp().numpy()
    expected[[START, UNKNOWN]] = 0
    np.testing.assert_allclose(counts / draws, expected / expected.sum(), atol=0.04)


def test_the_rules_of_sampling_know_the_prefix():
    model, prefix = translator(end=-100.0), (4, 5, 6)
    (found,) = sample(model.network, [np.array([3, 4])], SamplingSettings(1.0, no_repeat=1), [1], limits=Limits(-1.0, prefix))
    assert len(found.tokens) == len(set(found.tokens))
    assert not set(found.tokens) & set(prefix)


def biased(tokenizer, attention="general"):
    """A translator that would say nothing but start and unknown if it might."""
    model = translator(tokenizer, attention=attention)
    with torch.no_grad():
        model.network.output.bias[START] += 200
        model.network.output.bias[UNKNOWN] += 100
    return model


@pytest.mark.parametrize("tokenizer", ["char", "word", "subword"])
@pytest.mark.parametrize("attention", ["general", "none"])
def test_the_start_never_comes_out_and_the_unknown_only_where_a_word_can_take_its_place(tokenizer, attention):
    model = biased(tokenizer, attention)
    sources, limits = sources_of(model), Limits(0.5, unknown=model.interpreter.copies_unknown)
    rows = search(model.network, sources, BeamSettings(4), count=4, limits=limits)
    rows += [[one] for one in sample(model.network, sources, SamplingSettings(2.0), range(8), limits=limits)]
    found = {token for row in rows for one in row for token in one.tokens}
    assert START not in found
    assert END not in found
    assert (UNKNOWN in found) == (tokenizer == "word" and attention == "general") == model.interpreter.copies_unknown


def test_an_unknown_word_is_the_one_that_was_looked_at_most():
    model = biased("word")
    ((found,),) = model.translate(["abcdefghi new jk"], Decoding(SearchSettings(1, 0.0)))
    ids = model.languages.encode(model.languages.source, "abcdefghi new jk")
    (best,) = search(model.network, [ids], BeamSettings(1), limits=Limits(unknown=True))[0]
    assert ids.tolist().count(UNKNOWN) == 1
    assert set(best.tokens) == {UNKNOWN}
    places = attention_weights(model.network, ids, best.tokens)[:-1, : len(ids)].argmax(1)
    assert found.text.split() == [["abcdefghi", "new", "jk"][place] for place in places]
