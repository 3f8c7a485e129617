"""The OpenAPI 3.1 document: made of the endpoints, of the models they take and of the shapes they give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import JsonValue, TypeAdapter
from starlette.responses import Response

from iapeer import __version__
from iapeer.api.errors import MEANINGS, Error
from iapeer.api.events import Event
from iapeer.api.fields import means
from iapeer.api.requests import Query
from iapeer.api.web import Endpoint

Mode = Literal["validation", "serialization"]
Schemas = dict[tuple[str, Mode], dict[str, Any]]
Document = Annotated[dict[str, JsonValue], means("an OpenAPI 3.1 document")]
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
    """Make the document of these endpoints below `base`."""
    schemas, definitions = _schemas(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
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
    """Make (the schema of every body and answer, the definitions that they refer to)."""
    wanted: list[tuple[str, Mode, TypeAdapter[Any]]] = [("error", "serialization", TypeAdapter(Error))]
    for endpoint in endpoints:
        if endpoint.body is not None:
            wanted.append((endpoint.id, "validation", TypeAdapter(endpoint.body)))
        if endpoint.answer is not Response:
            wanted.append((endpoint.id, "serialization", TypeAdapter(endpoint.answer)))
    wanted.append(("event", "serialization", TypeAdapter(Event)))
    schemas, shared = TypeAdapter.json_schemas(wanted, ref_template="#/components/schemas/{model}")
    return dict(schemas), shared["$defs"]


def _operation(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.id,
        "summary": endpoint.summary,
        "tags": [endpoint.path.split("/")[1]],
    }
    parameters = [*_path_parameters(endpoint), *_query_parameters(endpoint.query), *_stream_parameters(endpoint)]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = {
            "description": f"At most {endpoint.limit} bytes.",
            "required": any(field.is_required() for field in endpoint.body.model_fields.values()),
            "content": {JSON: {"schema": schemas[endpoint.id, "validation"]}},
        }
    refused = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _statuses(endpoint)}
    operation["responses"] = {"200": _answer(endpoint, schemas), **refused}
    return operation


def _statuses(endpoint: Endpoint) -> list[int]:
    """List every status of an error that the endpoint may give."""
    statuses = {*_COMMON, *endpoint.errors}
    if endpoint.body is not None:
        statuses |= {400, 413}
    if endpoint.query.model_fields:
        statuses.add(400)
    if "{name}" in endpoint.path:
        statuses.add(404)
    return sorted(statuses)


def _answer(endpoint: Endpoint, schemas: Schemas) -> dict[str, Any]:
    if endpoint.answer is Response:
        text = "For ever: `id: SEQ`, `data: EVENT` for each event, and comments while nothing happens"
        schema: dict[str, Any] = {"type": "string", "contentMediaType": endpoint.media}
        return {
            "description": text,
            "content": {endpoint.media: {"schema": schema, "x-event": schemas["event", "serialization"]}},
        }
    return {"description": "It is so", "content": {endpoint.media: {"schema": schemas[endpoint.id, "serialization"]}}}


def _error(status: int, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": MEANINGS[status], "content": {JSON: {"schema": schema}}}


def _path_parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    if "{name}" in endpoint.path:
        what = _NAMES[endpoint.path.split("/")[1]]
        schema = {"type": "string", "minLength": 1}
        yield {"name": "name", "in": "path", "required": True, "description": what, "schema": schema}


def _query_parameters(query: type[Query]) -> Iterator[dict[str, Any]]:
    schema = query.model_json_schema()
    required = schema.get("required", [])
    for name, field in schema.get("properties", {}).items():
        yield {
            "name": name, "in": "query", "required": name in required, "description": field.pop("description", ""),
            "schema": _given(field),
        }  # fmt: skip


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """Make the schema of a parameter that is given: null has no form in a query."""
    kinds = [kind for kind in schema.pop("anyOf", []) if kind.get("type") != "null"]
    schema = {**schema, **(kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {})}
    if schema.get("default", 0) is None:
        del schema["default"]
    schema.pop("title", None)
    return schema


def _stream_parameters(endpoint: Endpoint) -> Iterator[dict[str, Any]]:
    if endpoint.answer is Response:
        text = "the number of the last event that was seen, as clients send it that connect again: counts over `after`"
        yield {
            "name": "Last-Event-ID", "in": "header", "required": False, "description": text,
            "schema": {"type": "string"},
        }  # fmt: skip
