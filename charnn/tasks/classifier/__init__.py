"""The classifier: one label for a text."""

from charnn.tasks.classifier import settings
from charnn.tasks.task import Task

TASK = Task(
    name="classifier",
    summary="""Train a classifier: a label for a text.

    DATA: CSV, TSV or JSONL files, files of __label__ lines, a folder with a file or a folder of texts per label, or a text
    file per label; by default sentiment, 600 short reviews that come with charnn. A linear model of n-grams is fitted beside
    the network, and what ships is the blend of both that is best on the validation part.

    Examples:
    charnn train classifier reviews.csv --text-column review --label-column stars
    charnn train classifier labelled.txt --minutes 5 --to checkpoints/mood
    """,
    settings=settings.ClassifierSettings,
    package=__name__,
    model="Classifier",
    corpus="sentiment",
    held_out="texts drawn by the seed, of each label alike.  [default: 0.1]",
    inputs=settings.ClassifierInputs,
    reading=settings.ClassifierReading,
    predicting=settings.ClassifierPredicting,
    evaluating=settings.ClassifierEvaluating,
    abilities=("attention", "predictions"),
)
