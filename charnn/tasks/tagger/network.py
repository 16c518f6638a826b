"""The network of a tagger: token ids to the scores of every token's tags, and these to tags."""

from torch import Tensor, nn

from charnn.cells.rowwise import Linear
from charnn.layers.crf import OUTPUTS, Legal
from charnn.layers.embedding import Spelling, TokenEmbedding
from charnn.layers.encoder import Encoder, within
from charnn.tasks.tagger.settings import TaggerNetworkSettings


class TaggerNetwork(nn.Module):
    """Embedding, encoder, scores, and what chooses a sequence by them (Huang et al. 2015; Lample et al. 2016)."""

    def __init__(
        self, settings: TaggerNetworkSettings, *, vocabulary_size: int, tags: int, characters: int = 0, legal: Legal | None = None
    ) -> None:
        super().__init__()
        self.embedding = TokenEmbedding(settings.encoder, vocabulary_size=vocabulary_size, characters=characters)
        self.encoder = Encoder(settings.encoder.input_size, settings.encoder)
        self.hidden_to_tags = Linear(settings.encoder.output_size, tags)
        self.output = OUTPUTS[settings.output](tags, legal)

    def forward(self, tokens: Tensor, lengths: Tensor, spelling: Spelling | None = None) -> Tensor:
        """(batch, time) ids and (batch,) -> (batch, time, tags) scores; those behind a sentence's end mean nothing."""
        scores: Tensor = self.hidden_to_tags(self.encoder(self.embedding(tokens, spelling), lengths))
        return scores

    def losses(self, scores: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, tags) and (batch, time) ids -> (batch,) nats of the whole sentences."""
        return self.output.losses(scores, tags, within(lengths, scores.shape[1]))

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, tags) -> (batch, time) ids of the best legal sequence, 0 behind its end."""
        return self.output.decode(scores, within(lengths, scores.shape[1]))

    def marginals(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, tags) -> the same shape: the probability of each tag at each token, 0 behind the end."""
        return self.output.marginals(scores, within(lengths, scores.shape[1]))
