import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from charnn.batches.streams import Batch
from charnn.checkpoint.model import SavedModel, load_model, save_model
from charnn.data.corpus import Document
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.tasks.lm import evaluation as lm
from charnn.tasks.lm import network
from charnn.tasks.lm.evaluation import PROTOCOLS, quick_loss
from charnn.tasks.lm.model import LanguageModel
from charnn.tokenizers.registry import TOKENIZERS, restore_tokenizer
from charnn.training.model import Score
from charnn.training.trainer import Trainer
from tests.models import TEXT, documents, running_text, small_model, small_settings
from tests.networks import CELLS

WINDOWS = [1, 7, 64, 5000]

NETWORKS = {
    **{name: {"cell": kind.cell, "activation": kind.activation} for name, kind in CELLS.items()},
    "everything": {"layers": 2, "layer_norm": True, "residual": True, "initial_state": "learned", "tie_weights": True},
    "dropout": {"dropout": 0.5},
}
every_network = pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS)


def shaken(model):
    """The model with weights far from where they began, so that the state matters."""
    torch.manual_seed(2)
    with torch.no_grad():
        for weight in model.network.parameters():
            weight += 0.3 * torch.randn_like(weight)
        for cell in model.network.stack.cells:
            if cell.cell.reads_hidden:
                cell.hidden_to_gates *= 0.5  # lest relu units grow without end
    return model


def batch_of(ids, *, mask=None, labels=None, fresh=None):
    ids = np.asarray(ids)
    mask = None if mask is None else np.asarray(mask)
    labels = None if labels is None else np.asarray(labels)
    return Batch(ids[:, :-1], ids[:, 1:], mask, labels, np.full(len(ids), True) if fresh is None else np.asarray(fresh))


def nats_of(model, ids, label=None):
    """Nats of each id but the first, read in one piece from the initial state."""
    labels = None if label is None else torch.tensor([label])
    with torch.no_grad():
        hidden, _ = model.network.eval()(torch.as_tensor(ids[:-1].astype(np.int64))[None], None, labels)
        logs = model.network.logits(hidden)[0].double().log_softmax(-1)
    return -logs[torch.arange(len(ids) - 1), torch.as_tensor(ids[1:].astype(np.int64))].numpy()


@every_network
def test_streamed_is_the_loss_of_the_whole_text_read_at_once(tmp_path, changes):
    model = shaken(small_model(**changes))
    text = running_text(model, tmp_path)
    assert model.measure(text, "streamed")["nats_per_token"] == pytest.approx(nats_of(model, text.ids).mean(), rel=1e-4)


@every_network
def test_windows_as_long_as_the_text_are_streamed(tmp_path, changes):
    model = shaken(small_model(**changes))
    text = running_text(model, tmp_path, TEXT * 2)
    streamed, windows = model.measure(text, "streamed"), model.measure(text, "windows", len(text.ids))
    assert windows.pop("protocol") == f"windows of {len(text.ids)}, cold"
    assert streamed.pop("protocol") == "streamed"
    assert windows == pytest.approx(streamed, rel=1e-5)


def test_many_warm_streams_give_the_loss_of_one_pass(tmp_path, monkeypatch):
    model = shaken(small_model())
    text = running_text(model, tmp_path)
    one_pass = model.measure(text, "streamed")
    monkeypatch.setattr(lm, "STREAMED_LEAST", len(text.ids) // 4)
    monkeypatch.setattr(lm, "STREAMED_WARM", 100)
    monkeypatch.setattr(lm, "STREAMED_WIDTH", 60)
    streams = model.measure(text, "streamed")
    assert streams["symbols"] == one_pass["symbols"]
    assert streams["nats_per_token"] == pytest.approx(one_pass["nats_per_token"], abs=1e-4)


@pytest.mark.parametrize("window", WINDOWS)
def test_each_window_begins_cold(tmp_path, window):
    model = shaken(small_model(initial_state="learned"))
    text = running_text(model, tmp_path)
    parts = [nats_of(model, text.ids[begin : begin + window + 1]) for begin in range(0, len(text.ids) - 1, window)]
    assert model.measure(text, "windows", window)["nats_per_token"] == pytest.approx(np.concatenate(parts).mean(), rel=1e-4)


def test_how_many_logits_are_computed_at_once_changes_nothing(tmp_path, monkeypatch):
    """A batch of the evaluation took gigabytes at a vocabulary of 50,000 words."""
    model = shaken(small_model())
    text = running_text(model, tmp_path)
    ids = np.random.default_rng(0).integers(3, 20, (3, 9))
    results = []
    for logits in (100, 1 << 24):
        monkeypatch.setattr(network, "LOGITS", logits)
        loss = model.loss(batch_of(ids), None)
        gradients = torch.autograd.grad(loss.total, model.network.embedding.weight)[0].sum().item()
        results.append([loss.total.item(), gradients, model.measure(text, "windows")["nats_per_token"]])
    assert results[0] == pytest.approx(results[1], rel=1e-4)


def test_how_much_is_fed_at_once_changes_nothing(tmp_path, monkeypatch):
    model = shaken(small_model())
    text = running_text(model, tmp_path)
    results = []
    for width in (7, 100_000):
        monkeypatch.setattr(lm, "STREAMED_WIDTH", width)
        monkeypatch.setattr(lm, "EVALUATION_TOKENS", width)
        results.append([model.measure(text, protocol)["nats_per_token"] for protocol in ("streamed", "windows")])
    assert results[0] == pytest.approx(results[1], rel=1e-5)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 1000])
def test_every_symbol_is_predicted_once(tmp_path, window, length):
    model = small_model()
    text = running_text(model, tmp_path, TEXT[:length])
    assert [model.measure(text, protocol, window)["symbols"] for protocol in ("streamed", "windows")] == [length, length]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_perplexity_of_a_model_that_knows_nothing_is_its_vocabulary(tmp_path, protocol):
    model = small_model()
    for weight in model.network.parameters():
        nn.init.zeros_(weight)
    text = documents(model, tmp_path) if protocol == "documents" else running_text(model, tmp_path)
    assert model.measure(text, protocol)["perplexity"] == pytest.approx(model.tokenizer.size, rel=1e-5)


def test_unknown_symbols_are_charged_for(tmp_path):
    model = small_model()
    known, strange = (model.measure(running_text(model, tmp_path, text), "streamed") for text in (TEXT, TEXT + "ΩΩ"))
    assert (known["unknown"], strange["unknown"]) == (0, 2)
    extra = strange["nats_per_token"] * strange["symbols"] - known["nats_per_token"] * known["symbols"]
    assert extra > 2 * math.log(1_114_112)


@pytest.mark.parametrize("labels", [(), ("x", "y")])
def test_documents_are_read_each_from_its_start_whatever_is_beside_it(tmp_path, labels):
    model = shaken(small_model(labels=labels))
    names = [Document("a" * length, "xy"[length % 2], "") for length in (1, 600, 3, 300, 7)]
    text = documents(model, tmp_path, names)
    alone = [
        nats_of(model, text.ids[begin:end], label if labels else None)
        for begin, end, label in zip(text.starts, text.starts[1:], [1, 0, 1, 0, 1], strict=False)
    ]
    found = model.measure(text, "documents")
    assert found["symbols"] == sum(map(len, alone)) == 911 + 5
    assert found["nats_per_token"] == pytest.approx(np.concatenate(alone).mean(), rel=1e-4)
    backwards = model.measure(documents(model, tmp_path, names[::-1]), "documents")
    assert backwards["nats_per_token"] == pytest.approx(found["nats_per_token"], rel=1e-5)


def test_the_quick_validation_of_documents_is_their_evaluation(tmp_path):
    model = shaken(small_model())
    text = documents(model, tmp_path)
    assert quick_loss(model.network, text) == pytest.approx(model.measure(text, "documents")["nats_per_token"])


def test_the_quick_validation_of_a_short_text_is_the_streamed_one(tmp_path):
    """Streams side by side begin cold, which a text of less than two of them does not show."""
    model = shaken(small_model())
    text = running_text(model, tmp_path, TEXT[:400])
    assert quick_loss(model.network, text) == pytest.approx(model.measure(text, "streamed")["nats_per_token"], rel=1e-5)


def test_the_quick_validation_of_a_long_text_is_that_of_its_beginning(tmp_path, monkeypatch):
    monkeypatch.setattr(lm, "VALIDATION_TOKENS", 400)
    model = shaken(small_model())
    losses = [quick_loss(model.network, running_text(model, tmp_path, text)) for text in (TEXT, TEXT[:400])]
    assert losses[0] == pytest.approx(losses[1])


def test_the_loss_of_a_batch_is_summed_over_its_targets():
    model = shaken(small_model())
    ids = np.random.default_rng(0).integers(3, 20, (3, 9))
    with torch.no_grad():
        loss = model.loss(batch_of(ids), None)
    assert loss.count == 3 * 8
    assert loss.total.item() == pytest.approx(sum(nats_of(model, row).sum() for row in ids), rel=1e-5)


@every_network
def test_a_carried_state_goes_on_where_the_batch_before_ended(changes):
    model = shaken(small_model(**changes))
    model.network.eval()
    ids = np.random.default_rng(0).integers(3, 20, (3, 9))
    first = model.loss(batch_of(ids[:, :5]), None)
    second = model.loss(batch_of(ids[:, 4:], fresh=[False] * 3), first.carry)
    whole = model.loss(batch_of(ids), None)
    assert not any(part.requires_grad for part in first.carry)
    assert (first.total + second.total).item() == pytest.approx(whole.total.item(), rel=1e-5)


@every_network
@pytest.mark.parametrize("labels", [None, [1, 0, 1]])
def test_a_fresh_row_forgets_what_was_carried_and_the_others_do_not(changes, labels):
    model = shaken(small_model(labels=("x", "y"), **changes))
    model.network.eval()
    ids = np.random.default_rng(0).integers(3, 20, (3, 9))
    carry = model.loss(batch_of(ids[:, :5], labels=labels), None).carry

    def total(row, fresh):
        part = tuple(each[:, row : row + 1] for each in carry)
        label = None if labels is None else labels[row : row + 1]
        return model.loss(batch_of(ids[row : row + 1, 4:], labels=label, fresh=[fresh]), part).total.item()

    mixed = model.loss(batch_of(ids[:, 4:], labels=labels, fresh=[False, True, False]), carry)
    assert mixed.total.item() == pytest.approx(total(0, False) + total(1, True) + total(2, False), rel=1e-5)
    assert total(1, True) != pytest.approx(total(1, False), rel=1e-5)


def test_what_is_masked_changes_nothing():
    model = shaken(small_model())
    model.network.eval()
    ids = np.random.default_rng(0).integers(3, 20, (2, 9))
    mask = np.arange(8) < np.array([[8], [5]])
    other = np.where(np.pad(mask, ((0, 0), (1, 0)), constant_values=True), ids, 4)
    losses = [model.loss(batch_of(each, mask=mask), None) for each in (ids, other)]
    assert losses[0].count == losses[1].count == 13
    assert losses[0].total.item() == pytest.approx(losses[1].total.item(), rel=1e-6)


def test_a_label_tells_what_to_expect(tmp_path):
    model = small_model(labels=("x", "y"), learning_rate=0.02)
    text = documents(model, tmp_path)
    trainer = Trainer(model, model.settings.optimizer, model.settings.loop, steps=60, device=torch.device("cpu"))
    list(trainer.run(model.batches_of(text), lambda: Score(quick_loss(model.network, text))))
    swapped = replace(text, labels=1 - text.labels)
    assert quick_loss(model.network, swapped) > 5 * quick_loss(model.network, text)


@pytest.mark.parametrize(
    ("changes", "tokenizer"), [*((changes, "char") for changes in NETWORKS.values()), *(({}, name) for name in TOKENIZERS)]
)
@pytest.mark.filterwarnings("error")
def test_a_restored_model_has_the_same_losses(tmp_path, changes, tokenizer):
    model = shaken(small_model(labels=("x", "y"), tokenizer=tokenizer, **changes))
    save_model(tmp_path / "model", SavedModel("lm", model.settings.plain(), model.learned(), model.tensors()))
    saved = load_model(tmp_path / "model")
    own = {name.removeprefix("tokenizer."): array for name, array in saved.tensors.items() if name.startswith("tokenizer.")}
    symbols = restore_tokenizer(tokenizer, saved.learned["tokenizer"], own)
    restored = LanguageModel(model.settings, symbols, saved.learned["labels"], saved.tensors)
    text = documents(model, tmp_path)
    assert restored.measure(text, "documents") == model.measure(text, "documents")


def test_tied_weights_are_saved_once():
    names = small_model(tie_weights=True).tensors().keys()
    assert "embedding.weight" in names
    assert "output.weight" not in names


@pytest.mark.parametrize("damage", ["missing", "surplus", "shape"])
def test_weights_that_do_not_fit_are_refused(damage):
    model = small_model()
    tensors = model.tensors()
    if damage == "missing":
        del tensors["output.bias"]
    elif damage == "surplus":
        tensors["more"] = np.zeros(3, np.float32)
    else:
        tensors["output.bias"] = np.zeros(3, np.float32)
    with pytest.raises(CheckpointError) as caught:
        LanguageModel.restore(SavedModel("lm", model.settings.plain(), model.learned(), tensors))
    assert str(caught.value).startswith("the model is damaged: its weight ")
    assert ("more" if damage == "surplus" else "output.bias") in str(caught.value)


def test_a_text_shorter_than_a_window_is_refused(tmp_path):
    model = small_model()
    with pytest.raises(DataError) as caught:
        model.batches_of(running_text(model, tmp_path, "short\n"))
    expected = "the training text has 7 tokens, one window needs 17; give more text or a smaller --window"
    assert str(caught.value) == expected
    assert next(model.batches_of(running_text(model, tmp_path, TEXT[:16])).since(0)).inputs.shape == (1, 16)


def test_the_first_weights_are_a_function_of_the_seed():
    first, same, other = (small_model(seed=seed).tensors() for seed in (1, 1, 2))
    assert all((first[name] == same[name]).all() for name in first)
    assert (first["embedding.weight"] != other["embedding.weight"]).any()


def test_adaptive_softmax_needs_a_large_vocabulary():
    with pytest.raises(SettingError) as caught:
        LanguageModel(small_settings(adaptive_softmax=True), small_model().tokenizer).network.eval()
    assert str(caught.value) == "adaptive_softmax needs a vocabulary of at least 4,000 tokens, this one has 31"
