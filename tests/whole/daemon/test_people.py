"""People at real terminals: they come, look, type and go, and the session is as it was."""

from __future__ import annotations

import subprocess

from tests.harness import Agent, Root, wait_for
from tests.whole.daemon.conftest import NewPeer
from tests.whole.daemon.tools import person


def _view(agent: Agent) -> tuple[str, str]:
    """(window size, status line)."""
    size = agent.tmux("display-message", "-p", "-t", "main:", "#{window_width}x#{window_height}").strip()
    return size, agent.tmux("show", "-gv", "status").strip()


def _becomes(agent: Agent, *view: str) -> None:
    wait_for(lambda: _view(agent) == view, f"the view {view}, not {_view(agent)}", 10)


def _attached(house: Root, agent: Agent, wanted: bool) -> None:
    wait_for(lambda: house.runtime(agent.name)["attached"] is wanted, f"attached {wanted}", 10)


def test_a_person_comes_and_goes(house: Root, new_peer: NewPeer) -> None:
    """The status line is on and the window follows the person; afterwards it is off, and the window 200x50 again."""
    agent = new_peer()
    house.call("POST", f"/peers/{agent.name}/start", {})
    assert _view(agent) == ("200x50", "off")
    with person(house, agent.name, 100, 30) as visitor:
        _attached(house, agent, True)
        _becomes(agent, "100x29", "on")
        visitor.sees(b"detach: Ctrl-b d")
        visitor.type(b"typed by hand\r")
        wait_for(lambda: [record["text"] for record in agent.records("user")] == ["typed by hand"], "the person's turn")
        assert house.send(agent.name, "while watched", wait="done")["outcome"] == "delivered"
        visitor.sees(b"while watched")
    _attached(house, agent, False)
    _becomes(agent, "200x50", "off")
    assert [event["ev"] for event in house.events("attached", "detached", peer=agent.name)] == ["attached", "detached"]
    assert agent.bodies() == ["while watched"]


def test_two_persons(house: Root, new_peer: NewPeer) -> None:
    """The view stays a person's until the last one has left, in whatever way: here one is killed."""
    agent = new_peer()
    house.call("POST", f"/peers/{agent.name}/start", {})
    with person(house, agent.name, 120, 40) as one:
        _attached(house, agent, True)
        with person(house, agent.name, 90, 25):
            wait_for(lambda: len(house.events("attached", peer=agent.name)) == 2, "two persons")
        wait_for(lambda: house.events("detached", peer=agent.name), "one to leave")
        _becomes(agent, "120x39", "on")
        assert house.runtime(agent.name)["attached"]
        one.process.kill()
        one.process.wait()
        _attached(house, agent, False)
        _becomes(agent, "200x50", "off")


def test_a_reader_cannot_type(house: Root, new_peer: NewPeer) -> None:
    """A read-only attach shows the session and lets no key through."""
    agent = new_peer()
    house.call("POST", f"/peers/{agent.name}/start", {})
    with person(house, agent.name, read_only=True) as reader:
        _attached(house, agent, True)
        reader.type(b"not for me\r")
        sent = house.send(agent.name, "@@SAY seen@@", wait="done")
        reader.sees(b"seen")
    assert sent["outcome"] == "delivered"
    assert b"not for me" not in agent.typed()


def test_the_attach_command_works_from_inside_another_tmux(house: Root, new_peer: NewPeer) -> None:
    """What `attach` returns is a plain command line, for an absolute program and the peer's own socket."""
    agent = new_peer()
    house.call("POST", f"/peers/{agent.name}/start", {})
    shown = house.call("POST", f"/peers/{agent.name}/attach", {"read_only": True})
    assert shown["argv"][0].startswith("/")
    assert agent.socket in shown["argv"]
    assert "-r" in shown["argv"]
    assert subprocess.run([shown["argv"][0], "-V"], check=True, capture_output=True).stdout
