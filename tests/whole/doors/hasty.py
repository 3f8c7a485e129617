"""A daemon that waits 2 s for a request's body, run as a program."""

from __future__ import annotations

import sys

from iapeer.__main__ import main
from iapeer.api import body

if __name__ == "__main__":
    vars(body)["SLOW_S"] = 2.0
    sys.exit(main())
