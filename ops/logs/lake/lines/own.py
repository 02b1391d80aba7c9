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

from pathlib import Path

from ops.errors import SettingsError
from ops.logs.lake.lines.rules import LEVEL_OF, LEVELS, Rule
from ops.text.toml_tables import TomlTable, read_toml

RULES_FILE = "log-rules.toml"
_HINT = "Each [[rule]] has a name, a regex in RE2 syntax, and a level or the group (?P<level>…) in the regex."


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Return the rules in the file; none if it does not exist.

    Raises SettingsError, with the line, for a mistake.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Cannot read {path}: {error}.", hint="Save it as UTF-8.") from error
    root = read_toml(text, str(path), SettingsError)
    root.check_keys("rule")
    return tuple(map(_rule, root.tables("rule")))


def _rule(table: TomlTable) -> Rule:
    table.check_keys("name", "regex", "level")
    name, regex = table.text("name"), table.text("regex", means="a regex in RE2 syntax")
    if ("level" in table) == ("(?P<level>" in regex):
        raise table.mistake("regex", "needs either the group (?P<level>…) or a level beside it.", _HINT)
    token = table.text("level", "").lower()
    if token and token not in LEVEL_OF:
        raise table.mistake("level", f"is {token.upper()!r}.", f"Use one of: {', '.join(LEVELS)}.")
    if problem := _problem(regex):
        raise table.mistake(
            "regex",
            f"is not valid: {problem}.",
            "Use RE2 syntax, without lookaround and backreferences, and (?:…) for other groups.",
        )
    return Rule(name, regex.replace("(?P<level>", "(?P<token>"), "whole", token=token)


def _problem(regex: str) -> str:
    """Return why the expression is not valid in RE2 or captures more than the level; empty if it is."""
    import pyarrow as pa  # slow to import, and few teams have own rules
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), regex)
        if "(?P<level>" in regex:
            pc.extract_regex(pa.array([""]), regex)
    except pa.ArrowInvalid as error:
        return str(error)
    return ""
