"""The language model: the next token of a text."""

from charnn.tasks.lm import settings
from charnn.tasks.task import Task

TASK = Task(
    name="lm",
    summary="""Train a language model: the next character, byte, word or subword of a text.

    DATA: text files, folders, .gz files, tables with --text-column, or - for standard input; by default python-docs,
    the language reference that comes with Python (python-code, the standard library's sources, is there too).

    Examples:
    charnn train lm poems.txt --minutes 5 --to checkpoints/poems
    charnn train lm names.txt --documents lines --epochs 20
    """,
    settings=settings.LanguageModelSettings,
    package=__name__,
    model="LanguageModel",
    corpus="python-docs",
    held_out="the end of a text, random documents.  [default: 0.1, at most 1,000,000 characters]",
    inputs=settings.LanguageModelInputs,
    reading=settings.LanguageModelReading,
    predicting=settings.LanguageModelPredicting,
    evaluating=settings.LanguageModelEvaluating,
    abilities=("write",),
)
