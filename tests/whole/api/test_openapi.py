"""The OpenAPI document: valid, whole, stable, and the same as the page for people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from iapeer.api.app import ENDPOINTS, document
from iapeer.api.errors import MEANINGS
from tests.harness import REPO, Root

DOCUMENT: Any = document()
IDS = """
delete_peer get_event_stream get_events get_inbox get_message get_openapi get_peer get_peers get_runtime get_runtimes
get_screen get_self get_session get_snapshot get_status get_verify get_wait patch_peer post_answer post_attach
post_batch post_compact post_daemon_stop post_interrupt post_launch post_move post_new post_peers post_refresh
post_runtimes post_self post_send post_start post_stop post_trust
""".split()


def test_the_daemon_serves_a_valid_document(house: Root) -> None:
    """What is served is what is made here, and valid OpenAPI 3.1."""
    served = house.call("GET", "/openapi.json")
    assert served == DOCUMENT
    OpenAPIV31SpecValidator(served).validate()


def test_operations_keep_their_ids() -> None:
    """Clients are generated from them: an id is added, never changed."""
    assert sorted(one.id for one in ENDPOINTS) == IDS
    assert all(one.summary for one in ENDPOINTS)


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_every_field_says_what_it_means(name: str) -> None:
    """Every field of every shape has a description, refers to a shape that has one, or has a plain name."""
    schema = DOCUMENT["components"]["schemas"][name]
    assert schema.get("description") or name in ("JsonValue",), name
    for field, found in schema.get("properties", {}).items():
        assert _described(found) or field in PLAIN, f"{name}.{field}: {found}"


PLAIN = {"outcome", "state", "urgent", "pid", "version", "name", "level", "refresh", "stopping", "intelligence"}


def _described(found: dict[str, Any]) -> bool:
    return "description" in found or "$ref" in str(found)


def _rows() -> Iterator[tuple[str, str]]:
    """(method, path) of every row of the page's table of calls."""
    for line in (REPO / "docs" / "http-api.md").read_text().splitlines():
        if not line.startswith("| `") or "/" not in line.split("|")[1]:
            continue
        method, last = "", ""
        for found in re.findall(r"`([^`]+)`", line.split("|")[1]):
            verb, _, path = found.rpartition(" ")
            method = verb or method
            if not path.startswith("/"):  # `POST /peers/NAME/start`, `stop`: the same but for its end
                path = last.rpartition("/")[0] + "/" + path
            last = path
            yield method, re.sub(r"\b(NAME|ID)\b", "{name}", path)


def test_the_page_lists_every_endpoint() -> None:
    """A row for each endpoint and none for what is not there."""
    rows = list(_rows())
    assert len(rows) == len(set(rows))
    assert set(rows) == {(one.method, one.path) for one in ENDPOINTS}


def test_every_operation_tells_its_errors() -> None:
    """Only statuses that have a meaning; always those that the door, the daemon and a body can give."""
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            told = set(operation["responses"]) - {"200"}
            assert told <= {str(status) for status in MEANINGS}
            assert {"401", "403", "500", "503"} <= told
            assert ("requestBody" in operation) <= ({"400", "413"} <= told)
            assert ("{name}" in path) <= ("404" in told)
