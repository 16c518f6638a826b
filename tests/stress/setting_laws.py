"""What settings promise of any plain data: settings that come back the same, or a SettingError."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from hypothesis import strategies as st

from charnn.errors import SettingError
from charnn.settings import Settings, base_type, is_settings, is_several, setting_type
from tests.test_settings import every_settings_class

NUMBERS = [0, 1, -1, 2, 1.0, 0.5, -0.0, 1e-300, 1e308, 10**400, 2**31, 2**63, 2**64, float("nan"), float("inf"), True, False]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(NUMBERS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def laws() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """The law of each class of settings: name, law, inputs."""
    for cls in every_settings_class():
        yield f"{cls.__name__} from plain data", partial(_is_settings_or_refused, cls), {"plain": plain_data(cls)}


def plain_data(cls: type[Settings]) -> st.SearchStrategy[dict[str, Any]]:
    """Dictionaries of some of the settings, with values that are mostly of the right kind; and now and then of others."""
    names = {name: _values(cls, name) for name in cls.__dataclass_fields__}
    others = st.dictionaries(st.text(max_size=9) | st.sampled_from([*sorted(names), "none"]), anything, max_size=2)
    return st.builds(lambda known, more: {**known, **more}, st.fixed_dictionaries({}, optional=names), others | st.just({}))


def _values(cls: type[Settings], name: str) -> st.SearchStrategy[Any]:
    kind = setting_type(cls, name)
    if is_settings(kind):
        return plain_data(kind)
    if is_several(kind):
        return st.lists(st.text(max_size=9), max_size=2)
    limits = cls.__dataclass_fields__[name].metadata["limits"]
    near = [one + step for one in (limits.least, limits.most, limits.above, limits.below) if one is not None for step in (-1, 0, 1)]
    if limits.choices is not None:
        return st.sampled_from(limits.choices)
    kinds: dict[Any, st.SearchStrategy[Any]] = {
        int: st.sampled_from([*map(int, near), 1, 2, 5]) | st.integers(0, 1000),
        float: st.sampled_from([*near, 0.5, 1]) | st.floats(0, 1),
        bool: st.booleans(),
        str: st.sampled_from(["utf-8", "text", "1/2", "3", "form"]) | st.text(max_size=5),
    }
    return kinds[base_type(kind)] | st.none()


def _is_settings_or_refused(cls: type[Settings], plain: dict[str, Any]) -> None:
    try:
        found = cls.from_plain(plain)
    except SettingError:
        return
    assert cls.from_plain(found.plain()) == found
    assert cls.from_plain(json.loads(json.dumps(found.plain()))) == found
