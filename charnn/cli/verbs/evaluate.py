"""`charnn evaluate`: the metrics of a model on data."""

import json
import time
from typing import Any

import click

from charnn.cli.models import call_of, limit_threads, open_model, threads_option
from charnn.cli.options import ModelCommand, option_names, task_options
from charnn.cli.process import write_lines
from charnn.cli.showing import json_option
from charnn.tasks.registry import TASKS
from charnn.tasks.task import Call

VALIDATION = "the validation part, at the end of training"


@click.command(cls=ModelCommand)
@click.argument("model", required=False)
@click.argument("data", nargs=-1)
@task_options({name: [task.reading, task.evaluating] for name, task in TASKS.items()})
@threads_option
@json_option
@click.pass_context
def evaluate(ctx: click.Context, /, model: str | None, data: tuple[str, ...], **values: Any) -> None:
    """Measure a model on data.

    MODEL: a run folder or model file; by default the newest run. DATA: as in `charnn train`; by default what training held out: for
    a forecaster its last values, else the results of the validation part. For a translator, a second model before the data is compared with
    the first. With MODEL, this page shows the options of its task.

    Examples:
    charnn evaluate checkpoints/poems other.txt
    charnn evaluate checkpoints/mood reviews.csv --json
    """
    trained = open_model(model, TASKS)
    task = TASKS[trained.task]
    call = call_of(ctx, task, option_names([task.reading, task.evaluating]), data, ["threads", "as_json"])
    limit_threads(values["threads"])
    started = time.monotonic()
    verb = task.verb("evaluate")
    named = [*data, *call.options.get("source", ()), *call.options.get("target", ())]
    if named or "forecast" in task.abilities:
        results = verb(trained, call) if verb else trained.evaluate(call.arguments, **call.options)
    else:
        results = of_training(trained, call)
    facts = {"task": task.name, "model": trained.name, "data": named or results.pop("data", [])}
    facts |= {"examples": results.pop("examples", None), "seconds": round(time.monotonic() - started, 2)}
    if values["as_json"]:
        click.echo(json.dumps({**facts, **results}))
    else:
        source = [] if named else [f"data: {', '.join(facts['data'])}", ""]
        write_lines([*source, *task.part("report").table(results)])


def of_training(model: Any, call: Call) -> dict[str, Any]:
    """Return the metrics of the validation part, as they were at the end of training; raise SettingError for options without effect."""
    if not model.results:
        raise click.UsageError(f"name the data to measure this {model.task} on; the model has no results of its training.")
    call.refuse(list(call.options), "has no effect without data; name some")
    return {"data": [VALIDATION], **model.results}
