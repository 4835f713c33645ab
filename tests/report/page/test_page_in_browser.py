"""The page in headless Chromium: what a reader does with mouse, keyboard, phone and printer."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_content import HOSTILE, METHODS, image_colour, partly_known_scene, turned_scene

from egotap_pl.report.contents import Report
from egotap_pl.report.page import write_page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path: apt-get install chromium")

Open = Callable[..., Any]
SPACE = "document.getElementById('space').toDataURL()"
SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def file(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "index.html"
    write_page(report, path)
    return path


@pytest.fixture
def opened(browser: Any, file: Path) -> Iterator[Open]:
    """Opens a page; at the end nothing has gone wrong on it, and nothing was asked of the network."""
    contexts, wrong, asked = [], [], []

    def open_page(path: Path = file, **options: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **options}))
        page = contexts[-1].new_page()
        page.on("console", lambda message: wrong.append(message.text) if is_wrong(message) else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.evaluate(SETTLED) if options.get("java_script_enabled", True) else None
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong
    assert all(url.startswith(("data:", "file://")) and not url.endswith(("/x", ".js", ".css")) for url in asked)


@pytest.fixture(scope="module")
def turned_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("turned") / "index.html"
    write_page(Report("Turned", {}, [], scene=turned_scene()), path)
    return path


def is_wrong(message: Any) -> bool:
    """Errors and warnings, but for what Chromium says of a test that reads the drawing."""
    return message.type in ("error", "warning") and "Multiple readback operations" not in message.text


def changes(page: Any, act: Callable[[], object]) -> bool:
    """Whether an action changes the drawing."""
    before = page.evaluate(SPACE)
    act()
    page.evaluate(SETTLED)
    return bool(page.evaluate(SPACE) != before)


def until(page: Any, condition: str) -> None:
    """Waits; Playwright's own way would evaluate strings in the page, which its policy forbids."""
    for _ in range(500):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(20)
    raise AssertionError(condition)


def names(page: Any) -> list[str]:
    return [text.strip() for text in page.locator("#table-errors tbody th").all_text_contents()]


def test_slider_keys_and_methods_change_the_drawing(opened: Open):
    page = opened()
    assert not changes(page, lambda: None)
    assert changes(page, lambda: page.locator("#frame").fill("4"))
    assert page.locator("#position").text_content() == "4 / 21"
    assert changes(page, lambda: page.locator("#frame").press("ArrowRight"))
    assert page.locator("#position").text_content() == "5 / 21"
    assert changes(page, lambda: page.get_by_label("EgoTAP", exact=True).uncheck())
    assert changes(page, lambda: page.get_by_label("third", exact=True).check())
    assert changes(page, lambda: page.get_by_label("truth", exact=True).uncheck())
    assert changes(page, lambda: page.get_by_label("lines from true to estimated joints").check())
    assert changes(page, lambda: page.locator("#joint").select_option("hand_l"))
    assert changes(page, lambda: page.locator("#motion").select_option("m0"))
    assert page.locator("#position").text_content() == "1 / 5"


def test_drag_wheel_keys_and_buttons_turn_and_zoom(opened: Open):
    page = opened()
    space = page.locator("#space")
    first = page.evaluate(SPACE)
    space.scroll_into_view_if_needed()
    box = space.bounding_box()

    def drag() -> None:
        page.mouse.move(box["x"] + 200, box["y"] + 200)
        page.mouse.down()
        page.mouse.move(box["x"] + 260, box["y"] + 220)
        page.mouse.up()

    assert changes(page, drag)
    assert not changes(page, lambda: page.mouse.move(box["x"] + 100, box["y"] + 100))  # the button is up
    page.locator("#motion").focus()
    assert not changes(page, lambda: page.mouse.wheel(0, 1)), "the wheel scrolls the page until the drawing is clicked"
    space.focus()
    assert changes(page, lambda: page.mouse.wheel(0, -200))
    for key in ("ArrowLeft", "ArrowUp", "+", "-"):
        assert changes(page, partial(space.press, key))
    for name in ("front", "side", "camera’s", "Zoom in"):
        assert changes(page, page.get_by_role("button", name=name).click)
    page.get_by_role("button", name="reset").click()
    page.evaluate(SETTLED)
    assert page.evaluate(SPACE) == first


def test_two_fingers_zoom(opened: Open):
    page = opened(has_touch=True)
    pinch = """([near, far]) => {
      const space = document.getElementById('space'), box = space.getBoundingClientRect();
      space.setPointerCapture = () => {};
      const send = (type, id, x) => space.dispatchEvent(new PointerEvent(type,
        {pointerId: id, pointerType: 'touch', clientX: box.x + x, clientY: box.y + 100, bubbles: true}));
      send('pointerdown', 1, 100); send('pointerdown', 2, near); send('pointermove', 2, far);
      send('pointerup', 1, 100); send('pointerup', 2, far);
    }"""
    first = page.evaluate(SPACE)
    assert changes(page, lambda: page.evaluate(pinch, [200, 300]))
    page.evaluate(pinch, [300, 200])
    page.evaluate(SETTLED)
    assert page.evaluate(SPACE) == first


def test_playing_goes_on_and_stops(opened: Open):
    page = opened()
    page.locator("#speed").select_option("25")
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "document.getElementById('position').textContent.startsWith('4 ')")
    assert page.locator("#frame-text").get_attribute("aria-live") == "off"
    page.get_by_role("button", name="Pause", exact=True).click()
    page.evaluate(SETTLED)  # the frame that was under way is drawn yet
    assert not changes(page, lambda: page.wait_for_timeout(150))
    assert page.locator("#frame-text").get_attribute("aria-live") == "polite"


def test_errors_are_told_in_numbers_and_words(opened: Open, report: Report):
    page, scene = opened(), report.scene
    assert scene is not None
    errors = {
        name: 10 * np.linalg.norm(pose - scene.truth_cm, axis=-1).mean(-1) for name, pose in scene.estimates_cm.items()
    }
    page.locator("#motion").select_option("all")
    page.locator("#frame").fill("20")
    page.evaluate(SETTLED)
    told = page.locator(".methods tbody tr").filter(has_text="sixth").locator("td").all_text_contents()
    assert [float(text) for text in told] == pytest.approx([errors["sixth"][19], errors["sixth"].mean()], abs=0.51)
    words = page.locator("#frame-text").text_content()
    assert f"EgoTAP: {errors['EgoTAP'][19]:.0f} mm on average" in words
    seen = int((scene.visibility[19] == 1).any(0).sum())
    assert f"{seen} of 16 joints are seen" in words
    page.get_by_role("button", name="worst").click()
    page.evaluate(SETTLED)
    assert page.locator("#position").text_content() == "26 / 26"  # the step grows with the frame
    page.locator("#frame").fill("4")
    page.evaluate(SETTLED)
    told = page.locator(".methods tbody tr").filter(has_text="third").locator("td").first.text_content()
    assert told == "–"  # not a number


def test_joints_that_are_not_known_count_in_no_mean(opened: Open, tmp_path: Path):
    write_page(Report("Partly known", {}, [], scene=partly_known_scene()), tmp_path / "index.html")
    page = opened(tmp_path / "index.html")
    cells = page.locator(".methods tbody tr").filter(has_text="method").locator("td")
    expected = {1: (70 / 3, "tip"), 2: (15, "middle"), 3: (None, None)}
    for frame, (error, worst) in expected.items():
        page.locator("#frame").fill(str(frame))
        page.evaluate(SETTLED)
        now, mean = cells.all_text_contents()
        assert now == (f"{error:.0f}" if error else "–")
        assert float(mean) == pytest.approx((70 / 3 + 15) / 2, abs=0.51)
        assert worst is None or f"most at {worst}" in page.locator("#frame-text").text_content()


def test_images_and_heatmaps_are_the_frames_own(opened: Open):
    page = opened()
    page.locator("#motion").select_option("all")
    for frame in (0, 7, 8, 25):  # of several sheets
        page.locator("#frame").fill(str(frame + 1))
        canvases = "[...document.querySelectorAll('.views canvas')]"
        until(page, f"{canvases}.every(c => c.dataset.shown?.startsWith('{frame} '))")
        pixels = page.evaluate(
            """() => [...document.querySelectorAll('.views canvas')].map(c =>
               [...c.getContext('2d').getImageData(c.width >> 1, c.height >> 1, 1, 1).data].slice(0, 3))"""
        )
        images = np.array([image_colour(frame, view) for view in range(2)])
        np.testing.assert_allclose(pixels[:2], images, atol=12)
        np.testing.assert_allclose(pixels[2:], np.minimum(0.35 * images + [100, 0, 0], 255), atol=12)


def test_the_cameras_view_is_the_cameras(opened: Open, turned_file: Path):
    """Right in the camera is right on the screen, and down is down. From the front, far from the cameras is down."""
    page = opened(turned_file)
    middles = """() => {
      const c = document.getElementById('space'), {data} = c.getContext('2d').getImageData(0, 0, c.width, c.height);
      const sums = {truth: [0, 0, 0], method: [0, 0, 0]};
      for (let k = 0; k < data.length; k += 4) {
        const [r, , b] = data.subarray(k, k + 3);
        const of = b > r + 100 ? sums.truth : r > b + 150 ? sums.method : null;
        if (of) { of[0] += (k / 4) % c.width; of[1] += Math.floor(k / 4 / c.width); of[2] += 1; }
      }
      return Object.values(sums).map(([x, y, n]) => [x / n, y / n]);
    }"""
    page.get_by_role("button", name="camera’s").click()
    page.evaluate(SETTLED)
    truth, method = page.evaluate(middles)
    assert method[0] > truth[0] + 20
    assert method[1] > truth[1] + 20
    page.get_by_role("button", name="front").click()
    page.evaluate(SETTLED)
    truth, method = page.evaluate(middles)
    assert method[0] > truth[0] + 20  # right in UnrealEgo's images is the wearer's left: right of who looks at him
    assert method[1] > truth[1] + 20  # further from the cameras is lower


def test_no_more_methods_at_once_than_there_are_colours(opened: Open):
    page = opened()
    for name in ("third", "fourth", "fifth"):
        page.get_by_label(name, exact=True).check()
    assert page.get_by_label("sixth", exact=True).is_disabled()
    assert "No more than 5" in page.locator(".methods-note").text_content()
    classes = page.locator(".methods svg").evaluate_all("all => all.map(s => s.getAttribute('class'))")
    assert len({name for name in classes if "slot" in name}) == 5
    page.get_by_label("EgoTAP", exact=True).uncheck()
    page.get_by_label("sixth", exact=True).check()
    assert len(METHODS) == 7


def test_tables_sort_by_click_and_key(opened: Open):
    page = opened()
    heading = page.locator("#table-errors thead th").nth(1)
    button = heading.get_by_role("button")
    button.click()
    assert names(page) == ["c", "a", "b", "none"]  # by value, not by text; without a value last
    assert heading.get_attribute("aria-sort") == "ascending"
    button.press("Enter")
    assert names(page) == ["b", "a", "c", "none"]
    assert heading.get_attribute("aria-sort") == "descending"
    button.press("Space")
    assert names(page) == ["b", "a", "none", "c"]
    assert heading.get_attribute("aria-sort") is None
    page.locator("#table-errors thead th").first.get_by_role("button").click()
    assert names(page) == ["a", "b", "c", "none"]


def test_figures_enlarge_and_escape_closes(opened: Open):
    page = opened()
    page.get_by_role("button", name="Enlarge: A line").click()
    dialog = page.get_by_role("dialog")
    assert dialog.locator("img").get_attribute("alt").startswith("A rising line")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def test_hostile_names_are_only_names(opened: Open):
    page = opened()
    assert page.evaluate("window.broken") is None
    assert page.locator("h1").text_content() == f"Report {HOSTILE}"
    assert page.title() == f"Report {HOSTILE}"
    assert HOSTILE in page.locator(".methods").text_content()
    assert HOSTILE in page.locator("#frame-text").text_content()
    assert page.locator("#figure-line img").get_attribute("alt") == f"A rising line {HOSTILE}"
    assert page.locator("img[src=x]").count() == 0


def test_the_policy_lets_nothing_out(browser: Any, file: Path):
    page = browser.new_page()
    page.goto(file.as_uri())
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        tried = page.evaluate(f"fetch('{address}/').then(() => 'went', () => 'blocked')")
        image = f"Object.assign(new Image(), {{src: '{address}/a.png', onerror: done, onload: done}})"
        page.evaluate(f"new Promise(done => document.body.append({image}))")
        script = "Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'})"
        page.evaluate(f"document.body.append({script})")
        assert (tried, page.evaluate("window.ran")) == ("blocked", None)
        with pytest.raises(BlockingIOError):  # nobody has knocked
            server.accept()
    page.close()


@pytest.mark.parametrize("width", [320, 375, 768, 1101, 1600])
def test_nothing_is_wider_than_the_screen(opened: Open, width: int):
    page = opened(viewport={"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    scroller = page.locator("#table-wide .table-scroll")
    assert scroller.evaluate("e => e.scrollWidth > e.clientWidth")  # the table scrolls in itself
    assert scroller.get_attribute("tabindex") == "0"


def test_print_shows_tables_whole_and_light(opened: Open):
    page = opened(color_scheme="dark")
    dark = page.evaluate(SPACE)
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate(SETTLED)
    assert page.locator("#table-errors table").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#table-wide .table-scroll").evaluate("e => getComputedStyle(e).overflowX") == "visible"
    for hidden in (".contents", ".transport", ".bar", ".tools"):
        assert not page.locator(hidden).is_visible()
    assert page.evaluate(SPACE) != dark


def test_colours_follow_the_scheme(opened: Open):
    page = opened(color_scheme="light")
    assert changes(page, lambda: page.emulate_media(color_scheme="dark"))


def test_without_scripts_tables_and_figures_are_there(opened: Open):
    page = opened(java_script_enabled=False)
    assert page.locator("#table-errors table").is_visible()
    assert page.locator("#figure-line img").is_visible()
    assert page.locator("noscript p").is_visible()


def test_every_control_has_a_name(opened: Open):
    page = opened()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, select, input, a')].filter(e =>
           !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.[0]?.textContent.trim()))
           .map(e => e.outerHTML)"""
    )
    assert nameless == []


def test_poses_alone_have_no_errors(opened: Open, tmp_path: Path):
    """Of a recording, nothing is known to be true."""
    scene = turned_scene()
    alone = type(scene)(**{**vars(scene), "estimates_cm": {}, "reference": "estimate", "title": "Poses in 3D"})
    write_page(Report("Alone", {}, [], scene=alone, made_by="egotap view"), tmp_path / "index.html")
    page = opened(tmp_path / "index.html")
    for hidden in ("#joint", "#gaps", "#curve", ".methods", ".bar .group"):
        assert not page.locator(hidden).is_visible(), hidden
    assert page.locator("#space").is_visible()
    assert page.locator("h2").text_content() == "Poses in 3D"
    assert "egotap view" in page.locator("footer").text_content()
    assert "mm" not in page.locator("#frame-text").text_content()
    assert changes(page, page.get_by_role("button", name="side").click)
    for query in ("dark", "light"):  # redraws everything
        page.emulate_media(color_scheme=query)
    page.evaluate(SETTLED)
