"""Screenshots for the guides, small enough for a repository. `make pictures` updates those in docs/."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from tests.browser.still import wait_until_still

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / os.environ.get("SLIPWAY_PICTURES", "test-artifacts/pictures")
WIDTH, HEIGHT = 1280, 860
COLORS = 96  # enough for a page, at a quarter of the file size


def take(page: Page, name: str, *, height: int = HEIGHT) -> None:
    """Save the visible part of the page as `name`.png."""
    page.mouse.move(0, 0)
    if page.viewport_size != {"width": WIDTH, "height": height}:
        page.set_viewport_size({"width": WIDTH, "height": height})
        wait_until_still(page)  # charts are resized
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        small = shot.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
    FOLDER.mkdir(parents=True, exist_ok=True)
    small.save(FOLDER / f"{name}.png", optimize=True)
