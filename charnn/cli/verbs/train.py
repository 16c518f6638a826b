"""`charnn train`: a task's data and settings in, a run folder out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from charnn.cli.options import collect, given, settings_options
from charnn.cli.recall import TrainCommand
from charnn.cli.training import parallel_options, place_options, train_job
from charnn.data.pairs import PairFiles
from charnn.errors import SettingError
from charnn.settings import own_settings
from charnn.tasks.classifier.settings import ClassifierSettings
from charnn.tasks.forecaster.settings import ForecasterSettings
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tasks.tagger.settings import TaggerSettings
from charnn.tasks.translator.settings import TranslatorSettings
from charnn.tokenizers.protocol import EFFECTIVE, TokenizerSettings
from charnn.training.settings import BudgetSettings, SavingSettings


@click.group()
def train() -> None:
    """Train a model on your data."""


@train.command("lm", cls=TrainCommand)
@click.argument("corpus", nargs=-1)
@place_options("the end of a text, random documents.  [default: 0.1, at most 1,000,000 characters]")
@click.option("--init-from", help="Run of a language model to go on from; what is new in the text joins its vocabulary.")
@settings_options(BudgetSettings)
@settings_options(SavingSettings)
@settings_options(LanguageModelSettings)
@click.pass_context
def train_lm(ctx: click.Context, /, corpus: tuple[str, ...], **values: Any) -> None:
    """Train a language model: the next character, byte, word or subword of a text.

    CORPUS: text files, folders, .gz files, tables with --text-column, or - for standard input; by default python-docs,
    the language reference that comes with Python (python-code, the standard library's sources, is there too).
    """
    model = values["init_from"]
    if model is not None:
        from charnn.tasks.lm.start import ADOPTED

        refuse_adopted(ctx, ADOPTED, "of --init-from")
    settings = collect(LanguageModelSettings, values)
    if settings.corpus.is_documents and given(ctx, ["restarts"]):
        raise SettingError("restarts", "has no effect on documents, each of which starts anew; leave it out")

    def make(place: Any) -> Any:
        from charnn.tasks.lm.job import LanguageModelJob

        return LanguageModelJob(place, settings, None if model is None else trained_start(ctx, model, values))

    train_job(ctx, "lm", corpus or ("python-docs",), values, make)


@train.command("classifier", cls=TrainCommand)
@click.argument("data", nargs=-1)
@place_options("texts drawn by the seed, of each label alike.  [default: 0.1]")
@click.option("--init-from", help="Run of a language model whose embedding and layers are taken over.")
@click.option("--vectors", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Word vectors: GloVe, word2vec, fastText.")
@settings_options(BudgetSettings)
@settings_options(SavingSettings)
@settings_options(ClassifierSettings)
@click.pass_context
def train_classifier(ctx: click.Context, /, data: tuple[str, ...], **values: Any) -> None:
    """Train a classifier: a label for a text.

    DATA: CSV, TSV or JSONL files, files of __label__ lines, a folder with a file or a folder of texts per label, or a text
    file per label; by default sentiment, 600 short reviews that come with charnn. A linear model of n-grams is fitted beside
    the network, and what ships is the blend of both that is best on the validation part.
    """
    settings = collect(ClassifierSettings, values | idle_defaults(ctx, values["tokenizer"]))
    refuse_transfer(ctx, values["init_from"])
    refuse_characters(ctx, values["word_characters"])

    def make(place: Any) -> Any:
        from charnn.tasks.classifier.job import ClassifierJob

        return ClassifierJob(place, settings, start_of(values))

    train_job(ctx, "classifier", data or ("sentiment",), values, make)


@train.command("tagger", cls=TrainCommand)
@click.argument("data", nargs=-1)
@place_options("sentences drawn by the seed.  [default: 0.1]")
@click.option("--vectors", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Word vectors: GloVe, word2vec, fastText.")
@settings_options(BudgetSettings)
@settings_options(SavingSettings)
@settings_options(TaggerSettings)
@click.pass_context
def train_tagger(ctx: click.Context, /, data: tuple[str, ...], **values: Any) -> None:
    """Train a tagger: a tag for every token.

    DATA: CoNLL files (a token and its tag a line, a blank line between sentences) or CoNLL-U files; by default entities, 260
    sentences with names and dates that come with charnn. Tags may mark spans (IOB1, BIO, BIOES, told apart by themselves).
    """
    settings = collect(TaggerSettings, values)
    refuse_characters(ctx, values["word_characters"])

    def make(place: Any) -> Any:
        from charnn.tasks.tagger.job import TaggerJob

        return TaggerJob(place, settings, start_of(values))

    train_job(ctx, "tagger", data or ("entities",), values, make)


@train.command("translator", cls=TrainCommand)
@click.argument("data", nargs=-1)
@place_options("pairs drawn by the seed, those with equal sources together.  [default: 0.1]")
@parallel_options("--source", "--target", "--valid-source", "--valid-target")
@click.option("--init-encoder", help="Run of a language model of the source, whose embedding and layers are taken over.")
@click.option("--init-decoder", help="Run of a language model of the target, whose embedding and lowest layer are taken over.")
@settings_options(BudgetSettings)
@settings_options(SavingSettings)
@settings_options(TranslatorSettings)
@click.pass_context
def train_translator(ctx: click.Context, /, data: tuple[str, ...], **values: Any) -> None:
    """Train a translator: a text for a text.

    DATA: TSV files with a source and a target a line (no header needed), CSV or JSONL; or --source FILE --target FILE with a line
    for a line; by default phrasebook, English and French sentences that come with charnn. All that raw text needs, both ways, is
    learned here and kept in the model file.
    """
    files = parallel_files(data, values["source"], values["target"], default="phrasebook")
    small = {} if given(ctx, ["batch_size"]) else small_batches(files)
    settings = collect(TranslatorSettings, values | idle_defaults(ctx, values["tokenizer"]) | small)
    if values["init_encoder"] is not None or values["init_decoder"] is not None:
        from charnn.tasks.translator.start import ADOPTED

        refuse_adopted(ctx, ADOPTED, "that the translator starts from")
    valid = None
    if values["valid"] or values["valid_source"] or values["valid_target"]:
        if values["valid_share"] is not None:
            raise click.UsageError("--valid-share and files to validate on exclude each other; give one.")
        valid = parallel_files(values["valid"], values["valid_source"], values["valid_target"])

    def make(place: Any) -> Any:
        from charnn.cli.models import open_model
        from charnn.tasks.translator.job import TranslatorJob
        from charnn.tasks.translator.start import TranslatorStart

        names = ("init_encoder", "init_decoder")
        models = [None if values[name] is None else open_model(values[name], ["lm"]) for name in names]
        return TranslatorJob(place, settings, files, valid, TranslatorStart(*models))

    train_job(ctx, "translator", [str(one) for one in files.tables or files.source or files.target], values, make)


@train.command("forecaster", cls=TrainCommand)
@click.argument("series", nargs=-1)
@place_options("the end of what is not held out.  [default: 0.1]")
@settings_options(BudgetSettings)
@settings_options(SavingSettings)
@settings_options(ForecasterSettings)
@click.pass_context
def train_forecaster(ctx: click.Context, /, series: tuple[str, ...], **values: Any) -> None:
    """Train a forecaster: the next values of a series.

    SERIES: CSV, TSV or JSONL files with a row a time and a column of numbers, several of them in a row, or a number a line; by default
    cosine, 3,000 points from 1 to 100, of which 500 make a window and the last 500 are held out.
    """
    tutorial = {name: 500 for name in ("window", "held_out") if not series and not given(ctx, [name])}
    settings = collect(ForecasterSettings, values | tutorial)

    def make(place: Any) -> Any:
        from charnn.tasks.forecaster.job import ForecasterJob

        return ForecasterJob(place, settings)

    train_job(ctx, "forecaster", series or ("cosine",), values, make)


def parallel_files(tables: Any, source: Any, target: Any, default: str | None = None) -> PairFiles:
    """Where pairs are; a built-in corpus where nothing is said."""
    is_silent = not (tables or source or target)
    return PairFiles((default,) if is_silent and default else tables, source, target)


def small_batches(files: PairFiles) -> dict[str, int]:
    """The size of batches where the usual one is too large: for the phrasebook."""
    # 1,400 pairs in batches of 128 are too few updates: two minutes gave 21 BLEU, with batches of 16 they give 43.
    return {"batch_size": 16} if list(files.tables) == ["phrasebook"] else {}


def refuse_adopted(ctx: click.Context, names: Sequence[str], which: str) -> None:
    """Raises SettingError for options that a language model to start from makes useless."""
    for name in given(ctx, list(names)):
        raise SettingError(name, f"comes from the language model {which}; leave it out")


def idle_defaults(ctx: click.Context, tokenizer: str) -> dict[str, Any]:
    """The settings of a tokenizer that were not given and have no effect on this one, as they are where nobody says anything."""
    plain = TokenizerSettings()
    idle = [one.name for one in own_settings(TokenizerSettings) if one.name not in ("tokenizer", *EFFECTIVE[tokenizer])]
    return {name: getattr(plain, name) for name in idle if not given(ctx, [name])}


def refuse_transfer(ctx: click.Context, model: str | None) -> None:
    """Raises SettingError for options that a language model to start from makes useless, or that are useless without one."""
    if model is None:
        for name in given(ctx, ["layer_rate", "unfreeze"]):
            raise SettingError(name, "has no effect without --init-from; leave it out or name a language model")
        return
    from charnn.tasks.start import ADOPTED

    refuse_adopted(ctx, ADOPTED, "of --init-from")


def refuse_characters(ctx: click.Context, are_read: bool) -> None:
    """Raises SettingError for sizes of what reads the characters of words, where nothing does."""
    for name in [] if are_read else given(ctx, ["character_size", "character_hidden_size"]):
        raise SettingError(name, "has no effect without --word-characters; leave it out")


def trained_start(ctx: click.Context, model: str, values: dict[str, Any]) -> Any:
    """The language model that another one goes on from."""
    from charnn.cli.models import open_model
    from charnn.tasks.lm.start import GROWTH, TrainedStart

    return TrainedStart(open_model(model, ["lm"]), {name: values[name] for name in given(ctx, list(GROWTH))})


def start_of(values: dict[str, Any]) -> Any:
    """Where the weights begin."""
    from charnn.cli.models import open_model
    from charnn.tasks.start import Start

    model = values.get("init_from")
    return Start(None if model is None else open_model(model, ["lm"]), values["vectors"])
