"""Wait until a page has finished to change: its script has ended, and its charts and tables are drawn."""

from playwright.sync_api import Page

PATIENCE_MS = 180_000  # many times what anything takes, for a busy machine
STILL = '[data-testid="stApp"][data-test-script-state="notRunning"]'
UNCHANGED = """() => new Promise(resolve => {
    const observer = new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(done, 200); });
    const done = () => { observer.disconnect(); resolve(); };
    let timer = setTimeout(done, 200);
    observer.observe(document.body, {attributes: true, childList: true, subtree: true});
})"""


def wait_until_still(page: Page) -> None:
    """Return when the script has ended and the document has not changed for 0.2 seconds."""
    page.wait_for_selector(STILL)
    page.evaluate(UNCHANGED)
