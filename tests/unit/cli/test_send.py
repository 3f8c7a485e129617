"""`send`: what is sent, what is said of it, and the exit codes."""

from __future__ import annotations

import time
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.cli import outcome, quick, when
from iapeer.cli.app import cli as click_cli
from iapeer.model.errors import Usage
from iapeer.wording.times import seconds
from tests.unit.cli import answers
from tests.unit.cli.fake import Cli, Daemon, chunked, error

BARE = {**answers.REPLY, "attachments": []}


@pytest.fixture
def sending(cli: Cli, daemon: Daemon) -> Cli:
    daemon.on("POST /send", answers.SENT)
    return cli


def test_every_option_reaches_the_daemon(sending: Cli, daemon: Daemon) -> None:
    """Under the API's names; a duration as seconds."""
    line = "--topic release --re 018f --runtime codex --wait delivered --timeout 5m --key k"
    assert sending.run("send", "alice", "two", "words", *line.split()).code == 0
    assert daemon.table.asked[0].body == {
        "to": "alice",
        "body": "two words",
        "runtime": "codex",
        "topic": "release",
        "re": "018f",
        "wait": "delivered",
        "timeout_s": 300.0,
        "key": "k",
    }


def test_rare_options_reach_the_daemon(sending: Cli, daemon: Daemon) -> None:
    """Times as milliseconds since 1970; what expires has its time from when it may be delivered."""
    line = "--urgent --at 2100-01-01T00:00Z --expires 1d --attach a.png --attach /b"
    assert sending.run("send", "alice", "hi", *line.split()).code == 0
    body = daemon.table.asked[0].body
    assert body.pop("key").startswith("cli-")
    assert body == {
        "to": "alice",
        "body": "hi",
        "urgent": True,
        "at_ms": 4102444800000,
        "expires_ms": 4102444800000 + 86_400_000,
        "attachments": [f"{sending.base}/a.png", "/b"],
    }


def test_paths_are_made_absolute_and_no_link_is_followed(sending: Cli, daemon: Daemon) -> None:
    """The daemon judges where a link may lead."""
    (sending.base / "link").symlink_to("/etc/hostname")
    sending.run("send", "alice", "hi", "--attach", "link", "--attach=~/x")
    assert daemon.table.asked[0].body["attachments"] == [f"{sending.base}/link", f"{sending.base}/x"]


def test_every_call_has_a_key_of_its_own(sending: Cli, daemon: Daemon) -> None:
    """Two calls are two messages, whatever they say."""
    for _ in range(2):
        sending.run("send", "alice", "hi")
    keys = [asked.body["key"] for asked in daemon.table.asked]
    assert len(set(keys)) == 2 and all(len(key) == len("cli-") + 16 for key in keys)


def test_the_body_comes_from_words_a_file_or_a_pipe(sending: Cli, daemon: Daemon) -> None:
    """What is not UTF-8 is replaced, everything else is kept byte for byte."""
    file = sending.base / "body.txt"
    file.write_bytes("Grüße\n\ttab\n".encode() + b"\xff")
    sending.run("send", "alice", "-f", str(file))
    sending.run("send", "alice", "-f", "-", stdin="from stdin\n")
    sending.run("send", "alice", stdin="piped")
    sending.run("send", "alice", "--", "-f", "is text")
    sending.run("send", "-f", "-", "alice", stdin="")
    bodies = [asked.body["body"] for asked in daemon.table.asked]
    assert bodies == ["Grüße\n\ttab\n\ufffd", "from stdin\n", "piped", "-f is text", ""]


def test_a_text_may_begin_with_a_dash(sending: Cli, daemon: Daemon) -> None:
    """A list, a rule, a number, on the short path and on click's; what may be a mistyped option is none."""
    texts = ["- first\n- second", "---\nrule", "-5 is too low", "--wait for it", "-", "- "]
    for text in texts:
        sending.run("send", "alice", text, "--topic", "- it")
        sending.run("send", "alice", text, "--urgent", "--topic=- it")
    sent = [(asked.body["body"], asked.body["topic"]) for asked in daemon.table.asked]
    assert sent == [(text, "- it") for text in texts for _ in range(2)]
    assert [sending.run("send", "alice", "hi", word).code for word in ("--wat", "-x", "--wat=a b")] == [2, 2, 2]


def test_who_we_are_is_sent_along(sending: Cli, daemon: Daemon) -> None:
    """A session's token and identity, in headers; IAPEER_SOCKET leads to the session's own daemon."""
    env = {
        "IAPEER_TOKEN": "secret",
        "PEER_IDENTITY": "claude-bob",
        "IAPEER_ROOT": "/nonexistent",
        "IAPEER_SOCKET": str(sending.socket),
    }
    assert sending.run("send", "alice", "hi", env=env).code == 0
    headers = daemon.table.asked[0].headers
    assert (headers["authorization"], headers["x-peer-identity"]) == ("Bearer secret", "claude-bob")


@pytest.mark.parametrize(
    ("changes", "wait", "code"),
    [
        ({}, None, 0),
        ({"outcome": "queued", "state": "queued"}, None, 0),
        ({"outcome": "queued", "state": "queued"}, "delivered", 4),
        ({"outcome": "delivered", "state": "running"}, "done", 4),
        ({"outcome": "delivered", "state": "done"}, "done", 0),
        ({"outcome": "delivered", "state": "failed"}, "done", 1),
        ({"outcome": "queued", "state": "dead"}, "delivered", 1),
        ({"outcome": "stranded", "state": "stranded"}, None, 6),
        ({"outcome": "unknown", "state": "unknown"}, "done", 6),
        ({"outcome": "refused", "state": None}, None, 3),
        ({"outcome": "delivered", "state": "done", "reply": BARE}, "reply", 0),
        ({"outcome": "unknown", "state": "unknown", "reply": BARE}, "reply", 0),
        ({"outcome": "delivered", "state": "done", "reason": "no-reply"}, "reply", 1),
        ({"outcome": "delivered", "state": "failed"}, "reply", 1),
        ({"outcome": "queued", "state": "expired"}, "reply", 1),
        ({"outcome": "delivered", "state": "running"}, "reply", 4),
        ({"outcome": "stranded", "state": "stranded"}, "reply", 6),
    ],
)
def test_exit_codes(changes: dict[str, Any], wait: str | None, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """What is well goes to stdout, everything else is an error on stderr."""
    assert outcome.tell({**answers.SENT, **changes}, wait) == code
    out, err = capsys.readouterr()
    assert bool(out) == (code == 0)
    assert err.startswith("iapeer: ") == (code != 0)


def test_json_has_the_exit_code_too(cli: Cli, daemon: Daemon) -> None:
    """A program reads both."""
    daemon.on("POST /send", {**answers.SENT, "outcome": "unknown"})
    done = cli.run("send", "alice", "hi", "--json")
    assert (done.json["outcome"], done.code, done.err) == ("unknown", 6, "")


@pytest.mark.parametrize(
    ("line", "stdin", "code", "said"),
    [
        ("send alice hi --wait forever", None, 2, "cannot be waited for"),
        ("send alice hi --timeout soon", None, 2, "'soon' is not a duration"),
        ("send alice hi -f x", None, 2, "not both"),
        ("send alice -f /nonexistent", None, 2, "/nonexistent cannot be read: No such file or directory."),
        ("send alice -f /", None, 2, "/ cannot be read: Is a directory."),
        ("send alice -f", None, 2, "requires an argument"),
        ("send", None, 2, "Missing argument 'PEER'"),
        ("send --urgent", None, 2, "Missing argument 'PEER': see `iapeer send --help`."),
        ("send alice hi --at 25:00", None, 2, "'25:00' is not a time"),
        ("send alice hi --at soon", None, 2, "'soon' is not a time"),
        ("send alice hi --at 18:00 --delay 5m", None, 2, "--at or --delay, not both"),
        ("send alice hi --expires never", None, 2, "'never' is not a duration"),
        ("send alice --batch x", None, 2, "give no PEER"),
        ("send --batch x --wait done", None, 2, "give no PEER"),
        ("ask alice hi --wait done", None, 2, "see `iapeer ask --help`."),
        ("ask", None, 2, "Missing argument 'PEER'"),
        ("send alice", "x" * (quick.MAX_BYTES + 1), 3, "larger than 4 MiB"),
    ],
)
def test_mistakes_send_nothing(cli: Cli, daemon: Daemon, line: str, stdin: str | None, code: int, said: str) -> None:
    """One sentence, the exit code, no request."""
    done = cli.run(*line.split(), stdin=stdin)
    assert (done.code, done.out, daemon.table.asked) == (code, "", [])
    assert done.err.startswith("iapeer: ") and said in done.err and done.err.count("\n") == 1


def test_a_terminal_without_text_is_asked_for_it(cli: Cli, daemon: Daemon) -> None:
    """Never wait silently for a person to type."""
    assert cli.terminal("send", "alice") == (2, "iapeer: There is no message: give TEXT, -f FILE, or pipe it in.\n")


def test_a_long_wait_shows_its_phase_on_a_terminal(cli: Cli, daemon: Daemon) -> None:
    """From the event stream, after a second, on one line that is cleared at the end. Old events are not phases."""
    now = {"ts": 4_000_000_000_000, "ev": "wake"}
    old = answers.event(1, "long_ago")
    import json

    daemon.on(
        "GET /events/stream?peer=alice", chunked(*(f"data: {json.dumps(one)}\n\n".encode() for one in (now, old)))
    )

    def slow(_: object) -> tuple[int, Any]:
        time.sleep(1.7)
        return 200, {**answers.SENT, "state": "done"}

    daemon.on("POST /send", slow)
    code, shown = cli.terminal("send", "alice", "hi", "--wait", "done")
    assert code == 0
    assert "\ralice: starting the agent (1 s)" in shown
    assert "long ago" not in shown
    assert shown.endswith(" \rdone by claude/alice in 640 ms (id 019a)\n")


def test_the_short_path_and_click_parse_alike(cli: Cli) -> None:
    """Parsing exists twice at one point only: what the short path understands, click understands in the same way."""
    _parse_alike()


_WORDS = ["alice", "hi", "-", "--", "--json", "-f", "--topic", "--topic=a b", "--re", "--wait", "done", "--timeout=1",
          "-r", "--runtime", "x=y", "--file=z", "-fz", "--top", "--nope", "-h", "--attach", "--attach=p", "--key=k",
          "--urgent", "--at=18:00", "--batch"]  # fmt: skip


@given(st.sampled_from(["send", "ask"]), st.lists(st.sampled_from(_WORDS), max_size=7))
def _parse_alike(command: str, args: list[str]) -> None:
    plain = quick.parse(command, args)
    if plain is None:
        return
    with mock.patch.object(quick, command, return_value=0) as called:
        click_cli.main([command, *args], prog_name="iapeer", standalone_mode=False)
    assert called.call_args.kwargs == plain


_NOON = 1_700_000_000 - 1_700_000_000 % 86400 + 43200  # 2023-11-14 12:00:00 UTC


@pytest.mark.parametrize(
    ("text", "seconds_from_noon"),
    [("12:01", 60), ("12:00", 86400), ("9:30", 77400), ("23:59:59", 43199), ("2023-11-15", 43200),
     ("2023-11-14T12:00", 0), ("2023-11-14 12:00:30", 30), ("2023-11-14T12:00+02:00", -7200),
     ("2023-11-14T13:00Z", 3600)],
)  # fmt: skip
def test_points_in_time(text: str, seconds_from_noon: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Local unless a zone is given; a time of day is the next such one."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert when.moment_ms(text, _NOON) == (_NOON + seconds_from_noon) * 1000


def test_a_time_of_day_over_a_change_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tomorrow's 12:00 is 25 hours away when summer time ends in between."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    noon = 1_698_487_200  # 2023-10-28 12:00 CEST
    assert when.moment_ms("12:00", noon) == (noon + 25 * 3600) * 1000


@given(st.integers(0, 99999), st.sampled_from(["", ".0", ".5", ".25"]), st.sampled_from(["", "s", "m", "h", "d"]))
def test_durations(whole: int, part: str, unit: str) -> None:
    """A number with an optional unit."""
    factor = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[unit]
    assert seconds(f"{whole}{part}{unit}") == pytest.approx(float(f"{whole}{part}") * factor)


@given(st.text(max_size=8))
def test_nothing_else_is_a_duration(text: str) -> None:
    """Either a finite number of seconds that is not negative, or Usage."""
    try:
        found = seconds(text)
    except Usage as refusal:
        assert "is not a duration" in str(refusal)
    else:
        assert 0 <= found < 10**15


def test_an_error_of_the_daemon_is_one_sentence(cli: Cli, daemon: Daemon) -> None:
    """With its exit code, and escapes shown as codes; IAPEER_DEBUG=1 adds the traceback."""
    daemon.on("POST /send", error("unknown-peer", "There is no peer 'alcie\x1b[31m': did you mean alice?", 3), 409)
    done = cli.run("send", "alcie", "hi")
    assert (done.code, done.out) == (3, "")
    assert done.err == "iapeer: There is no peer 'alcie\\x1b[31m': did you mean alice?\n"
    assert "Traceback" in cli.run("send", "alcie", "hi", env={"IAPEER_DEBUG": "1"}).err


def test_surrogates_of_the_command_line_do_not_reach_the_daemon(sending: Cli, daemon: Daemon) -> None:
    """An argument that is not UTF-8 is replaced where it is not."""
    sending.run("send", "alice", "caf\udce9")
    assert daemon.table.asked[0].body["body"] == "caf\ufffd"


def test_standard_input_may_be_closed(sending: Cli, daemon: Daemon) -> None:
    """A program may call us with nothing at all on 0."""
    script = "import os,sys; os.close(0); os.execv(sys.executable, [sys.executable, '-m', 'iapeer', 'send', 'alice'])"
    done = sending.run(python=("-c", script))
    assert (done.code, daemon.table.asked) == (2, [])
