"""Proxies in a session's environment: what is on loopback, our calls with the session's token among it, is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping

_LEFT_OUT = "no_proxy"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def past_proxies(env: Mapping[str, str]) -> dict[str, str]:
    """The variables to set so that a program in this environment reaches loopback itself.

    Also without a proxy here: an agent's own settings may name one. Programs read NO_PROXY or no_proxy, some of them
    only the first that is there: both say the same afterwards.
    """
    users = [part for name in sorted(env) if name.lower() == _LEFT_OUT for part in re.split(r"[,\s]+", env[name])]
    # Alone, * leaves out every host; beside other names, to some programs, none.
    hosts = "*" if "*" in users else ",".join(dict.fromkeys([*filter(None, users), *LOOPBACK]))
    return {_LEFT_OUT.upper(): hosts, _LEFT_OUT: hosts}
