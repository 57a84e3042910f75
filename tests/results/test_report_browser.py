"""The report in a real Chromium: no error, no request, sorting, the slider, figures that are not empty."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def chromium() -> str | None:
    """The system's Chromium, or the one that playwright has downloaded."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    with playwright.sync_playwright() as started:
        own = started.chromium.executable_path
    return own if os.path.exists(own) else None  # noqa: PTH110


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    path = chromium()
    if path is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, report_file: Path) -> Iterator[object]:  # type: ignore[no-untyped-def]
    """The page, and what went wrong in it so far."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.trouble = []
    page.on("console", lambda message: page.trouble.append(message.text))
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    page.on("request", lambda request: request.url.startswith("data:") or page.asked.append(request.url))
    page.asked = []
    page.goto(report_file.as_uri())
    yield page
    context.close()


def test_it_loads_without_an_error_or_a_request(opened, report_file: Path) -> None:  # type: ignore[no-untyped-def]
    opened.wait_for_load_state("networkidle")
    assert opened.trouble == []
    assert opened.asked == [report_file.as_uri()]
    assert opened.title() == "gan-bench report: <b>bold</b>, dcgan and wgan on digits: 10 trainings"


def test_a_press_on_a_title_sorts_and_a_second_one_turns_it_round(opened) -> None:  # type: ignore[no-untyped-def]
    names = "document.querySelector('#table table').tBodies[0].rows"
    order = f"[...{names}].map(row => row.cells[0].textContent)"
    assert opened.evaluate(order) == ["wgan", "<b>bold</b>", "dcgan"]
    title = opened.locator("#table table").first.get_by_role("button", name="variant")
    title.focus()
    opened.keyboard.press("Enter")
    assert opened.evaluate(order) == ["<b>bold</b>", "dcgan", "wgan"]
    opened.keyboard.press("Enter")
    assert opened.evaluate(order) == ["wgan", "dcgan", "<b>bold</b>"]
    head = opened.locator("#table table").first.locator("th[aria-sort]")
    assert head.count() == 1
    assert head.get_attribute("aria-sort") == "descending"
    opened.locator("#table table").first.get_by_role("button", name="FID\N{NO-BREAK SPACE}↓").click()
    assert opened.evaluate(order) == ["wgan", "<b>bold</b>", "dcgan"]


def test_the_slider_shows_one_point_of_the_training_by_keyboard(opened) -> None:  # type: ignore[no-untyped-def]
    slider = opened.get_by_label("Training so far")
    shown = (
        "[...document.querySelectorAll('#samples .frames li')].filter(li => li.offsetParent)"
        ".map(li => li.dataset.kimg)"
    )
    assert opened.evaluate(shown) == ["100.0"] * 3
    slider.focus()
    opened.keyboard.press("Home")
    assert opened.evaluate(shown) == ["0.0"] * 3
    assert slider.get_attribute("aria-valuetext") == "0 kimg"
    opened.keyboard.press("ArrowRight")
    assert opened.evaluate(shown) == ["50.0"] * 3
    assert opened.locator("#samples output").inner_text() == "50 kimg"
    loaded = "[...document.images].every(i => i.complete && i.naturalWidth > 0)"
    assert opened.evaluate(loaded)


def test_figures_are_not_empty_and_fit_at_any_width(opened) -> None:  # type: ignore[no-untyped-def]
    for width in (1200, 400):
        opened.set_viewport_size({"width": width, "height": 900})
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        sizes = opened.evaluate(
            "[...document.querySelectorAll('svg.plot')].map(s => [s.getBoundingClientRect().width,"
            " s.getBoundingClientRect().height, s.querySelectorAll('path,use').length])"
        )
        assert len(sizes) > 10
        assert all(w > 250 and h > 50 and parts > 5 for w, h, parts in sizes)


def test_dark_mode_reaches_into_the_figures(opened) -> None:  # type: ignore[no-untyped-def]
    shade = "getComputedStyle(document.querySelector('svg.plot text')).fill"
    light = opened.evaluate(shade)
    opened.emulate_media(color_scheme="dark")
    dark = opened.evaluate(shade)
    brightness = [sum(map(int, text.strip("rgb()").split(","))) for text in (light, dark)]
    assert brightness[0] < 300 < 600 < brightness[1]


def test_without_script_all_pictures_and_rows_are_there(browser, report_file: Path) -> None:  # type: ignore[no-untyped-def]
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report_file.as_uri())
    assert page.locator("#samples .frames li:visible").count() == 9
    assert not page.locator(".slider").first.is_visible()
    assert page.locator("#table table").first.locator("tbody tr").count() == 3
    context.close()


def test_on_paper_there_is_nothing_to_press(opened) -> None:  # type: ignore[no-untyped-def]
    opened.emulate_media(media="print")
    assert not opened.locator(".slider").first.is_visible()
    assert not opened.locator("nav").is_visible()
    assert opened.locator("#samples .frames li:visible").count() == 9  # the whole training, side by side
    assert opened.pdf(prefer_css_page_size=True).startswith(b"%PDF")
