"""CodePipeline: pipelines as records, which the emulator lacks; no pipeline ever runs.

Requests are validated against botocore's service model, and calls are authorized with IAM as on AWS.
"""

import copy
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from ministack import app
from ministack.core import iam_actions, persistence, router
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region
from ministack.services.cloudformation import provisioners

from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.app.SERVICE_HANDLERS",
    "ministack.app._build_persistence_save_dict",
    "ministack.app._load_persisted_state",
    "ministack.core.iam_actions.SERVICE_TO_IAM_NAMESPACE",
    "ministack.core.iam_actions.extract_resource_arn",
    "ministack.core.persistence.load_state",
    "ministack.core.router.SERVICE_PATTERNS",
    "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS",
)

NAME = "codepipeline"
TARGET = "CodePipeline_20150709"
PAGE = 1000  # ListPipelines' limit: CodePipeline API Reference

Record = dict[str, Any]

_pipelines = AccountRegionScopedDict()
_model = ServiceModel(Loader().load_service_model(NAME, "service-2"))


class CodePipelineError(Exception):
    """A CodePipeline error response: its code and its message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def install(context: OverlayContext) -> None:
    router.SERVICE_PATTERNS[NAME] = {"target_prefixes": [TARGET], "credential_scope": NAME}
    app.SERVICE_HANDLERS[NAME] = _handle
    iam_actions.SERVICE_TO_IAM_NAMESPACE[NAME] = NAME
    extract = iam_actions.extract_resource_arn
    iam_actions.extract_resource_arn = lambda service, *rest: (
        _resource(rest[3]) if service == NAME else extract(service, *rest)
    )
    provisioners._RESOURCE_HANDLERS["AWS::CodePipeline::Pipeline"] = {
        "create": _create_resource,
        "update": _update_resource,
        "delete": lambda name, _properties: _pipelines.pop(name, None),
    }
    save, load = app._build_persistence_save_dict, app._load_persisted_state
    app._build_persistence_save_dict = lambda: {**save(), NAME: lambda: {"pipelines": _pipelines}}

    def load_all() -> None:
        load()
        if saved := persistence.load_state(NAME):
            _pipelines._data.update(saved["pipelines"]._data)

    app._load_persisted_state = load_all


async def _handle(
    _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: Any
) -> tuple[int, dict[str, str], bytes]:
    operation = headers["x-amz-target"].rpartition(".")[2]
    try:
        return _response(200, _call(operation, json.loads(body or b"{}")))
    except CodePipelineError as error:
        return _response(400, {"__type": error.code, "message": str(error)})


def _response(status: int, value: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(value).encode()


def _call(operation: str, request: Record) -> Any:
    handler = _OPERATIONS.get(operation)
    if handler is None:
        raise CodePipelineError("InvalidAction", f"The embedded cloud does not support {operation}.")
    _check(operation, request)
    return handler(request)


def _check(operation: str, request: Record) -> None:
    shape = _model.operation_model(operation).input_shape
    assert shape
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise CodePipelineError("ValidationException", report.generate_report())


def _create(request: Record) -> Record:
    declared = request["pipeline"]
    if declared["name"] in _pipelines:
        raise CodePipelineError(
            "PipelineNameInUseException", f"A pipeline named {declared['name']} already exists"
        )
    return {"pipeline": _write(declared, 1), "tags": request.get("tags", [])}


def _update(request: Record) -> Record:
    declared = request["pipeline"]
    return {"pipeline": _write(declared, _find(declared["name"])["pipeline"]["version"] + 1)}


def _write(declared: Record, version: int) -> Record:
    if ("artifactStore" in declared) == ("artifactStores" in declared):
        raise CodePipelineError(
            "InvalidStructureException",
            "Exactly one of artifactStore and artifactStores must be declared",
        )
    now = time.time()
    pipeline = {**copy.deepcopy(declared), "version": version}
    previous = _pipelines.get(declared["name"])
    _pipelines[declared["name"]] = {
        "pipeline": pipeline,
        "metadata": {
            "pipelineArn": _arn(declared["name"]),
            "created": previous["metadata"]["created"] if previous else now,
            "updated": now,
        },
    }
    return pipeline


def _get(request: Record) -> Record:
    return dict(_find(request["name"]))


def _list(request: Record) -> Record:
    names = sorted(_pipelines)
    size = min(request.get("maxResults", PAGE), PAGE)
    first = int(request.get("nextToken", "0"))
    summaries = [
        {
            "name": name,
            "version": _pipelines[name]["pipeline"]["version"],
            "created": _pipelines[name]["metadata"]["created"],
            "updated": _pipelines[name]["metadata"]["updated"],
        }
        for name in names[first : first + size]
    ]
    more = {"nextToken": str(first + size)} if first + size < len(names) else {}
    return {"pipelines": summaries, **more}


def _delete(request: Record) -> Record:
    _pipelines.pop(request["name"], None)  # not an error if it does not exist: API Reference
    return {}


_OPERATIONS = {
    "CreatePipeline": _create,
    "UpdatePipeline": _update,
    "GetPipeline": _get,
    "ListPipelines": _list,
    "DeletePipeline": _delete,
}


def _find(name: str) -> Record:
    if name not in _pipelines:
        raise CodePipelineError(
            "PipelineNotFoundException",
            f"Account '{get_account_id()}' does not have a pipeline with name '{name}'",
        )
    record: Record = _pipelines[name]
    return record


def _arn(name: str) -> str:
    return f"arn:aws:{NAME}:{get_region()}:{get_account_id()}:{name}"


def _resource(body: bytes) -> str:
    """Return the pipeline in the request; ListPipelines is authorized on all resources."""
    request = json.loads(body or b"{}")
    name = request.get("name") or request.get("pipeline", {}).get("name")
    return _arn(name) if name else "*"


def _create_resource(logical_id: str, properties: Record, stack: str) -> tuple[str, dict[str, str]]:
    name = properties.get("Name") or f"{stack}-{logical_id}-{uuid.uuid4().hex[:12].upper()}"
    request = {"pipeline": _declaration(properties, name)}
    _check("CreatePipeline", request)
    _create(request)
    return name, {"Version": "1"}


def _update_resource(name: str, _old: Record, properties: Record, _stack: str) -> tuple[str, dict[str, str]]:
    request = {"pipeline": _declaration(properties, name)}
    _check("UpdatePipeline", request)
    updated = _update(request)
    return name, {"Version": str(updated["pipeline"]["version"])}


def _declaration(properties: Record, name: str) -> Record:
    """Convert a template's properties to the API's form: the API keys artifact stores by region."""
    stores = {
        item["Region"]: _camel(item["ArtifactStore"]) for item in properties.get("ArtifactStores") or []
    }
    artifact_stores = {"artifactStores": stores} if stores else {}
    if store := properties.get("ArtifactStore"):
        artifact_stores["artifactStore"] = _camel(store)
    stages = [_camel(stage) for stage in properties["Stages"]]
    return {"name": name, "roleArn": properties["RoleArn"], "stages": stages, **artifact_stores}


def _camel(value: Any) -> Any:
    """Lower the first letter of each key, except in an action's configuration, whose keys are free-form."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key[0].lower() + key[1:]: _configuration(item) if key == "Configuration" else _camel(item)
        for key, item in value.items()
    }


def _configuration(value: Record) -> dict[str, str]:
    """Convert a configuration's values to strings, whatever the template contains."""
    return {key: item if isinstance(item, str) else json.dumps(item) for key, item in value.items()}
