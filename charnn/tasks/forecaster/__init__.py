"""The forecaster: the next values of a series."""

from charnn.tasks.forecaster import settings
from charnn.tasks.task import Task

TASK = Task(
    name="forecaster",
    summary="""Train a forecaster: the next values of a series.

    DATA: CSV, TSV or JSONL files with a row a time and a column of numbers, several of them in a row, or a number a line; by default
    cosine, 3,000 points from 1 to 100, of which 500 make a window and the last 500 are held out.

    Examples:
    charnn train forecaster sales.csv --target sold --horizon 12 --season 12
    charnn train forecaster --minutes 1 --to checkpoints/cosine
    """,
    settings=settings.ForecasterSettings,
    package=__name__,
    model="Forecaster",
    corpus="cosine",
    held_out="the end of what is not held out.  [default: 0.1]",
    inputs=settings.ForecasterInputs,
    reading=settings.ForecasterReading,
    predicting=settings.ForecasterPredicting,
    evaluating=settings.ForecasterEvaluating,
    abilities=("forecast",),
)
