"""The translator: a text for a text."""

from charnn.tasks.task import Task
from charnn.tasks.translator import settings

TASK = Task(
    name="translator",
    summary="""Train a translator: a text for a text.

    DATA: TSV files with a source and a target a line (no header needed), CSV or JSONL; or --source FILE --target FILE with a line
    for a line; by default phrasebook, English and French sentences that come with charnn. All that raw text needs, both ways, is
    learned here and kept in the model file.

    Examples:
    charnn train translator pairs.tsv --minutes 20 --to checkpoints/en-fr
    charnn train translator --source train.de --target train.en --epochs 7
    """,
    settings=settings.TranslatorSettings,
    package=__name__,
    model="Translator",
    corpus="phrasebook",
    held_out="pairs drawn by the seed, those with equal sources together.  [default: 0.1]",
    inputs=settings.TranslatorInputs,
    reading=settings.TranslatorReading,
    predicting=settings.TranslatorPredicting,
    evaluating=settings.TranslatorEvaluating,
    abilities=("attention",),
)
