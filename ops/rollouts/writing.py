"""Write a new rollout file and its template, after checking both."""

import json
import re
import threading
from pathlib import Path, PurePath

from ops import files
from ops.errors import Conflict, InputError
from ops.operations import Operation
from ops.plan import AuditedCall, Resource, Step
from ops.rollouts.draft import Draft
from ops.rollouts.rules.rollout import parse
from ops.settings import Settings

MAX_BYTES = 1_048_576  # of a template in Amazon S3: AWS CloudFormation User Guide, "Quotas"
SUFFIXES = (".json", ".yaml", ".yml", ".template")
READABLE = 0o644  # by colleagues and their Git clients: a rollout file is reviewed
_YAML_RESOURCES = re.compile(r"""^(Resources|"Resources"|'Resources')\s*:""", re.MULTILINE)
_LOCK = threading.Lock()


def team_folder(settings: Settings) -> Path:
    """Return the folder of the rollout files that administrators write on the page."""
    return settings.data / "rollouts"


def check_template(name: str, content: bytes) -> str:
    """Return the text of a template file. Raises InputError for another type, size, or content.

    CloudFormation checks the rest when the rollout is previewed.
    """

    def refuse(reason: str, hint: str, detail: str = "") -> InputError:
        return InputError(f"{name} {reason}", field="template", hint=hint, detail=detail)

    if PurePath(name).suffix.lower() not in SUFFIXES:
        raise refuse("is not a template file.", f"Choose a file that ends in {', '.join(SUFFIXES)}.")
    if len(content) > MAX_BYTES:
        raise refuse(
            f"has {len(content):,} bytes; CloudFormation accepts at most {MAX_BYTES:,}.",
            "Split the stack, or remove comments and spaces.",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refuse("is not a text file in UTF-8.", "Save it as UTF-8 and retry.", str(error)) from error
    if any(not character.isprintable() and character not in "\n\r\t" for character in text):
        raise refuse("contains control characters.", "Choose a template in JSON or YAML.")
    if not text.lstrip().startswith("{"):
        if not _YAML_RESOURCES.search(text):
            raise refuse("has no section Resources.", "Choose a CloudFormation template.")
        return text
    try:
        template = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refuse("is not valid JSON.", "Fix the line that the details name.", str(error)) from error
    if not isinstance(template, dict) or not isinstance(template.get("Resources"), dict):
        raise refuse("has no section Resources.", "Choose a CloudFormation template.")
    return text


def write_call(folder: Path, name: str, draft: Draft, body: str) -> AuditedCall[Path]:
    """Return the call that writes NAME.toml and its template. Its value is the path of the rollout file.

    Existing rollout files are never overwritten. Raises InputError if the file would not be valid, and
    Conflict if it exists.
    """
    path, template = folder / f"{name}.toml", folder / draft.template
    text = draft.to_toml()
    parse(text, path.name)  # also rejects stack names that would leave the folder

    def refuse_existing() -> None:
        # The rollout file is written last: after a crash in between, its template is there already.
        unfinished = template.exists() and template.read_bytes() == body.encode()
        for file in (path, *(() if unfinished else (template,))):
            if file.exists():
                raise Conflict(f"{file} already exists.", hint="Edit the file, or choose another stack name.")

    refuse_existing()

    def act(say: object) -> Path:
        with _LOCK:
            refuse_existing()
            files.write(template, body.encode(), mode=READABLE)
            files.write(path, text.encode(), mode=READABLE)
        return path

    step = Step(
        "write",
        f"Write the rollout file {path.name}",
        Resource("Slipway::Rollout", name, "", ""),
        act,
        parameters={"stack": draft.stack, "template": draft.template, "file": str(path)},
    )
    return AuditedCall(step, Operation.WRITE_ROLLOUT)
