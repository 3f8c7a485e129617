"""Show one message: where it stands, its timeline, its text, its answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from iapeer.cli.outcome import print_reply
from iapeer.terminal import output
from iapeer.wording import times
from iapeer.wording.events import describe
from iapeer.wording.standing import stands

_HANG = 26  # columns: folded events go on below their time


def show_message(answer: dict[str, Any]) -> None:
    """Print a message, as GET /messages/ID answers it."""
    sent = answer["message"]
    output.card(_facts(sent, answer["row"], answer.get("replies") or []))
    print()
    for line in _timeline(answer["events"], sent["created_ms"]):
        output.say_folded(line, _HANG)
    print()
    output.say_lines(sent["body"])
    reply = answer.get("reply")
    if reply:
        print()
        output.say(f"answer {reply['id']} from {reply['from']}, {times.moment(reply['created_ms'])}:")
        print_reply(reply)


def _facts(
    sent: dict[str, Any], row: dict[str, Any] | None, replies: list[dict[str, Any]]
) -> Iterator[tuple[str, object]]:
    yield "id", sent["id"]
    yield "from", sent["from"]
    yield "to", row["identity"] if row else sent["to"]
    yield "topic", sent["topic"]
    yield "answers", sent["re"]
    yield "asks", "for an answer" if sent.get("asks") else None
    yield "urgent", "yes" if sent.get("urgent") else None
    yield from (("attached", path) for path in sent.get("attachments") or [])
    yield "key", sent.get("key")
    yield "sent", times.moment(sent["created_ms"])
    yield "not before", times.moment(sent.get("at_ms"))
    yield "expires", times.moment(sent.get("expires_ms"))
    yield "state", stands(row, sent["to"]) if row else None
    for reply in replies:
        moment = times.moment(reply["created_ms"])
        yield "answered by", f"{reply['id']} from {reply['from']} ({reply['kind']}), {moment}"


def _timeline(events: list[dict[str, Any]], began: int) -> Iterator[str]:
    """Tell its events, with a line where it was taken up again that says why."""
    attempt = 1
    for event in events:
        if (event.get("attempt") or 1) > attempt:
            attempt = event["attempt"]
            yield f"-- attempt {attempt}, after: {event.get('reason') or 'the one before came to nothing'}"
        after = f"+{(event['ts'] - began) / 1000:.3f} s"
        yield f"{times.stamp(event['ts'])} {after:>12}  {event['ev']:<16} {_details(event)}".rstrip()


def _details(event: dict[str, Any]) -> str:
    """Write what an event says beside its common fields; the session only where the message came into it."""
    session = () if event["ev"] == "leased" else ("session",)
    return describe(event, ("seq", "ts", "ev", "personality", "identity", "message", *session))
