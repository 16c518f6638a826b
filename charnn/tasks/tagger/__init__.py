"""The tagger: a tag for every token."""

from charnn.tasks.tagger.settings import TaggerInputs, TaggerPredicting, TaggerReading, TaggerSettings
from charnn.tasks.task import Task

TASK = Task(
    name="tagger",
    summary="""Train a tagger: a tag for every token.

    DATA: CoNLL files (a token and its tag a line, a blank line between sentences) or CoNLL-U files; by default entities, 260
    sentences with names and dates that come with charnn. Tags may mark spans (IOB1, BIO, BIOES, told apart by themselves).
    """,
    settings=TaggerSettings,
    package=__name__,
    model="Tagger",
    corpus="entities",
    held_out="sentences drawn by the seed.  [default: 0.1]",
    inputs=TaggerInputs,
    reading=TaggerReading,
    predicting=TaggerPredicting,
    abilities=("verdicts",),
)
