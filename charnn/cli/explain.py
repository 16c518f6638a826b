"""A label and what each word does for it: as data, in colours, or with numbers."""

from typing import Any

STRONG = 1.0
"""Nats at which a colour is at its strongest."""


def explained(trained: Any, text: str) -> dict[str, Any]:
    """The `label` and `probability` of a text, and its `words`: [{text, begin, end, nats}]."""
    label, probability, parts = trained.explain(text)
    return {"label": label, "probability": probability, "words": [part._asdict() for part in parts]}


def in_colours(text: str, answer: dict[str, Any]) -> str:
    """The label, then the text: green speaks for the label, red against it, the stronger the more."""
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    shown = Text(text.replace("\n", " "))
    for word in answer["words"]:
        share = min(1.0, abs(word["nats"]) / STRONG)
        if share > 0.1:
            colour = f"rgb(0,{round(60 + 120 * share)},0)" if word["nats"] > 0 else f"rgb({round(60 + 160 * share)},0,0)"
            shown.stylize(Style(color="white", bgcolor=colour), word["begin"], word["end"])
    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(_head(answer), style="bold")
        console.print(shown)
    return captured.get().removesuffix("\n")


def with_numbers(text: str, answer: dict[str, Any]) -> str:
    """The label, then the words, each with its nats."""
    words = " ".join(f"{' '.join(word['text'].split())}({word['nats']:+.2f})" for word in answer["words"])
    return f"{_head(answer)}\t{words}"


def _head(answer: dict[str, Any]) -> str:
    return f"{answer['label']}  {answer['probability']:.4f}"
