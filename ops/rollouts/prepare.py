"""Prepares a run: reads the rollout file and its source, and resolves units and tags."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ops.audit import Actor
from ops.errors import InputError
from ops.rollouts.limits import check_limits
from ops.rollouts.rules import document as documents
from ops.rollouts.rules.app.packaged import has_macros
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.model import Rollout
from ops.rollouts.rules.rollout import parse
from ops.rollouts.rules.waves import ResolveAccounts
from ops.rollouts.source.assembly import Assembly, read_assembly
from ops.rollouts.source.files import read_file, read_template

AUTO_EXPAND = "CAPABILITY_AUTO_EXPAND"


def prepare_run(
    path: Path,
    resolve: ResolveAccounts,
    actor: Actor,
    now: datetime,
    *,
    text: str = "",
    approved: tuple[str, ...] = (),
    version: str = "",
) -> Document:
    """Prepare a run of the file: read its source, resolve units and tags. Raises InputError.

    `resolve` is called only when the file has units or tags; see `ops.aws.organizations.accounts_of`. `text`
    replaces the content of the file. `version` is any name of what is deployed, such as a commit or a tag.
    """
    _check_version(version)
    rollout = parse(text := text or read_file(path), str(path))
    source, template, app = rollout.source, "", Assembly((), {}, {})
    if source.assembly:
        app = read_assembly(path.parent / source.assembly, source.artifacts)
    else:
        template = read_template(path, source.template)
    _check_capabilities(rollout, (template, *app.templates.values()))
    selectors = {("unit", group.unit) for group in rollout.groups if group.unit}
    selectors |= {("tag", group.tag) for group in rollout.groups if group.tag}
    accounts = {f"{kind} {name}": tuple(resolve(kind, name)) for kind, name in sorted(selectors)}
    run = documents.new_run_id(rollout, now)
    document = Document(
        run=run,
        file=str(path),
        text=text,
        accounts=accounts,
        template=template,
        by=actor.name,
        approved=approved,
        divided=True,
        version=version,
        stacks=app.stacks,
        parsed=rollout,
    )
    check_limits(str(path), document.stages, run)  # reports violated constraints, too
    return document


def _check_version(version: str) -> None:
    if not re.fullmatch(r"[^\x00-\x1f\x7f]{0,100}", version):
        raise InputError(
            "The version has more than 100 characters, or control characters.",
            field="version",
            hint="Use a name such as a commit, a tag, or the number of a build.",
        )


def _check_capabilities(rollout: Rollout, templates: Iterable[str]) -> None:
    """Raise InputError if a template has macros that the file does not allow: CreateChangeSet would fail."""
    if AUTO_EXPAND not in rollout.source.capabilities and any(map(has_macros, templates)):
        capabilities = ", ".join(f'"{name}"' for name in (*rollout.source.capabilities, AUTO_EXPAND))
        raise InputError(
            f"{rollout.file}: the template has a macro, such as that of AWS SAM, which CloudFormation "
            f"expands only with {AUTO_EXPAND}.",
            field="capabilities",
            hint=f"In [what], write capabilities = [{capabilities}].",
        )


def approve(document: Document, approved: tuple[str, ...]) -> Document:
    """Return the same run with these approved lines."""
    return replace(document, approved=approved, parsed=document.rollout)
