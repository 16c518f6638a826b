"""The translator as a task: losses that are sums, weights that stand once in a file, a corpus learned by heart."""

import json
from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from charnn.data.pairs import Pair
from charnn.decoding.settings import BeamSettings
from charnn.errors import CheckpointError
from charnn.tasks.translator.interpreter import Decoding, Interpreter
from charnn.tasks.translator.model import LEAST_SIGNS, RISES, Prepared, Translator, known_signs, prepare_to_learn, sampled_share
from charnn.tasks.translator.preparation import FIRST_SIGN, LEARNING, SIGNS, signs_of
from charnn.tasks.translator.settings import TranslatorLossSettings, TranslatorSettings
from charnn.tokenizers.registry import fit_tokenizer, restore_tokenizer
from charnn.tokenizers.vocabulary import END, START, UNKNOWN
from tests.runs import small

PAIRS = [
    Pair("the cat sleeps", "die Katze schläft", "1"),
    Pair("a dog", "ein Hund", "2"),
    Pair("we see the red house and the cat", "wir sehen das rote Haus und die Katze", "3"),
    Pair("the dog sees us", "der Hund sieht uns", "4"),
]

TOKENIZERS = ["char", "word", "subword", "byte"]

every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS)
shared_or_separate = pytest.mark.parametrize("shared", [True, False], ids=["shared", "separate"])
tied_or_not = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
in_training_or_not = pytest.mark.parametrize("is_training", [False, True], ids=["evaluating", "training"])

SIGN = [chr(FIRST_SIGN + number) for number in range(SIGNS)]


def translator(tokenizer="char", shared=True, pairs=PAIRS, signs=0, **changes):
    """A small one that knows both sides of the pairs."""
    sizes = {"hidden_size": 8, "embedding_size": 8, "layers": 2, "dropout": 0.0, "label_smoothing": 0.0}
    settings = small(TranslatorSettings(), tokenizer=tokenizer, shared_vocabulary=shared, **sizes | changes)
    sides = [one.source for one in pairs], [one.target for one in pairs]
    if shared:
        sides = (sides[0] + sides[1],) * 2
    source, target = (fit_tokenizer(lambda texts=texts: [" ".join(texts)], settings.tokens) for texts in sides)
    model = Translator(settings, source, source if shared else target, signs)
    model.network.eval()
    return model


def read(model, pairs=PAIRS):
    return model.read(model.prepare_pairs(pairs))


def batch_of(model, pairs=PAIRS, epoch=0.0):
    """All pairs side by side."""
    return replace(read(model, pairs).batch(np.arange(len(pairs))), epoch=epoch)


def loss_of(model, batch, *, is_training=False, seed=0):
    torch.manual_seed(seed)
    model.network.train(is_training)
    with torch.no_grad():
        found = model.loss(batch, None)
    model.network.eval()
    return found


@torch.no_grad()
def shares_of(model, pair):
    """(target + 1, vocabulary) log-probabilities of one pair's target tokens and end, and their ids."""
    source, target = (model.encode(one, text).tolist() for one, text in ((model.source, pair.source), (model.target, pair.target)))
    memory, state = model.network.encode(torch.tensor([[*source, END]]), torch.tensor([len(source) + 1]))
    readouts, _, _ = model.network.decode(torch.tensor([[START, *target]]), memory, state)
    return torch.log_softmax(model.network.logits(readouts[0]), -1), torch.tensor([*target, END])


@every_tokenizer
@shared_or_separate
def test_a_loss_is_the_sum_over_target_tokens_and_ends(tokenizer, shared):
    model = translator(tokenizer, shared)
    loss, expected = loss_of(model, batch_of(model)), [shares_of(model, pair) for pair in PAIRS]
    nats = [-float(shares.gather(1, ids[:, None]).sum()) for shares, ids in expected]
    assert loss.count == sum(len(model.encode(model.target, pair.target)) + 1 for pair in PAIRS)
    assert float(loss.total) == pytest.approx(sum(nats), rel=1e-5)
    assert loss.carry is None
    scored = model.score(read(model))
    assert scored.nats.tolist() == pytest.approx(nats, rel=1e-5)
    assert scored.tokens.tolist() == [len(ids) for _, ids in expected]


@in_training_or_not
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("feeding", [False, True], ids=["free", "fed"])
def test_the_loss_of_a_batch_is_the_sum_over_its_pairs(is_training, smoothing, feeding):
    model = translator(label_smoothing=smoothing, input_feeding=feeding)
    together = loss_of(model, batch_of(model), is_training=is_training)
    alone = [loss_of(model, batch_of(model, [pair]), is_training=is_training) for pair in PAIRS]
    assert float(together.total) == pytest.approx(sum(float(one.total) for one in alone), rel=1e-5)
    assert together.count == sum(one.count for one in alone)


def test_smoothing_gives_a_share_of_certainty_to_all_tokens_alike_while_training():
    model = translator(label_smoothing=0.3)
    found = [loss_of(model, batch_of(model), is_training=is_training).total for is_training in (True, False)]
    parts = [shares_of(model, pair) for pair in PAIRS]
    nats = -sum(float(shares.gather(1, ids[:, None]).sum()) for shares, ids in parts)
    even = -sum(float(shares.mean(1).sum()) for shares, _ in parts)
    assert [float(one) for one in found] == pytest.approx([0.7 * nats + 0.3 * even, nats], rel=1e-5)


@in_training_or_not
def test_gradients_of_a_batch_are_the_sum_over_its_pairs(is_training):
    model = translator(label_smoothing=0.1)
    model.network.train(is_training)
    weights = list(model.network.parameters())
    together = torch.autograd.grad(model.loss(batch_of(model), None).total, weights)
    alone = [torch.autograd.grad(model.loss(batch_of(model, [pair]), None).total, weights) for pair in PAIRS]
    for found, parts in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(found, sum(parts), atol=1e-4, rtol=1e-4)


def test_a_pairs_score_does_not_depend_on_the_pairs_beside_it():
    model = translator("subword")
    together, alone = model.score(read(model)), [model.score(read(model, [pair])) for pair in PAIRS]
    assert together.nats.tolist() == pytest.approx([float(one.nats[0]) for one in alone], rel=1e-5)
    for found, one in zip(together.weights, alone, strict=True):
        np.testing.assert_allclose(found, one.weights[0], atol=1e-5)


def test_weights_of_a_score_are_of_the_pairs_own_tokens_and_sum_to_one():
    model = translator()
    pairs = read(model)
    for pair, weights, *lengths in zip(PAIRS, model.score(pairs).weights, pairs.target.lengths, pairs.source.lengths, strict=True):
        assert weights.shape == (*lengths,)
        np.testing.assert_allclose(weights.sum(1), 1, atol=1e-5)
        source, target = model.encode(model.source, pair.source), model.encode(model.target, pair.target)
        np.testing.assert_allclose(model.look(source, target), weights, atol=1e-5)


def test_no_pairs_have_no_scores():
    scored = translator().score(translator().read([]))
    assert (len(scored.nats), len(scored.tokens), scored.weights) == (0, 0, [])


def restored(model):
    """As from a model file."""
    learned, tensors = json.loads(json.dumps(model.learned())), model.tensors()
    name = model.settings.tokens.tokenizer

    def tokenizer(side):
        prefix = f"tokenizer.{side}."
        return restore_tokenizer(name, learned[side], {key[len(prefix) :]: one for key, one in tensors.items() if key.startswith(prefix)})

    source = tokenizer("source")
    target = source if learned["target"] is None else tokenizer("target")
    return Translator.restore(TranslatorSettings.from_plain(model.settings.plain()), source, target, learned["signs"], tensors)


@every_tokenizer
@shared_or_separate
@tied_or_not
def test_a_restored_model_gives_the_same_scores_and_has_the_same_tensors(tokenizer, shared, tied):
    model = translator(tokenizer, shared, tie_weights=tied, signs=3)
    with torch.no_grad():
        for weight in model.network.parameters():
            weight += 0.1 * torch.randn_like(weight)
    other = restored(model)
    assert not other.network.training
    assert other.score(read(other)).nats.tolist() == model.score(read(model)).nats.tolist()
    assert other.learned() == model.learned()
    assert other.tensors().keys() == model.tensors().keys()
    assert all((other.tensors()[name] == array).all() for name, array in model.tensors().items())


@pytest.mark.parametrize("attention", ["additive", "general", "dot", "none"])
@pytest.mark.parametrize("options", [{"layer_norm": True}, {"input_feeding": True}, {"initial_state": "learned"}, {"bidirectional": False}])
def test_every_kind_of_network_is_restored(attention, options):
    model = translator(attention=attention, **options)
    assert restored(model).score(read(model)).nats.tolist() == model.score(read(model)).nats.tolist()


@shared_or_separate
@tied_or_not
def test_weights_that_are_shared_or_tied_stand_once_in_a_file(shared, tied):
    model = translator("word", shared, tie_weights=tied)
    tensors = model.tensors()
    wide = {name for name, array in tensors.items() if array.shape in {(model.source.size, 8), (model.target.size, 8)}}
    expected = {"source_embedding.embedding.weight", "target_embedding.embedding.weight", "output.weight"}
    assert wide == expected - ({"target_embedding.embedding.weight"} if shared else set()) - ({"output.weight"} if tied else set())
    assert sum(array.size for array in tensors.values()) == sum(weight.numel() for weight in model.network.parameters())


def test_tokenizers_that_are_one_stand_once_in_a_file():
    names = [{name for name in translator("subword", shared).tensors() if name.startswith("tokenizer.")} for shared in (True, False)]
    assert names == [{"tokenizer.source.subword_model"}, {"tokenizer.source.subword_model", "tokenizer.target.subword_model"}]
    assert translator("subword").learned()["target"] is None


@pytest.mark.parametrize("lost", ["source_embedding.embedding.weight", "output.bias", "bridge.ends_to_state.weight"])
def test_weights_that_are_missing_or_of_another_shape_are_refused(lost):
    model = translator()
    tensors = model.tensors()
    for damaged in ({name: array for name, array in tensors.items() if name != lost}, tensors | {lost: tensors[lost][..., :-1].copy()}):
        with pytest.raises(CheckpointError, match=r"^the model is damaged: its weight ") as caught:
            Translator.restore(model.settings, model.source, model.target, 0, damaged)
        assert lost in str(caught.value)


def share(schedule, epoch, **options):
    return sampled_share(TranslatorLossSettings(scheduled_sampling=schedule, **options), epoch)


def test_every_schedule_rises_to_the_share_that_was_asked_for():
    assert set(RISES) == {"none", "constant", "linear", "sigmoid"}
    for schedule in RISES:
        options = {} if schedule == "none" else {"sampling_share": 0.5}
        shares = [share(schedule, epoch, **options) for epoch in (0, 0.1, 1, 3, 5, 8, 10, 12, 20, 1000)]
        assert shares == sorted(shares)
        assert all(0 <= one <= 0.5 for one in shares)
        assert shares[-1] == pytest.approx(0 if schedule == "none" else 0.5, abs=1e-3)


def test_the_shares_of_the_schedules():
    assert [share("none", epoch) for epoch in (0, 5, 10)] == [0, 0, 0]
    assert [share("constant", epoch, sampling_share=0.4) for epoch in (0, 5, 10)] == [0.4, 0.4, 0.4]
    linear = [share("linear", epoch, sampling_share=0.4, sampling_epochs=5.0) for epoch in (0, 2.5, 5, 50)]
    assert linear == pytest.approx([0, 0.2, 0.4, 0.4])
    sigmoid = [share("sigmoid", epoch, sampling_share=1.0, sampling_epochs=4.0) for epoch in (0, 2, 4)]
    assert sigmoid == pytest.approx([0, 0.5, 1], abs=0.01)


def seen_by_decoder(model, batch):
    """The ids that the decoder reads in the pass that is learned from."""
    seen, decode = [], model.network.decode
    model.network.decode = lambda tokens, *rest: seen.append(tokens) or decode(tokens, *rest)
    loss = loss_of(model, batch, is_training=True)
    assert torch.isfinite(loss.total)
    return seen[-1], loss.total


@pytest.mark.parametrize("feeding", [False, True], ids=["free", "fed"])
@pytest.mark.parametrize("schedule", ["constant", "linear", "sigmoid"])
def test_with_a_share_of_one_the_decoder_reads_its_own_predictions(feeding, schedule):
    plain = translator(input_feeding=feeding)
    model = translator(input_feeding=feeding, scheduled_sampling=schedule, sampling_share=1.0)
    batch = batch_of(model, epoch=10**6)
    inputs, targets = model.inputs(batch.target)
    with torch.no_grad():
        memory, state = model.network.encode(torch.from_numpy(batch.source.tokens), torch.from_numpy(batch.source.lengths))
        logits = model.network.logits(model.network.decode(inputs, memory, state)[0])
    logits[..., [START, END, UNKNOWN]] = -torch.inf
    read, loss = seen_by_decoder(model, batch)
    is_token = targets[:, 1:] >= 0
    assert (read[:, 0] == START).all()
    assert (read[:, 1:] == logits[:, :-1].argmax(-1))[is_token].float().mean() > 0.98  # a sigmoid ends a little below one
    assert float(loss) != float(loss_of(plain, batch, is_training=True).total)


@in_training_or_not
def test_nothing_is_sampled_before_a_linear_schedule_begins_nor_where_nothing_is_learned(is_training):
    plain, model = translator(), translator(scheduled_sampling="linear", sampling_share=1.0)
    batch = batch_of(model, epoch=0.0 if is_training else 100.0)
    assert float(loss_of(model, batch, is_training=is_training).total) == float(loss_of(plain, batch, is_training=is_training).total)


def test_sampling_replaces_about_the_share():
    model = translator(scheduled_sampling="constant", sampling_share=0.5)
    pairs = PAIRS * 50
    batch = batch_of(model, pairs)
    inputs, targets = model.inputs(batch.target)
    whole, _ = seen_by_decoder(translator(scheduled_sampling="constant", sampling_share=1.0), batch)
    half, _ = seen_by_decoder(model, batch)
    can_tell = (targets >= 0) & (whole != inputs)
    assert set(torch.where(half == inputs, 0, torch.where(half == whole, 0, 1)).unique().tolist()) == {0}
    assert float((half == whole)[can_tell].float().mean()) == pytest.approx(0.5, abs=0.03)


def test_a_share_of_the_words_is_read_as_unknown_while_training():
    model = translator(word_dropout=0.5)
    batch = batch_of(model, PAIRS * 20)
    read, _ = seen_by_decoder(model, batch)
    assert float((read == UNKNOWN)[model.inputs(batch.target)[1] >= 0].float().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(loss_of(model, batch_of(model)).total) == float(loss_of(translator(), batch_of(model)).total)


def test_inputs_are_the_targets_one_later_behind_a_start():
    model = translator("word", shared=False)
    inputs, targets = model.inputs(batch_of(model, PAIRS[:2]).target)
    ids = [model.encode(model.target, pair.target).tolist() for pair in PAIRS[:2]]
    assert targets.tolist() == [[*ids[0], END], [*ids[1], END, -1]]
    assert [row[: len(one) + 1] for row, one in zip(inputs.tolist(), ids, strict=True)] == [[START, *one] for one in ids]


@every_tokenizer
def test_ids_of_a_text_are_decoded_to_it(tokenizer):
    model = translator(tokenizer)
    for pair in PAIRS:
        assert model.target.decode(model.encode(model.target, pair.target)).removeprefix(" ") == pair.target
    assert len(model.encode(model.source, "")) == 0


def test_a_subword_is_the_same_at_the_begin_of_a_text_as_within_it():
    model = translator("subword")
    begin, within = model.encode(model.source, "the"), model.encode(model.source, "a the")
    assert within.tolist()[-len(begin) :] == begin.tolist()


@pytest.mark.parametrize(("tokenizer", "attention", "copies"), [("word", "general", True), ("word", "none", False), ("char", "dot", False)])
def test_an_unknown_word_may_be_written_where_attention_can_replace_it(tokenizer, attention, copies):
    assert translator(tokenizer, attention=attention).copies_unknown == copies


def test_batches_of_sampled_subwords_are_other_divisions_of_the_same_texts_in_every_epoch():
    model = translator("subword", subword_sampling=0.2, batch_size=2)
    prepared = prepare_to_learn(PAIRS, keeps=False)

    def rows(epoch):
        batches = model.batches(prepared)
        found = list(islice(batches.since(batches.steps(epoch)), batches.steps(1)))
        sides = [
            (side.tokens[row, : side.lengths[row] - 1].tolist(), side.tokens[row, side.lengths[row] - 1])
            for batch in found
            for side in (batch.source, batch.target)
            for row in range(len(batch))
        ]
        assert {int(last) for _, last in sides} == {END}
        return [ids for ids, _ in sides]

    first, again, second = rows(1), rows(1), rows(2)
    assert first == again
    assert sorted(map(str, first)) != sorted(map(str, second))
    texts = sorted(f" {text}" for one in PAIRS for text in (one.source, one.target))
    assert [sorted(map(model.source.decode, found)) for found in (first, second)] == [texts, texts]


def test_two_sides_alike_are_divided_each_in_its_own_way():
    model = translator("subword")
    pairs = model.read_sampled([Prepared(one.source, one.source) for one in PAIRS], 0.1, seed=1)
    assert pairs.source.ids.tolist() != pairs.target.ids.tolist()


def pair_of(source, target=None):
    return Pair(source, source if target is None else target, "here")


def test_only_signs_that_are_known_are_used():
    text, numbers = "10 20 30", ("10", "20", "30")
    for signs in range(4):
        model = translator(signs=signs)
        replaced = " ".join([*SIGN[:signs], *numbers[signs:]])
        assert model.prepare(f" {text} ") == (replaced, numbers[:signs])
        assert model.prepare_pairs([pair_of(text)]) == [(replaced, replaced)]


def test_a_given_pair_is_prepared_without_a_draw():
    assert translator(signs=8).prepare_pairs([pair_of("Anna  sees"), pair_of("e\u0301", "10")]) == [("Anna sees",) * 2, ("é", "10")]


def test_signs_are_learned_from_about_every_twentieth_pair_without_something_to_keep():
    prepared = prepare_to_learn([pair_of("Anna sees"), pair_of("5 10")] * 1000, keeps=True)
    counts = Counter(one for pair in prepared for one in pair)
    drawn = counts[f"{SIGN[0]} sees"] / 2000
    assert drawn == pytest.approx(LEARNING, abs=0.01)
    assert counts == {f"{SIGN[0]} sees": 2000 * drawn, "Anna sees": 2000 * (1 - drawn), f"5 {SIGN[0]}": 2000}


def test_without_keeping_pairs_are_brought_into_normal_form_only():
    assert prepare_to_learn([pair_of(" Anna  10"), pair_of("e\u0301")] * 30, keeps=False) == [("Anna 10",) * 2, ("é",) * 2] * 30


@pytest.mark.parametrize(("counts", "known"), [((), 0), ((20,), 1), ((19, 50), 0), ((50, 20, 19, 30), 2), ((20,) * 8, 8)])
def test_signs_are_known_when_they_and_all_before_them_were_seen_often_enough(counts, known):
    assert LEAST_SIGNS == 20
    pairs = [Prepared(f"a {SIGN[sign]}", f"{SIGN[sign]}{SIGN[sign]} b") for sign, count in enumerate(counts) for _ in range(count)]
    assert known_signs([*pairs, *[Prepared(SIGN[7], "one side only")] * 50]) == known
    assert signs_of(SIGN[7]) == {7}


BY_HEART = [Pair("the cat sleeps", "die Katze schläft", "1"), Pair("a dog sees us", "uns sieht ein Hund", "2")]


@pytest.mark.parametrize("tokenizer", ["char", "word", "subword"])
@shared_or_separate
def test_two_pairs_are_learned_by_heart(tokenizer, shared):
    model = translator(tokenizer, shared, BY_HEART, hidden_size=64, embedding_size=64, layers=1)
    optimizer = torch.optim.Adam(model.network.parameters(), lr=0.01)
    batches = model.batches(prepare_to_learn(BY_HEART, keeps=True)).since(0)
    model.network.train()
    for _ in range(160 if tokenizer == "subword" else 80):
        optimizer.zero_grad()
        loss = model.loss(next(batches), None)
        (loss.total / loss.count).backward()
        optimizer.step()
    model.network.eval()
    assert float(loss.total.detach()) / loss.count < 0.05
    assert Interpreter(model).translations(BY_HEART, Decoding(BeamSettings(1, 0.0))) == [one.target for one in BY_HEART]
    assert Interpreter(restored(model)).translations(BY_HEART) == [one.target for one in BY_HEART]
