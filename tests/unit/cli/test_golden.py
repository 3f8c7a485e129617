"""What every command prints: the API's object under --json, aligned text when piped."""

from __future__ import annotations

import json
from typing import Any

import pytest

from iapeer.wording import times
from tests.unit.cli import answers
from tests.unit.cli.fake import Cli, Daemon, chunked

EVENTS = {"events": [answers.event(1, "accepted", reason="two words"), answers.event(2, "delivered")], "next": 2}
TWO = answers.peer("alice", runtimes=[answers.runtime_of("alice"), answers.runtime_of("alice", "codex")])
IDLE = answers.runtime_of("alice", status="live", activity="idle", pid=42, last_wake=answers.woken())
PROFILE = {"permissions": "bypass", "model": None, "idle_secs": 600, "unarmed_secs": 60, "timeout_secs": None}
PEER = {
    "peer": answers.peer("alice", runtimes=[IDLE]),
    "profile": PROFILE,
    "profile_path": "/srv/alice/.iapeer/peer-profile.json",
    "last_session": answers.SESSION,
    "next": [],
    "outlook": [],
}
MARKED: dict[str, Any] = {
    "refresh": True,
    "topics": ["a very long topic of last week", "release"],
    "last_wake": answers.woken("parked-resume", "resume"),
    "last_end": answers.gone("parked", answers.T0 + 60_000),
}
PARKED = {
    "peer": {**TWO, "runtimes": [answers.runtime_of("alice", **MARKED), answers.runtime_of("alice", "codex")]},
    "outlook": [
        *(answers.outlook(whose, "resume", "parked-human") for whose in ("person", "old-topic")),
        *(answers.outlook(whose, "fresh", "parked-no-topic") for whose in ("agent", "new-topic")),
        answers.outlook("person", "fresh", "first-wake", "codex"),
    ],
}
WORKER = {
    "peer": answers.peer(
        "alice", wake_policy="ephemeral",
        runtimes=[
            answers.runtime_of(
                "alice", status="live", activity="idle", pid=42, armed=True, attached=True,
                task=answers.task(attempt=2), waiting=3, held=2, held_by="attached",
                last_wake=answers.woken("ephemeral-policy"),
            )
        ],
    ),
    "next": [{**answers.ROW, "reason": "ephemeral"}],
}  # fmt: skip
FAILED = {
    "peer": answers.peer(
        "alice", wake_policy="ephemeral",
        runtimes=[
            answers.runtime_of(
                "alice", status="live", activity="idle", pid=42, waiting=1, last_wake=answers.woken("ephemeral-policy"),
            )
        ],
    ),
}  # fmt: skip
MADE = answers.made(answers.peer("alice"))
PROBLEMS = {
    "problems": [{"personality": "bob", "level": "warning", "path": "/srv/bob", "message": "wake_policy is unknown"}]
}

# command line, the call it makes, the answer, what is printed (`{...}` are holes)
GOLDEN: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "list",
        "GET /peers",
        answers.many(),
        "NAME    RUNTIME  STATUS                                QUEUE                     FOLDER\n"
        "alice   claude*  live, busy: hello there, attached     2 waiting                 /srv/alice\n"
        "alice   codex    asleep (never ran)                    -                         /srv/alice\n"
        "bob     codex*   live, blocked: permission             -                         /srv/with space/bob\n"
        "carl    claude*  live, idle for 2 h, refresh           -                         /srv/carl\n"
        "dora    claude*  live, starting                        -                         /srv/dora\n"
        "parked  claude*  asleep (parked 2 h ago)               -                         /srv/parked\n"
        "died    claude*  asleep (signal 9, 2 h ago)            -                         /srv/died\n"
        "reaped  claude*  asleep (reaped 2 h ago)               -                         /srv/reaped\n"
        "kept    claude*  stopped                               3 held: stopped           /srv/kept\n"
        "fails   claude*  failing (guard, again in 3 d)         1 waiting, 1 held: guard  /srv/fails\n"
        "works   claude*  live, busy: Look at the second fi...  draining, 3 waiting       /srv/works\n"
        "ends    claude*  live, idle, ending, attached          3 held: attached          /srv/ends\n"
        "failed  claude*  live, idle, no result                 2 waiting                 /srv/failed\n"
        "rises   claude*  asleep (starting)                     1 waiting                 /srv/rises\n",
    ),
    ("list", "GET /peers", {"api": 1, "peers": []}, "There is no peer yet: `iapeer init` in a folder makes one.\n"),
    (
        "show alice",
        "GET /peers/alice",
        PEER,
        "name          alice\n"
        "description   reviews code\n"
        "folder        /srv/alice\n"
        "profile       /srv/alice/.iapeer/peer-profile.json\n"
        "intelligence  artificial\n"
        "wake policy   warm: one conversation, which sleeps and goes on\n"
        "bounds        put to sleep after 600 s at rest (idle_secs)\n"
        "permissions   bypass\n"
        "managed by    iapeer\n"
        "claude*       live, idle, pid 42\n"
        "  began       2023-11-14 22:13:20, a fresh session: it had never run before (first-wake)\n"
        "last session  s1\n",
    ),
    (
        "show alice",
        "GET /peers/alice",
        {**PEER, **PARKED, "last_session": None, "profile": None},
        "name          alice\n"
        "description   reviews code\n"
        "folder        /srv/alice\n"
        "profile       /srv/alice/.iapeer/peer-profile.json\n"
        "intelligence  artificial\n"
        "wake policy   warm: one conversation, which sleeps and goes on\n"
        "managed by    iapeer\n"
        "claude*       asleep (parked {AGO}), refresh\n"
        "  began       2023-11-14 22:13:20, its last conversation, resumed: it slept, and the topic is one of its "
        "conversation's (parked-resume)\n"
        "  ended       2023-11-14 22:14:20, put to sleep, for nothing happened for idle_secs; its conversation stays "
        "(parked)\n"
        "  refresh     its next wake by a message or `iapeer start` begins a fresh session\n"
        "  topics      a very long topic of last week, release\n"
        "  wakes       resumes its conversation for your message without a topic, or one on release or a very long "
        "topic of last week; begins a fresh one for another agent's without a topic, or one on another topic\n"
        "codex         asleep (never ran)\n"
        "  wakes       for any message, a fresh session: it had never run before (first-wake)\n",
    ),
    (
        "show alice",
        "GET /peers/alice",
        {**PEER, **WORKER},
        "name          alice\n"
        "description   reviews code\n"
        "folder        /srv/alice\n"
        "profile       /srv/alice/.iapeer/peer-profile.json\n"
        "intelligence  artificial\n"
        "wake policy   ephemeral: a worker, and every message has a fresh session of its own\n"
        "bounds        a turn may take any time (timeout_secs); without a result, a session ends after 60 s of silence "
        "(unarmed_secs)\n"
        "permissions   bypass\n"
        "managed by    iapeer\n"
        "claude*       live, idle, ending, attached, pid 42\n"
        "  works on    019a from operator (running, attempt 2): hello there\n"
        "  began       2023-11-14 22:13:20, a fresh session: every message to a worker has a session of its own "
        "(ephemeral-policy)\n"
        "  ending      its task is done: it ends once it is quiet and whoever is attached has left\n"
        "  queue       draining, 1 waiting, 2 held: attached\n"
        "  held        attached, until whoever is attached has left\n"
        "  next        019a from operator, queued: waits for a session of its own\n"
        "last session  s1\n",
    ),
    (
        "show alice",
        "GET /peers/alice",
        {**PEER, **FAILED},
        "name          alice\n"
        "description   reviews code\n"
        "folder        /srv/alice\n"
        "profile       /srv/alice/.iapeer/peer-profile.json\n"
        "intelligence  artificial\n"
        "wake policy   ephemeral: a worker, and every message has a fresh session of its own\n"
        "bounds        a turn may take any time (timeout_secs); without a result, a session ends after 60 s of silence "
        "(unarmed_secs)\n"
        "permissions   bypass\n"
        "managed by    iapeer\n"
        "claude*       live, idle, no result, pid 42\n"
        "  began       2023-11-14 22:13:20, a fresh session: every message to a worker has a session of its own "
        "(ephemeral-policy)\n"
        "  ending      it has given no result: it ends after 60 s of silence (unarmed_secs); `iapeer new alice` begins "
        "what waits at once\n"
        "  queue       1 waiting\n"
        "last session  s1\n",
    ),
    (
        "set alice idle_secs=600 model=null",
        "PATCH /peers/alice",
        {"peer": TWO, "changed": ["idle_secs"], "note": "It takes effect with the next session."},
        "alice has changed: idle_secs\nIt takes effect with the next session.\n",
    ),
    (
        "set alice idle_secs=600",
        "PATCH /peers/alice",
        {"peer": TWO, "changed": [], "note": None},
        "alice was so already\n",
    ),
    (
        "runtime-add alice codex",
        "POST /peers/alice/runtimes",
        {"peer": TWO, "warning": None},
        "alice runs in claude*, codex\n",
    ),
    ("move alice /srv/alice", "POST /peers/alice/move", {"peer": TWO, "warning": None}, "alice is now in /srv/alice\n"),
    (
        "init -r claude --permissions bypass .",
        "POST /peers",
        {**MADE, "confirmed": answers.confirmed(permissions="bypass")},
        "alice is now a peer: claude in /srv/alice\n"
        "permissions: bypass - claude will act without asking\n"
        "folder trust: when claude asks whether it may trust this folder, iapeer answers yes\n"
        'next: iapeer send alice "hello"   or: iapeer start alice\n',
    ),
    (
        "create alice",
        "POST /peers",
        {**MADE, "created": False},
        "alice is already a peer: claude in /srv/alice\n",
    ),
    (
        "init -r claude .",
        "POST /peers",
        {**MADE, "differs": ["permissions: bypass (confirmed: default)", "claude: variable KEY: new"], "trusts": False},
        "alice is now a peer: claude in /srv/alice\n"
        "The files in .iapeer/ say more, which was not confirmed and does not count (`iapeer trust alice`):\n"
        "  permissions: bypass (confirmed: default)\n"
        "  claude: variable KEY: new\n"
        'next: iapeer send alice "hello"   or: iapeer start alice\n',
    ),
    (
        "show alice",
        "GET /peers/alice",
        {
            **PEER,
            "differs": ["permissions: bypass (confirmed: default)"],
            "unseen": ["claude: variable X: set"],
            "confirmed": answers.confirmed(
                runtimes=[{**answers.RUNTIME_TERMS, "args": ["--a b"], "variables": ["KEY", "X"], "own_adapter": True}]
            ),
        },
        "name           alice\n"
        "description    reviews code\n"
        "folder         /srv/alice\n"
        "profile        /srv/alice/.iapeer/peer-profile.json\n"
        "intelligence   artificial\n"
        "wake policy    warm: one conversation, which sleeps and goes on\n"
        "bounds         put to sleep after 600 s at rest (idle_secs)\n"
        "permissions    default\n"
        "managed by     iapeer\n"
        "claude*        live, idle, pid 42\n"
        "  began        2023-11-14 22:13:20, a fresh session: it had never run before (first-wake)\n"
        "confirmed      claude: /bin/claude '--a b', with KEY, X, by an adapter of yours\n"
        "not confirmed  permissions: bypass (confirmed: default)\n"
        "never asked    claude: variable X: set\n"
        "last session   s1\n",
    ),
    (
        "remove alice --force",
        "DELETE /peers/alice?force=1",
        {"removed": "alice", "cwd": "/srv/alice"},
        "alice is removed; its folder /srv/alice stays\n",
    ),
    (
        "verify",
        "GET /verify",
        PROBLEMS,
        "LEVEL    PEER  PATH      PROBLEM\nwarning  bob   /srv/bob  wake_policy is unknown\n",
    ),
    ("verify", "GET /verify", {"problems": []}, "Everything is in order.\n"),
    ("send alice hi", "POST /send", answers.SENT, "delivered to claude/alice in 640 ms (id 019a)\n"),
    (
        "send alice hi",
        "POST /send",
        {**answers.SENT, "outcome": "queued", "state": "queued", "reason": "busy", "depth": 2},
        "queued for alice: busy, 2nd in line (id 019a)\n",
    ),
    (
        "send alice hi",
        "POST /send",
        {**answers.SENT, "outcome": "queued", "state": "queued", "reason": "ephemeral", "depth": 3},
        "queued for alice, 3rd in line (id 019a); each task has a session of its own\n",
    ),
    (
        "send alice hi --wait done",
        "POST /send",
        {**answers.SENT, "state": "done", "took_ms": 75_000},
        "done by claude/alice in 1 min (id 019a)\n",
    ),
    (
        "send alice hi --wait reply",
        "POST /send",
        {**answers.ANSWERED, "reply": {**answers.REPLY, "attachments": []}},
        "answered by claude/alice in 12.0 s (id 019a, answer 019b)\n\nPort 8080.\nNothing else.\n",
    ),
    (
        "ask alice hi",
        "POST /send",
        {**answers.ANSWERED, "reply": {**answers.REPLY, "attachments": []}},
        "Port 8080.\nNothing else.\n",
    ),
    (
        "inbox alice",
        "GET /peers/alice/inbox",
        {
            "rows": [
                answers.ROW,
                {**answers.ROW, "message": "019b", "from": "bob", "state": "done", "reason": None},
                {**answers.ROW, "message": "019c", "state": "held", "reason": "stopped"},
                {**answers.ROW, "message": "019d", "reason": "ephemeral", "attempt": 2, "retried": "session died"},
                {**answers.ROW, "message": "019e", "state": "running", "reason": None, "attempt": 3, "preview": "x"},
            ],
            "more": 41,
        },
        f"ID    SENT              FROM      {'STATE':<70}  TEXT\n"
        f"019a  2023-11-14 22:13  operator  {'queued: waits for the end of the turn before it':<70}  hello there\n"
        f"019b  2023-11-14 22:13  bob       {'done':<70}  hello there\n"
        f"019c  2023-11-14 22:13  operator  {'held: stopped, until `iapeer start alice`':<70}  hello there\n"
        "019d  2023-11-14 22:13  operator  "
        "queued: waits for a session of its own; attempt 2, after: session died  hello there\n"
        f"019e  2023-11-14 22:13  operator  {'running; attempt 3':<70}  x\n"
        "... and 41 more, between the oldest and the newest.\n",
    ),
    (
        "message 019a",
        "GET /messages/019a",
        answers.MESSAGE,
        "id     019a\n"
        "from   operator\n"
        "to     claude-alice\n"
        "topic  release\n"
        "sent   2023-11-14 22:13:20\n"
        "state  running\n"
        "\n"
        "2023-11-14T22:13:20.001Z     +0.001 s  accepted\n"
        '2023-11-14T22:13:20.640Z     +0.640 s  delivered        attempt=1 took="0.64 s"\n'
        "\n"
        "hello there\n"
        "second line \\x1b[31mred\n",
    ),
    (
        "message 019a --wait reply --timeout 5m",
        "GET /messages/019a?wait=reply&timeout_s=300.0",
        {**answers.ANSWERED_MESSAGE, "reply": {**answers.REPLY, "attachments": []}},
        "id           019a\n"
        "from         operator\n"
        "to           claude-alice\n"
        "topic        release\n"
        "asks         for an answer\n"
        "urgent       yes\n"
        "attached     /s/a.png\n"
        "attached     /s/b.png\n"
        "key          cli-01\n"
        "sent         2023-11-14 22:13:20\n"
        "not before   2023-11-14 22:14:20\n"
        "expires      2023-11-14 22:15:20\n"
        "state        done\n"
        "answered by  019b from alice (result), 2023-11-14 22:13:22\n"
        "\n"
        "2023-11-14T22:13:20.001Z     +0.001 s  accepted\n"
        '2023-11-14T22:13:20.640Z     +0.640 s  delivered        attempt=1 took="0.64 s"\n'
        "2023-11-14T22:13:20.900Z     +0.900 s  answered         reply=019b\n"
        "\n"
        "hello there\n"
        "second line \\x1b[31mred\n"
        "\n"
        "answer 019b from alice, 2023-11-14 22:13:22:\n"
        "Port 8080.\n"
        "Nothing else.\n",
    ),
    ("peek alice", "GET /peers/alice/screen", answers.SCREEN, "> hello\n\\x1b[2J\\x9b31mstill here\n"),
    ("answer alice Enter", "POST /peers/alice/answer", answers.SCREEN, "> hello\n\\x1b[2J\\x9b31mstill here\n"),
    ("start alice", "POST /peers/alice/start", answers.VERB, "alice is live (idle)\n"),
    ("new alice", "POST /peers/alice/new", answers.VERB, "alice has a fresh session and is live (idle)\n"),
    ("interrupt alice", "POST /peers/alice/interrupt", answers.VERB, "alice is interrupted (idle)\n"),
    (
        "refresh alice",
        "POST /peers/alice/refresh",
        {"identity": "claude-alice", "status": "asleep", "refresh": True},
        "alice begins a fresh session at its next wake\n",
    ),
    (
        "compact alice",
        "POST /peers/alice/compact",
        {**answers.VERB, "took_ms": 12_345.0},
        "alice has compacted its conversation in 12.3 s (idle)\n",
    ),
    (
        "stop alice",
        "POST /peers/alice/stop",
        {**answers.VERB, "status": "stopped", "activity": None},
        "alice is stopped\n",
    ),
    ("wait alice idle", "GET /peers/alice/wait?state=idle", answers.VERB, "alice is live (idle)\n"),
    (
        "status",
        "GET /status",
        answers.STATUS,
        "iapeer    0.1.0\n"
        "daemon    pid 7, up 2 h, managed by iapeer\n"
        "socket    /s/daemon.sock\n"
        "tcp       127.0.0.1:8765\n"
        "store     /s/iapeer.db\n"
        "peers     1 live, 2 asleep\n"
        "messages  3 queued\n",
    ),
    (
        "runtime list",
        "GET /runtimes",
        {"runtimes": [{**answers.RUNTIME, "warning": None}]},
        "NAME    TITLE        VERSION  ORIGIN   PROGRAM\nclaude  Claude Code  -        bundled  not found\n",
    ),
    (
        "runtime show claude",
        "GET /runtimes/claude",
        answers.RUNTIME,
        "name          claude\n"
        "title         Claude Code\n"
        "intelligence  artificial\n"
        "adapter       /a/claude.toml (bundled)\n"
        "checked with  >=2.1.197 <=2.1.198\n"
        "program       not found\n"
        "for versions  >=2.1.198 (does not apply here): doctrine.args\n"
        "warning       not checked with this version\n",
    ),
]


@pytest.mark.parametrize(("line", "call", "answer", "text"), GOLDEN, ids=[line for line, *_ in GOLDEN])
def test_commands_print(cli: Cli, daemon: Daemon, line: str, call: str, answer: dict[str, Any], text: str) -> None:
    """Each command makes its one call, prints text for people, and the API's object under --json."""
    daemon.on(call, answer)
    plain = cli.run(*line.split())
    ago = times.ago(answers.T0 + 60_000)
    assert (plain.out, plain.err, plain.code) == (text.replace("{AGO}", ago), "", 0)
    machine = cli.run(*line.split(), "--json")
    assert (machine.json, machine.err, machine.code) == (answer, "", 0)
    assert machine.out == json.dumps(answer) + "\n"
    assert daemon.table.lines() == [call, call]


WANTED = "permissions: bypass (confirmed: default)"


@pytest.mark.parametrize(
    ("differs", "unseen", "text"),
    [
        ([WANTED], [], f"The files of alice say, and it was not confirmed:\n  {WANTED}\n"
                   "Confirmed of alice, for its next session.\n"),
        ([], ["fake: variable KEY: set"], "An earlier version took this on for alice without asking, and it counts:\n"
                                          "  fake: variable KEY: set\nConfirmed of alice, for its next session.\n"),
        ([], [], "All that the files of alice say was confirmed already.\n"),
    ],
)  # fmt: skip
def test_trust_confirms_what_it_shows(
    cli: Cli, daemon: Daemon, differs: list[str], unseen: list[str], text: str
) -> None:
    """By the word that stands for it."""
    daemon.on("GET /peers/alice", {**PEER, "differs": differs, "unseen": unseen, "terms": "d1"})
    answer = {"peer": TWO, "confirmed": [*differs, *unseen]}
    daemon.on("POST /peers/alice/trust", answer)
    plain = cli.run("trust", "alice")
    assert (plain.out, plain.err, plain.code) == (text, "", 0)
    machine = cli.run("trust", "alice", "--json")
    assert (machine.json, machine.err, machine.code) == (answer, "", 0)
    assert [asked.body for asked in daemon.table.asked] == [None, {"terms": "d1"}, None, {"terms": "d1"}]


def test_attach_under_json_gives_the_command_and_runs_nothing(cli: Cli, daemon: Daemon) -> None:
    """A program may want the argv."""
    answer = {"identity": "claude-alice", "session": "s1", "woke": True, "argv": ["false"]}
    daemon.on("POST /peers/alice/attach", answer)
    assert cli.run("attach", "alice", "--read-only", "--json").json == answer
    assert daemon.table.asked[0].body == {"read_only": True}


def test_events_are_paged_to_the_end(cli: Cli, daemon: Daemon) -> None:
    """One event a line, all pages; --json gives the objects."""
    daemon.on("GET /events?peer=alice&after=0&limit=1000", EVENTS)
    daemon.on("GET /events?peer=alice&after=2&limit=1000", {"events": [], "next": 2})
    done = cli.run("events", "--peer", "alice")
    assert done.out == (
        "2023-11-14T22:13:20.001Z  accepted         claude-alice             "
        'seq=1 message=019a reason="two words"\n'
        "2023-11-14T22:13:20.002Z  delivered        claude-alice             seq=2 message=019a\n"
    )
    lines = cli.run("events", "--peer", "alice", "--json").out.splitlines()
    assert [json.loads(line) for line in lines] == EVENTS["events"]


def test_events_follow_a_restarted_daemon_without_gap(cli: Cli, daemon: Daemon) -> None:
    """The stream is continued after the last event that came; chunks may end anywhere."""
    first = f"id: 1\ndata: {json.dumps(answers.event(1, 'one'))}\n\n: still here\n\n".encode()
    second = f"data: {json.dumps(answers.event(2, 'two'))}\r\n\r\n".encode()
    daemon.on("GET /events/stream?after=0", chunked(first[:20], first[20:]))
    daemon.on("GET /events/stream?after=1", chunked(second))
    daemon.refuse("GET /events/stream?after=2", "gone", "enough", 1, 500)
    done = cli.run("events", "-f", "--json")
    assert [json.loads(line)["ev"] for line in done.out.splitlines()] == ["one", "two"]
    assert (done.err, done.code) == ("iapeer: enough\n", 1)
