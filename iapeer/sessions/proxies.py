"""Proxies in a session's environment: what is on loopback, our calls with the session's token among it, is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "ws_proxy", "wss_proxy", "socks_proxy"})
_LEFT_OUT = "no_proxy"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def past_proxies(env: Mapping[str, str]) -> dict[str, str]:
    """The variables to set so that a program in this environment reaches loopback itself; none without a proxy.

    Programs read NO_PROXY or no_proxy, some of them only the first that is there: both say the same afterwards.
    """
    if not any(value.strip() and name.lower() in _PROXIES for name, value in env.items()):
        return {}
    users = [part for name in sorted(env) if name.lower() == _LEFT_OUT for part in re.split(r"[,\s]+", env[name])]
    # Alone, * leaves out every host; beside other names, to some programs, none.
    hosts = "*" if "*" in users else ",".join(dict.fromkeys([*filter(None, users), *LOOPBACK]))
    return {_LEFT_OUT.upper(): hosts, _LEFT_OUT: hosts}
