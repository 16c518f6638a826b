import importlib
import json
import re
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path

import pytest

import charnn
from charnn.cells.settings import StackSettings
from charnn.engine.settings import LanguageNetworkSettings
from charnn.errors import SettingError
from charnn.settings import Limits, Settings, base_type, check_value, flat, is_several, own_settings, setting, setting_type


@dataclass(frozen=True)
class Wheel(Settings):
    """One wheel."""

    spokes: int = setting(32, "Spokes of the wheel.", least=0, most=64)
    pressure: float | None = setting(None, "Pressure in bar.", above=0, below=12.5)


@dataclass(frozen=True)
class Bicycle(Settings):
    """A bicycle."""

    front: Wheel = field(default_factory=Wheel)
    back: Wheel = field(default_factory=Wheel)
    colour: str = setting("red", "Colour of the frame.", choices=("red", "blue"))
    has_bell: bool = setting(True, "Is there a bell?")
    price: float = setting(2000, "Price in euros.", least=0, most=1e6)


def message(make):
    with pytest.raises(SettingError) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"spokes": -1}, "spokes must be at least 0 and at most 64, got -1"),
        ({"spokes": 65}, "spokes must be at least 0 and at most 64, got 65"),
        ({"spokes": 1.5}, "spokes must be of type int, got 1.5"),
        ({"spokes": True}, "spokes must be of type int, got True"),
        ({"spokes": "32"}, "spokes must be of type int, got '32'"),
        ({"spokes": None}, "spokes must be given"),
        ({"pressure": 0}, "pressure must be above 0 and below 12.5, got 0"),
        ({"pressure": 12.5}, "pressure must be above 0 and below 12.5, got 12.5"),
        ({"pressure": float("nan")}, "pressure must be above 0 and below 12.5, got nan"),
        ({"pressure": float("inf")}, "pressure must be above 0 and below 12.5, got inf"),
        ({"pressure": False}, "pressure must be of type float, got False"),
    ],
)
def test_a_value_beyond_its_limits_is_refused(values, said):
    assert message(lambda: Wheel(**values)) == said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"colour": "green"}, "colour must be one of red, blue; got 'green'"),
        ({"has_bell": 1}, "has_bell must be of type bool, got 1"),
        ({"price": 2e6}, "price must be at least 0 and at most 1,000,000, got 2000000.0"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(values, said):
    assert message(lambda: Bicycle(**values)) == said


@pytest.mark.parametrize("values", [{"spokes": 0}, {"spokes": 64}, {"pressure": 12}, {"pressure": 1e-9}, {"pressure": None}])
def test_a_value_at_its_limits_is_taken(values):
    wheel = Wheel(**values)
    assert {name: getattr(wheel, name) for name in values} == values


def test_limits_are_checked_again_when_a_copy_is_made():
    assert message(lambda: replace(Wheel(), spokes=99)) == "spokes must be at least 0 and at most 64, got 99"


def test_an_unbounded_number_is_still_finite():
    assert Limits().breach(float("inf")) == "must be a finite number, got inf"


def test_an_error_names_the_setting():
    with pytest.raises(SettingError) as caught:
        Wheel(spokes=-1)
    assert (caught.value.name, caught.value.reason, caught.value.exit_code) == ("spokes", "must be at least 0 and at most 64, got -1", 2)


def test_nested_settings_come_back_from_plain_data():
    settings = Bicycle(front=Wheel(spokes=20, pressure=4), colour="blue")
    plain = settings.plain()
    assert plain["front"] == {"spokes": 20, "pressure": 4}
    assert Bicycle.from_plain(json.loads(json.dumps(plain))) == settings


def test_a_missing_name_takes_its_default():
    assert Bicycle.from_plain({"back": {"pressure": 2.0}}) == Bicycle(back=Wheel(pressure=2.0))


def test_an_unknown_name_is_refused():
    assert message(lambda: Wheel.from_plain({"spoke": 3})) == "spoke is no setting of Wheel"
    assert message(lambda: Bicycle.from_plain({"front": {"spoke": 3}})) == "spoke is no setting of Wheel"


@pytest.mark.parametrize("value", [3, "round", ["round"]])
def test_nested_settings_that_are_no_settings_are_refused(value):
    """A damaged model file once gave a network whose stack was a number; it failed with a traceback much later."""
    assert message(lambda: Bicycle.from_plain({"front": value})) == f"front must be of type Wheel, got {value!r}"


def test_nested_settings_must_be_given():
    assert message(lambda: Bicycle.from_plain({"front": None})) == "front must be given"


def test_a_number_too_large_for_a_float_is_refused_like_any_other():
    """Asking whether such a number is finite raised OverflowError."""
    assert message(lambda: Wheel(spokes=10**400)) == f"spokes must be at least 0 and at most 64, got 1{56 * '0'}..."


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: StackSettings(activation="relu"), "activation is a choice of the rnn cell only, and the cell is gru"),
        (
            lambda: StackSettings(cell="rnn", initial_memory=100),
            "initial_memory needs gates that keep a state, and the cell rnn has none",
        ),
        (lambda: StackSettings(variational_dropout=True), "variational_dropout has no effect without dropout; give dropout too"),
        (
            lambda: LanguageNetworkSettings(embedding_size=8, tie_weights=True),
            "tie_weights needs an embedding_size equal to hidden_size, got 8 and 384",
        ),
        (
            lambda: LanguageNetworkSettings(tie_weights=True, adaptive_softmax=True),
            "tie_weights cannot be combined with adaptive_softmax; choose one",
        ),
        (
            lambda: LanguageNetworkSettings(StackSettings(residual=True), embedding_size=8),
            "residual has no effect on one layer whose embedding_size differs from hidden_size",
        ),
    ],
)
def test_network_settings_that_contradict_each_other_are_refused(make, said):
    assert message(make) == said


def every_settings_class():
    package = Path(charnn.__file__).parent
    for path in package.rglob("*.py"):
        if "(Settings):" in path.read_text(encoding="utf-8"):
            importlib.import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))
    waiting, found = [Settings], []
    while waiting:
        waiting += (subclasses := waiting.pop().__subclasses__())
        found += [one for one in subclasses if one.__module__.startswith("charnn.")]
    return sorted(found, key=lambda one: one.__qualname__)


every_class = pytest.mark.parametrize("cls", every_settings_class(), ids=lambda one: one.__name__)
every_setting = pytest.mark.parametrize(
    ("cls", "one"), [pytest.param(cls, one, id=f"{cls.__name__}.{one.name}") for cls in every_settings_class() for one in own_settings(cls)]
)


def test_all_settings_classes_are_found():
    found = {cls.__name__ for cls in every_settings_class()}
    assert found >= {"StackSettings", "TokenizerSettings", "CorpusSettings", "SamplingSettings", "LoopSettings", "LanguageModelSettings"}


@every_setting
def test_every_setting_has_a_help_sentence(cls, one):
    assert re.fullmatch(r"[A-Z].*[.?]", one.metadata["help"])


@every_setting
def test_every_default_is_within_its_limits(cls, one):
    assert one.default is not MISSING
    check_value(one, setting_type(cls, one.name), one.default)


@every_setting
def test_every_setting_has_a_plain_type(cls, one):
    assert base_type(setting_type(cls, one.name)) in (bool, int, float, str, tuple[str, ...])


@every_setting
def test_every_setting_refuses_another_type(cls, one):
    assert message(lambda: cls(**{one.name: object()})).startswith(f"{one.name} must be ")


@every_class
def test_plain_data_gives_the_same_settings(cls):
    assert cls.from_plain(json.loads(json.dumps(cls().plain()))) == cls()


@every_class
def test_every_class_says_what_it_settles(cls):
    assert cls.__doc__.splitlines()[0].endswith(".")
    assert not cls.__doc__.startswith(f"{cls.__name__}(")


@every_class
def test_a_field_is_a_setting_or_settings(cls):
    nested = [one for one in fields(cls) if one not in own_settings(cls)]
    kinds = [setting_type(cls, one.name) for one in nested]
    assert all(is_several(kind) or issubclass(kind, Settings) for kind in kinds)


def test_nested_settings_are_one_level_by_path():
    plain = {"network": {"stack": {"layers": 2}, "tie_weights": False}, "seed": 1}
    assert flat(plain) == {"network.stack.layers": 2, "network.tie_weights": False, "seed": 1}


@every_setting
def test_an_older_name_of_a_setting_is_still_read(cls, one):
    plain = cls().plain()
    value = plain.pop(one.name)
    assert cls.from_plain({**plain, one.metadata["was"] or one.name: value}) == cls()
