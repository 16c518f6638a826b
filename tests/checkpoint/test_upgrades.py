"""Settings of older files have the values of their time."""

import pytest

from charnn.checkpoint.model import recalled, upgraded
from charnn.settings import Settings
from charnn.tasks.classifier.settings import ClassifierSettings
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tasks.tagger.settings import TaggerSettings
from charnn.tasks.translator.settings import TranslatorSettings


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        ("lm", LanguageModelSettings()),
        ("classifier", ClassifierSettings()),
        ("tagger", TaggerSettings()),
        ("translator", TranslatorSettings()),
    ],
)
def test_settings_of_today_are_kept(task: str, settings: Settings) -> None:
    assert upgraded(task, settings.plain()) == settings.plain()


def test_a_setting_that_was_added_has_the_value_from_before_there_was_a_choice() -> None:
    older = ClassifierSettings().plain()
    del older["objective"]["ngram_split"]
    older["tokens"]["word_split"] = "punctuation"
    settings = ClassifierSettings.from_plain(upgraded("classifier", older))
    assert (settings.objective.ngram_split, settings.tokens.word_split) == ("punctuation", "punctuation")
    assert recalled("classifier", older) == {"word_split": "punctuation", "ngram_split": "punctuation"}
    assert "ngram_split" not in older["objective"]
    tagger = TaggerSettings().plain()
    del tagger["words"]["word_split"]
    assert TaggerSettings.from_plain(upgraded("tagger", tagger)).words.word_split == "punctuation"


def test_a_split_without_effect_is_todays_default() -> None:
    older = LanguageModelSettings().plain()
    older["tokens"]["word_split"] = "punctuation"
    assert LanguageModelSettings.from_plain(upgraded("lm", older)) == LanguageModelSettings()


@pytest.mark.parametrize(
    "settings", [{}, {"tokens": 1, "objective": []}, {"tokens": {"tokenizer": ["char"]}}, {"tokens": {"tokenizer": "x"}}]
)
def test_damaged_settings_stay_as_they_are(settings: dict[str, object]) -> None:
    assert upgraded("classifier", settings) == settings
