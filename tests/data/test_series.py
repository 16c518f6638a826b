"""Series: columns of tables, and errors for bad cells."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from charnn.data.series import Columns, Series, read_series
from charnn.data.settings import SeriesSettings
from charnn.errors import DataError, SettingError

TABLE = "day,sold,rain\n2020-01-01,1,0.5\n2020-01-02,2,1.5\n2020-01-03,4,.25\n"


def written(folder: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(folder: Path, text: str | bytes, name: str = "a.csv", **settings) -> Series:
    return read_series([written(folder, text, name)], SeriesSettings(**settings))


def refused(folder: Path, text: str | bytes, name: str = "a.csv", **settings) -> str:
    with pytest.raises((DataError, SettingError)) as raised:
        read(folder, text, name, **settings)
    return str(raised.value).replace(str(folder / name), name)


def test_a_table_gives_its_target_and_its_times(tmp_path):
    series = read(tmp_path, TABLE, target="sold")
    assert (series.columns, series.targets, series.values[:, 0].tolist()) == (("sold",), 1, [1, 2, 4])
    assert (series.time_column, series.times) == ("day", ("2020-01-01", "2020-01-02", "2020-01-03"))
    assert series.clock.words == "every day"
    assert series.places[0] == f"{tmp_path / 'a.csv'}:2"


def test_inputs_stand_behind_the_targets(tmp_path):
    text = "a,b,c\n1,2,3\n4,5,6\n"
    series = read(tmp_path, text, target="b", inputs="all")
    assert (series.columns, series.targets, series.values.tolist()) == (("b", "a", "c"), 1, [[2, 1, 3], [5, 4, 6]])
    series = read(tmp_path, text, target="c, a", inputs="b")
    assert (series.columns, series.targets, series.values.tolist()) == (("c", "a", "b"), 2, [[3, 1, 2], [6, 4, 5]])


def test_a_column_whose_name_has_a_comma_is_named_whole(tmp_path):
    assert read(tmp_path, '"a, b",c\n1,2\n3,4\n', target="a, b").columns == ("a, b",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "x\n1\n2.5\n-3e2\n"),
        ("a.txt", "1\n2.5\n-3e2\n"),
        ("a.tsv", "t\tx\nfirst\t1\nsecond\t2.5\nthird\t-3e2\n"),
        ("a.csv", "\ufefft;x\r\nfirst;1\r\n\r\nsecond;2.5\r\nthird;-3e2"),
        ("a.jsonl", '{"x": 1}\n{"x": 2.5}\n{"x": -300}\n'),
        ("a.csv", '"t","x"\n"first",1\n"second"," 2.5 "\n"third","-3e2"'),
        ("a", "first,1\nsecond,2.5\nthird,-3e2"),
    ],
)
def test_every_form_gives_the_same_numbers(tmp_path, name, text):
    assert read(tmp_path, text, name).values.tolist() == [[1], [2.5], [-300]]


def test_files_follow_each_other(tmp_path):
    paths = [written(tmp_path, f"x\n{number}\n", f"{number}.csv") for number in (3, 1, 2)]
    assert read_series(paths, SeriesSettings()).values[:, 0].tolist() == [3, 1, 2]
    written(tmp_path, gzip.compress(b"x\n5\n"), "a.csv.gz")
    assert read_series([tmp_path / "a.csv.gz"], SeriesSettings()).values.tolist() == [[5]]


def test_a_missing_value_is_refused_or_filled_in(tmp_path):
    text = "t,x\na,\nb,2\nc,NA\nd,-\ne,8\nf,null\n"
    assert refused(tmp_path, text, target="x") == "a.csv:2: the value of x is missing; fill it in, or say --missing interpolate"
    series = read(tmp_path, text, target="x", missing="interpolate")
    assert series.values[:, 0].tolist() == [2, 2, 4, 6, 8, 8]
    assert series.interpolated == 4


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("", {}, "a.csv: holds no numbers; give a table with a column of them, or a number a line"),
        ("x\n", {}, "a.csv: holds no numbers; give a table with a column of them, or a number a line"),
        ("x\n1\ntwo\n", {}, "a.csv:3: the column x should hold a number, got 'two'; correct it, or name another --target"),
        ("x\n1\n1e999\n", {}, "a.csv:3: the column x should hold a number, got '1e999'; correct it, or name another --target"),
        ("x\n1\n1_000\n", {}, "a.csv:3: the column x should hold a number, got '1_000'; correct it, or name another --target"),
        ("x\n1\n٣\n", {}, "a.csv:3: the column x should hold a number, got '٣'; correct it, or name another --target"),
        ("x,y\n1,2\n3\n", {"target": "x"}, "a.csv:3: expected 2 columns (x, y), found 1"),
        ("x,x\n1,2\n", {}, "a.csv:1: the header line names a column twice: x, x"),
        ('x\n"1\n2\n', {}, "a.csv:2: a quote that is opened here is not closed; close it, or write a quote within a quoted cell twice"),
        ("x,y\n1,2\n", {}, "a.csv:2: which column is to be predicted? say --target; there are x, y"),
        ("t,u\na,b\n", {}, "a.csv:2: which column is to be predicted? say --target; there are u"),
        ("x,y\n1,2\n", {"target": "z"}, "target names 'z', and a.csv:2 has x, y"),
        ("x,y\n1,2\n", {"target": "x,x"}, "target names a column twice: x,x"),
        ("x,y\n1,2\n", {"target": "x", "inputs": "x"}, "inputs names 'x', and a.csv:2 has y"),
        ("x,y\n1,2\n", {"target": "x", "time_column": "z"}, "time_column names 'z', and a.csv:2 has x, y"),
        (b"x\n1\n\xff\n", {}, "a.csv:3: byte 0 is not valid utf-8; say the right --encoding, or --errors replace"),
        ("x\n1\n\0\n", {}, "a.csv:3: character 0 is NUL, so this is no text; leave it out, or say --errors replace"),
        ("x\n-\n-\n", {"missing": "interpolate", "target": "x"}, "a.csv: the column x holds no values; name another --target"),
    ],
)
def test_bad_tables_end_in_a_sentence(tmp_path, text, settings, message):
    assert refused(tmp_path, text, **settings) == message


def test_known_columns_are_looked_for_by_name(tmp_path):
    known = Columns(("rain", "sold"), 1, "day")
    series = read_series([written(tmp_path, TABLE)], SeriesSettings(), known)
    assert (series.columns, series.values[0].tolist()) == (("rain", "sold"), [0.5, 1])
    with pytest.raises(DataError) as raised:
        read_series([written(tmp_path, "day,sold\n2020-01-01,1\n", "b.csv")], SeriesSettings(), known)
    assert str(raised.value) == f"{tmp_path / 'b.csv'}:2: has no column 'rain'; there are day, sold"


def test_a_file_of_numbers_stands_for_the_only_column(tmp_path):
    known = Columns(("sold",), 1, None)
    assert read_series([written(tmp_path, "1\n2\n", "a.txt")], SeriesSettings(), known).values[:, 0].tolist() == [1, 2]


def test_the_cosine_is_that_of_3000_points_from_1_to_100():
    series = read_series(["cosine"], SeriesSettings())
    assert np.allclose(series.values[:, 0], np.cos(np.linspace(1, 100, 3000)), atol=1e-9, rtol=0)


def test_real_series_are_read(real_data):
    folder = real_data / "timeseries"
    air = read_series([folder / "AirPassengers.csv"], SeriesSettings())
    assert (air.columns, len(air), air.values[0, 0], air.times[-1], air.clock.season) == (("#Passengers",), 144, 112, "1960-12", 12)
    sun = read_series([folder / "monthly-sunspots.csv"], SeriesSettings())
    assert (len(sun), sun.irregular, sun.clock.words) == (2820, 0, "every month")
    oil = read_series([folder / "ETTh1.csv"], SeriesSettings(target="OT", inputs="all"))
    assert (oil.values.shape, oil.clock.words, oil.irregular) == ((17420, 7), "every hour", 0)
