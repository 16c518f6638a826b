"""The translator as a task: losses that are sums, weights that are once in a file, a corpus learned by heart."""

import json

import pytest
import torch

from charnn.checkpoint.model import SavedModel
from charnn.data.pairs import Pair
from charnn.errors import CheckpointError
from charnn.tasks.translator.interpreter import GREEDY
from charnn.tasks.translator.languages import prepare_to_learn
from charnn.tasks.translator.model import RISES, Translator, sampled_fraction
from charnn.tasks.translator.settings import TranslatorLossSettings
from charnn.tasks.translator.translating import decoder_tokens, score
from charnn.tokenizers.vocabulary import END, START, UNKNOWN
from tests.translators import PAIRS, TOKENIZERS, batch_of, read, shares_of, translator

CPU = torch.device("cpu")

every_tokenizer = pytest.mark.parametrize("tokenizer", TOKENIZERS)
shared_or_separate = pytest.mark.parametrize("shared", [True, False], ids=["shared", "separate"])
tied_or_not = pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
in_training_or_not = pytest.mark.parametrize("is_training", [False, True], ids=["evaluating", "training"])


def loss_of(model, batch, *, is_training=False, seed=0):
    torch.manual_seed(seed)
    model.network.train(is_training)
    with torch.no_grad():
        found = model.loss(batch, None)
    model.network.eval()
    return found


@every_tokenizer
@shared_or_separate
def test_a_loss_is_the_sum_over_target_tokens_and_ends(tokenizer, shared):
    model = translator(tokenizer, shared)
    loss, expected = loss_of(model, batch_of(model)), [shares_of(model, pair) for pair in PAIRS]
    nats = [-float(shares.gather(1, ids[:, None]).sum()) for shares, ids in expected]
    assert loss.count == sum(len(model.languages.encode(model.languages.target, pair.target)) + 1 for pair in PAIRS)
    assert float(loss.total) == pytest.approx(sum(nats), rel=1e-5)
    assert loss.carry is None
    scored = score(model.network, read(model))
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


def restored(model):
    """Return the model again, as from a model file."""
    learned = json.loads(json.dumps(model.learned()))
    return Translator.restore(SavedModel("translator", model.settings.plain(), learned, model.tensors()))


@every_tokenizer
@shared_or_separate
@tied_or_not
def test_a_restored_model_gives_the_same_scores_and_has_the_same_tensors(tokenizer, shared, tied):
    model = translator(tokenizer, shared, tie_weights=tied, placeholders=3)
    with torch.no_grad():
        for weight in model.network.parameters():
            weight += 0.1 * torch.randn_like(weight)
    other = restored(model)
    assert not other.network.training
    assert score(other.network, read(other)).nats.tolist() == score(model.network, read(model)).nats.tolist()
    assert other.learned() == model.learned()
    assert other.tensors().keys() == model.tensors().keys()
    assert all((other.tensors()[name] == array).all() for name, array in model.tensors().items())


@pytest.mark.parametrize("attention", ["additive", "general", "dot", "none"])
@pytest.mark.parametrize("options", [{"layer_norm": True}, {"input_feeding": True}, {"initial_state": "learned"}, {"bidirectional": False}])
def test_every_kind_of_network_is_restored(attention, options):
    model = translator(attention=attention, **options)
    assert score(restored(model).network, read(model)).nats.tolist() == score(model.network, read(model)).nats.tolist()


@shared_or_separate
@tied_or_not
def test_weights_that_are_shared_or_tied_stand_once_in_a_file(shared, tied):
    model = translator("word", shared, tie_weights=tied)
    tensors = model.tensors()
    wide = {name for name, array in tensors.items() if array.shape in {(model.languages.source.size, 8), (model.languages.target.size, 8)}}
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
            Translator.restore(SavedModel("translator", model.settings.plain(), model.learned(), damaged))
        assert lost in str(caught.value)


def share(schedule, epoch, **options):
    return sampled_fraction(TranslatorLossSettings(scheduled_sampling=schedule, **options), epoch)


def test_every_schedule_rises_to_the_share_that_was_asked_for():
    assert set(RISES) == {"none", "constant", "linear", "sigmoid"}
    for schedule in RISES:
        options = {} if schedule == "none" else {"sampling_fraction": 0.5}
        shares = [share(schedule, epoch, **options) for epoch in (0, 0.1, 1, 3, 5, 8, 10, 12, 20, 1000)]
        assert shares == sorted(shares)
        assert all(0 <= one <= 0.5 for one in shares)
        assert shares[-1] == pytest.approx(0 if schedule == "none" else 0.5, abs=1e-3)


def test_the_shares_of_the_schedules():
    assert [share("none", epoch) for epoch in (0, 5, 10)] == [0, 0, 0]
    assert [share("constant", epoch, sampling_fraction=0.4) for epoch in (0, 5, 10)] == [0.4, 0.4, 0.4]
    linear = [share("linear", epoch, sampling_fraction=0.4, sampling_epochs=5.0) for epoch in (0, 2.5, 5, 50)]
    assert linear == pytest.approx([0, 0.2, 0.4, 0.4])
    sigmoid = [share("sigmoid", epoch, sampling_fraction=1.0, sampling_epochs=4.0) for epoch in (0, 2, 4)]
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
    model = translator(input_feeding=feeding, scheduled_sampling=schedule, sampling_fraction=1.0)
    batch = batch_of(model, epoch=10**6)
    inputs, targets = decoder_tokens(batch.target, CPU)
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
    plain, model = translator(), translator(scheduled_sampling="linear", sampling_fraction=1.0)
    batch = batch_of(model, epoch=0.0 if is_training else 100.0)
    assert float(loss_of(model, batch, is_training=is_training).total) == float(loss_of(plain, batch, is_training=is_training).total)


def test_sampling_replaces_about_the_share():
    model = translator(scheduled_sampling="constant", sampling_fraction=0.5)
    pairs = PAIRS * 50
    batch = batch_of(model, pairs)
    inputs, targets = decoder_tokens(batch.target, CPU)
    whole, _ = seen_by_decoder(translator(scheduled_sampling="constant", sampling_fraction=1.0), batch)
    half, _ = seen_by_decoder(model, batch)
    can_tell = (targets >= 0) & (whole != inputs)
    assert set(torch.where(half == inputs, 0, torch.where(half == whole, 0, 1)).unique().tolist()) == {0}
    assert float((half == whole)[can_tell].float().mean()) == pytest.approx(0.5, abs=0.03)


def test_a_share_of_the_words_is_read_as_unknown_while_training():
    model = translator(word_dropout=0.5)
    batch = batch_of(model, PAIRS * 20)
    read, _ = seen_by_decoder(model, batch)
    assert float((read == UNKNOWN)[decoder_tokens(batch.target, CPU)[1] >= 0].float().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(loss_of(model, batch_of(model)).total) == float(loss_of(translator(), batch_of(model)).total)


BY_HEART = [Pair("the cat sleeps", "die Katze schläft", "1"), Pair("a dog sees us", "uns sieht ein Hund", "2")]


@pytest.mark.parametrize("tokenizer", ["char", "word", "subword"])
@shared_or_separate
def test_two_pairs_are_learned_by_heart(tokenizer, shared):
    model = translator(tokenizer, shared, BY_HEART, hidden_size=64, embedding_size=64, layers=1)
    optimizer = torch.optim.Adam(model.network.parameters(), lr=0.01)
    batches = model.languages.batches(prepare_to_learn(BY_HEART, copies=True), model.settings).since(0)
    model.network.train()
    for _ in range(160 if tokenizer == "subword" else 80):
        optimizer.zero_grad()
        loss = model.loss(next(batches), None)
        (loss.total / loss.count).backward()
        optimizer.step()
    model.network.eval()
    assert float(loss.total.detach()) / loss.count < 0.05
    assert model.interpreter.translations(BY_HEART, GREEDY) == [one.target for one in BY_HEART]
    assert restored(model).interpreter.translations(BY_HEART) == [one.target for one in BY_HEART]
