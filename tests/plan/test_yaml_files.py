"""YAML is read as YAML 1.2 has it, and nothing in it is taken silently."""

import math
import re
import string
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, run_main
from fedper.errors import InputError
from fedper.plan.config import lay_over, read_config
from fedper.plan.yaml_files import parse_yaml, plain, read_yaml
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-05", 5e-05),  # as `dvc exp run -S` writes 0.00005
        ("1e3", 1000.0), ("-0.5", -0.5), ("7", 7), ("true", True), ("~", None),
        # by YAML 1.1 these are 8, 16, 62, True and a day
        ("010", "010"), ("0x10", "0x10"), ("1:02", "1:02"), ("yes", "yes"),
        ("2020-01-01", "2020-01-01"),
    ],
)  # fmt: skip
def test_scalars_are_what_they_look_like(text, value):
    assert parse_yaml(f"a: {text}") == {"a": value}
    assert type(parse_yaml(f"a: {text}")["a"]) is type(value)
    assert plain({"a": [text]}) == {"a": [value]}


NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|0o[0-7]+|0x[\da-fA-F]+|[-+]?\.inf")
"""Of YAML 1.2's core schema (section 10.3.2)."""
TEXTS = st.text(
    st.characters(exclude_characters="\x85\u2028\u2029", exclude_categories=["Cs"])
).filter(lambda text: not NUMBER.fullmatch(text))
"""PyYAML writes these three as they are and reads them as the end of a line; a text like 0E0, which
is a number by YAML 1.2 and none by 1.1, it does not quote."""
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(string.ascii_letters, min_size=1), inner)
    ),
    max_leaves=8,
)


@given(TREES)
def test_what_pyyaml_writes_is_read_back(tree):
    """1.1 quotes more than 1.2 needs; only -inf and texts like 0o7 have to look alike."""
    assert parse_yaml(yaml.safe_dump(tree, allow_unicode=True)) == tree


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_as_python_writes_it(value):
    read = parse_yaml(repr(value))
    assert type(read) is float
    assert math.copysign(1, read) == math.copysign(1, value)
    assert read == value


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: 1\nb: {c: 1, c: 2}\n", "the key 'c' stands twice in a mapping, line 2"),
        (b"a: 1\nb: 2\na: 3\n", "the key 'a' stands twice in a mapping, line 3"),
        ("title: für".encode("latin-1"), "not UTF-8 (byte 8); save it as UTF-8"),
        ("title: x".encode("utf-16"), "not UTF-8 (byte 0); save it as UTF-8"),
        (b"a: [", "not readable as YAML"),
        (b"a: " + b"[" * 5000, "not readable as YAML"),
        (b"? [1]\n: 2", "the key [1] is no text, line 1; put it in quotes"),
        (b"a: {1: 0}", "the key 1 is no text, line 1; put it in quotes"),
        (b"a: !!bool x", "not readable as YAML"),
        (b"a: !!int x", "not readable as YAML"),
        (b"a: !!timestamp x", "not readable as YAML"),
        (b'a: "\\U00110000"', "not readable as YAML"),
        (b"a: 1" + b"0" * 4301, "not readable as YAML"),
    ],
)
def test_what_cannot_be_trusted_is_one_line_with_the_file(tmp_path, content, words):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_yaml(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_copied_configuration_cannot_stand_for_another_scale(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text((REPOSITORY / "config/quick.yaml").read_text())
    with pytest.raises(
        InputError, match=r"scale: 'quick', but the file is mine.yaml.*'scale: mine'"
    ):
        read_config(path)
    assert read_config(path, {"scale": "mine"})["scale"] == "mine"


def test_what_config_lays_over_the_file_is_read_alike_and_blamed_for_itself():
    path = REPOSITORY / "config/quick.yaml"
    given_texts = {"seeds": ["0", "1"], "models": {"resnet34": {"width": "5e-01"}}}
    config = read_config(path, given_texts)
    assert config["seeds"] == [0, 1]
    assert config["models"]["resnet34"] == {**read_config(path)["models"]["resnet34"], "width": 0.5}
    assert config["datasets"] == read_config(path)["datasets"]
    with pytest.raises(InputError, match=r"quick.yaml with --config seeds: seeds.0: '010' is not"):
        read_config(path, {"seeds": ["010"]})
    assert lay_over({"a": {"b": 1, "c": 2}, "d": [1, 2]}, {"a": {"b": 3}, "d": [4]}) == {
        "a": {"b": 3, "c": 2}, "d": [4],
    }  # fmt: skip


def test_a_number_that_no_float_holds_is_one_line(tmp_path):
    path = tmp_path / "quick.yaml"
    text = (REPOSITORY / "config/quick.yaml").read_text()
    path.write_text(text.replace("momentum: 0.9", "momentum: 1" + "0" * 309))
    with pytest.raises(InputError, match=r"optimiser.momentum: 1000"):
        read_config(path)
    with pytest.raises(InputError, match=r"--config: Exceeds the limit"):
        read_config(REPOSITORY / "config/quick.yaml", {"seeds": ["1" + "0" * 4301]})


@pytest.mark.parametrize("key", ["a\nb", "a\u2028b", "a\r\nb"])
def test_what_an_error_quotes_is_in_one_line(tmp_path, monkeypatch, key):
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load((REPOSITORY / "config/quick.yaml").read_text()) | {key: 1}
    Path("quick.yaml").write_text(yaml.safe_dump(config))
    status, message = run_main("prune.py", "quick.yaml")
    assert (status, len(message.splitlines())) == (1, 1)
    assert message.startswith("error: quick.yaml: unknown key")


@pytest.mark.parametrize(
    "title", ["costs $5", "{}", "a\\b", "a~b", "x^2", "汉字", "a_b", "#1", "a\nb", "a\n"]
)
def test_a_text_that_some_figure_or_table_cannot_write_is_refused_before_anything_runs(title):
    path = REPOSITORY / "config/quick.yaml"
    with pytest.raises(InputError, match=r"title: .*; it may hold letters") as refused:
        read_config(path, {"datasets": {"cifar10": {"title": title}}})
    assert "\n" not in str(refused.value)
    method = read_config(path)["methods"]["FedAvg"]
    with pytest.raises(InputError, match="; it may hold letters"):
        read_config(path, {"methods": {title: method}})


@pytest.mark.parametrize("title", ["Größe, 30 % (\u03b1)", "a & b = c", "it's"])
def test_other_texts_are_taken(title):
    path = REPOSITORY / "config/quick.yaml"
    config = read_config(path, {"datasets": {"cifar10": {"title": title}}})
    assert config["datasets"]["cifar10"]["title"] == title
