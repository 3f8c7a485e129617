"""Show what a session's terminal shows."""

from __future__ import annotations

from typing import Any

from iapeer.terminal import output


def show_screen(answer: dict[str, Any]) -> None:
    """Print the text of a pane, without the empty lines at its end."""
    output.say_lines(answer["text"].rstrip("\n"))
