"""Cut the network off: a checked program reaches loopback alone, where the system lets us see to that."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

_MARK = "IAPEER_CHECK_OFFLINE"
_LOOPBACK_UP = 'ip link set lo up && exec "$@"'


def cut_off() -> bool:
    """Go on in a network namespace without a route, by becoming this very command anew in one.

    True when we are in one; False when none can be made here. Does not return where it makes one.
    """
    if os.environ.get(_MARK) or _only_loopback():
        return True
    if _can_unshare():
        os.environ[_MARK] = "1"
        again = [sys.executable, "-m", "iapeer", *sys.argv[1:]]
        os.execvp("unshare", ["unshare", "--net", "sh", "-c", _LOOPBACK_UP, "offline", *again])
    return False


def _only_loopback() -> bool:
    return sys.platform == "linux" and [name for _, name in socket.if_nameindex()] == ["lo"]


def _can_unshare() -> bool:
    if sys.platform != "linux" or not (shutil.which("unshare") and shutil.which("ip")):
        return False
    tried = subprocess.run(["unshare", "--net", "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    return tried.returncode == 0
