"""Show one peer: its profile, and the story of each of its runtimes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from iapeer.cli.show.standing import gave_nothing, is_starting, peer_standing, starred
from iapeer.terminal import output
from iapeer.wording import causes, standing, times
from iapeer.wording import profile as profile_words


def show_peer(answer: dict[str, Any]) -> None:
    """Print the card of a peer, as GET /peers/NAME answers it."""
    peer, profile, confirmed = answer["peer"], answer["profile"] or {}, answer.get("confirmed") or {}
    output.card(
        [
            ("name", peer["personality"]),
            ("problem", peer.get("problem")),
            ("description", peer["description"]),
            ("folder", peer["cwd"]),
            ("profile", answer["profile_path"]),
            ("intelligence", peer["intelligence"]),
            ("wake policy", profile_words.POLICIES.get(peer["wake_policy"], peer["wake_policy"])),
            ("bounds", _bounds(peer, profile)),
            ("permissions", confirmed.get("permissions", profile.get("permissions"))),
            ("model", profile.get("model")),
            (
                "resume",
                None if peer["wake_policy"] == "ephemeral" else profile_words.RESUME.get(str(profile.get("resume"))),
            ),
            ("first words", confirmed.get("initial_prompt", "").strip()[:60] or None),
            ("managed by", peer["managed_by"]),
            ("last active", times.ago(peer["last_active_ms"])),
            *(pair for entry in peer["runtimes"] for pair in _runtime(peer, entry, answer)),
            *(("confirmed", _confirmed(entry)) for entry in confirmed.get("runtimes", [])),
            *(("not confirmed", line) for line in answer.get("differs", [])),
            *(("never asked", line) for line in answer.get("unseen", [])),
            ("last session", (answer["last_session"] or {}).get("id")),
            ("cannot resume", answer.get("lost")),
        ],
        fold=True,
    )


def _confirmed(entry: dict[str, Any]) -> str:
    """Say what a runtime of the peer may be started with."""
    parts = [entry["program"] or "no program yet", shlex.join(entry["args"])]
    sets = f"with {', '.join(entry['variables'])}" if entry["variables"] else ""
    own = "by an adapter of yours" if entry["own_adapter"] else ""
    return f"{entry['runtime']}: " + ", ".join(part for part in (" ".join(filter(None, parts)), sets, own) if part)


def _bounds(peer: dict[str, Any], profile: dict[str, Any]) -> str:
    """Say what the profile says of times; nothing where it cannot be read."""
    if "idle_secs" not in profile:
        return ""
    if peer["wake_policy"] != "ephemeral":
        return f"put to sleep after {profile['idle_secs']} s at rest (idle_secs)"
    turn = profile.get("timeout_secs")
    most = f"a turn may take {turn} s (timeout_secs)" if turn else "a turn may take any time (timeout_secs)"
    return f"{most}; without a result, a session ends after {profile['unarmed_secs']} s of silence (unarmed_secs)"


def _runtime(peer: dict[str, Any], entry: dict[str, Any], answer: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Tell the story of one runtime."""
    blocked = (entry.get("blocked_on") or {}).get("text")
    pid = f", pid {entry['pid']}" if entry["pid"] else ""
    yield starred(entry, peer), peer_standing(peer, entry) + pid + (f" - {blocked}" if blocked else "")
    yield "  works on", _task(entry)
    yield "  began", _moment(entry.get("last_wake"), lambda it: causes.woken(it["mode"], it["cause"]))
    yield "  ended", _moment(entry.get("last_end"), causes.ended)
    if entry.get("armed"):
        left = " and whoever is attached has left" if entry.get("attached") else ""
        yield "  ending", f"its task is done: it ends once it is quiet{left}"
    if gave_nothing(peer, entry):
        yield "  ending", _without_result(peer, entry, answer["profile"] or {})
    if entry.get("refresh"):
        yield "  refresh", "its next wake by a message or `iapeer start` begins a fresh session"
    yield "  topics", ", ".join(entry.get("topics") or [])
    yield "  wakes", _wakes(peer, entry, answer)
    yield from _queue(peer, entry, answer)


def _without_result(peer: dict[str, Any], entry: dict[str, Any], profile: dict[str, Any]) -> str:
    """Say when a session without a result ends, and what helps the tasks that wait for that."""
    more = f"; `iapeer new {peer['personality']}` begins what waits at once" if entry.get("waiting") else ""
    return f"it has given no result: it ends after {profile.get('unarmed_secs')} s of silence (unarmed_secs){more}"


def _task(entry: dict[str, Any]) -> str:
    task = entry.get("task")
    if not task:
        return ""
    attempt = f", attempt {task['attempt']}" if task["attempt"] > 1 else ""
    return f"{task['id']} from {task['from']} ({task['state']}{attempt}): {task['preview']}"


def _moment(what: dict[str, Any] | None, tell: Any) -> str:
    return f"{times.moment(what['at_ms'])}, {tell(what)}" if what else ""


def _wakes(peer: dict[str, Any], entry: dict[str, Any], answer: dict[str, Any]) -> str:
    """Say what a message would find; nothing while it lives."""
    start = f"`iapeer start {peer['personality']}`"
    if entry["status"] == "stopped":
        return f"not before {start}: what comes is held until then"
    if (entry.get("blocked_on") or {}).get("reason") == "guard":
        return f"not before it is tried again, by itself or by {start}: what comes is held until then"
    if is_starting(entry):
        return ""  # the outlook is on the session that begins
    mine = [wake for wake in answer.get("outlook") or [] if wake["runtime"] == entry["runtime"]]
    return standing.outlook(mine, entry.get("topics") or [])


def _queue(peer: dict[str, Any], entry: dict[str, Any], answer: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Tell what waits, for what, and what releases it."""
    yield "  queue", standing.queue(peer, entry, resting=gave_nothing(peer, entry))
    if entry.get("held_by"):
        yield "  held", causes.waits("held", entry["held_by"], peer["personality"])
    for row in answer.get("next") or []:
        if row["identity"] == entry["identity"]:
            yield "  next", f"{row['message']} from {row['from']}, {standing.stands(row, peer['personality'])}"
