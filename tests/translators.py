"""Small translators with random weights, and pairs that they know."""

from dataclasses import replace

import numpy as np
import torch

from charnn.data.pairs import Pair
from charnn.tasks.translator.languages import Languages
from charnn.tasks.translator.model import Translator
from charnn.tasks.translator.settings import TranslatorSettings
from charnn.tokenizers.registry import fit_tokenizer
from charnn.tokenizers.vocabulary import END, START
from tests.runs import small

PAIRS = [
    Pair("the cat sleeps", "die Katze schläft", "1"),
    Pair("a dog", "ein Hund", "2"),
    Pair("we see the red house and the cat", "wir sehen das rote Haus und die Katze", "3"),
    Pair("the dog sees us", "der Hund sieht uns", "4"),
]

TOKENIZERS = ["char", "word", "subword", "byte"]


def translator(tokenizer="char", shared=True, pairs=PAIRS, placeholders=0, **changes):
    """A small one that knows both sides of the pairs."""
    sizes = {"hidden_size": 8, "embedding_size": 8, "layers": 2, "dropout": 0.0, "label_smoothing": 0.0}
    settings = small(TranslatorSettings(), tokenizer=tokenizer, shared_vocabulary=shared, **sizes | changes)
    sides = [one.source for one in pairs], [one.target for one in pairs]
    if shared:
        sides = (sides[0] + sides[1],) * 2
    source, target = (fit_tokenizer(lambda texts=texts: [" ".join(texts)], settings.tokens) for texts in sides)
    model = Translator(settings, Languages(source, source if shared else target, placeholders))
    model.network.eval()
    return model


def read(model, pairs=PAIRS):
    return model.languages.read(model.languages.prepare_pairs(pairs))


def batch_of(model, pairs=PAIRS, epoch=0.0):
    """All pairs side by side."""
    return replace(read(model, pairs).batch(np.arange(len(pairs))), epoch=epoch)


@torch.no_grad()
def shares_of(model, pair):
    """(target + 1, vocabulary) log-probabilities of one pair's target tokens and end, and their ids."""
    source, target = (
        model.languages.encode(one, text).tolist()
        for one, text in ((model.languages.source, pair.source), (model.languages.target, pair.target))
    )
    memory, state = model.network.encode(torch.tensor([[*source, END]]), torch.tensor([len(source) + 1]))
    readouts, _, _ = model.network.decode(torch.tensor([[START, *target]]), memory, state)
    return torch.log_softmax(model.network.logits(readouts[0]), -1), torch.tensor([*target, END])
