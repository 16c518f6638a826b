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

Turn: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # a batch and its lengths -> the same shape


class ClassifierNetwork(nn.Module):
    """Embedding, encoder, a pooling for each direction, output layer.

    With a `window` a text is read in chunks of so many tokens, from either end, the state carried without its history (truncated
    backpropagation through time, Williams and Peng 1990), so that a text of any length fits into memory; in evaluation the result
    is that of the whole text.
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
        """(batch, time) ids and (batch,) -> (batch, units): what the output layer sees; of an empty text, zeros."""
        text, words = _Text.of(tokens, lengths, spelling), self.embedding.read_words(spelling)
        if 0 < tokens.shape[1] <= (window or tokens.shape[1]):
            return self._pool_whole(text, lengths, words)
        return self._pool_chunks(text, lengths, words, window or 1)

    def looks(self, tokens: Tensor, lengths: Tensor, spelling: Spelling | None = None) -> Tensor:
        """(batch, time) ids and (batch,) -> (batch, directions, time): how much each token counts, of a network that pools by attention."""
        text = _Text.of(tokens, lengths, spelling)
        x, found = self.embedding.look_up(text.tokens, text.places, self.embedding.read_words(spelling)), []
        for stack, pool, turn in self._directions():
            assert isinstance(pool, AttentionPool)
            outputs, _ = stack(turn(x, lengths), stack.start(len(lengths)))
            found.append(turn(pool.weights(outputs, text.mask), lengths))
        return torch.stack(found, 1)

    def _pool_whole(self, text: "_Text", lengths: Tensor, words: Tensor | None) -> Tensor:
        """(batch, units), the vectors of the tokens looked up once for both directions."""
        x, pooled = self.embedding.look_up(text.tokens, text.places, words), []
        for stack, pool, turn in self._directions():
            state = stack.start(len(lengths))
            outputs, _ = stack(turn(x, lengths), state)
            pooled.append(pool.result(pool.add(pool.start(state[0][-1]), outputs, text.mask)))
        return torch.cat(pooled, 1)

    def _pool_chunks(self, text: "_Text", lengths: Tensor, words: Tensor | None, window: int) -> Tensor:
        """A chunk's outputs are gone after it; where gradients are asked for, the way back computes them again (Chen et al. 2016)."""
        pooled, is_training = [], torch.is_grad_enabled()
        for stack, pool, turn in self._directions():
            state = stack.start(len(lengths))
            accumulated = pool.start(state[0][-1])
            for chunk in text.turn(turn, lengths).chunks(window):
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

    def _directions(self) -> list[tuple[RecurrentStack, Pool, Turn]]:
        """Return for each direction what reads a text, what pools it, and what brings its first token to the front."""
        pools, turns = (self.forward_pool, self.backward_pool), (lambda x, _: x, reverse)
        parts = zip(self.encoder.stacks, pools, turns, strict=False)
        return [(stack, pool, turn) for stack, pool, turn in parts if pool is not None]


class _Text(NamedTuple):
    """What stands at each place of a batch of texts; each part (batch, time)."""

    tokens: Tensor
    mask: Tensor  # True where a token stands
    places: Tensor | None  # of the words in the table of read ones

    @classmethod
    def of(cls, tokens: Tensor, lengths: Tensor, spelling: Spelling | None) -> "_Text":
        """A batch as it came in."""
        return cls(tokens, within(lengths, tokens.shape[1]), None if spelling is None else spelling.index)

    def turn(self, turn: Turn, lengths: Tensor) -> "_Text":
        """Every part turned alike; the mask stays as it is, since padding stays behind."""
        return _Text(turn(self.tokens, lengths), self.mask, None if self.places is None else turn(self.places, lengths))

    def chunks(self, width: int) -> "Iterator[_Text]":
        """Return pieces of `width` tokens, the last one of what is left."""
        for begin in range(0, self.tokens.shape[1], width):
            chunk = slice(begin, begin + width)
            yield _Text(self.tokens[:, chunk], self.mask[:, chunk], None if self.places is None else self.places[:, chunk])
