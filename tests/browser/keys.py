"""A person without a mouse: Tab, Enter, Escape, arrows, and what is typed."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

MOST_TABS = 200  # from the top of a page to anything on it
STILL = '[data-testid="stApp"][data-test-script-state="notRunning"]'


@dataclass(frozen=True)
class Keys:
    page: Page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        self.page.keyboard.type(text)

    def reach(self, target: Locator) -> None:
        """Tab until the focus is there, and is seen to be."""
        expect(target).to_be_enabled()
        for _ in range(MOST_TABS):
            if target.evaluate("each => each.getRootNode().activeElement === each"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"no way by Tab to {target}; it ends at {self.where()}")

    def push(self, name: str, *, within: Locator | None = None) -> None:
        """Enter on the button of that name."""
        self.reach((within or self.page).get_by_role("button", name=name, exact=True))
        self.page.keyboard.press("Enter")

    def where(self) -> str:
        return str(self.page.evaluate("document.activeElement.outerHTML.slice(0, 300)"))
