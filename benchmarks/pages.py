"""How each page feels in a real browser: first content, stability, layout shift, and the answer to a click.

    python benchmarks/pages.py [RUNS]

At 1440 and 400 px, the median of the runs, in milliseconds: `content` until the title is there, `stable`
until the last change of the page; `shift`, the layout shift after the first content
(https://web.dev/articles/cls); of a click on the first tab or option that is not open, `answer` until
the first visible change, `settled`, and its `shift`; and `back`, the presses of *Back* until the address
is again what it was. Targets: shift 0.1, answer 100 ms, settled 1,000 ms, stable 1,500 ms, one press.
The embedded cloud shares the machine.
"""

import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks._sessions import COOKIES
from benchmarks.load import serving
from ops.embedded.lifecycle import start, stop
from ops.settings import Settings

PAGES = {
    "Overview": "/",
    "Snapshots": "/snapshots?database=shop-production",
    "Snapshot pipeline": "/snapshot_pipeline?database=shop-production",
    "Rollouts": "/rollouts",
    "Support stacks": "/support_stacks",
    "Logs": "/logs?t=1d",
    "Log export": "/log_export",
    "Audit": "/audit",
    "Settings": "/settings",
}
WIDTHS = {1440: 900, 400: 800}
RUNS = 3
QUIET_MS = 1_200  # without a change: the page is stable
LONGEST_MS = 30_000
PRESSES = 3
CHOICES = (
    '[data-testid="stMain"] [role=tab][aria-selected=false]',
    '[data-testid="stMain"] [role=radiogroup] label:not(:has(input:checked))',
)
WATCH = """
  const seen = (window.slipwaySeen = { shift: 0, changed: 0, content: 0, pressed: 0, answered: 0 });
  new PerformanceObserver((list) => {
    for (const { startTime, value } of list.getEntries()) {
      if (seen.content && startTime >= seen.content) seen.shift += value;
    }
  }).observe({ type: "layout-shift", buffered: true });
  const press = () => Object.assign(seen, { pressed: performance.now(), answered: 0, shift: 0 });
  addEventListener("pointerdown", press, true);
  new MutationObserver(() => {
    seen.changed = performance.now();
    if (!seen.content && document.querySelector('[data-testid="stMain"] h1')) seen.content = seen.changed;
    if (seen.pressed && !seen.answered) seen.answered = seen.changed;
  }).observe(document, { attributes: true, characterData: true, childList: true, subtree: true });
"""
STABLE = """(quiet) => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app?.dataset.testScriptState === "notRunning" && slipwaySeen.content
    && performance.now() - slipwaySeen.changed > quiet;
}"""


@dataclass(frozen=True)
class Feel:
    """What was measured of one page; times in milliseconds, None where there is nothing to choose."""

    content: float
    stable: float
    shift: float
    answer: float | None = None
    settled: float | None = None
    click_shift: float | None = None
    back: float | None = None


def measure(page: Page, address: str) -> Feel:
    page.goto(address)
    seen = stable(page)
    load = seen["content"], seen["changed"], seen["shift"]
    chosen = next((found for path in CHOICES if (found := page.locator(path).first).count()), None)
    if chosen is None:
        return Feel(*load)
    before = page.url
    chosen.click()
    seen = stable(page)
    pressed = seen["pressed"]
    return Feel(
        *load, seen["answered"] - pressed, seen["changed"] - pressed, seen["shift"], presses(page, before)
    )


def stable(page: Page) -> dict[str, float]:
    page.wait_for_function(STABLE, arg=QUIET_MS, timeout=LONGEST_MS)
    seen: dict[str, float] = page.evaluate("slipwaySeen")
    return seen


def presses(page: Page, address: str) -> float:
    """Return how often *Back* is pressed until the address is the former one; more than PRESSES: never."""
    for number in range(PRESSES + 1):
        if page.url == address:
            return number
        page.evaluate("history.back()")
        page.wait_for_timeout(500)
    return PRESSES + 1


def medians(feels: list[Feel]) -> Iterator[str]:
    for values in zip(*map(astuple, feels), strict=True):
        known = [value for value in values if value is not None]
        middle = statistics.median(known) if known else None
        yield "–" if middle is None else f"{middle:.2f}" if middle < 1 else f"{middle:,.0f}"


def report(browser: Browser, url: str, runs: int) -> None:
    for width, height in WIDTHS.items():
        print(f"\n| {width} px | content | stable | shift | answer | settled | shift of click | back |")
        print("|---|---:|---:|---:|---:|---:|---:|---:|")
        for name, path in PAGES.items():
            feels = []
            for _ in range(runs):
                context = browser.new_context(viewport={"width": width, "height": height})
                context.add_cookies([cookie(url)])  # type: ignore[list-item]
                page = context.new_page()
                page.add_init_script(WATCH)
                feels.append(measure(page, f"{url}{path}"))
                context.close()
            print(f"| {name} | {' | '.join(medians(feels))} |", flush=True)


def cookie(url: str) -> dict[str, str]:
    name, _, value = COOKIES[url.removeprefix("http://")].partition("=")
    return {"name": name, "value": value, "url": url}


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        sys.exit("No Chromium on the PATH: apt-get install chromium")
    data = Path(tempfile.mkdtemp(prefix="slipway-bench-"))
    data.chmod(0o755)
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    start(Settings(data=data).embedded_data, owner=True)
    with serving(data) as (address, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        report(browser, f"http://{address}", runs)
        browser.close()
    stop(Settings(data=data).embedded_data)
    shutil.rmtree(data, ignore_errors=True)


if __name__ == "__main__":
    main()
