"""The counter: untrained, in training, trained."""

import numpy as np
import torch
from charnn.tasks.counter import report
from charnn.tasks.counter.settings import CounterSettings
from torch import nn

from charnn.batches.texts import TextBatches, text_set
from charnn.data.labelled import LabelledData, hold_out
from charnn.tasks.tensors import put_weights, weights_of
from charnn.tasks.views import Worst
from charnn.training.model import Loss, Score, all_alike


class Counter:
    """A linear network over counts of bytes."""

    task, loss_unit, rate_unit, rate = "counter", "nats/text", "texts", 1.0
    table, example = staticmethod(report.table), staticmethod(lambda saved, seed: None)

    def __init__(self, settings, labels, name="model"):
        self.settings, self.labels, self.name = settings, labels, name
        torch.manual_seed(settings.loop.seed)
        self.network = nn.Linear(256, len(labels))

    @classmethod
    def prepare(cls, sources, settings, inputs=None):
        examples = list(LabelledData(sources.corpus, settings.data).examples())
        train, valid = hold_out(examples, sources.valid_fraction, settings.loop.seed, "the data")
        model = cls(settings, sorted({one.label for one in train}))
        model.title, model.train, model.valid = "A counter", train, valid
        model.texts = text_set([one.text for one in train], ids, labels=np.array([model.labels.index(one.label) for one in train]))
        model.batches = TextBatches(model.texts, batch_size=8, budget=10**6, seed=settings.loop.seed)
        return model

    @classmethod
    def restore(cls, saved, name="model"):
        model = cls(CounterSettings.from_plain(saved.settings), saved.learned["labels"], name)
        put_weights(model.network, saved.tensors)
        return model

    def groups(self):
        return all_alike(self.network)

    def loss(self, batch, carry):
        counts = torch.stack([counted(row[:length]) for row, length in zip(batch.tokens, batch.lengths, strict=True)])
        total = nn.functional.cross_entropy(self.network(counts), torch.from_numpy(batch.labels), reduction="sum")
        return Loss(total, len(batch.labels), None)

    def logs(self, texts):
        with torch.no_grad():
            return [self.network(counted(ids(text))[None])[0].log_softmax(0).tolist() for text in texts]

    def nats(self, examples):
        return [-self.logs([one.text])[0][self.labels.index(one.label)] for one in examples]

    def validate(self):
        return Score(float(np.mean(self.nats(self.valid))))

    def finish(self):
        return {"nats": self.validate().loss}

    def training_data(self):
        return [[(one.text, one.label) for one in part] for part in (self.train, self.valid)]

    def facts(self):
        return [("labels", ", ".join(self.labels))]

    def commands(self, folder):
        return [f"charnn predict {folder} 'some text'"]

    def learned(self):
        return {"labels": self.labels}

    def tensors(self):
        return weights_of(self.network)

    def predict(self, texts):
        return [{"label": self.labels[int(np.argmax(row))], "probability": float(np.exp(max(row)))} for row in self.logs(texts)]

    def evaluate(self, paths):
        nats = self.nats(LabelledData(paths, self.settings.data).examples())
        return {"examples": len(nats), "nats": float(np.mean(nats))}

    def errors(self, paths, top):
        worst, examples = Worst(top, kind="label"), list(LabelledData(paths, self.settings.data).examples())
        for number, (one, nats) in enumerate(zip(examples, self.nats(examples), strict=True)):
            worst.add(one.label, nats)
            worst.keep(nats, number, {"text": one.text, "where": one.where})
        return worst


def ids(text):
    return np.frombuffer(text.encode(), np.uint8).astype(np.uint32)


def counted(row):
    return torch.bincount(torch.from_numpy(row.astype(np.int64)), minlength=256).float() / max(1, len(row))
