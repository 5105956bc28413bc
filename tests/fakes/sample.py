"""A JSON document that satisfies a simple JSON schema (or Google's own Schema form)."""

import json
from typing import Any

# Type numbers of google.ai.generativelanguage Schema, as the retired SDK sends them over REST.
_GOOGLE_TYPES = {
    1: "string",
    2: "number",
    3: "integer",
    4: "boolean",
    5: "array",
    6: "object",
}


def document(schema: dict[str, Any], text: str) -> str:
    """JSON text: every property filled, enum -> its first value, strings -> `text`, numbers 1."""
    return json.dumps(_value(schema, text, schema), ensure_ascii=False)


def _value(schema: dict[str, Any], text: str, root: dict[str, Any]) -> Any:
    schema = resolve(schema, root)
    for key in ("enum", "const"):
        if key in schema:
            return schema[key][0] if key == "enum" else schema[key]
    shape = kind(schema)
    if shape == "object":
        properties = schema.get("properties") or {"text": {"type": "string"}}
        return {name: _value(part, text, root) for name, part in properties.items()}
    if shape == "array":
        return [_value(schema.get("items") or {"type": "string"}, text, root)]
    return {"integer": 1, "number": 1, "boolean": True, "null": None}.get(shape, text)


def resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow `#/$defs/X` and take the first of anyOf / oneOf / allOf."""
    while True:
        if "$ref" in schema:
            found: Any = root
            for name in schema["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            schema = found
            continue
        options = next((schema[k] for k in ("anyOf", "oneOf", "allOf") if schema.get(k)), None)
        if options is None:
            return schema
        schema = options[0]


def kind(schema: dict[str, Any]) -> str:
    """The type in JSON Schema's words."""
    name = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(name, list):
        name = name[0]
    return _GOOGLE_TYPES[name] if isinstance(name, int) else str(name).lower()
