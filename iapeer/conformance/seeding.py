"""Write the home that an adapter's [check] table describes, and make the environment that goes with it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from iapeer.runtimes.checktables import Check, CheckHome
from iapeer.sessions.launchplan import fill

PATH = "/usr/local/bin:/usr/bin:/bin"


def names(home: Path, cwd: Path, url: str, binary: Path | str, mark: Path | str = "") -> dict[str, str]:
    """Name the placeholders of a [check] table, with their values."""
    return {"home": str(home), "cwd": str(cwd.resolve()), "url": url, "binary": str(binary), "mark": str(mark)}


def seed(check: Check, home: Path, filled: Mapping[str, str], path: str = PATH) -> dict[str, str]:
    """Write the home; return its part of the environment: HOME, PATH and the table's own variables."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in check.files.items():
        write(home / name, fill(text, filled))
    if check.link:
        link = home / check.link
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(filled["binary"])
        path = f"{link.parent}{os.pathsep}{path}"
    return {"HOME": str(home), "PATH": path, **{name: fill(value, filled) for name, value in check.env.items()}}


def in_home(check: Check, home: CheckHome) -> Check:
    """Change a [check] table for a home that differs so."""
    return check.model_copy(update={"files": check.files | home.files, "env": check.env | home.env})


def write(path: Path, text: str) -> None:
    """Write a file of the home, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_name(path.name + ".new")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
