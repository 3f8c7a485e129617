"""The private files of a session, in a folder of its own: written at its launch, gone with its end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from iapeer.paths.layout import Layout
from iapeer.sessions.launchplan import FIRST_WORDS


def write_files(layout: Layout, session: str, files: Mapping[str, str]) -> None:
    """Write them, by name; OSError when the folder is there already."""
    folder = layout.sessions / session
    folder.mkdir(mode=0o700, parents=True)
    for name, text in files.items():
        descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)


def first_words(layout: Layout, session: str) -> str:
    """What is typed before the first message of a session, if anything: fixed at its launch."""
    try:
        return (layout.sessions / session / FIRST_WORDS).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def forget_files(layout: Layout, session: str) -> None:
    """Remove the private files of a session that is over."""
    shutil.rmtree(layout.sessions / session, ignore_errors=True)
