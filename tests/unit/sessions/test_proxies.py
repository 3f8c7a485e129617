"""What is left out of a proxy in a session's environment."""

from __future__ import annotations

import pytest

from iapeer.peers.launchenv import LaunchEnv
from iapeer.sessions.proxies import past_proxies
from tests.unit.sessions.test_launchplan import plan_of

LOOPBACK = "127.0.0.1,localhost,::1"


@pytest.mark.parametrize("env", [{}, {"HTTP_PROXY": "http://p:1"}, {"all_proxy": "http://p:1"}, {"no_proxy": ""}])
def test_loopback_is_left_out(env: dict[str, str]) -> None:
    """Under both names: programs read the one or the other. Also without a proxy: the agent's settings may name one."""
    assert past_proxies(env) == {"NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}


@pytest.mark.parametrize(
    ("users", "hosts"),
    [
        ({"NO_PROXY": ".corp.example", "no_proxy": ""}, f".corp.example,{LOOPBACK}"),
        ({"no_proxy": "a, b c"}, f"a,b,c,{LOOPBACK}"),
        ({"NO_PROXY": "a,localhost", "no_proxy": "b,a,::1"}, "a,localhost,b,::1,127.0.0.1"),
        ({"NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}, LOOPBACK),
        ({"NO_PROXY": "*", "no_proxy": "a"}, "*"),
    ],
)
def test_what_the_user_left_out_stays_out(users: dict[str, str], hosts: str) -> None:
    """Each host once, the user's first; everything left out is everything still."""
    assert past_proxies({"ALL_PROXY": "socks5://p:1", **users}) == {"NO_PROXY": hosts, "no_proxy": hosts}


def test_a_session_behind_a_proxy_reaches_us_itself() -> None:
    """Also where the proxy stands in launch.env alone, or in the agent's own settings."""
    assert plan_of(base={"https_proxy": "http://p:1"}).env["NO_PROXY"] == LOOPBACK
    made = plan_of(settings=LaunchEnv({"ALL_PROXY": "socks5://p:1", "NO_PROXY": "own"}), base={"no_proxy": "parents"})
    assert made.env["NO_PROXY"] == made.env["no_proxy"] == f"own,parents,{LOOPBACK}"
    assert plan_of().env["NO_PROXY"] == plan_of().env["no_proxy"] == LOOPBACK
