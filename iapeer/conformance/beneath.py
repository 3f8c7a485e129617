"""What no API tells of a session: the marks that tmux keeps, and what its process was started with."""

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
    """How often Enter was pressed for a message: tmux keeps that of the one that was typed last."""
    show = ("display-message", "-p", "-t", PANE, "#{@iapeer_submitted}")
    asked = subprocess.run(
        client_argv(Path(subject.entry()["socket"]), *show), capture_output=True, text=True, check=False
    )
    message, _, rest = asked.stdout.strip().partition(":")
    expect(message == ident, f"tmux has no mark of it, but {asked.stdout.strip()!r}")
    return int(rest.rpartition(":")[2])


def send_as(sender: Subject, to: Subject, body: str) -> str:
    """Send a body as the live session of a peer does; the message's id."""
    sent = subprocess.run(
        [sys.executable, "-m", "iapeer", "send", to.name, "--file", "-", "--json"], input=body,
        env=session_environment(sender.entry()["pid"]), cwd=sender.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    expect(sent.returncode == 0, f"{sender.name} cannot send: {sent.stderr.strip()}")
    return str(json.loads(sent.stdout)["id"])


def session_environment(pid: int | None) -> dict[str, str]:
    """What a session's process was started with. Missing when it is not that: with another one, whom would we call?"""
    try:
        environment = psutil.Process(pid).environ() if pid is not None else {}
    except psutil.Error as error:
        raise Missing(f"the environment of the second peer cannot be read: {error}") from error
    if "IAPEER_TOKEN" not in environment or "IAPEER_SOCKET" not in environment:
        raise Missing("the second peer's process shows no session's environment")
    return environment
