"""`iapeer list` and `iapeer show`: how the peers are, and why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import click

from iapeer.cli.options import json_option, peer_argument
from iapeer.client.call import call, url
from iapeer.terminal import output
from iapeer.terminal.streams import complain
from iapeer.wording import story, times

_AT = 24  # characters of what a peer works on, in a list
_FLAGS = {"ending": "armed", "attached": "attached", "refresh": "refresh"}
_STARTING = "starting"
_RESTS_S = 60  # idle for less is just idle
_POLICIES = {
    "warm": "warm: one conversation, which sleeps and goes on",
    "ephemeral": "ephemeral: a worker, and every message has a fresh session of its own",
}

_RESUME = {
    "by-topic": "by-topic: another agent's message goes on with its conversation on one of its topics alone",
    "always": "always: every message goes on with its conversation",
}


@click.command("list")
@json_option
def list_peers(as_json: bool) -> None:
    """Show all peers and how they are, and why. The default runtime is marked with a star.

    asleep (parked ...): nothing happened for a while, the conversation stays. asleep (reaped ...): a worker's task is
    done. ending: a worker's session ends once it is quiet. no result: a worker's session waits to be gone on with.
    failing: it does not start, or keeps dying. draining: a worker takes one message after the other. held: by what.
    More of one peer: `iapeer show PEER`.
    """
    output.show(call("GET", "/peers"), as_json, lambda answer: _table(answer["peers"]))


def _table(peers: list[dict[str, Any]]) -> None:
    if not peers:
        output.say("There is no peer yet: `iapeer init` in a folder makes one.")
        return
    output.table(("NAME", "RUNTIME", "STATUS", "QUEUE", "FOLDER"), [row for peer in peers for row in _rows(peer)])
    for peer in peers:
        if peer.get("problem"):
            complain(f"{peer['personality']}: {peer['problem']}")
        if peer.get("unconfirmed"):
            complain(f"{peer['personality']}: {_unconfirmed(peer)}")


def _unconfirmed(peer: dict[str, Any]) -> str:
    first, *more = peer["unconfirmed"]
    rest = f" and {len(more)} more" if more else ""
    return f"not confirmed, and does not count: {first}{rest}; `iapeer show {peer['personality']}` says more"


def _rows(peer: dict[str, Any]) -> Iterator[tuple[object, ...]]:
    """One row a runtime."""
    name, folder = peer["personality"], output.at_home(peer["cwd"])
    if peer.get("problem") or not peer["runtimes"]:
        yield name, None, "broken", None, folder
    for one in peer["runtimes"]:
        yield name, starred(one, peer), _standing(peer, one), story.line(peer, one), folder


def starred(one: dict[str, Any], peer: dict[str, Any]) -> str:
    """A runtime's name; the default one's with a star."""
    return str(one["runtime"]) + ("*" if one["runtime"] == peer["default_runtime"] else "")


def _standing(peer: dict[str, Any], one: dict[str, Any]) -> str:
    nothing = ", no result" if story.gave_nothing(peer, one) else ""
    return standing(one) + nothing + (", unconfirmed" if peer.get("unconfirmed") else "")


def standing(one: dict[str, Any]) -> str:
    """How a runtime is, and why, in a few words."""
    if one["status"] == "live":
        return ", ".join(["live", *_doing(one)])
    why = _asleep(one) if one["status"] == "asleep" else _tried_again(one) if one["status"] == "failing" else ""
    return str(one["status"]) + (f" ({why})" if why else "") + (", refresh" if one.get("refresh") else "")


def _doing(one: dict[str, Any]) -> Iterator[str]:
    """What a session does."""
    blocked, task = one.get("blocked_on"), one.get("task")
    if blocked:
        until = f" until {times.lately(blocked['until'])}" if blocked.get("until") else ""
        yield f"{one['activity'] or 'blocked'}: {blocked['reason']}{until}"
    elif (one.get("last_wake") or {"ready_ms": 0})["ready_ms"] is None:
        yield _STARTING
    elif one["activity"] == "busy" and task:
        yield f"busy: {_cut(task['preview'])}"
    elif one["activity"] == "idle" and (rests := _rests(one)):
        yield f"idle for {rests}"
    elif one["activity"]:
        yield one["activity"]
    yield from (word for word, flag in _FLAGS.items() if one.get(flag))


def _cut(text: str) -> str:
    return text if len(text) <= _AT else text[: _AT - 3] + "..."


def _rests(one: dict[str, Any]) -> str:
    millis = one.get("last_active_ms")
    seconds = time.time() - millis / 1000 if millis is not None else 0.0
    return times.span(seconds) if seconds >= _RESTS_S else ""


def _asleep(one: dict[str, Any]) -> str:
    """Since when and why it sleeps."""
    if one.get("last_end"):
        return f"{story.ended_shortly(one['last_end'])} {times.ago(one['last_end']['at_ms'])}"
    if one.get("last_wake"):
        return _STARTING
    return "never ran" if "last_wake" in one else ""


def _tried_again(one: dict[str, Any]) -> str:
    """What keeps it down, and for how long yet."""
    blocked = one.get("blocked_on") or {"reason": "", "until": None}
    left = f", again in {times.span(blocked['until'] / 1000 - time.time())}" if blocked["until"] else ""
    return f"{blocked['reason']}{left}"


@click.command("show")
@peer_argument
@json_option
def show_peer(peer: str, as_json: bool) -> None:
    """Show one peer: its profile, what its sessions do, why they began and ended, and how it would wake."""
    output.show(call("GET", url("peers", peer)), as_json, _card)


def _card(answer: dict[str, Any]) -> None:
    peer, profile, confirmed = answer["peer"], answer["profile"] or {}, answer.get("confirmed") or {}
    output.card(
        [
            ("name", peer["personality"]),
            ("problem", peer.get("problem")),
            ("description", peer["description"]),
            ("folder", peer["cwd"]),
            ("profile", answer["profile_path"]),
            ("intelligence", peer["intelligence"]),
            ("wake policy", _POLICIES.get(peer["wake_policy"], peer["wake_policy"])),
            ("bounds", _bounds(peer, profile)),
            ("permissions", confirmed.get("permissions", profile.get("permissions"))),
            ("model", profile.get("model")),
            ("resume", None if peer["wake_policy"] == "ephemeral" else _RESUME.get(str(profile.get("resume")))),
            ("first words", confirmed.get("initial_prompt", "").strip()[:60] or None),
            ("managed by", peer["managed_by"]),
            ("last active", times.ago(peer["last_active_ms"])),
            *(pair for one in peer["runtimes"] for pair in _runtime(peer, one, answer)),
            *(("confirmed", _confirmed(one)) for one in confirmed.get("runtimes", [])),
            *(("not confirmed", line) for line in answer.get("differs", [])),
            *(("never asked", line) for line in answer.get("unseen", [])),
            ("last session", (answer["last_session"] or {}).get("id")),
            ("cannot resume", answer.get("lost")),
        ],
        fold=True,
    )


def _confirmed(one: dict[str, Any]) -> str:
    """What a runtime of the peer may be started with."""
    import shlex

    parts = [one["program"] or "no program yet", shlex.join(one["args"])]
    sets = f"with {', '.join(one['variables'])}" if one["variables"] else ""
    own = "by an adapter of yours" if one["own_adapter"] else ""
    return f"{one['runtime']}: " + ", ".join(part for part in (" ".join(filter(None, parts)), sets, own) if part)


def _bounds(peer: dict[str, Any], profile: dict[str, Any]) -> str:
    """What the profile says of times; nothing where it cannot be read."""
    if "idle_secs" not in profile:
        return ""
    if peer["wake_policy"] != "ephemeral":
        return f"put to sleep after {profile['idle_secs']} s at rest (idle_secs)"
    turn = profile.get("timeout_secs")
    most = f"a turn may take {turn} s (timeout_secs)" if turn else "a turn may take any time (timeout_secs)"
    return f"{most}; without a result, a session ends after {profile['unarmed_secs']} s of silence (unarmed_secs)"


def _runtime(peer: dict[str, Any], one: dict[str, Any], answer: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The story of one runtime."""
    blocked = (one.get("blocked_on") or {}).get("text")
    pid = f", pid {one['pid']}" if one["pid"] else ""
    yield starred(one, peer), _standing(peer, one) + pid + (f" - {blocked}" if blocked else "")
    yield "  works on", _task(one)
    yield "  began", _moment(one.get("last_wake"), lambda it: story.woken(it["mode"], it["cause"]))
    yield "  ended", _moment(one.get("last_end"), story.ended)
    if one.get("armed"):
        left = " and whoever is attached has left" if one.get("attached") else ""
        yield "  ending", f"its task is done: it ends once it is quiet{left}"
    if story.gave_nothing(peer, one):
        yield "  ending", _without_result(peer, one, answer["profile"] or {})
    if one.get("refresh"):
        yield "  refresh", "its next wake by a message or `iapeer start` begins a fresh session"
    yield "  topics", ", ".join(one.get("topics") or [])
    yield "  wakes", _wakes(peer, one, answer)
    yield from _queue(peer, one, answer)


def _without_result(peer: dict[str, Any], one: dict[str, Any], profile: dict[str, Any]) -> str:
    """When a worker's session ends that has given nothing, and what its tasks can be helped by."""
    more = f"; `iapeer new {peer['personality']}` begins what waits at once" if one.get("waiting") else ""
    return f"it has given no result: it ends after {profile.get('unarmed_secs')} s of silence (unarmed_secs){more}"


def _task(one: dict[str, Any]) -> str:
    task = one.get("task")
    if not task:
        return ""
    attempt = f", attempt {task['attempt']}" if task["attempt"] > 1 else ""
    return f"{task['id']} from {task['from']} ({task['state']}{attempt}): {task['preview']}"


def _moment(what: dict[str, Any] | None, tell: Any) -> str:
    return f"{times.moment(what['at_ms'])}, {tell(what)}" if what else ""


def _wakes(peer: dict[str, Any], one: dict[str, Any], answer: dict[str, Any]) -> str:
    """What a message would find; nothing while it lives."""
    start = f"`iapeer start {peer['personality']}`"
    if one["status"] == "stopped":
        return f"not before {start}: what comes is held until then"
    if (one.get("blocked_on") or {}).get("reason") == "guard":
        return f"not before it is tried again, by itself or by {start}: what comes is held until then"
    if _asleep(one) == _STARTING:
        return ""  # the outlook is on the session that begins
    mine = [wake for wake in answer.get("outlook") or [] if wake["runtime"] == one["runtime"]]
    return story.outlook(mine, one.get("topics") or [])


def _queue(peer: dict[str, Any], one: dict[str, Any], answer: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """What waits, for what, and what releases it."""
    yield "  queue", story.line(peer, one)
    if one.get("held_by"):
        yield "  held", story.waits("held", one["held_by"], peer["personality"])
    for row in answer.get("next") or []:
        if row["identity"] == one["identity"]:
            yield "  next", f"{row['message']} from {row['from']}, {story.stands(row, peer['personality'])}"
