"""`charnn predict`: labels, tags, translations, forecasts, or the likeliest next tokens of a language model."""

from typing import Any

import click

from charnn.cli.models import call_of, open_model
from charnn.cli.options import ModelCommand, option_names, task_options
from charnn.data.settings import PredictSettings
from charnn.errors import SettingError
from charnn.tasks.registry import TASKS
from charnn.tasks.task import option_values


@click.command(cls=ModelCommand)
@click.argument("model", required=False)
@click.argument("text", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as --format jsonl; docs/json.md lists the keys.")
@task_options({name: [task.predicting] for name, task in TASKS.items()})
@click.pass_context
def predict(ctx: click.Context, /, model: str | None, text: tuple[str, ...], **values: Any) -> None:
    """Label texts, tag them, translate them, forecast a series, or show the likeliest next tokens of a language model.

    MODEL: a run folder or model file; by default the newest run. TEXT: texts, files (CSV, TSV, JSONL, or a text a line), or - for
    standard input. Rows are written unchanged and in order, with the predicted columns after their own. A forecaster continues its
    series, or that of the FILES given. With MODEL, this page shows the options of its task.

    Examples:
    charnn predict checkpoints/mood "What a day!"
    charnn predict checkpoints/mood new.csv > labelled.csv
    charnn predict checkpoints/sales --steps 12 --interval 0.8
    """
    trained = open_model(model, TASKS)
    task = TASKS[trained.task]
    call = call_of(ctx, task, option_names([task.predicting]), text, ["as_json"])
    if values["as_json"]:
        if call.options.get("format") not in (None, "jsonl"):
            raise SettingError("json", f"contradicts --format {call.options['format']}; leave one out")
        call.options.update(json=True, format="jsonl")
    if verb := task.verb("predict"):
        ctx.exit(verb(trained, call))
    options = option_values(task.predicting, call.options)
    ctx.exit(call.pipe(call.arguments, call.collected(PredictSettings), lambda rows: trained.predict(rows, **options)))
