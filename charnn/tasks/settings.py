"""Settings of every task, apart from the tasks so that a help page needs no torch."""

from dataclasses import dataclass, field

from charnn.architecture import LanguageNetworkSettings
from charnn.settings import Settings
from charnn.text.corpus import CorpusSettings
from charnn.text.tokenizers import TokenizerSettings
from charnn.training.settings import LoopSettings, OptimizerSettings


@dataclass(frozen=True)
class LanguageModelSettings(Settings):
    """All that defines a language model and how it was trained."""

    corpus: CorpusSettings = field(default_factory=CorpusSettings)
    tokens: TokenizerSettings = field(default_factory=TokenizerSettings)
    network: LanguageNetworkSettings = field(default_factory=LanguageNetworkSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    loop: LoopSettings = field(default_factory=LoopSettings)
