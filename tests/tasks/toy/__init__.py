"""The counter: one label for a text, from how often each byte occurs."""

from charnn.tasks.counter.settings import CounterSettings

from charnn.tasks.task import Task

TASK = Task(
    name="counter",
    summary="Train a counter: a label for a text, from how often each of its bytes occurs.",
    settings=CounterSettings,
    package=__name__,
    model="Counter",
    corpus="sentiment",
    held_out="texts drawn by the seed.  [default: 0.1]",
)
