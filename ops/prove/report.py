"""The report of a proof, as JSON and as Markdown: what passed, was refused, was spent, and is left."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ops import files
from ops.prove.costs import BASIS, spent
from ops.prove.proof import Job, ProofStep
from ops.prove.session import ProofSession
from ops.prove.state import Owned

PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"


@dataclass(frozen=True)
class ReportedStep:
    """A step with its result. `error` is in Slipway's words; `detail` and `code` are the service's."""

    job: str
    step: str
    result: str
    seconds: float
    evidence: str
    error: str
    detail: str
    code: str


@dataclass(frozen=True)
class ProofReport:
    """The report. `left` are the resources that still exist: kind, ID, account, and Region."""

    proof: str
    slipway: str
    started: datetime
    ended: datetime
    places: tuple[str, ...]
    steps: tuple[ReportedStep, ...]
    dollars: float
    left: tuple[tuple[str, str, str, str], ...]

    @property
    def passed(self) -> bool:
        """Whether every step passed and nothing is left."""
        return not self.left and all(step.result == PASSED for step in self.steps)

    @property
    def refused(self) -> tuple[ReportedStep, ...]:
        return tuple(step for step in self.steps if step.result == FAILED)


def make_report(
    session: ProofSession, first: ProofStep, jobs: Sequence[Job], left: Sequence[Owned], version: str
) -> ProofReport:
    """Return the report of what the state of the proof has recorded."""
    steps = [_reported(session, "", first)]
    steps += [_reported(session, job.name, step) for job in jobs for step in job.steps]
    ended = session.clock()
    return ProofReport(
        proof=session.state.id,
        slipway=version,
        started=session.state.started,
        ended=ended,
        places=tuple(f"{place.account.name} {place.region}" for place in session.cloud.places),
        steps=tuple(steps),
        dollars=round(spent(session.state.resources, ended), 4),
        left=tuple(owned.key for owned in left),
    )


def _reported(session: ProofSession, job: str, step: ProofStep) -> ReportedStep:
    record = session.state.steps.get(step.id)
    if record is None:
        return ReportedStep(job, step.does, NOT_RUN, 0.0, "", "", "", "")
    seconds = round((record.ended - record.started).total_seconds(), 1)
    result = PASSED if record.passed else FAILED
    return ReportedStep(
        job, step.does, result, seconds, record.evidence, record.error, record.detail, record.code
    )


def write_report(report: ProofReport, folder: Path) -> tuple[Path, Path]:
    """Write report.json and report.md, and return their paths."""
    paths = folder / "report.json", folder / "report.md"
    for path, text in zip(paths, (as_json(report), as_markdown(report)), strict=True):
        files.write(path, text.encode())
    return paths


def as_json(report: ProofReport) -> str:
    document = {"passed": report.passed, **asdict(report), "cost_basis": BASIS}
    return json.dumps(document, indent=1, default=datetime.isoformat, ensure_ascii=False) + "\n"


def as_markdown(report: ProofReport) -> str:
    """Return the report for people: the verdict first."""
    counts = [sum(step.result == result for step in report.steps) for result in (PASSED, FAILED, NOT_RUN)]
    minutes = (report.ended - report.started).total_seconds() / 60
    lines = [
        f"# Proof {report.proof}: {'passed' if report.passed else 'not passed'}",
        "",
        f"- Steps: {counts[0]} passed, {counts[1]} failed, {counts[2]} not run",
        f"- Accounts and Regions: {', '.join(report.places)}",
        f"- Started {report.started:%Y-%m-%d %H:%M:%S} UTC, {minutes:.0f} min, Slipway {report.slipway}",
        f"- Cost: about ${report.dollars:.2f} ({BASIS})",
        f"- Left: {len(report.left) or 'nothing'}",
        "",
        "| Job | Step | Result | Seconds | Evidence |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {_cell(step.job or 'All')} | {_cell(step.step)} | {step.result} | {step.seconds:g} "
        f"| {_cell(step.evidence or step.error or '–')} |"
        for step in report.steps
    ]
    if report.refused:
        lines += ["", "## Failed steps, in the service's words", ""]
        for step in report.refused:
            lines += [f"**{_cell(step.step)}** ({step.code}): {_cell(step.error)}", ""]
            if step.detail:
                lines += ["```text", step.detail.replace("```", "'''"), "```", ""]
    if report.left:
        lines += ["", "## Still there", ""]
        lines += [f"- {kind} `{id}` in {account}, {region}" for kind, id, account, region in report.left]
        lines += ["", "Delete them with `slipway prove --clean-up`."]
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    """Return text for one cell of a table: names in it can hold anything."""
    return "".join(c if c.isprintable() else " " for c in text).replace("|", "\\|")
