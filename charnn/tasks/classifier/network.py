"""The network of a classifier: token ids to the logits of a text's labels, whole or chunk by chunk."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from charnn.cells.layer import State, detach
from charnn.cells.rowwise import Linear
from charnn.layers.encoder import Encoder, Spelling, TokenEmbedding, reverse, within
from charnn.layers.pooling import POOLS, Accumulated, AttentionPool, Pool
from charnn.layers.stack import RecurrentStack
from charnn.tasks.classifier.settings import ClassifierNetworkSettings

Order: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # A batch and its lengths -> the same shape, perhaps in reverse order


class ClassifierNetwork(nn.Module):
    """Embedding, encoder, a pooling for each direction, output layer.

    With a `window` a text is read in chunks of this many tokens, from either end, the state carried without its history (truncated
    backpropagation through time, Williams and Peng 1990), so that a text of any length fits into memory. The outputs are the same.
    """

    def __init__(self, settings: ClassifierNetworkSettings, *, vocabulary_size: int, labels: int, characters: int = 0) -> None:
        super().__init__()
        encoder, pool = settings.encoder, POOLS[settings.pooling]
        self.embedding = TokenEmbedding(encoder, vocabulary_size=vocabulary_size, characters=characters)
        self.encoder = Encoder(encoder.input_size, encoder)
        self.forward_pool = pool(encoder.stack.hidden_size)
        self.backward_pool = pool(encoder.stack.hidden_size) if encoder.bidirectional else None
        self.output_dropout = nn.Dropout(settings.output_dropout)
        self.output = Linear(encoder.directions * self.forward_pool.size, labels)

    def forward(self, tokens: Tensor, lengths: Tensor, spelling: Spelling | None = None, *, window: int | None = None) -> Tensor:
        """(batch, time) ids and (batch,) -> (batch, labels) logits."""
        logits: Tensor = self.output(self.output_dropout(self.pooled(tokens, lengths, spelling, window=window)))
        return logits

    def pooled(self, tokens: Tensor, lengths: Tensor, spelling: Spelling | None = None, *, window: int | None = None) -> Tensor:
        """(batch, time) ids and (batch,) -> (batch, units) pooled outputs; zeros for an empty text."""
        text, words = _Text.of(tokens, lengths, spelling), self.embedding.read_words(spelling)
        if 0 < tokens.shape[1] <= (window or tokens.shape[1]):
            return self._pool_whole(text, lengths, words)
        return self._pool_chunks(text, lengths, words, window or 1)

    def attention_weights(self, tokens: Tensor, lengths: Tensor, spelling: Spelling | None = None) -> Tensor:
        """(batch, time) ids and (batch,) -> (batch, directions, time) weights of the tokens, in a network that pools by attention."""
        text = _Text.of(tokens, lengths, spelling)
        x, found = self.embedding.look_up(text.tokens, text.places, self.embedding.read_words(spelling)), []
        for stack, pool, order in self._directions():
            assert isinstance(pool, AttentionPool)
            outputs, _ = stack(order(x, lengths), stack.start(len(lengths)))
            found.append(order(pool.weights(outputs, text.mask), lengths))
        return torch.stack(found, 1)

    def _pool_whole(self, text: "_Text", lengths: Tensor, words: Tensor | None) -> Tensor:
        """Return (batch, units) pooled outputs, the vectors of the tokens looked up once for both directions."""
        x, pooled = self.embedding.look_up(text.tokens, text.places, words), []
        for stack, pool, order in self._directions():
            state = stack.start(len(lengths))
            outputs, _ = stack(order(x, lengths), state)
            pooled.append(pool.result(pool.add(pool.start(state[0][-1]), outputs, text.mask)))
        return torch.cat(pooled, 1)

    def _pool_chunks(self, text: "_Text", lengths: Tensor, words: Tensor | None, window: int) -> Tensor:
        """Return the same, each chunk's outputs forgotten after it; where gradients are wanted they are recomputed (Chen et al. 2016)."""
        pooled, is_training = [], torch.is_grad_enabled()
        for stack, pool, order in self._directions():
            state = stack.start(len(lengths))
            accumulated = pool.start(state[0][-1])
            for chunk in text.ordered(order, lengths).chunks(window):
                given = stack, pool, chunk, words, state, accumulated
                state, accumulated = checkpoint(self._read, *given, use_reentrant=False) if is_training else self._read(*given)
                state = detach(state)
            pooled.append(pool.result(accumulated))
        return torch.cat(pooled, 1)

    def _read(
        self, stack: RecurrentStack, pool: Pool, chunk: "_Text", words: Tensor | None, state: State, accumulated: Accumulated
    ) -> tuple[State, Accumulated]:
        outputs, state = stack(self.embedding.look_up(chunk.tokens, chunk.places, words), state)
        return state, pool.add(accumulated, outputs, chunk.mask)

    def _directions(self) -> list[tuple[RecurrentStack, Pool, Order]]:
        """Return for each direction its stack, its pooling, and a function that puts the token to be read first in front."""
        pools, orders = (self.forward_pool, self.backward_pool), (lambda x, _: x, reverse)
        parts = zip(self.encoder.stacks, pools, orders, strict=False)
        return [(stack, pool, order) for stack, pool, order in parts if pool is not None]


class _Text(NamedTuple):
    """The tokens of a batch of texts; each part (batch, time)."""

    tokens: Tensor
    mask: Tensor  # True at tokens, False at padding
    places: Tensor | None  # Places of the words in the table of encoded words

    @classmethod
    def of(cls, tokens: Tensor, lengths: Tensor, spelling: Spelling | None) -> "_Text":
        """Return the text of a batch."""
        return cls(tokens, within(lengths, tokens.shape[1]), None if spelling is None else spelling.index)

    def ordered(self, order: Order, lengths: Tensor) -> "_Text":
        """Return the text with every part in the order of a direction; the mask is the same, since padding stays at the end."""
        return _Text(order(self.tokens, lengths), self.mask, None if self.places is None else order(self.places, lengths))

    def chunks(self, width: int) -> "Iterator[_Text]":
        """Return pieces of `width` tokens, the last one perhaps shorter."""
        for begin in range(0, self.tokens.shape[1], width):
            chunk = slice(begin, begin + width)
            yield _Text(self.tokens[:, chunk], self.mask[:, chunk], None if self.places is None else self.places[:, chunk])
