"""Files that a command reads for an agent: `iapeer send` may run without a question, and is no way round `cat`'s.

Where they may come from, the daemon says: of the environment any of it may be set on the command line.
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
