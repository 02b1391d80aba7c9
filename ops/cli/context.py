"""The context of a command: settings, Cloud, audit log, and output."""

import dataclasses
import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from rich.text import Text

from ops.audit import Actor, AuditLog
from ops.errors import PlanRefused
from ops.own_log import Level, configure
from ops.plan import AuditedCall, Outcome, Plan, Progress, Status, Step, check_role, execute, perform
from ops.settings import EMBEDDED_ACCOUNTS, Settings, load

if TYPE_CHECKING:  # what takes long to import is imported where it is used
    from rich.console import Console

    from ops.aws.cloud import Cloud, Place

PIPE_WIDTH = 400
NOT_READ = 4  # exit status of an answer for which not everything was read: it can be more than was found
T = TypeVar("T")
UNITS = {"gb": "GB", "gib": "GiB"}


class Context:
    """The context of one command. Connects to the Cloud on first use."""

    def __init__(self, settings: Settings | None = None, *, as_json: bool, verbose: bool = False) -> None:
        self.as_json = as_json
        self._verbose = verbose
        if settings:
            self.settings = settings

    @cached_property
    def settings(self) -> Settings:
        """The settings. They have the level of the log, so it is configured when they are loaded."""
        settings = load()
        if self._verbose and settings.log_level is not Level.DEBUG:
            settings = dataclasses.replace(settings, log_level=Level.INFO)
        configure(settings.log_level, as_json=False)
        return settings

    @cached_property
    def console(self) -> "Console":
        return _console(sys.stdout)

    @cached_property
    def errors(self) -> "Console":
        return _console(sys.stderr)

    @cached_property
    def cloud(self) -> "Cloud":
        from ops.connect import connect

        if self.settings.accounts and self.settings.cloud == "embedded":
            self.errors.print(Text(f"Note: {EMBEDDED_ACCOUNTS}"))
        return connect(self.settings)

    @property
    def actor(self) -> Actor:
        return Actor.local("cli", self.settings.local_role)

    @cached_property
    def audit(self) -> AuditLog:
        from ops.aws.logs.audit_trail import open_audit

        return open_audit(self.cloud)

    def place(self, account: str, region: str) -> "Place":
        """Return a place. The account is a name or an ID; defaults: the first account, the home region."""
        from ops.aws.cloud import Place

        return Place(self.cloud.account(account), region or self.cloud.settings.home_region)

    def show(self, rows: Sequence[Mapping[str, Any]], *, empty: str, value: Any = None) -> None:
        """Print the rows as a table, or `value` (by default, the rows) as JSON.

        Keys are in snake_case, as JSON has them; the table's headings are the same words.
        """
        if self.as_json:
            self.print_json(rows if value is None else value)
        elif not rows:
            self.console.print(Text(empty))
        else:
            self.print_table([heading(key) for key in rows[0]], (row.values() for row in rows))

    def print_table(self, headings: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
        """Print rows of cells below headings, as they are."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold")
        for text in headings:
            table.add_column(Text(readable(text)))
        for row in rows:
            table.add_row(*(Text(readable(cell)) for cell in row))
        self.console.print(table)

    def print_text(self, text: str, value: Any = None) -> None:
        """Print a document as it is, or as JSON: `value`, by default the text itself."""
        if self.as_json:
            self.print_json(text if value is None else value)
        else:
            sys.stdout.write(text if text.endswith("\n") else f"{text}\n")

    def print_json(self, value: Any) -> None:
        json.dump(value, sys.stdout, indent=2, default=_jsonable, ensure_ascii=False)
        sys.stdout.write("\n")

    def ask(self, question: str) -> str:
        """Return the line that is typed after a question. Questions go to stderr: stdout has the result."""
        print(readable(question), end="", file=sys.stderr, flush=True)
        return input().strip()

    def echo(self, text: str) -> None:
        """Print a line; to stderr if the command's output is JSON."""
        (self.errors if self.as_json else self.console).print(Text(readable(text)))

    def carry_out(self, plan: Plan, *, dry_run: bool, confirmed: str) -> Outcome | None:
        """Show the plan and execute it; return None after a dry run. Raises the first failed step's error."""
        self._preview(plan.title, plan.confirm, plan.steps, dry_run=dry_run)
        return None if dry_run else self._execute(plan, confirmed)

    def execute(self, plan: Plan) -> Outcome:
        """Show a plan without confirmation and execute it. Raises the first failed step's error."""
        self._preview(plan.title, "", plan.steps, dry_run=False)
        return self._execute(plan, "")

    def attempt(self, plan: Plan, *, confirmed: str) -> Outcome:
        """Show the plan and execute it as far as possible. Raises only if it is not confirmed or allowed."""
        self._preview(plan.title, plan.confirm, plan.steps, dry_run=False)
        return self._attempt(plan, confirmed)

    def perform(self, call: AuditedCall[T]) -> T:
        """Make the call and return its value. Raises its error."""
        value = perform(call, actor=self.actor, audit=self.audit)
        self.echo(f"{datetime.now(UTC):%H:%M:%S} {Status.DONE.label}: {call.title}")
        return value

    def show_call(self, call: AuditedCall[object]) -> None:
        """Show what the call would do."""
        self._preview(call.title, "", (call.step,), dry_run=True)

    def _execute(self, plan: Plan, confirmed: str) -> Outcome:
        outcome = self._attempt(plan, confirmed)
        if outcome.error:
            raise outcome.error
        return outcome

    def _attempt(self, plan: Plan, confirmed: str) -> Outcome:
        check_role(plan, self.actor)  # before asking for confirmation
        if plan.confirm and not confirmed:
            confirmed = self._prompt(plan)
        return execute(
            plan, actor=self.actor, audit=self.audit, confirmed=confirmed, report=self._report(plan)
        )

    def _preview(self, title: str, confirm: str, steps: Sequence[Step[object]], *, dry_run: bool) -> None:
        if self.as_json:
            if dry_run:
                self.print_json({"title": title, "confirm": confirm, "steps": step_documents(steps)})
            return
        self.console.print(Text(title, style="bold"))
        part = ""
        for step, row in zip(steps, step_rows(steps), strict=True):
            if step.part not in ("", part):
                self.console.print(Text(readable(f"  {step.part}")))
            part = step.part
            style = "red" if step.destructive else ""
            indent = "    " if part else "  "
            line = f"{indent}• {row['does']} ({row['resource']}) {row['evidence']}"
            self.console.print(Text(readable(line), style=style))
            for detail in step.details:
                self.console.print(Text(readable(f"{indent}    {detail}")))

    def _prompt(self, plan: Plan) -> str:
        if not sys.stdin.isatty():
            raise PlanRefused(
                f"{plan.title}: not confirmed. Nothing was changed.",
                hint=f"Add --confirm {shlex.quote(plan.confirm)}",
            )
        return self.ask(f"Type {plan.confirm} to confirm: ")

    def _report(self, plan: Plan) -> Any:
        names = {step.id: step.does for step in plan.steps}

        def report(progress: Progress) -> None:
            if progress.status is not Status.RUNNING:
                self.echo(f"{progress.at:%H:%M:%S} {progress.status.label}: {names[progress.step]}")
            if progress.message:
                self.echo(f"{progress.at:%H:%M:%S}   {progress.message}")

        return report


def _console(stream: TextIO) -> "Console":
    """Return a console that truncates cells to the width of a terminal, but not in a file or a pipe."""
    from rich.console import Console

    return Console(file=stream, highlight=False, width=None if stream.isatty() else PIPE_WIDTH)


def plan_rows(plan: Plan) -> list[dict[str, str]]:
    """Return the plan's steps as rows of a table."""
    return step_rows(plan.steps)


def step_rows(steps: Sequence[Step[object]]) -> list[dict[str, str]]:
    return [
        {
            "does": step.does,
            "resource": f"{step.resource.kind} {step.resource.id}",
            "account": step.resource.account,
            "region": step.resource.region,
            "evidence": step.evidence,
        }
        for step in steps
    ]


def step_documents(steps: Sequence[Step[object]]) -> list[dict[str, Any]]:
    """Return the steps as JSON: the rows, the plan that a step is nested from, and what it changes."""
    return [
        {**row, "part": step.part, "destructive": step.destructive, "details": step.details}
        for step, row in zip(steps, step_rows(steps), strict=True)
    ]


def heading(key: str) -> str:
    """Return the heading of a key: `size_gib` is `size GiB`."""
    return " ".join(UNITS.get(word, word) for word in key.split("_"))


def result_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """Return the results of the steps as rows of a table."""
    return [
        {"step": result.step.does, "result": str(result.status), "why": result.reason or None}
        for result in outcome.results
    ]


def readable(cell: Any) -> str:
    """Format a cell as one line without control characters: names can contain terminal escapes."""
    if cell is None:
        return "–"
    if isinstance(cell, datetime):
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    if isinstance(cell, str):
        return "".join(c if c.isprintable() else "�" for c in cell)
    if isinstance(cell, Iterable):
        return ", ".join(readable(item) for item in cell)
    return str(cell)


def _jsonable(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON serializable")
