"""Pictures of `fastcar report` for docs/report.md: light, dark and without colours.

    python -m tools.report_screenshots [--folder DIR] [--runs DIR]

Runs the commands that the page shows, as far as their results are not there yet, writes the page
beside them, and takes its pictures in a headless Chromium.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from fastcar.cli.main import run
from fastcar.html_report.output import write_html_report
from fastcar.output import write_atomically
from tools.browser import has_browser, open_browser, open_page, set_scheme, take_screenshot
from tools.paths import DOCS

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

RUNS = Path("out") / "report"
COMMANDS = {
    "videos": (
        *("generate", "--prompt", "3 right-down", "--prompt", "7 left", "--target-ratio", "0.3"),
        *("--guidance", "2", "--gate", "input", "--engine", "numpy"),
    ),
    "cosim.json": ("cosim",),
    "prove.json": ("prove", "--instances", "5"),
}
"""By the name of what they write."""
PICTURES = {
    "report_light.png": (".player", ".panel", "light"),
    "report_dark.png": ("[data-timeline]", ".run", "dark"),
    "report_grey.png": (".chart[id$=-frames-ratio]", ".panel", "grey"),
}
"""By name: what is shown, the element around it that the picture begins with, and how."""
WIDTH_PIXELS = 1240
HEIGHT_PIXELS = 1150


def make_runs(folder: Path) -> list[Path]:
    """Results of the commands; those that are there are kept."""
    paths = [folder / name for name in COMMANDS]
    for path, arguments in zip(paths, COMMANDS.values(), strict=True):
        if not path.exists() and run((*arguments, "--out", str(path))):
            raise SystemExit(f"fastcar {' '.join(arguments)} failed")
    return paths


def save_screenshots(driver: WebDriver, page: Path, folder: Path) -> list[Path]:
    """Take the pictures of a page that has what they show.

    Args:
        driver: a browser.
        page: HTML file.
        folder: of the pictures.
    """
    open_page(driver, page)
    paths = []
    for name, (selector, around, kind) in PICTURES.items():
        set_scheme(driver, "dark" if kind == "dark" else "light")
        script = (
            "return document.querySelector(arguments[0]).closest(arguments[1])"
            ".getBoundingClientRect().top + window.scrollY"
        )
        top = int(driver.execute_script(script, selector, around))
        image = Image.open(BytesIO(take_screenshot(driver, top, HEIGHT_PIXELS)))
        mode = "L" if kind == "grey" else "RGB"
        with write_atomically(folder / name) as partial:
            image.convert(mode).save(partial, "PNG", optimize=True)
        paths.append(folder / name)
    return paths


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 2 where there is no browser."""
    parser = argparse.ArgumentParser(description="Pictures of fastcar report.")
    parser.add_argument("--folder", type=Path, default=DOCS, help="of the pictures")
    parser.add_argument("--runs", type=Path, default=RUNS, help="of the results that are shown")
    given = parser.parse_args(arguments)
    if not has_browser():
        print("screenshots: chromium or chromedriver is not installed", file=sys.stderr)
        return 2
    page = given.runs / "report.html"
    write_html_report(make_runs(given.runs), page)
    with open_browser(WIDTH_PIXELS, HEIGHT_PIXELS) as driver:
        for path in save_screenshots(driver, page, given.folder):
            print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
