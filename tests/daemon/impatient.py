"""A daemon that does not wait for others who write to its database, run as a program."""

from __future__ import annotations

import sys

from iapeer.__main__ import main
from iapeer.store import database

if __name__ == "__main__":
    vars(database)["BUSY_S"] = 0.05
    sys.exit(main())
