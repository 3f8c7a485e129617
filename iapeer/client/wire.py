"""HTTP as the daemon speaks it: the bytes of a request, the head and the body of an answer. `send` pays for imports."""

from __future__ import annotations

import os

from iapeer import __version__
from iapeer.model.errors import BY_EXIT_CODE, Failed, PeerError

TYPE_CHECKING = False  # `typing` itself is too slow to import here
if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from typing import Any

BASE = "/fleet/v1"


def request(method: str, path: str, body: dict[str, Any] | None = None, query: dict[str, Any] | None = None) -> bytes:
    """Write the bytes of a request. `path` is below the base and already quoted."""
    payload = b"" if body is None else _json(body)
    lines = [
        f"{method} {BASE}{path}{_query(query)} HTTP/1.1",
        "Host: iapeer",
        "Connection: close",
        f"User-Agent: iapeer/{__version__}",
        f"Content-Length: {len(payload)}",
        "Content-Type: application/json",
        *_identity(),
    ]
    return "\r\n".join([*lines, "", ""]).encode(errors="replace") + payload


def _json(body: dict[str, Any]) -> bytes:
    import json

    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        from iapeer.client.utf8 import not_utf8

        raise not_utf8(body) from None


def _identity() -> list[str]:
    """Write the headers that say who we are: a session's token, and whom its environment says we are."""
    token, identity = os.environ.get("IAPEER_TOKEN"), os.environ.get("PEER_IDENTITY")
    headers = [f"Authorization: Bearer {token}"] if token else []
    headers += [f"X-Peer-Identity: {identity}"] if identity else []
    return [" ".join(line.split()) for line in headers]


def _query(query: dict[str, Any] | None) -> str:
    given = {key: value for key, value in (query or {}).items() if value is not None}
    if not given:
        return ""
    from urllib.parse import urlencode  # late: `send` has no query

    try:
        return "?" + urlencode(given)
    except UnicodeEncodeError:
        from iapeer.client.utf8 import not_utf8

        raise not_utf8(given) from None


def head(stream: BufferedReader) -> tuple[int, dict[str, str]]:
    """Read (status, headers in lower case) of an answer. EOFError when there is none, or only a part."""
    words = stream.readline(65536).split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise EOFError
    headers: dict[str, str] = {}
    while line := stream.readline(65536):
        name, _, value = line.strip().decode("latin-1").partition(":")
        if not name:
            return int(words[1]), headers
        headers[name.strip().lower()] = value.strip()
    raise EOFError


def chunks(stream: BufferedReader, headers: dict[str, str]) -> Iterator[bytes]:
    """Read the body's bytes as they come. EOFError when it ends too early."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int(stream.readline(1024).partition(b";")[0].strip() or b"0", 16):
            yield _exactly(stream, size)
            stream.readline(1024)
    elif "content-length" in headers:
        yield _exactly(stream, int(headers["content-length"]))
    else:
        while data := stream.read1(65536):
            yield data


def _exactly(stream: BufferedReader, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def answer_of(status: int, body: bytes) -> dict[str, Any]:
    """Return the JSON object that was answered; raise the error that it stands for."""
    import json

    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if status < 400 and isinstance(answer, dict):
        return answer
    raise error_of(status, answer)


def error_of(status: int, answer: object) -> PeerError:
    """Make the error that an answer stands for."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return Failed(f"The daemon gave no proper answer (HTTP {status}): see `iapeer logs` or restart it.")
    kind = BY_EXIT_CODE.get(error.get("exit", 1), Failed)
    return kind(error["message"], code=str(error.get("code") or kind.code))
