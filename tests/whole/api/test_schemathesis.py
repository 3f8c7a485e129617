"""Whatever is sent to the API, it answers as its OpenAPI document says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.harness import REPO, Root
from tests.whole.api.conftest import PEERS

HERE = Path(__file__).parent
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method,allow_header_conformance"
)
ELSEWHERE = ("/daemon/stop", "/events/stream")  # it ends the daemon; it never ends itself


def test_every_answer_is_as_the_document_says(house: Root) -> None:
    """Requests that fit the document and requests that do not, to every endpoint that ends and does not end us."""
    message = house.send(PEERS[0], "hello", wait="done")
    known = {
        "peers": list(PEERS), "runtimes": ["fake"], "sessions": [message["session"]], "messages": [message["id"]],
    }  # fmt: skip
    for number in range(4):
        (house.base / f"folder-{number}").mkdir()
    env = {**os.environ, "IAPEER_TEST_BASE": str(house.base), "IAPEER_TEST_KNOWN": json.dumps(known)}
    env["PYTHONPATH"] = str(REPO)
    house.peer("doomed")
    daemon = house.call("GET", "/status")["daemon"]
    base = f"https://{daemon['tcp']}/fleet/v1"
    token = (house.base / "root" / "state" / "operator.token").read_text().strip()
    ran = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run",
            f"{base}/openapi.json", "--url", base, "--header", f"Authorization: Bearer {token}", "--checks", CHECKS,
            "--max-examples", "4", "--no-shrink", "--phases", "coverage,fuzzing", "--request-timeout", "20",
            "--tls-verify", daemon["certificate"],
            *(part for path in ELSEWHERE for part in ("--exclude-path", path)),
        ],
        cwd=house.base, env=env, text=True, capture_output=True, timeout=110, check=False,
    )  # fmt: skip
    assert "Traceback" not in house.said(), house.said()[-5000:]
    assert ran.returncode == 0, ran.stdout[-20000:] + ran.stderr[-5000:] + house.said()[-5000:]
