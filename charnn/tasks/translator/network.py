"""The network of a translator: an encoder reads the source, a decoder with attention predicts the target."""

from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn

from charnn.cells.layer import RecurrentLayer, State
from charnn.cells.rowwise import Linear, tanh
from charnn.layers.encoder import Encoder, TokenEmbedding, within
from charnn.layers.output import FullOutput
from charnn.layers.pooling import MAKERS, Memory
from charnn.layers.stack import Dropout
from charnn.tasks.translator.settings import TranslatorNetworkSettings


class DecoderState(NamedTuple):
    """The state of a decoder."""

    hidden: State  # Of all its layers
    feed: Tensor  # (batch, 1, units): the readout of the step before; no units without input feeding

    def pick(self, rows: Tensor) -> "DecoderState":
        """Return the state of these rows."""
        return DecoderState(tuple(part[:, rows] for part in self.hidden), self.feed[rows])


class TranslatorNetwork(nn.Module):
    """Embeddings, encoder, bridge, decoder, output projection (Sutskever et al. 2014; Bahdanau et al. 2015)."""

    def __init__(self, settings: TranslatorNetworkSettings, *, source_size: int, target_size: int, is_shared: bool) -> None:
        super().__init__()
        self.source_embedding = TokenEmbedding(settings.encoder, vocabulary_size=source_size)
        self.target_embedding = TokenEmbedding(settings.encoder, vocabulary_size=target_size)
        if is_shared:
            self.target_embedding.embedding = self.source_embedding.embedding
        self.encoder = Encoder(settings.embedding_size, settings.encoder)
        self.bridge = BRIDGES[settings.bridge](settings)
        self.decoder = Decoder(settings)
        self.output = FullOutput(settings.embedding_size, target_size)
        if settings.tie_weights:  # Press and Wolf 2017
            self.output.weight = self.target_embedding.embedding.weight  # type: ignore[assignment]

    def encode(self, tokens: Tensor, lengths: Tensor) -> tuple[Memory, DecoderState]:
        """(batch, source) ids and (batch,) lengths, at least 1 -> memory for attention, and the initial state of the decoder."""
        outputs = self.encoder(self.source_embedding(tokens), lengths)  # (batch, source, outputs)
        memory = self.decoder.attention.memory(self.decoder.dropout(outputs), within(lengths, outputs.shape[1]))
        no_feed = outputs.new_zeros(len(tokens), 1, self.decoder.feed_size)
        return memory, DecoderState(self.bridge(self.encoder.ends(outputs, lengths)), no_feed)

    def decode(self, tokens: Tensor, memory: Memory, state: DecoderState) -> tuple[Tensor, Tensor, DecoderState]:
        """(batch, target) ids -> (batch, target, units) readouts, (batch, target, source) weights, the state after the last id."""
        readouts, weights, after = self.decoder(self.target_embedding(tokens), memory, state)
        return readouts, weights, after

    def logits(self, readouts: Tensor) -> Tensor:
        """(..., units) readouts -> (..., target vocabulary) logits."""
        return self.output.logits(readouts)


class Decoder(nn.Module):
    """Recurrent layers over the target: the first one's outputs attend to the source, the layers above read the contexts.

    As attention depends on the first layer alone (Wu et al. 2016), a whole target is trained on as one sequence. With input feeding
    (Luong et al. 2015, section 3.3) the first layer reads the readout of the step before too, so the steps run one by one.
    """

    def __init__(self, settings: TranslatorNetworkSettings) -> None:
        super().__init__()
        stack, context = settings.stack, 0 if settings.attention == "none" else settings.encoder.output_size
        self.feed_size = settings.embedding_size if settings.input_feeding else 0
        sizes = [settings.embedding_size + self.feed_size] + [stack.hidden_size + context] * (stack.layers - 1)
        self.cells = nn.ModuleList(RecurrentLayer(size, stack) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(size) if stack.layer_norm else nn.Identity() for size in sizes)
        self.is_residual = stack.residual
        self.attention = MAKERS[settings.attention](stack.hidden_size, settings.encoder.output_size)
        self.readout = Linear(stack.hidden_size + context, settings.embedding_size)
        self.dropout = Dropout(stack.dropout, variational=stack.variational_dropout)

    def forward(self, x: Tensor, memory: Memory, state: DecoderState) -> tuple[Tensor, Tensor, DecoderState]:
        """(batch, target, embedding) -> readouts, weights of attention, and the state after the last step."""
        if not self.feed_size:
            readouts, weights, hidden = self._read(x, memory, state.hidden)
            return readouts, weights, DecoderState(hidden, state.feed)
        found = []
        for time in range(x.shape[1]):
            readout, weights, hidden = self._read(torch.cat([x[:, time : time + 1], state.feed], -1), memory, state.hidden)
            state = DecoderState(hidden, readout)
            found.append((readout, weights))
        readouts, weights = (torch.cat(parts, 1) for parts in zip(*found, strict=True))
        return readouts, weights, state

    def _read(self, x: Tensor, memory: Memory, hidden: State) -> tuple[Tensor, Tensor, State]:
        x, first = self._run_layer(0, self.dropout(x), hidden)
        context, weights = self.attention(x, memory)
        after = [first]
        for index in range(1, len(self.cells)):
            outputs, last = self._run_layer(index, self.dropout(torch.cat([x, context], -1)), hidden)
            x = outputs + x if self.is_residual else outputs
            after.append(last)
        readouts = tanh(self.readout(self.dropout(torch.cat([x, context], -1))))  # Luong et al. 2015, eq. 5
        return self.dropout(readouts), weights, tuple(torch.cat(parts) for parts in zip(*after, strict=True))

    def _run_layer(self, index: int, x: Tensor, hidden: State) -> tuple[Tensor, State]:
        """Return the outputs of a layer over the sequence, or over a single step, and its state."""
        outputs, last = self.cells[index](self.norms[index](x), tuple(part[index : index + 1].contiguous() for part in hidden))
        return outputs, last


class EncoderBridge(nn.Module):
    """An initial state of the decoder from the encoder's last outputs, in both directions (Bahdanau et al. 2015, section A.2.2)."""

    def __init__(self, settings: TranslatorNetworkSettings) -> None:
        super().__init__()
        self.shape = settings.stack.state_shape
        self.ends_to_state = Linear(settings.encoder.output_size, prod(self.shape))

    def forward(self, ends: Tensor) -> State:
        """(batch, outputs) last outputs of the encoder -> a state of the decoder."""
        parts = tanh(self.ends_to_state(ends)).view(len(ends), *self.shape)  # (batch, states, layers, hidden)
        return tuple(parts.permute(1, 2, 0, 3).contiguous())


class ZeroBridge(nn.Module):
    """An initial state of zeros."""

    def __init__(self, settings: TranslatorNetworkSettings) -> None:
        super().__init__()
        self.shape = settings.stack.state_shape

    def forward(self, ends: Tensor) -> State:
        """(batch, outputs) -> a state of the decoder."""
        states, layers, hidden = self.shape
        return tuple(ends.new_zeros(layers, len(ends), hidden) for _ in range(states))


class LearnedBridge(nn.Module):
    """An initial state that is learned."""

    def __init__(self, settings: TranslatorNetworkSettings) -> None:
        super().__init__()
        self.state = nn.Parameter(torch.zeros(settings.stack.state_shape))

    def forward(self, ends: Tensor) -> State:
        """(batch, outputs) -> a state of the decoder."""
        return tuple(part[:, None].expand(-1, len(ends), -1).contiguous() for part in self.state)


BRIDGES = {"encoder": EncoderBridge, "zero": ZeroBridge, "learned": LearnedBridge}  # Initial states of the decoder by name
