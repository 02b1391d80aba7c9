"""A team's own rules for levels, from the file `log-rules.toml` in the folder of local state.

    [[rule]]
    name = "mainframe"
    regex = '^SEV:(?P<level>\\w+) '   # the group `level` captures the name of a level

    [[rule]]
    name = "declined payments"
    regex = 'code=DECLINED'
    level = "ERROR"                   # for each message that matches

Own rules come before the built-in ones, in the order of the file, and read the first 8,192 characters of the
whole message.
"""

import tomllib
from pathlib import Path
from typing import Any

from ops.errors import SettingsError
from ops.logs.lake.lines.rules import LEVEL_OF, LEVELS, Rule

RULES_FILE = "log-rules.toml"
_HINT = "Each [[rule]] has a name, a regex in RE2 syntax, and a level or the group (?P<level>…) in the regex."


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Return the rules in the file; none if it does not exist. Raises SettingsError for a mistake."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Cannot read {path}: {error}.", hint="Save it as UTF-8.") from error
    try:
        entries = tomllib.loads(text).get("rule", [])
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.", hint="Correct the line.") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SettingsError(f"{path} has no list of rules.", hint=f"Begin each rule with [[rule]]. {_HINT}")
    return tuple(_rule(path, number, entry) for number, entry in enumerate(entries, 1))


def _rule(path: Path, number: int, entry: dict[str, Any]) -> Rule:
    wrong = SettingsError(f"Rule {number} in {path} is not valid.", hint=_HINT)
    name, regex, level = (entry.get(key, "") for key in ("name", "regex", "level"))
    if set(entry) - {"name", "regex", "level"} or not all(isinstance(v, str) for v in (name, regex, level)):
        raise wrong
    token = level.lower()
    if not name or not regex or bool(level) == ("(?P<level>" in regex):
        raise wrong
    if level and token not in LEVEL_OF:
        raise SettingsError(
            f"Rule {number} in {path} has the level {level!r}, which does not exist.",
            hint=f"Use {', '.join(LEVELS)}.",
        )
    _check(path, number, regex)
    return Rule(name, regex.replace("(?P<level>", "(?P<token>"), "whole", token=token)


def _check(path: Path, number: int, regex: str) -> None:
    """Raise SettingsError unless the expression is valid in RE2 and captures at most the level."""
    import pyarrow as pa  # slow to import, and few teams have own rules
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), regex)
        if "(?P<level>" in regex:
            pc.extract_regex(pa.array([""]), regex)
    except pa.ArrowInvalid as error:
        raise SettingsError(
            f"The regex of rule {number} in {path} is not valid: {error}.",
            hint="Use RE2 syntax, without lookaround and backreferences, and (?:…) for other groups.",
        ) from error
