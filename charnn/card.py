"""The model card: what a run was trained on, how, what it reaches, and how to use it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from charnn.run import Run


def model_card(run: "Run", metrics: dict[str, Any]) -> str:
    """The README of a run folder, in Markdown."""
    folder, plan = run.place.folder, run.plan
    lines = [
        f"# {folder.name}",
        "",
        f"A language model of {plan.corpus}, trained by charnn.",
        "",
        "## Use",
        "",
        f"    charnn sample {folder}{'' if not run.model.labels else ' --label ' + repr(run.model.labels[0])}",
        f"    charnn evaluate {folder} FILE",
        "",
        "## Data",
        "",
        f"- training: {plan.train.counts.characters:,} characters, {len(plan.train.ids):,} tokens",
        f"- validation: {plan.valid.counts.characters:,} characters, {_held_out(run)}",
        f"- vocabulary: {plan.vocabulary:,} tokens ({run.settings.tokens.tokenizer})",
        *([f"- labels: {', '.join(run.model.labels)}"] if run.model.labels else []),
        "",
        "## Training",
        "",
        f"- {plan.parameters:,} parameters, {metrics['minutes']} minutes on {plan.device} with {plan.threads} threads",
        f"- best of {run.settings.loop.reports} validations: at update {metrics['step']:,} of {plan.steps:,} ({plan.epochs:.2f} epochs)",
        "",
        "## Results on the validation part",
        "",
        *results_table(metrics["valid"]),
        "",
        "## Settings",
        "",
        *(f"- {name}: {value}" for name, value in flat(run.settings.plain()).items()),
        "",
    ]
    return "\n".join(lines)


def results_table(results: dict[str, Any]) -> list[str]:
    """A Markdown table with a row a protocol."""
    names = ["protocol", "nats per token", "bits per character", "bits per byte", "perplexity per word", "standard error (nats)"]
    rows = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for result in results.values():
        numbers = [result["nats_per_token"], result["bits_per_character"], result["bits_per_byte"], result["word_perplexity"]]
        cells = ["-" if number is None else f"{number:.4f}" if number < 100 else f"{number:,.1f}" for number in numbers]
        error = "-" if result["standard_error"] is None else f"{result['standard_error']:.4f}"
        rows.append(f"| {result['protocol']} | {' | '.join(cells)} | {error} |")
    return rows


def flat(plain: dict[str, Any]) -> dict[str, Any]:
    """Nested settings as one level, by their last names."""
    found: dict[str, Any] = {}
    for name, value in plain.items():
        found.update(flat(value) if isinstance(value, dict) else {name: value})
    return found


def _held_out(run: "Run") -> str:
    if run.place.valid is not None:
        return f"from {run.place.valid.name}"
    if run.valid_text.starts is None:
        return "the end of the corpus"
    return f"documents drawn by seed {run.settings.loop.seed}"
