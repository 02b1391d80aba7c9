"""A user without a mouse: Tab, Enter, Escape, arrows, and typing."""

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

MAX_TABS = 200  # enough for any element of a page


@dataclass(frozen=True)
class Keys:
    page: Page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        self.page.keyboard.type(text)

    def reach(self, target: Locator) -> None:
        """Press Tab until the target has the visible focus."""
        expect(target).to_be_enabled()
        for _ in range(MAX_TABS):
            if target.evaluate("element => element.getRootNode().activeElement === element"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"cannot reach {target} with Tab; the focus is on {self.focused_element()}")

    def push(self, name: str, *, within: Locator | None = None) -> None:
        """Press Enter on the button with that name."""
        self.reach((within or self.page).get_by_role("button", name=name, exact=True))
        self.page.keyboard.press("Enter")

    def focused_element(self) -> str:
        return str(self.page.evaluate("document.activeElement.outerHTML.slice(0, 300)"))
