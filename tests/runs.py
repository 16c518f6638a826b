"""Small labelled, tagged and parallel data and a series, settings and models of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from charnn.cells.settings import StackSettings
from charnn.data.settings import LabelledSettings, SeriesSettings
from charnn.layers.settings import EncoderSettings
from charnn.settings import Settings
from charnn.tasks.classifier.model import Classifier
from charnn.tasks.classifier.settings import ClassifierLossSettings, ClassifierNetworkSettings, ClassifierSettings
from charnn.tasks.forecaster.model import Forecaster
from charnn.tasks.forecaster.settings import ForecasterNetworkSettings, ForecasterSettings
from charnn.tasks.tagger.model import Tagger
from charnn.tasks.tagger.settings import TaggerLossSettings, TaggerNetworkSettings, TaggerSettings
from charnn.tasks.translator.settings import TranslatorLossSettings, TranslatorNetworkSettings, TranslatorSettings
from charnn.tokenizers.registry import TokenizerSettings
from charnn.training.model import Place, Sources
from charnn.training.run import Run
from charnn.training.settings import BudgetSettings, OptimizerSettings, PairLoopSettings, SeriesLoopSettings, TextLoopSettings

GOOD, BAD = (
    ("a fine film", "what a joy", "I loved it", "great fun , really"),
    ("a dull film", "what a bore", "I hated it", "no fun , really"),
)
TABLE = "label\ttext\n" + "".join(
    f"{label}\tno {number} : {text}\n" for number in range(12) for label, texts in (("good", GOOD), ("bad", BAD)) for text in texts
)

NAMES, PLACES = ("Ann", "Bob Lee", "Mia van Dyk"), ("Paris", "New York", "Rio")
SENTENCES = "".join(
    "".join(f"{word}\t{'B' if place == 0 else 'I'}-person\n" for place, word in enumerate(name.split()))
    + f"went\tO\n{verb}\tO\n"
    + "".join(f"{word}\t{'B' if number == 0 else 'I'}-place\n" for number, word in enumerate(place.split()))
    + ".\tO\n\n"
    for verb in ("to", "through", "around", "from")
    for name in NAMES
    for place in PLACES
)

VERBS = {"sees": "voit", "eats": "mange", "takes": "prend"}
NOUNS = {"dog": "chien", "cat": "chat", "book": "livre", "bread": "pain"}
PAIRS = (
    "".join(
        f"{name} {verb} {one} {noun}.\t{name} {verbe} {un} {nom}.\n"
        for name in ("Ann", "Bob", "Mia")
        for verb, verbe in VERBS.items()
        for one, un in (("the", "le"), ("a", "un"))
        for noun, nom in NOUNS.items()
    )
    # Numbers, and names that a vocabulary of words that occur three times does not know.
    + "".join(f"{name} eats {count} cats.\t{name} mange {count} chats.\n" for name in ("Ann", "Bob", "Mia") for count in range(10, 22))
    + "".join(f"{a}{b}{c} sees the dog.\t{a}{b}{c} voit le chien.\n" for a in "KLZ" for b in "aou" for c in "dgpt")
)
"""144 English sentences and their French, a line each."""

SERIES = "month,sold,rain\n" + "".join(
    f"{2001 + number // 12}-{number % 12 + 1:02},{100 + number + 20 * ((number % 12) - 6) ** 2 / 9:.2f},{(number * 37) % 11 + 1}\n"
    for number in range(120)
)
"""Ten years of months: something that grows and has a season, and something that has none."""


def small(settings: Any, **changes: object) -> Any:
    """The settings with changes, each found its place by its name."""
    names = settings.__dataclass_fields__
    inner = {
        name: small(getattr(settings, name), **_within(getattr(settings, name), changes)) for name in names if _is_nested(settings, name)
    }
    return replace(settings, **inner, **{name: value for name, value in changes.items() if name in names})


def classifier_settings(**changes: object) -> ClassifierSettings:
    """Eight units, no referee, a few reports."""
    settings = ClassifierSettings(
        LabelledSettings(),
        TokenizerSettings(tokenizer="word", lowercase=True),
        ClassifierNetworkSettings(
            EncoderSettings(StackSettings(hidden_size=8), embedding_size=8, embedding_dropout=0.0), output_dropout=0.0
        ),
        ClassifierLossSettings(baseline=False),
        optimizer=OptimizerSettings(learning_rate=0.02, warmup=5),
        loop=TextLoopSettings(batch_size=8, validations=2),
    )
    return small(settings, **changes)


def tagger_settings(**changes: object) -> TaggerSettings:
    """Sixteen units, a few reports."""
    encoder = EncoderSettings(
        StackSettings(hidden_size=16),
        embedding_size=16,
        embedding_dropout=0.0,
        word_characters=True,
        character_size=8,
        character_hidden_size=8,
    )
    settings = TaggerSettings(
        words=TaggerLossSettings(min_count=1),
        network=TaggerNetworkSettings(encoder),
        optimizer=OptimizerSettings(learning_rate=0.02, warmup=5),
        loop=TextLoopSettings(batch_size=8, validations=2),
    )
    return small(settings, **changes)


def translator_settings(**changes: object) -> TranslatorSettings:
    """Sixteen units that learn the small pairs by heart, a few reports."""
    settings = TranslatorSettings(
        tokens=TokenizerSettings(tokenizer="word", min_count=3),
        network=TranslatorNetworkSettings(StackSettings(hidden_size=16), embedding_size=16, tie_weights=False),
        objective=TranslatorLossSettings(label_smoothing=0.0),
        optimizer=OptimizerSettings(learning_rate=0.03, warmup=10),
        loop=PairLoopSettings(batch_size=16, validations=2),
    )
    return small(settings, **changes)


def forecaster_settings(**changes: object) -> ForecasterSettings:
    """Eight units, a few reports; what is sold, in windows of a year."""
    settings = ForecasterSettings(
        data=SeriesSettings(target="sold"),
        network=ForecasterNetworkSettings(StackSettings(hidden_size=8)),
        optimizer=OptimizerSettings(learning_rate=0.01, warmup=5),
        loop=SeriesLoopSettings(batch_size=8, validations=2, window=24),
    )
    return small(settings, **changes)


def place_of(folder: Path, resume: bool) -> Place:
    """The folder of a run on one thread of the CPU."""
    return Place(folder / "run", device="cpu", threads=1, overwrite=not resume, resume=resume)


def classifier_run(folder: Path, steps: int = 40, table: str = TABLE, *, resume: bool = False, **changes: object) -> Run:
    """A run on the small table, ready to go."""
    (folder / "table.tsv").write_text(table, encoding="utf-8")
    model = Classifier.prepare(Sources([folder / "table.tsv"]), classifier_settings(**changes))
    return Run(place_of(folder, resume), model, BudgetSettings(steps=steps))


def tagger_run(folder: Path, steps: int = 40, text: str = SENTENCES, *, resume: bool = False, **changes: object) -> Run:
    """A run on the small sentences, ready to go."""
    (folder / "sentences.conll").write_text(text, encoding="utf-8")
    model = Tagger.prepare(Sources([folder / "sentences.conll"]), tagger_settings(**changes))
    return Run(place_of(folder, resume), model, BudgetSettings(steps=steps))


def translator_run(folder: Path, steps: int = 400, table: str = PAIRS, *, resume: bool = False, **changes: object) -> Run:
    """A run on the small pairs, ready to go; after 400 steps it translates them."""
    from charnn.tasks.translator.model import Translator

    (folder / "pairs.tsv").write_text(table, encoding="utf-8")
    place = Place(folder / "run", device="cpu", threads=1, overwrite=not resume, resume=resume)
    model = Translator.prepare(Sources([folder / "pairs.tsv"]), translator_settings(**changes))
    return Run(place, model, BudgetSettings(steps=steps))


def forecaster_run(folder: Path, steps: int = 40, table: str = SERIES, *, resume: bool = False, **changes: object) -> Run:
    """A run on the small series, ready to go."""
    (folder / "series.csv").write_text(table, encoding="utf-8")
    model = Forecaster.prepare(Sources([folder / "series.csv"]), forecaster_settings(**changes))
    return Run(place_of(folder, resume), model, BudgetSettings(steps=steps))


def trained(run: Run) -> Run:
    """The run at its end."""
    list(run.train())
    run.finish()
    return run


def _is_nested(settings: Any, name: str) -> bool:
    return isinstance(getattr(settings, name), Settings)


def _within(settings: Any, changes: dict[str, object]) -> dict[str, object]:
    """Those changes that belong to the settings or to those within them."""
    names = settings.__dataclass_fields__
    inner = [_within(getattr(settings, name), changes) for name in names if _is_nested(settings, name)]
    return {name: value for name, value in changes.items() if name in names} | {key: value for part in inner for key, value in part.items()}
