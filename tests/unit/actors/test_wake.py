"""The wake table, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer.actors.lifecycle.wake import Manner, Past, Wake, WakeRequest, wake

PARKED = Past("parked", ("ships",), resumable=True)
CRASHED = Past("exit", ("ships",), resumable=True)
MESSAGE = WakeRequest("message")
PLAIN = Manner()

ROWS = [
    # whatever was before
    (WakeRequest("folder-launch"), PARKED, Manner(refresh=True), "fresh", "folder-launch"),
    (WakeRequest("new"), PARKED, PLAIN, "fresh", "new"),
    (WakeRequest("eager"), PARKED, Manner(always=True), "fresh", "eager"),
    (WakeRequest("attach"), CRASHED, Manner(refresh=True, ephemeral=True), "resume", "attach"),
    (WakeRequest("compact"), PARKED, PLAIN, "resume", "attach"),
    (WakeRequest("attach"), Past(), PLAIN, "refused", "attach-nothing-to-resume"),
    (WakeRequest("compact"), Past("parked"), PLAIN, "refused", "attach-nothing-to-resume"),
    # marks and policies come before topics
    (WakeRequest("message", topic="ships"), PARKED, Manner(refresh=True), "fresh", "refresh"),
    (WakeRequest("message", topic="ships"), PARKED, Manner(ephemeral=True), "fresh", "ephemeral-policy"),
    # an answer finds who asked, also where the asker crashed
    (WakeRequest("message", topic="birds", answer=True), PARKED, PLAIN, "resume", "reply-to-own-question"),
    (WakeRequest("message", answer=True), CRASHED, PLAIN, "resume", "reply-to-own-question"),
    (WakeRequest("message", answer=True), Past("exit"), PLAIN, "fresh", "crash-or-self-close"),
    (WakeRequest("message", answer=True), Past("parked"), PLAIN, "fresh", "parked-no-topic"),
    (WakeRequest("message", topic="ships", answer=True), Past("parked", ("ships",)), PLAIN, "fresh", "parked-resume"),
    (MESSAGE, Past(), PLAIN, "fresh", "first-wake"),
    (WakeRequest("message", person=True), Past(), Manner(always=True), "fresh", "first-wake"),
    # what crashed is not resumed, whoever writes
    (WakeRequest("message", topic="ships"), CRASHED, PLAIN, "fresh", "crash-or-self-close"),
    (WakeRequest("message", person=True), CRASHED, Manner(always=True), "fresh", "crash-or-self-close"),
    # a reboot is nobody's crash
    (WakeRequest("message", topic="ships"), Past("lost", ("ships",), True, True), PLAIN, "resume", "parked-resume"),
    (WakeRequest("message", person=True), Past("lost", (), True, True), PLAIN, "resume", "reboot"),
    # parked
    (WakeRequest("message", person=True), PARKED, PLAIN, "resume", "parked-human"),
    (WakeRequest("start"), PARKED, PLAIN, "resume", "parked-human"),
    (WakeRequest("message", topic="birds"), PARKED, Manner(always=True), "resume", "parked-human"),
    (MESSAGE, PARKED, Manner(faces_person=True), "resume", "parked-human"),
    (WakeRequest("message", person=True), Past("parked"), PLAIN, "fresh", "parked-human"),
    (MESSAGE, PARKED, PLAIN, "fresh", "parked-no-topic"),
    (WakeRequest("message", topic="birds"), PARKED, PLAIN, "fresh", "parked-new-topic"),
    (WakeRequest("message", topic="birds", person=True), PARKED, PLAIN, "fresh", "parked-new-topic"),
    (WakeRequest("message", topic="ships"), PARKED, PLAIN, "resume", "parked-resume"),
    (WakeRequest("message", topic="ships"), Past("stop", ("ships",), True), PLAIN, "resume", "parked-resume"),
    (WakeRequest("message", topic="ships"), Past("parked", ("ships",)), PLAIN, "fresh", "parked-resume"),
]


@pytest.mark.parametrize(("call", "past", "manner", "mode", "cause"), ROWS)
def test_the_first_row_that_fits(call: WakeRequest, past: Past, manner: Manner, mode: str, cause: str) -> None:
    """Every row of the table, and those that compete for it."""
    found = wake(call, past, manner)
    assert (found.mode, found.cause) == (mode, cause)


@pytest.mark.parametrize(
    ("call", "past", "misses"),
    [
        (WakeRequest("message", topic="ships"), Past("parked", ("ships",)), True),
        (WakeRequest("message", topic="birds"), Past("parked", ("ships",)), False),  # would be fresh anyway
        (WakeRequest("message", answer=True), Past("exit"), True),
        (WakeRequest("message"), Past("exit"), False),
        (WakeRequest("message", topic="ships"), PARKED, False),
        (WakeRequest("attach"), Past("parked"), True),
        (WakeRequest("attach"), Past(), False),  # there never was one
        (WakeRequest("new"), Past("parked"), False),
    ],
)
def test_a_conversation_that_is_missed_is_told(call: WakeRequest, past: Past, misses: bool) -> None:
    """Only where the table would have resumed it."""
    assert wake(call, past, PLAIN).misses == misses


_CALLS = st.builds(
    WakeRequest,
    by=st.sampled_from(["message", "start", "attach", "compact", "new", "folder-launch", "eager"]),
    topic=st.sampled_from([None, "ships", "birds"]), person=st.booleans(), answer=st.booleans(),
)  # fmt: skip
_PASTS = st.builds(
    Past, ended=st.sampled_from([None, "parked", "stop", "exit", "lost", "unknown"]),
    topics=st.sampled_from([(), ("ships",)]), resumable=st.booleans(), rebooted=st.booleans(),
)  # fmt: skip
_MANNERS = st.builds(Manner, st.booleans(), st.booleans(), st.booleans(), st.booleans())


@given(_CALLS, _PASTS, _MANNERS)
def test_nothing_is_resumed_that_is_not_there_or_was_not_asked_for(
    call: WakeRequest, past: Past, manner: Manner
) -> None:
    """Resumed only what can be; a worker and a crash never by a message of the world; only attach is refused."""
    found: Wake = wake(call, past, manner)
    assert not (found.misses and (past.resumable or found.mode == "resume"))
    if found.mode == "resume":
        assert past.resumable
        assert call.by in ("attach", "compact") or not (manner.ephemeral or manner.refresh)
        assert call.by in ("attach", "compact") or past.parked or call.answer
    if found.mode == "refused":
        assert call.by in ("attach", "compact")
