"""The tour, whole: a real daemon, real tmux, fake agents; every claim is proven, and nothing stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

CLAIMS = [
    "a folder is a peer", "a message wakes a sleeping peer", "delivered means delivered", "a message is never run",
    "agents outlive the daemon", "a new daemon finds the session", "no message is typed twice",
    "a sleeping peer costs nothing", "a topic resumes its conversation", "another topic begins anew",
    "every task has a fresh session", "nothing is left behind",
]  # fmt: skip


def test_the_tour_proves_what_it_claims(tmp_path: Path) -> None:
    """In its order, in a root of its own; its temporary folder is empty afterwards."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "TMPDIR": "/tmp"}
    before = set(Path("/tmp").glob("iapeer-*"))
    done = subprocess.run(
        [sys.executable, "-m", "iapeer", "demo", "--json"], env=env, capture_output=True, text=True, timeout=110,
        cwd=Path(__file__).parents[3], check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    proven = {one["claim"]: one["evidence"] for one in json.loads(done.stdout)["proven"]}
    assert list(proven) == CLAIMS
    assert proven["a topic resumes its conversation"].startswith("resume (parked-resume)")
    assert proven["another topic begins anew"].startswith("fresh (parked-new-topic)")
    assert proven["every task has a fresh session"].startswith("3 sessions")
    assert set(Path("/tmp").glob("iapeer-*")) <= before
