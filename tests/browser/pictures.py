"""Pictures of the guides: taken by the tests, small enough for a repository. `make pictures` renews docs/."""

import io
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / os.environ.get("SLIPWAY_PICTURES", "test-artifacts/pictures")
WIDTH, HEIGHT = 1280, 860
COLOURS = 96  # a page has few: a fourth of the size
STILL = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def take(page: Page, name: str, *, height: int = HEIGHT) -> None:
    """What is to be seen of the page now, as `name`.png."""
    page.mouse.move(0, 0)
    if page.viewport_size != {"width": WIDTH, "height": height}:
        page.set_viewport_size({"width": WIDTH, "height": height})
        page.wait_for_timeout(700)  # charts fit the new size
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        small = shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    FOLDER.mkdir(parents=True, exist_ok=True)
    small.save(FOLDER / f"{name}.png", optimize=True)
