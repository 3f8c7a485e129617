"""Look where no API does, at a session's tmux marks and its process, and send as that process does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil

from iapeer.conformance.outcome import Missing, expect
from iapeer.conformance.subject import Subject
from iapeer.tmux.binary import client_argv
from iapeer.tmux.pane import PANE


def enters(subject: Subject, ident: str) -> int:
    """Count how often Enter was pressed for the message that was typed last: tmux keeps that."""
    show = ("display-message", "-p", "-t", PANE, "#{@iapeer_submitted}")
    shown = subprocess.run(
        client_argv(Path(subject.entry()["socket"]), *show), capture_output=True, text=True, check=False
    )
    message, _, rest = shown.stdout.strip().partition(":")
    expect(message == ident, f"tmux has no mark of it, but {shown.stdout.strip()!r}")
    return int(rest.rpartition(":")[2])


def send_as(sender: Subject, to: Subject, body: str) -> str:
    """Send a body as the live session of a peer would; the message's id."""
    sent = subprocess.run(
        [sys.executable, "-m", "iapeer", "send", to.name, "--file", "-", "--json"], input=body,
        env=session_environment(sender.entry()["pid"]), cwd=sender.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    expect(sent.returncode == 0, f"{sender.name} cannot send: {sent.stderr.strip()}")
    return str(json.loads(sent.stdout)["id"])


def session_environment(pid: int | None) -> dict[str, str]:
    """Read the environment a session's process was started with; Missing when it is no session's."""
    try:
        environment = psutil.Process(pid).environ() if pid is not None else {}
    except psutil.Error as error:
        raise Missing(f"the environment of the second peer cannot be read: {error}") from error
    if "IAPEER_TOKEN" not in environment or "IAPEER_SOCKET" not in environment:
        raise Missing("the second peer's process shows no session's environment")
    return environment
