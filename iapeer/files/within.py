"""Opening a file that somebody names, only where its folders may hold it: for the daemon and for every command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from iapeer.files.regular import Unfit, open_regular, path_of
from iapeer.model.errors import Refused


def open_within(path: str, roots: Sequence[Path] | None, what: str) -> BinaryIO:
    """Open a regular file in one of `roots` (real paths; None: anywhere) for reading, never waiting for one.

    It is judged by where the file is that was opened: a folder on the way may become a link at any moment. Refused, in
    words about `what`, for what is elsewhere or no regular file; OSError as `open` raises it.
    """
    real = os.path.realpath(path, strict=True)
    _check_place(path, real, roots, what)  # nothing elsewhere is as much as opened
    try:
        descriptor = open_regular(real, follow=False)
    except Unfit as error:
        raise Refused(f"{what} {path} is no regular file: give the path of a file.", code="attachment") from error
    try:
        _check_place(path, path_of(descriptor), roots, what)
    except Refused:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _check_place(path: str, real: str, roots: Sequence[Path] | None, what: str) -> None:
    if roots is None or any(Path(real).is_relative_to(root) for root in roots):
        return
    link = f", which leads to {real}," if real != path else ""
    raise Refused(
        f"{what} {path}{link} is outside the folders that an agent may send files from (its own, the temporary one, "
        "what it was sent): copy it into one.", code="attachment-place",
    )  # fmt: skip
