"""`charnn predict`: labels, tags, translations, the next values, or for a language model the likeliest next tokens."""

from typing import Any

import click

from charnn.cli.models import call_of, open_model
from charnn.cli.options import SectionedCommand, option_names, task_options
from charnn.data.settings import PredictSettings
from charnn.errors import SettingError
from charnn.tasks.registry import TASKS
from charnn.tasks.task import Call, option_values


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("text", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: short for --format jsonl.")
@task_options({name: [task.predicting] for name, task in TASKS.items()})
@click.pass_context
def predict(ctx: click.Context, /, model: str | None, text: tuple[str, ...], **values: Any) -> None:
    """Label texts, tag them, translate them, go on with a series, or show what a language model expects next.

    MODEL: a run folder or model file; by default the newest run. TEXT: texts, files (CSV, TSV, JSONL, or a text a line), or
    - for standard input. Rows come out as they were and in order, with new columns or keys: label and probability
    (classifier), spans: [{text, type, begin, end, probability}] or tags: [{token, tag, begin, end, probability}] (tagger),
    translation and score, with --n-best candidates: [{translation, score}], with --attention {source, target, weights}
    (translator); for a language model next: [{token, probability}]. A forecaster goes on with its series, or with the FILES
    given, by --steps rows: time, the column predicted, with --interval its low and high; as JSON {step, time, column, value, low, high}.
    """
    trained = open_model(model, TASKS)
    task = TASKS[trained.task]
    call = call_of(ctx, task, option_names([task.predicting]), text, ["as_json"])
    if values["as_json"]:
        if call.options.get("format") not in (None, "jsonl"):
            raise SettingError("json", f"contradicts --format {call.options['format']}; leave one out")
        call.options.update(json=True, format="jsonl")
    ctx.exit((task.verb("predict") or predict_rows)(trained, call))


def predict_rows(model: Any, call: Call) -> int:
    """Answer each text, by what the model's predict() gives; return the exit code."""
    options = option_values(TASKS[model.task].predicting, call.options)
    return call.pipe(call.arguments, call.collected(PredictSettings), lambda rows: model.predict(rows, **options))
