"""The OpenAPI 3.1 document: made of the endpoints, of the models they take and of the shapes they give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from pydantic import TypeAdapter
from starlette.responses import Response

from iapeer import __version__
from iapeer.api import answers
from iapeer.api.models import Query
from iapeer.api.statuses import MEANINGS
from iapeer.api.web import Endpoint

Mode = Literal["validation", "serialization"]
Schemas = dict[tuple[str, Mode], dict[str, Any]]
JSON = "application/json"
_COMMON = (401, 403, 408, 429, 500, 503)  # of the door, of who asks, and of the house
_NAMES = {"peers": "a peer's name", "runtimes": "a runtime's name", "sessions": "an id", "messages": "an id"}
_DESCRIPTION = (
    "Bodies are JSON in UTF-8, whatever their content type says. Unknown fields of a body are refused; of a query, "
    "unknown parameters are ignored, an empty value is none, and a known one is given once. Times are "
    "milliseconds since 1970 unless a name ends in _s (seconds). On the unix socket a caller without a token is the "
    "operator; on TCP every request shows one."
)
_TOKEN = "$IAPEER_TOKEN inside a session; the operator's is in operator.token beside the database"


def document(endpoints: Sequence[Endpoint], base: str) -> dict[str, Any]:
    """The document of these endpoints below `base`."""
    schemas, definitions = _schemas(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for one in endpoints:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "iapeer", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": base}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": {str(status): _error(status, schemas["error", "serialization"]) for status in MEANINGS},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": _TOKEN}},
        },
    }


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[Schemas, dict[str, Any]]:
    """(the schema of every body and answer, what they refer to)."""
    wanted: list[tuple[str, Mode, TypeAdapter[Any]]] = [("error", "serialization", TypeAdapter(answers.Error))]
    for one in endpoints:
        if one.body is not None:
            wanted.append((one.id, "validation", TypeAdapter(one.body)))
        if one.answer is not Response:
            wanted.append((one.id, "serialization", TypeAdapter(one.answer)))
    wanted.append(("event", "serialization", TypeAdapter(answers.Event)))
    found, shared = TypeAdapter.json_schemas(wanted, ref_template="#/components/schemas/{model}")
    return dict(found), shared["$defs"]


def _operation(one: Endpoint, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": one.id, "summary": one.summary, "tags": [one.path.split("/")[1]]}
    parameters = [*_path_parameters(one), *_query_parameters(one.query), *_stream_parameters(one)]
    if parameters:
        operation["parameters"] = parameters
    if one.body is not None:
        operation["requestBody"] = {
            "description": f"At most {one.limit} bytes.",
            "required": any(field.is_required() for field in one.body.model_fields.values()),
            "content": {JSON: {"schema": schemas[one.id, "validation"]}},
        }
    refused = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _statuses(one)}
    operation["responses"] = {"200": _answer(one, schemas), **refused}
    return operation


def _statuses(one: Endpoint) -> list[int]:
    """Every status of an error that the endpoint may give."""
    found = {*_COMMON, *one.errors}
    if one.body is not None:
        found |= {400, 413}
    if one.query.model_fields:
        found.add(400)
    if "{name}" in one.path:
        found.add(404)
    return sorted(found)


def _answer(one: Endpoint, schemas: Schemas) -> dict[str, Any]:
    if one.answer is Response:
        text = "For ever: `id: SEQ`, `data: EVENT` for each event, and comments while nothing happens"
        schema: dict[str, Any] = {"type": "string", "contentMediaType": one.media}
        return {
            "description": text,
            "content": {one.media: {"schema": schema, "x-event": schemas["event", "serialization"]}},
        }
    return {"description": "It is so", "content": {one.media: {"schema": schemas[one.id, "serialization"]}}}


def _error(status: int, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": MEANINGS[status], "content": {JSON: {"schema": schema}}}


def _path_parameters(one: Endpoint) -> Iterator[dict[str, Any]]:
    if "{name}" in one.path:
        what = _NAMES[one.path.split("/")[1]]
        schema = {"type": "string", "minLength": 1}
        yield {"name": "name", "in": "path", "required": True, "description": what, "schema": schema}


def _query_parameters(query: type[Query]) -> Iterator[dict[str, Any]]:
    schema = query.model_json_schema()
    required = schema.get("required", [])
    for name, found in schema.get("properties", {}).items():
        yield {
            "name": name, "in": "query", "required": name in required, "description": found.pop("description", ""),
            "schema": _given(found),
        }  # fmt: skip


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that is there: what is left out, and so null, has no form in a query."""
    kinds = [kind for kind in schema.pop("anyOf", []) if kind.get("type") != "null"]
    schema = {**schema, **(kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {})}
    if schema.get("default", 0) is None:
        del schema["default"]
    schema.pop("title", None)
    return schema


def _stream_parameters(one: Endpoint) -> Iterator[dict[str, Any]]:
    if one.answer is Response:
        text = "the number of the last event that was seen, as clients send it that connect again: counts over `after`"
        yield {
            "name": "Last-Event-ID", "in": "header", "required": False, "description": text,
            "schema": {"type": "string"},
        }  # fmt: skip
