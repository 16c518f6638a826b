"""The tagger: a tag for every token."""

from charnn.tasks.tagger import settings
from charnn.tasks.task import Task

TASK = Task(
    name="tagger",
    summary="""Train a tagger: a tag for every token.

    DATA: CoNLL files (a token and its tag a line, a blank line between sentences) or CoNLL-U files; by default entities, 260
    sentences with names and dates that come with charnn. Tags may mark spans (IOB1, BIO, BIOES, recognised automatically).

    Examples:
    charnn train tagger train.conll --valid valid.conll --minutes 10
    charnn train tagger --minutes 1 --to checkpoints/names-and-dates
    """,
    settings=settings.TaggerSettings,
    package=__name__,
    model="Tagger",
    corpus="entities",
    held_out="sentences drawn by the seed.  [default: 0.1]",
    inputs=settings.TaggerInputs,
    reading=settings.TaggerReading,
    predicting=settings.TaggerPredicting,
    abilities=("predictions",),
)
