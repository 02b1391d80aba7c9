"""A rollout file generated from a few answers: those of the page's form and of the command line. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Draft:
    """The required answers. Everything else gets the defaults, which follow Amazon's published practice."""

    stack: str
    template: str
    accounts: Sequence[str]
    regions: Sequence[str]
    first: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    capabilities: Sequence[str] = ()
    alarms: Sequence[str] = ()
    overrides: Sequence[tuple[str, str, Mapping[str, str]]] = ()  # account, region, parameters
    unmeasured: str = "only failures and alarms are monitored"

    def to_toml(self) -> str:
        """Return the file's text. Strings are quoted as JSON, which is also valid TOML."""
        lines = ["[what]", f"stack = {_text(self.stack)}", f"template = {_text(self.template)}"]
        if self.capabilities:
            lines.append(f"capabilities = {_texts(self.capabilities)}")
        if self.parameters:
            lines += ["", "[what.parameters]", *_pairs(self.parameters)]
        where = [f"accounts = {_texts(self.accounts)}", f"regions = {_texts(self.regions)}"]
        lines += ["", "[[where]]", *where]
        for account, region, parameters in self.overrides:
            lines += ["", "[[override]]", f"account = {_text(account)}", f"region = {_text(region)}"]
            lines += ["", "[override.parameters]", *_pairs(parameters)]
        lines += ["", "[order]", f"first = {_text(self.first)}"]
        lines += ["", "[evidence]", f"none = {_text(self.unmeasured)}"]
        if self.alarms:
            lines += ["", "[alarms]", f"target = {_texts(self.alarms)}"]
        return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _pairs(values: Mapping[str, str]) -> list[str]:
    return [f"{_text(name)} = {_text(value)}" for name, value in values.items()]


def _texts(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"
