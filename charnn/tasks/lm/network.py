"""The network of a language model: token ids to the probabilities of the next token."""

from torch import Tensor, nn

from charnn.cells.settings import STATES
from charnn.cells.state import State
from charnn.engine.settings import LanguageNetworkSettings
from charnn.layers.output import AdaptiveOutput, FullOutput
from charnn.layers.stack import RecurrentStack


class LanguageNetwork(nn.Module):
    """Embedding, recurrent stack, output projection; a label, if there are labels, moves the initial state and every input."""

    def __init__(self, settings: LanguageNetworkSettings, *, vocabulary_size: int, labels: int = 0) -> None:
        super().__init__()
        stack, width = settings.stack, settings.width
        self.embedding = nn.Embedding(vocabulary_size, width)
        nn.init.normal_(self.embedding.weight, std=settings.deviation)
        self.stack = RecurrentStack(width, stack)
        self.label_embedding = nn.Embedding(labels, width) if labels else None
        self.label_state = nn.Embedding(labels, STATES[stack.cell] * stack.layers * stack.hidden_size) if labels else None
        if self.label_embedding is not None and self.label_state is not None:
            nn.init.normal_(self.label_embedding.weight, std=0.1)
            nn.init.zeros_(self.label_state.weight)
        self.output = (AdaptiveOutput if settings.adaptive_softmax else FullOutput)(stack.hidden_size, vocabulary_size)
        if settings.tie_weights and isinstance(self.output, FullOutput):  # Press and Wolf 2017
            self.output.weight = self.embedding.weight  # type: ignore[assignment]

    def start(self, batch: int, labels: Tensor | None = None) -> State:
        """The state before the first token; labels: (batch,)."""
        state = self.stack.start(batch)
        if labels is None or self.label_state is None:
            return state
        moves = self.label_state(labels).view(batch, len(state), *state[0].shape[::2])  # (batch, states, layers, hidden)
        return tuple(part + moves[:, index].transpose(0, 1) for index, part in enumerate(state))

    def forward(self, tokens: Tensor, state: State | None = None, labels: Tensor | None = None) -> tuple[Tensor, State]:
        """(batch, time) ids and (batch,) labels -> (batch, time, hidden) outputs of the stack, and the state after the last id."""
        state = self.start(tokens.shape[0], labels) if state is None else state
        x = self.embedding(tokens)
        if labels is not None and self.label_embedding is not None:
            x = x + self.label_embedding(labels)[:, None]
        outputs, after = self.stack(x, state)
        return outputs, after

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """(..., hidden) outputs and (...) ids -> (count,) negative log-probabilities in nats."""
        return self.output.losses(hidden.flatten(0, -2), targets.flatten())

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., hidden) -> (..., vocabulary): unnormalised log-probabilities (normalised ones for an adaptive softmax)."""
        return self.output.logits(hidden)
