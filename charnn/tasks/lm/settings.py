"""All settings of a language model, as a model file holds them."""

from dataclasses import dataclass, field

from charnn.data.corpus import CorpusSettings
from charnn.engine.settings import LanguageNetworkSettings
from charnn.settings import Settings
from charnn.tokenizers.protocol import TokenizerSettings
from charnn.training.settings import OptimizerSettings, WindowSettings


@dataclass(frozen=True)
class LanguageModelSettings(Settings):
    """All that defines a language model and how it was trained."""

    corpus: CorpusSettings = field(default_factory=CorpusSettings)
    tokens: TokenizerSettings = field(default_factory=TokenizerSettings)
    network: LanguageNetworkSettings = field(default_factory=LanguageNetworkSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    loop: WindowSettings = field(default_factory=WindowSettings)
