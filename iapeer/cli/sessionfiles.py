"""Open files for an agent, only from where its session may send them: `iapeer send` is no way round `cat`'s question.

The daemon says which places these are: an agent could set any variable of the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from iapeer.client.call import PATIENCE_S, persist
from iapeer.files.within import open_within


def open_own(path: str) -> BinaryIO:
    """Open a file (an absolute path) that this session may send. Refused as attachments are; OSError as `open`."""
    places = persist("GET", "/self", timeout=PATIENCE_S)["places"]
    return open_within(path, [Path(place) for place in places], "The file")
