"""The network of a classifier: token ids to the logits of a text's labels, whole or chunk by chunk."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from charnn.cells.rowwise import Linear
from charnn.cells.state import State, detach
from charnn.layers.embedding import Spelling, TokenEmbedding
from charnn.layers.encoder import Encoder, reverse, within
from charnn.layers.pooling import POOLS, Accumulated, AttentionPool, Pool
from charnn.layers.stack import RecurrentStack
from charnn.tasks.classifier.settings import ClassifierNetworkSettings

Turn: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""A batch and its lengths -> the same shape."""


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
        return self._pool(_Text.of(tokens, lengths, spelling), lengths, self.embedding.read_words(spelling), window)

    def looks(self, tokens: Tensor, lengths: Tensor, spelling: Spelling | None = None) -> Tensor:
        """(batch, time) ids and (batch,) -> (batch, directions, time): how much each token counts, of a network that pools by attention."""
        text = _Text.of(tokens, lengths, spelling)
        x, found = self._vectors(text, self.embedding.read_words(spelling)), []
        for stack, pool, turn in self._directions():
            assert isinstance(pool, AttentionPool)
            outputs, _ = stack(turn(x, lengths), stack.start(len(lengths)))
            found.append(turn(pool.weights(outputs, text.mask), lengths))
        return torch.stack(found, 1)

    def _pool(self, text: "_Text", lengths: Tensor, words: Tensor | None, window: int | None) -> Tensor:
        if 0 < text.mask.shape[1] <= (window or text.mask.shape[1]):
            return self._pool_whole(text, lengths, words)
        return self._pool_chunks(text, lengths, words, window or 1)

    def _pool_whole(self, text: "_Text", lengths: Tensor, words: Tensor | None) -> Tensor:
        """The vectors of the tokens are looked up once for both directions."""
        x, pooled = self._vectors(text, words), []
        for stack, pool, turn in self._directions():
            state = stack.start(len(lengths))
            outputs, _ = stack(turn(x, lengths), state)
            pooled.append(pool.result(pool.add(pool.start(state[0][-1]), outputs, text.mask)))
        return torch.cat(pooled, 1)

    def _pool_chunks(self, text: "_Text", lengths: Tensor, words: Tensor | None, window: int) -> Tensor:
        """A chunk's outputs are gone after it; where gradients are asked for, the way back computes them again (Chen et al. 2016)."""
        pooled, is_training = [], torch.is_grad_enabled()
        for direction in self._directions():
            turned = text.turn(direction.turn, lengths)
            state = direction.stack.start(len(lengths))
            accumulated = direction.pool.start(state[0][-1])
            for chunk in turned.chunks(window):
                given = direction, chunk, words, state, accumulated
                state, accumulated = checkpoint(self._read, *given, use_reentrant=False) if is_training else self._read(*given)
                state = detach(state)
            pooled.append(direction.pool.result(accumulated))
        return torch.cat(pooled, 1)

    def _read(
        self, direction: "_Direction", chunk: "_Text", words: Tensor | None, state: State, accumulated: Accumulated
    ) -> tuple[State, Accumulated]:
        outputs, state = direction.stack(self._vectors(chunk, words), state)
        return state, direction.pool.add(accumulated, outputs, chunk.mask)

    def _vectors(self, text: "_Text", words: Tensor | None) -> Tensor:
        """-> (batch, time, units)."""
        return self.embedding.look_up(text.tokens, text.places, words)

    def _directions(self) -> "list[_Direction]":
        pools, turns = (self.forward_pool, self.backward_pool), (_as_it_is, reverse)
        return [
            _Direction(stack, pool, turn) for stack, pool, turn in zip(self.encoder.stacks, pools, turns, strict=False) if pool is not None
        ]


class _Direction(NamedTuple):
    """What reads a text from one end."""

    stack: RecurrentStack
    pool: Pool
    turn: Turn  # brings its first token to the front


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
        places = None if self.places is None else turn(self.places, lengths)
        return _Text(turn(self.tokens, lengths), self.mask, places)

    def chunks(self, width: int) -> "Iterator[_Text]":
        """Pieces of so many tokens, the last one of what is left."""
        for begin in range(0, self.tokens.shape[1], width):
            chunk = slice(begin, begin + width)
            yield _Text(self.tokens[:, chunk], self.mask[:, chunk], None if self.places is None else self.places[:, chunk])


def _as_it_is(x: Tensor, lengths: Tensor) -> Tensor:
    return x
