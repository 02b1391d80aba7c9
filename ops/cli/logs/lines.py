"""`slipway logs explain-lines`: how log lines are understood, one JSON line each."""

import io
import sys

from ops.cli.context import Context
from ops.cli.verbs import verb
from ops.logs.lake.lines.own import RULES_FILE, load_rules


@verb
def explain_lines(context: Context) -> None:
    from ops.logs.lake.lines.explain import explain  # pyarrow is slow to import
    from ops.logs.lake.lines.levels import Levels

    levels = Levels(load_rules(context.settings.data / RULES_FILE))
    text = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace", newline="\n")
    explained = explain((line.removesuffix("\n").removesuffix("\r") for line in text), levels)
    if context.as_json:
        sys.stdout.write("[" + ",\n".join(line.to_json() for line in explained) + "]\n")
        return
    sys.stdout.writelines(f"{line.to_json()}\n" for line in explained)
