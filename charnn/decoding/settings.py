"""Settings of sampling and beam search, separate from their code so that a help page needs no compiler."""

from dataclasses import dataclass

from charnn.settings import Settings, setting

WINDOW = 4096  # Last tokens, including the prompt's, that no_repeat regards; the limit keeps memory constant for texts of any length
PENALTY_WINDOW = 256  # Last tokens that repetition_penalty regards; among more characters it would punish the whole alphabet


@dataclass(frozen=True)
class SamplingSettings(Settings):
    """Rules of sampling.

    They apply in the order of `rules.RULES`.
    """

    temperature: float = setting(0.8, "Divides the logits: under 1 is safer, over 1 bolder, 0 the likeliest token.", least=0, most=100)
    top_k: int | None = setting(None, "Draw among this many likeliest tokens.", least=1)
    top_p: float | None = setting(None, "Draw among the fewest likeliest tokens that together have this probability.", above=0, most=1)
    min_p: float | None = setting(None, "Draw among tokens at least this probable relative to the likeliest.", least=0, most=1)
    repetition_penalty: float | None = setting(
        None, f"Make the tokens of the last {PENALTY_WINDOW} less likely: divides positive logits, multiplies negative.", above=0, most=100
    )
    no_repeat: int | None = setting(None, f"Never write the same run of this many tokens twice within {WINDOW}.", least=1, most=256)


@dataclass(frozen=True)
class BeamSettings(Settings):
    """Settings of a beam search for the likeliest sequences."""

    beam: int = setting(5, "Sequences kept at every step.", least=1, most=1000)
    length_penalty: float = setting(0.0, "Favours long sequences: 0 not at all, 0.6 to 1 is usual for translation.", least=0, most=10)
