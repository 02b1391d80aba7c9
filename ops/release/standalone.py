"""Makes a template self-contained: version, groups of parameters, next steps, and functions inline. Pure."""

import base64
import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops import __version__

INTERFACE = "AWS::CloudFormation::Interface"
MAX_BYTES = 1_000_000  # of a template in S3, where the console puts it: CloudFormation User Guide, "quotas"
# Lambda reads a zip that another module has in it: ZipFile takes 4 MB of source, but one file only.
_BOOTSTRAP = '''"""The functions of Slipway {version}: unpacks the zip below, which has the modules."""

import base64
import os
import sys
import tempfile

FOLDER = tempfile.gettempdir()
PACKAGE = os.path.join(FOLDER, "slipway-{digest}.zip")
if not os.path.exists(PACKAGE):
    with tempfile.NamedTemporaryFile(dir=FOLDER, delete=False) as file:
        file.write(base64.b64decode(ZIP))
    os.replace(file.name, PACKAGE)
sys.path.insert(0, PACKAGE)

from {module} import handler
'''

Template = dict[str, Any]


@dataclass(frozen=True)
class Labels:
    """A group of parameters that the console shows together, with the label of each."""

    group: str
    labels: Mapping[str, str]


def standalone(
    template: Mapping[str, Any], name: str, groups: tuple[Labels, ...], next_steps: str
) -> Template:
    """Return the template with metadata and the outputs `SlipwayVersion` and `NextSteps`.

    `groups` are put before those that the template has. `next_steps` is text for Fn::Sub.
    """
    made: Template = copy.deepcopy(dict(template))
    metadata = made.setdefault("Metadata", {})
    interface = metadata.setdefault(INTERFACE, {})
    interface["ParameterGroups"] = [
        *({"Label": {"default": each.group}, "Parameters": list(each.labels)} for each in groups),
        *interface.get("ParameterGroups", []),
    ]
    interface.setdefault("ParameterLabels", {}).update(
        {name: {"default": label} for each in groups for name, label in each.labels.items()}
    )
    metadata["Slipway"] = {"Template": name, "Version": __version__}
    outputs = made.setdefault("Outputs", {})
    outputs["SlipwayVersion"] = {"Value": __version__, "Description": "Version of Slipway's template"}
    outputs["NextSteps"] = {"Value": {"Fn::Sub": next_steps}, "Description": "What to do next"}
    return made


def inline(package: bytes, handler: str) -> str:
    """Return the source of a function that is the zip. Its handler is then `index.handler`.

    `handler` is the function in the zip, such as `package.module.handler`.
    """
    digest = hashlib.sha256(package).hexdigest()[:16]
    bootstrap = _BOOTSTRAP.format(version=__version__, digest=digest, module=handler.removesuffix(".handler"))
    docstring, rest = bootstrap.split("\n\nFOLDER", 1)
    return f'{docstring}\n\nZIP = "{base64.b64encode(package).decode()}"\nFOLDER{rest}'


def with_code(template: Mapping[str, Any], function: str, source: str) -> Template:
    """Return the template with the source inline, instead of in the bucket of CodeBucket and CodeKey."""
    made: Template = copy.deepcopy(dict(template))
    for parameter in ("CodeBucket", "CodeKey"):
        del made["Parameters"][parameter]
    properties = made["Resources"][function]["Properties"]
    properties["Code"] = {"ZipFile": source}
    properties["Handler"] = "index.handler"
    return made
