"""Properties of a resource against the schema of its type, as CloudFormation words its errors.

Texts that hold numbers and booleans are accepted, and the other way round, as CloudFormation does. A value
that is not known before the deployment is Unknown: it is not validated. The schemas use a part of JSON
Schema, draft 7, whose validators know neither: https://json-schema.org/draft-07/json-schema-validation
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ops.embedded.cloudformation import schemas

Finding = tuple[str, str]  # the path, such as `VersioningConfiguration/Status`, and what is wrong
Schema = Mapping[str, Any]


class Unknown:
    """A value that is known at the deployment only, such as the ARN of a resource that does not exist yet."""


_NAMES = {
    "array": "JSONArray",
    "boolean": "Boolean",
    "integer": "Integer",
    "null": "Null",
    "number": "Number",
    "object": "JSONObject",
    "string": "String",
}
_INTEGER, _NUMBER = re.compile(r"-?\d+"), re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")


def findings(type_: str, properties: Mapping[str, Any]) -> list[Finding]:
    """Return what the schema of the type refuses; nothing if the type is not known."""
    schema = schemas.of_type(type_)
    if schema is None:
        return []
    given, read_only = without_tags_of_aws(properties), schemas.read_only(type_)
    found = [("", f"extraneous key [{name}] is not permitted") for name in given if name in read_only]
    return [*found, *_value(schema, given, "", schema)]


def message(found: Sequence[Finding]) -> str:
    """Return the lines of CloudFormation's message: `#/Path: what is wrong`."""
    return "\n".join(f"#{'/' + path if path else ''}: {text}" for path, text in found)


def without_tags_of_aws(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties without the tags that CloudFormation adds itself."""
    tags = properties.get("Tags")
    if isinstance(tags, list):
        kept: Any = [tag for tag in tags if not (isinstance(tag, dict) and _is_of_aws(tag.get("Key")))]
    elif isinstance(tags, dict):
        kept = {key: value for key, value in tags.items() if not _is_of_aws(key)}
    else:
        return dict(properties)
    rest = {name: value for name, value in properties.items() if name != "Tags"}
    return {**rest, "Tags": kept} if kept or not tags else rest


def _is_of_aws(key: Any) -> bool:
    return str(key).startswith("aws:cloudformation:")


def _value(schema: Schema, value: Any, path: str, root: Schema) -> Iterator[Finding]:
    if isinstance(value, Unknown):
        return
    if reference := schema.get("$ref"):
        yield from _value(_referred(root, reference), value, path, root)
        return
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(kind, value) for kind in kinds):
        wanted = " or ".join(_NAMES[kind] for kind in kinds)
        yield path, f"expected type: {wanted}, found: {_found(value)}"
        return
    for wrong in _stated(schema, value):
        yield path, wrong
    if isinstance(value, dict):
        yield from _members(schema, value, path, root)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _value(schema.get("items", {}), item, _joined(path, number), root)
    yield from _combined(schema, value, path, root)


def _stated(schema: Schema, value: Any) -> Iterator[str]:
    """Yield what is wrong with the value itself, not with what it contains."""
    allowed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if allowed is not None and _text(value) not in map(_text, allowed):
        yield f"{_text(value)} is not a valid enum value"
    if isinstance(value, list):
        yield from _sizes(schema, "Items", "item count", len(value))
        if schema.get("uniqueItems") and len(set(map(partial(json.dumps, default=id), value))) < len(value):
            yield "array items are not unique"
        return
    if isinstance(value, dict):
        return
    text = _text(value)
    yield from _sizes(schema, "Length", "Length", len(text))
    if (pattern := schema.get("pattern")) and not re.search(pattern, text):
        yield f"string [{text}] does not match pattern {pattern}"
    if _is("number", value):
        if float(text) < schema.get("minimum", float("-inf")):
            yield f"{text} is not greater or equal to {schema['minimum']}"
        if float(text) > schema.get("maximum", float("inf")):
            yield f"{text} is not less or equal to {schema['maximum']}"


def _sizes(schema: Schema, keyword: str, noun: str, size: int) -> Iterator[str]:
    least, most = schema.get(f"min{keyword}"), schema.get(f"max{keyword}")
    texts = {"item count": ("minimum item count", "maximum item count", "found")}
    small, large, found = texts.get(noun, ("minLength", "maxLength", "actual"))
    if least is not None and size < least:
        yield f"expected {small}: {least}, {found}: {size}"
    if most is not None and size > most:
        yield f"expected {large}: {most}, {found}: {size}"


def _members(schema: Schema, value: dict[str, Any], path: str, root: Schema) -> Iterator[Finding]:
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield path, f"required key [{name}] not found"
    for name, member in value.items():
        rules = [named[name]] if name in named else []
        rules += [rule for pattern, rule in patterns.items() if re.search(pattern, name)]
        rest = schema.get("additionalProperties", True)
        if not rules and rest is False:
            yield path, f"extraneous key [{name}] is not permitted"
        for rule in rules or ([rest] if isinstance(rest, dict) else []):
            yield from _value(rule, member, _joined(path, name), root)


def _combined(schema: Schema, value: Any, path: str, root: Schema) -> Iterator[Finding]:
    for part in schema.get("allOf", ()):
        yield from _value(part, value, path, root)
    for keyword in ("anyOf", "oneOf"):
        parts = schema.get(keyword, ())
        matching = sum(not any(_value(part, value, path, root)) for part in parts)
        if parts and not matching:
            yield path, f"#: no subschema matched out of the total {len(parts)} subschemas"
        elif keyword == "oneOf" and matching > 1 and not _has_unknown(value):
            yield path, f"#: {matching} subschemas matched instead of one"


def _has_unknown(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_unknown, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Unknown)


def _referred(root: Schema, reference: str) -> Schema:
    found: Any = root
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    schema: Schema = found
    return schema


def _is(kind: str, value: Any) -> bool:
    if kind == "object":
        return isinstance(value, dict)
    if kind == "array":
        return isinstance(value, list)
    if isinstance(value, dict | list) or value is None:
        return kind == "null" and value is None
    if kind == "boolean":
        return _text(value).lower() in ("true", "false")
    if kind in ("integer", "number"):
        form = _INTEGER if kind == "integer" else _NUMBER
        return not isinstance(value, bool) and bool(form.fullmatch(str(value)))
    return kind == "string"


def _text(value: Any) -> str:
    """Return a value as a template's text has it: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _found(value: Any) -> str:
    kinds = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (dict, "object"))
    return _NAMES[next((name for kind, name in kinds if isinstance(value, kind)), "array")]


def _joined(path: str, name: str | int) -> str:
    return f"{path}/{name}".lstrip("/")
