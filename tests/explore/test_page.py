"""The page to explore, in a headless Chromium, on results that are in git."""

import csv
import json
import re
import shutil

import pandas as pd
import pytest
from conftest import REPOSITORY, run_main
from fedper.plan.config import read_config

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SCALES = ["cpu", pytest.param("former", marks=pytest.mark.slow)]
MARKS = "svg.marks [aria-roledescription='point']"


def make(scale, out, claims=None):
    """Make the page as the pipeline does; exit status and last words."""
    results = REPOSITORY / "results" / scale
    claims = claims or results / "claims.json"
    readings = results / "figures/multiverse.csv"
    config = read_config(REPOSITORY / f"config/{scale}.yaml", {})
    return run_main(
        "make_page.py", "--config", json.dumps(config), "--runs", results / "runs",
        "--claims", claims, *(["--readings", readings] if readings.exists() else []), "--out", out,
    )  # fmt: skip


@pytest.fixture(scope="module", params=SCALES)
def scale(request):
    return request.param


@pytest.fixture(scope="module")
def page_of(scale, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "explore.html"
    assert make(scale, out) == (0, "")
    return out


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no Chromium in PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser, page_of):
    """The page, open and without any network; afterwards, nothing may have gone wrong in it."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, offline=True)
    opened, wrong = context.new_page(), []
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("requestfailed", lambda request: wrong.append(request.url))
    opened.goto(page_of.as_uri())
    opened.wait_for_selector("body[data-ready=yes]")
    yield opened
    context.close()
    assert not wrong


def contents_of(path):
    found = re.search(r'id="contents">(.*?)</script>', path.read_text(encoding="utf-8"), re.S)
    return json.loads(found[1])


def chosen(page, name):
    return page.eval_on_selector(f"select[name={name}]", "e => e.selectedOptions[0].text")


def choose(page, **choices):
    for name, value in choices.items():
        page.select_option(f"select[name={name}]", value)
    page.wait_for_timeout(100)


def values_in(page, chart, field):
    """The values of a field in the descriptions that a chart's dots have for screen readers."""
    labels = page.eval_on_selector_all(
        f"#{chart} {MARKS}", "all => all.map(one => one.getAttribute('aria-label'))"
    )
    values = [re.search(rf"{field}: ([^;]+)", label)[1] for label in labels]
    return [float(value.replace("\N{MINUS SIGN}", "-")) for value in values]


def test_it_is_one_small_file(page_of):
    text = page_of.read_text(encoding="utf-8")
    assert page_of.stat().st_size < 6e6
    assert not re.search(r"<(script|link)[^>]+(src|href)=", text)


def test_a_broken_input_is_named_and_the_page_that_was_there_stays(tmp_path):
    out, claims = tmp_path / "explore.html", tmp_path / "claims.json"
    out.write_text("before")
    claims.write_text('{"claims": [{}], "data": "", "stand_ins": []}')
    status, message = make("former", out, claims=claims)
    assert status == 1
    assert str(claims) in message
    assert out.read_text() == "before"


def test_hovering_shows_a_run_and_a_click_its_clients(page, scale):
    choose(page, method="FedPer", seeds="each")
    dot = page.locator(f"#curves {MARKS}").last
    dot.hover(force=True)
    tip = page.locator("#vg-tooltip-element").inner_text()
    run = re.search(r"run\s+(\S+)", tip)[1]
    round_, accuracy = (float(re.search(rf"{n}\s+(\S+)", tip)[1]) for n in ("round", "accuracy"))
    history = pd.read_csv(REPOSITORY / f"results/{scale}/runs/{run}/history.csv")
    if "test" in history:
        history = history[history["test"] == "end averaged"]
    history["accuracy"] = history["correct"] / history["samples"]
    means = history.groupby("round")["accuracy"].mean()
    assert accuracy == pytest.approx(means[round_], abs=6e-4)

    dot.click(force=True)
    page.wait_for_timeout(100)
    last = history[history["round"] == history["round"].max()]["accuracy"]
    assert values_in(page, "clients", "accuracy in the last round") == pytest.approx(
        list(last), abs=1e-4
    )


def test_choices_narrow_what_is_drawn(page, page_of):
    lines = contents_of(page_of)["lines"]
    choose(page, k="all", model="all", seeds="each", method="FedAvg")
    wanted = [
        one for one in lines
        if one["dataset"] == chosen(page, "dataset") and one["method"] == "FedAvg"
        and one["run"] and one["reference"] and one["universe"] == "the reference"
    ]  # fmt: skip
    drawn = values_in(page, "ends", "accuracy in the last round")
    assert sorted(drawn) == pytest.approx(sorted(one["accuracy"][-1] for one in wanted))


def test_the_data_set_decides_what_can_be_chosen_and_an_empty_choice_says_so(page, page_of):
    lines = contents_of(page_of)["lines"]
    for dataset in {line["dataset"] for line in lines}:
        choose(page, dataset=dataset)
        offered = page.eval_on_selector_all("select[name=k] option", "all => all.map(o => o.text)")
        assert set(offered) == {"all", *(one["k"] for one in lines if one["dataset"] == dataset)}
        assert page.locator(f"#ends {MARKS}").count()
    assert page.inner_text("#message") == ""
    choose(page, method="FedAvg")
    depths = page.eval_on_selector_all("select[name=K_P] option", "all => all.map(o => o.text)")
    choose(page, K_P=next(one for one in depths if one not in ("all", "K_P = 0")))
    assert "No run like this" in page.inner_text("#message")
    assert not page.locator(f"#ends {MARKS}").count()


def test_the_keyboard_alone_is_enough(page):
    page.focus("select[name=method]")
    before = page.locator(f"#ends {MARKS}").count()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(100)
    assert chosen(page, "method") != "all"
    assert page.locator(f"#ends {MARKS}").count() < before
    page.focus("select[name=chosen]")
    assert page.evaluate("document.activeElement.name") == "chosen"


def test_verdicts_and_readings_are_those_of_the_files(page, scale):
    with (REPOSITORY / f"results/{scale}/figures/verdicts.csv").open() as file:
        means = [float(row["mean"]) for row in csv.DictReader(file) if row["unit"] == "accuracy"]
    assert values_in(page, "verdicts-0", "effect, in accuracy") == pytest.approx(means)
    file = REPOSITORY / f"results/{scale}/figures/multiverse.csv"
    assert page.locator("#readings").count() == file.exists()
    if file.exists():
        readings = pd.read_csv(file).dropna(subset="mean")
        claim = chosen(page, "effect").split(":")[0]
        wanted = readings.loc[readings["claim"] == claim, "mean"].sort_values(ascending=False)
        assert values_in(page, "readings", "effect, in accuracy") == pytest.approx(list(wanted))


def test_a_narrow_screen_scrolls_in_one_direction_only(page):
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
