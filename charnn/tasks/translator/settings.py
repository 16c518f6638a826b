"""All settings of a translator, as a model file contains them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from charnn.cells.settings import StackSettings
from charnn.data.settings import PairSettings, PredictSettings, ReadSettings
from charnn.decoding.settings import SamplingSettings
from charnn.errors import SettingError
from charnn.layers.settings import ATTENTIONS, EncoderSettings
from charnn.settings import Settings, setting
from charnn.tasks import task
from charnn.tasks.task import ENCODER_ADOPTED, Inputs, refuse_adopted
from charnn.tokenizers.registry import SamplesDivisions, TokenizerSettings, tokenizer_class
from charnn.training.settings import OptimizerSettings, PairLoopSettings

KEPT = (*task.KEPT, "layers", "residual", "layer_norm", "initial_state")  # Settings of a stack not taken from a language model
ADOPTED = (*(one for one in ENCODER_ADOPTED if one not in KEPT), "shared_vocabulary")  # Settings that are


@dataclass(frozen=True)
class TranslatorNetworkSettings(Settings):
    """Encoder, attention, decoder."""

    stack: StackSettings = field(default_factory=lambda: StackSettings(layers=2, hidden_size=256, dropout=0.3))
    bidirectional: bool = setting(True, "Read the source backwards as well, with a second stack.")
    embedding_size: int = setting(256, "Units of a token's embedding, on either side.", least=1, most=16384)
    embedding_dropout: float = setting(0.0, "Fraction of the vocabulary left out of an update.", least=0, most=0.9)
    attention: str = setting("general", "Score by which the decoder attends to the source.", choices=ATTENTIONS)
    input_feeding: bool = setting(False, "Feed each step's result to the first decoder layer at the next; trains step by step, slowly.")
    bridge: str = setting("encoder", "Initial state of the decoder.", choices=("encoder", "zero", "learned"))
    tie_weights: bool = setting(True, "Use the target's embedding as output weights too.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.attention == "none" and self.bridge != "encoder":
            raise SettingError("bridge", "must be encoder without attention: nothing else would pass the source to the decoder")

    def words(self) -> str:
        """Return the network in words: `gru, 2 x 256 units, both directions, attention general`."""
        directions = "both directions" if self.bidirectional else "forwards"
        feeding = ", input feeding" if self.input_feeding else ""
        return f"{self.stack.words()}, {directions}, attention {self.attention}{feeding}"

    @property
    def encoder(self) -> EncoderSettings:
        """Return the settings of the source's encoder."""
        return EncoderSettings(self.stack, self.bidirectional, self.embedding_size, self.embedding_dropout)


@dataclass(frozen=True)
class TranslatorLossSettings(Settings):
    """The vocabulary and the objective of a translator's training."""

    shared_vocabulary: bool = setting(True, "One vocabulary, and one embedding, for both languages.")
    longest: int | None = setting(
        None,
        "Most tokens of a side: longer pairs are left out, longer texts split; by default 100, letters or bytes 500.",
        least=5,
        most=10_000,
    )
    copy_tokens: bool = setting(True, "Copy addresses, and numbers of several digits, as they are.", was="keep")
    label_smoothing: float = setting(0.1, "Probability spread evenly over all tokens.", least=0, below=1)
    word_dropout: float = setting(0.0, "Fraction of tokens read as unknown while training.", least=0, most=0.9)
    subword_sampling: float | None = setting(
        None, "Sample subwords in each epoch: sharpness (unigram), dropout of merges (bpe).", above=0, most=10
    )
    scheduled_sampling: str = setting(
        "none", "How the fraction of the decoder's own predictions that it reads rises.", choices=("none", "constant", "linear", "sigmoid")
    )
    sampling_fraction: float = setting(0.25, "Final fraction of own predictions that it reads.", above=0, most=1, was="sampling_share")
    sampling_epochs: float = setting(10.0, "Epochs in which that fraction is reached.", above=0, most=1_000_000)
    choose_by: str = setting("bleu", "Result on validation by which the best model is chosen.", choices=("bleu", "loss"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scheduled_sampling == "none" and (self.sampling_fraction, self.sampling_epochs) != (0.25, 10.0):
            name = "sampling_fraction" if self.sampling_fraction != 0.25 else "sampling_epochs"
            raise SettingError(name, "has no effect without scheduled_sampling; leave it out or give --scheduled-sampling")
        if self.scheduled_sampling == "constant" and self.sampling_epochs != 10.0:
            raise SettingError("sampling_epochs", "has no effect on a constant fraction; leave it out")


@dataclass(frozen=True)
class TranslatorSettings(Settings):
    """All that defines a translator and how it was trained."""

    data: PairSettings = field(default_factory=PairSettings)
    tokens: TokenizerSettings = field(default_factory=lambda: TokenizerSettings(tokenizer="subword"))
    network: TranslatorNetworkSettings = field(default_factory=TranslatorNetworkSettings)
    objective: TranslatorLossSettings = field(default_factory=TranslatorLossSettings)
    optimizer: OptimizerSettings = field(default_factory=lambda: OptimizerSettings(learning_rate=2e-3, ema=0.998))
    loop: PairLoopSettings = field(default_factory=lambda: PairLoopSettings(batch_size=128, validations=20))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective.subword_sampling is not None and not issubclass(tokenizer_class(self.tokens.tokenizer), SamplesDivisions):
            raise SettingError("subword_sampling", f"needs the tokenizer subword, and this one is {self.tokens.tokenizer}")
        if (self.objective.subword_sampling or 0) >= 1 and self.tokens.subword_model == "bpe":
            raise SettingError("subword_sampling", f"must be below 1 for bpe, got {self.objective.subword_sampling}")

    @property
    def longest(self) -> int:
        """Return the largest number of tokens of a source or a target: the setting, or the default of the tokenizer."""
        return self.objective.longest or tokenizer_class(self.tokens.tokenizer).longest


def _files(side: str, part: str) -> Any:
    return setting((), f"File with a {side} a line, of {part}, parallel to the other side's; several times.")


@dataclass(frozen=True)
class ParallelFiles(Settings):
    """Files of pairs that are parallel line by line."""

    source: tuple[str, ...] = _files("source", "pairs")
    target: tuple[str, ...] = _files("target", "pairs")


@dataclass(frozen=True)
class TranslatorReading(ParallelFiles):
    """Options for reading pairs that differ from the training data."""

    how: ReadSettings = field(default_factory=ReadSettings)


@dataclass(frozen=True)
class TranslatorInputs(ParallelFiles, Inputs):
    """Files that are parallel line by line, and initial weights."""

    valid_source: tuple[str, ...] = _files("source", "validation")
    valid_target: tuple[str, ...] = _files("target", "validation")
    init_encoder: str | None = setting(None, "Run of a language model of the source: its embedding and layers are copied.", is_name=True)
    init_decoder: str | None = setting(
        None, "Run of a language model of the target: its embedding and lowest layer are copied.", is_name=True
    )

    def arranged(self, settings: TranslatorSettings, given: Collection[str], data: Sequence[str]) -> TranslatorSettings:
        """Return the settings, with small batches for the phrasebook; raise SettingError for a given option without effect."""
        if self.init_encoder is not None or self.init_decoder is not None:
            refuse_adopted(given, ADOPTED, "that the translator starts from")
        is_phrasebook = list(data) == ["phrasebook"] or not (data or self.files)
        if is_phrasebook and "batch_size" not in given:
            # 1,400 pairs in batches of 128 are too few updates: two minutes give 66 BLEU, in batches of 16 they give 84.
            return replace(settings, loop=replace(settings.loop, batch_size=16))
        return settings

    @property
    def files(self) -> tuple[str, ...]:
        """Return the parallel files of the source; where there are none, of the target."""
        return self.source or self.target

    @property
    def valid_files(self) -> tuple[str, ...]:
        """Return the parallel files to validate on."""
        return self.valid_source or self.valid_target


@dataclass(frozen=True)
class SearchSettings(Settings):
    """Options of beam search."""

    beam: int = setting(5, "Translations kept at every step.", least=1, most=1000)
    length_penalty: float = setting(1.0, "Favours long translations.", least=0, most=10)
    max_length: float = setting(3.0, "Most tokens of a translation, as a multiple of the source's, and 10.", above=0, most=100)


@dataclass(frozen=True)
class TranslatorPredicting(Settings):
    """Options of translating."""

    search: SearchSettings = field(default_factory=SearchSettings)
    n_best: int = setting(1, "Translations of each text.", least=1, most=1000)
    prefix: str = setting("", "Beginning of every translation.")
    sample: bool = setting(False, "Draw translations by the rules of sampling, instead of searching.")
    seed: int = setting(0, "Seed of the samples.", least=0, most=2**32 - 1)
    attention: bool = setting(False, "Show to which words of the text each word of the translation attends.")
    attention_plot: str | None = setting(None, "Draw that for one text into a .png, .svg or .html file.", is_name=True)
    rows: PredictSettings = field(default_factory=PredictSettings)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)


@dataclass(frozen=True)
class TranslatorEvaluating(Settings):
    """Options of evaluating a translator."""

    search: SearchSettings = field(default_factory=SearchSettings)
    lowercase: bool = setting(False, "Compare without regard to case.")
    per_sentence: bool = setting(False, "A line for each pair: nats, tokens, chrF, source, reference, translation.")
