"""Pictures of a page: small files of what they should show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastcar.cli.main import run
from fastcar.html_report.output import write_html_report
from tests.fastcar.html_report.sample_runs import write_generate_run
from tools import report_screenshots
from tools.browser import has_browser, open_browser
from tools.paths import DOCS

MAX_PICTURE_BYTES = 300_000


@pytest.mark.slow
@pytest.mark.skipif(not has_browser(), reason="chromium or chromedriver is not installed")
def test_pictures_are_light_dark_and_grey(tmp_path: Path) -> None:
    runs = [write_generate_run(tmp_path), tmp_path / "cosim.json"]
    sizes = ("--batch", "3", "--cores", "2", "--lanes", "8", "--calibration-clips", "2")
    checkpoint = ("--checkpoint", str(tmp_path / "model"))
    assert run(("cosim", *checkpoint, *sizes, "--out", str(runs[1]))) == 0
    write_html_report(runs, tmp_path / "page.html")
    with open_browser(report_screenshots.WIDTH_PIXELS, 800) as driver:
        paths = report_screenshots.save_screenshots(driver, tmp_path / "page.html", tmp_path)
    assert [path.name for path in paths] == list(report_screenshots.PICTURES)
    light, dark, grey = (np.array(Image.open(path)) for path in paths)
    assert light.shape[:2] == (report_screenshots.HEIGHT_PIXELS, report_screenshots.WIDTH_PIXELS)
    assert np.median(light) > 200
    assert np.median(dark) < 60
    assert grey.ndim == 2
    assert all(path.stat().st_size < MAX_PICTURE_BYTES for path in paths)


def test_without_a_browser_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(report_screenshots, "has_browser", lambda: False)
    assert report_screenshots.main(["--folder", str(tmp_path), "--runs", str(tmp_path)]) == 2
    assert "chromium or chromedriver is not installed" in capsys.readouterr().err


def test_kept_pictures_are_small() -> None:
    for name in report_screenshots.PICTURES:
        assert (DOCS / name).stat().st_size < MAX_PICTURE_BYTES
