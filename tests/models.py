"""Language models small enough to train in a moment."""

from pathlib import Path

from charnn.cells.settings import StackSettings
from charnn.data.corpus import Document
from charnn.data.settings import CorpusSettings
from charnn.data.tokenized import TokenizedText, tokenize_documents, tokenize_text
from charnn.engine.settings import LanguageNetworkSettings
from charnn.settings import Settings
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tokenizers.registry import TokenizerSettings, fit_tokenizer
from charnn.training.settings import OptimizerSettings, WindowSettings

LINE = "the quick brown fox jumps over the lazy dog\n"
TEXT = LINE * 40

NAMES = [Document(name, label, f"names.csv:{number}") for number, (name, label) in enumerate([("anna", "x"), ("otto", "y")] * 30, 2)]


def small_settings(**changes: object) -> LanguageModelSettings:
    """A gru of 16 units, windows of 16; every change is found its class by its name."""
    values = {"hidden_size": 16, "batch_size": 4, "window": 16, "validations": 2, "warmup": 5, **changes}

    def made(cls: type[Settings]) -> Settings:
        return cls(**{name: values.pop(name) for name in list(values) if name in cls.__dataclass_fields__})

    stack, corpus, tokens, optimizer, loop = map(
        made, (StackSettings, CorpusSettings, TokenizerSettings, OptimizerSettings, WindowSettings)
    )
    values["stack"] = stack
    settings = LanguageModelSettings(corpus, tokens, made(LanguageNetworkSettings), optimizer, loop)
    assert not values, f"no such settings: {values}"
    return settings


def small_model(text: str = TEXT, labels: tuple[str, ...] = (), **changes: object) -> LanguageModel:
    """An untrained model whose tokenizer was fitted to the text."""
    settings = small_settings(**changes)
    return LanguageModel(settings, fit_tokenizer(lambda: [text], settings.tokens), labels)


def running_text(model: LanguageModel, folder: Path, text: str = TEXT) -> TokenizedText:
    """A text as the model's ids."""
    return tokenize_text(model.tokenizer, [text], folder)


def documents(model: LanguageModel, folder: Path, names: list[Document] | None = None) -> TokenizedText:
    """Documents as the model's ids, by default names with labels x and y."""
    return tokenize_documents(model.tokenizer, NAMES if names is None else names, model.labels, folder)
