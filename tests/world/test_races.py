"""Races and corners as tests of their own, in the made-up world."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from iapeer.api.messages.sending import Send, post_send
from iapeer.api.ownsession import OwnSession, post_self
from iapeer.api.requests import Target
from iapeer.api.sessions import control
from iapeer.api.sessions.attach import Attach, post_attach
from iapeer.mail.request import Caller
from iapeer.model.holds import HoldCause
from iapeer.model.states import State
from iapeer.store import ANSWER, INFORMATIONAL, RETURNED, STOPPED, Row
from tests.world.agent import SimAgent
from tests.world.history import History, played
from tests.world.ledger import typed
from tests.world.life import Life

WORKER = {"wake_policy": "ephemeral", "unarmed_secs": 600, "timeout_secs": 900}
KILLS = range(60)  # at each of these things that it does the daemon is killed
DONE, KEPT = (State.DONE, "ok"), (State.DONE, INFORMATIONAL)


class Tale(History):
    """A history of ann and bob, told step by step."""

    def __init__(self, profile: dict[str, Any] | None = None) -> None:
        super().__init__({"ann": "fake", "bob": "fake"}, {"bob": profile or {}})

    @property
    def up(self) -> Life:
        """The daemon."""
        return self._rise()

    def send(self, body: str, to: str = "bob", caller: Caller | None = None, **more: Any) -> str:
        """Somebody sends a message, the operator by default; its id, "" if the daemon was killed before it had it."""
        before = {row.message for row in self.up.store.inbox.recent(to)}
        self.up.ask(post_send, "", Send(to=to, body=body, **more), caller)
        self.pass_time(0.02)
        return next((row.message for row in self.up.store.inbox.recent(to) if row.message not in before), "")

    def say(self, who: str, body: str, **more: Any) -> str:
        """A live agent sends to the other one."""
        return self.send(body, "ann" if who == "bob" else "bob", self.caller(who), **more)

    def caller(self, who: str) -> Caller:
        """A live agent, as who asks."""
        return Caller(who, "fake", "artificial", self.agent(who).session)

    def ask(self, verb: str, **more: Any) -> asyncio.Task[Any]:
        """Something is asked of bob."""
        wish = Attach() if verb == "attach" else Target(**more)
        endpoint = post_attach if verb == "attach" else getattr(control, f"post_{verb}")
        return self.up.ask(endpoint, "bob", wish)

    def own(self, verb: str, caller: Caller) -> None:
        """An agent's word about its own session."""
        self.up.ask(post_self, caller.personality, OwnSession.model_validate({"verb": verb}), caller)
        self.pass_time(0.02)

    def person(self, *deeds: str) -> None:
        """Somebody at bob's terminal."""
        for does in deeds:
            self._person("bob", does)
            self.pass_time(0.1)

    def agent(self, who: str = "bob") -> SimAgent:
        """The one that lives."""
        (found,) = self.world.live(f"fake-{who}")
        return found

    def row(self, ident: str) -> Row:
        """How a message stands."""
        found = self.up.store.inbox.row(ident)
        assert found is not None
        return found

    def stands(self, *idents: str) -> list[tuple[State, str | None]]:
        """(state, outcome) of messages."""
        return [(self.row(ident).state, self.row(ident).outcome) for ident in idents]

    def wakes(self) -> list[str]:
        """Why bob's sessions were begun."""
        return [one.cause for one in self.up.store.sessions.newest("bob")]

    def ends(self) -> list[str | None]:
        """How they ended."""
        return [one.end_cause for one in self.up.store.sessions.newest("bob")]

    def question(self, words: str = "") -> tuple[str, str]:
        """(bob's task of 10 s, what bob asks ann meanwhile, who takes her time)."""
        self.send("hello", "ann")
        self.pass_time(2)
        task = self.send(f"@@SLOW 10@@{words}")
        self.pass_time(2)
        return task, self.say("bob", "@@SLOW 1000@@", asks=True)


Tell = Callable[..., Tale]


@pytest.fixture
def tell() -> Iterator[Tell]:
    """Makes tales, one after the other; in the end each becomes quiet, and keeps every promise."""
    told: list[Tale] = []

    def begin(profile: dict[str, Any] | None = None) -> Tale:
        end()
        told.append(Tale(profile))
        return told[-1]

    def end() -> None:
        while told:
            tale = told.pop()
            try:
                tale.become_quiet()
            finally:
                tale.close()

    yield begin
    end()


# ---- answers to a worker's own question


def test_an_answer_for_later_reaches_no_successor(tell: Tell) -> None:
    """It comes due while the next task's session lives: it is kept to be read."""
    tale = tell(WORKER)
    task, asked = tale.question()
    answer = tale.say("ann", "the answer", re=asked, at_ms=tale._now_ms() + 60_000)
    assert tale.row(answer).priority == ANSWER
    tale.pass_time(20)
    successor = tale.send("@@SLOW 100@@")
    tale.pass_time(200)
    assert tale.stands(task, successor, answer) == [DONE, DONE, KEPT]


def test_an_answer_held_over_a_stop_reaches_no_successor(tell: Tell) -> None:
    """`start` begins the next session before anything else is looked at."""
    tale = tell(WORKER)
    task, asked = tale.question()
    answer = tale.say("ann", "the answer", re=asked)
    assert tale.row(answer).priority == ANSWER
    tale.ask("stop")
    tale.pass_time(5)
    tale.ask("start")
    tale.pass_time(60)
    assert tale.stands(task, answer) == [DONE, KEPT]


@pytest.mark.parametrize("words", ["", "@@ERROR no@@"])
def test_an_answer_that_cannot_be_typed_keeps_no_session_alive(tell: Tell, words: str) -> None:
    """Somebody left a draft behind: the session is bounded as ever, and the next task has its turn."""
    tale = tell(WORKER)
    _, asked = tale.question(words)
    answer = tale.say("ann", "the answer", re=asked)
    tale.person("come", "draft")
    tale.pass_time(20)
    tale.person("leave")
    successor = tale.send("hello")
    tale.pass_time(620 if words else 20)
    assert tale.stands(successor, answer) == [DONE, KEPT]


# ---- a worker's end


@pytest.mark.parametrize("step", [0.5, 0.003])
def test_an_agent_that_leaves_after_its_task_is_no_death(tell: Tell, step: float) -> None:
    """Before the reap, or even before its turn's end was read: the guard does not count it, no task is done twice."""
    tale = tell(WORKER)
    sent = [tale.send("@@SLOW 1@@") for _ in range(4)]
    until = tale.world.timeline.now + 15
    while tale.world.timeline.now < until:
        tale.pass_time(step)
        for agent in tale.world.live("fake-bob"):
            if agent.turns and agent.turns[-1].outcome == "done":
                agent.exit(0)
    assert tale.stands(*sent) == [DONE] * 4
    assert [tale.row(ident).attempt for ident in sent] == [1] * 4
    assert tale.ends() == ["reaped"] * 4


@pytest.mark.parametrize("code", [0, 3])
def test_who_says_that_it_is_done_and_leaves(tell: Tell, code: int) -> None:
    """In mid-turn: the task is not done twice, unless the agent ended as if something was wrong."""
    tale = tell(WORKER)
    sent = tale.send("@@SLOW 10@@")
    tale.pass_time(2)
    tale.own("done", tale.caller("bob"))
    tale.agent().exit(code)
    tale.pass_time(60)
    expected = ((State.DONE, "left"), 1, ["reaped"]) if code == 0 else (DONE, 2, ["exit", "reaped"])
    assert (*tale.stands(sent), tale.row(sent).attempt, tale.ends()) == expected


def test_work_beside_the_task_that_ends_without_a_word(tell: Tell) -> None:
    """No turn of its own follows: the next task waits for that, and not for the unarmed time."""
    tale = tell(WORKER)
    tale.send("@@BG 30@@")
    later = tale.send("hello")
    tale.pass_time(45)
    assert len(tale.wakes()) == 1
    tale.pass_time(90)
    assert (tale.stands(later), tale.ends()) == ([DONE], ["reaped", "reaped"])


def test_a_poisonous_task_takes_nothing_else_with_it(tell: Tell) -> None:
    """Dead with its third session; the others keep their order, and are tried for the first time."""
    tale = tell(WORKER)
    poison = tale.send("@@CRASH@@")
    others = [tale.send("hello") for _ in range(3)]
    tale.pass_time(20)
    assert [(tale.row(ident).state, tale.row(ident).reason) for ident in others] == [(State.HELD, "guard")] * 3
    tale.pass_time(60)
    assert [state for state, _ in tale.stands(poison, *others)] == [State.DEAD] + [State.DONE] * 3
    assert [tale.row(ident).attempt for ident in (poison, *others)] == [3, 1, 1, 1]
    taken = [turn.key[0] for agent in tale.world.agents for turn in agent.turns if turn.key]
    assert taken == [poison] * 3 + others


def test_an_agent_that_ignores_every_wish_to_end(tell: Tell) -> None:
    """Neither the interrupt key nor SIGTERM ends it: the next task has its turn all the same."""
    tale = tell(WORKER | {"timeout_secs": 20})
    slow, later = tale.send("@@SLOW 900@@"), tale.send("hello")
    tale.pass_time(2)
    agent = tale.agent()
    agent.press = lambda key: None  # type: ignore[method-assign]
    agent.omen = "stubborn"
    tale.pass_time(60)
    assert tale.stands(slow, later) == [(State.FAILED, "timeout"), DONE]


def test_a_crash_after_the_task_is_a_death(tell: Tell) -> None:
    """A signal is no way to leave."""
    tale = tell(WORKER)
    sent = tale.send("hello")
    while tale.row(sent).state is not State.DONE:
        tale.pass_time(0.01)
    tale.agent().killed()
    tale.pass_time(5)
    assert tale.ends() == ["exit"]


def test_who_never_takes_its_task_is_ended(tell: Tell) -> None:
    """Nothing is to be gone on with there: the next task does not wait for the unarmed time."""
    tale = tell(WORKER)
    lost = tale.send("hello")
    tale.pass_time(0.1)
    tale.agent()._swallow = 1000
    later = tale.send("hello")
    tale.pass_time(140)
    assert [state for state, _ in tale.stands(lost, later)] == [State.DEAD, State.DONE]
    assert tale.ends() == ["reaped"] * 2


def test_who_is_about_to_look_is_not_too_late(tell: Tell) -> None:
    """`attach` within the quiet window: the session is still there when the terminal comes."""
    tale = tell(WORKER)
    sent = tale.send("hello")
    while tale.row(sent).state is not State.DONE:
        tale.pass_time(0.01)
    tale.pass_time(1.9)
    tale.ask("attach")
    tale.pass_time(1.0)
    tale.person("come")
    tale.pass_time(10)
    assert tale.agent().session == tale.row(sent).session


# ---- another policy under a live session


def test_what_a_person_held_goes_on_in_a_peer_that_is_no_worker_any_more(tell: Tell) -> None:
    """It is let in as soon as the profile is another."""
    tale = tell(WORKER)
    tale.send("@@SLOW 5@@")
    tale.pass_time(2)
    tale.person("come")
    second = tale.send("second")
    tale.pass_time(10)
    assert (tale.row(second).state, tale.row(second).reason) == (State.HELD, "attached")
    tale.up.registry.change("bob", {"wake_policy": "warm"})
    tale.ledger.employ()
    tale.up.fleet.poke_all()
    tale.pass_time(5)
    assert tale.stands(second) == [DONE]


def test_a_profile_that_cannot_be_read_makes_no_worker_warm(tell: Tell) -> None:
    """A daemon that comes back just then goes by how the session was begun: it takes no second task."""
    tale = tell(WORKER)
    tale.send("@@SLOW 10@@")
    second = tale.send("second")
    tale.pass_time(5)
    path = tale.folder / "bob" / ".iapeer" / "peer-profile.json"
    text = path.read_text()
    path.write_text("{")
    tale._daemon("restart")
    tale.pass_time(30)
    tale.check()
    path.write_text(text)
    tale.up.fleet.poke_all()
    tale.pass_time(30)
    assert tale.stands(second) == [DONE]


# ---- a fresh session in place of one's own


def test_no_fresh_session_is_begun_where_another_runtime_lives(tell: Tell) -> None:
    """Neither at once, nor when that one has fallen asleep."""
    tale = tell()
    tale.up.registry.add_runtime("bob", "mute")
    for runtime in ("fake", "mute"):
        tale.ask("start", runtime=runtime)
        tale.pass_time(5)
    (mute,) = tale.world.live("mute-bob")
    tale.own("fresh", Caller("bob", "mute", "artificial", mute.session))
    tale.pass_time(2000)
    assert not tale.world.live()
    assert tale.wakes() == ["first-wake", "first-wake"]


@pytest.mark.parametrize("then", ["new", "stop", "crash"])
def test_the_wish_for_a_fresh_session_is_none_of_its_successor(tell: Tell, then: str) -> None:
    """A person was first: there is one new session, and it stays."""
    tale = tell()
    tale.send("@@SLOW 60@@")
    tale.pass_time(5)
    tale.own("fresh", tale.caller("bob"))
    if then == "crash":
        tale.agent().killed()
    else:
        tale.ask(then)
    if then != "new":
        tale.ask("start")
    tale.pass_time(60)
    assert len(tale.wakes()) == 2
    assert tale.ends()[1] is None


def test_a_refresh_is_used_once(tell: Tell) -> None:
    """Whenever the daemon is killed: one fresh session, whose conversation is then gone on with."""
    for after in KILLS:
        tale = tell()
        tale.send("hello", topic="ships")
        tale.pass_time(700)
        tale.ask("refresh")
        tale.pass_time(1)
        tale._kill(after)
        taken = tale.send("hello", topic="ships")
        tale.pass_time(5)
        tale.world.fuse = None
        tale.pass_time(700)
        tale.send("hello", topic="ships")
        tale.pass_time(5)
        if taken:
            assert tale.wakes()[-1] == "parked-resume", after
            assert tale.agent().resumed, after
        if not tale.burnt:
            break


# ---- ends that another daemon began


def test_a_stop_in_which_the_daemon_is_killed_is_a_stop(tell: Tell) -> None:
    """No death, and to be resumed from."""
    for after in KILLS:
        tale = tell()
        tale.send("hello", topic="ships")
        tale.pass_time(5)
        tale._kill(after)
        tale.ask("stop")
        tale.pass_time(20)
        tale.world.fuse = None
        if (peer := tale.up.store.peers.get("bob")) is not None and peer.stopped:
            assert tale.ends() == ["stop"], after
            tale.ask("start")
            tale.pass_time(5)
            assert tale.agent().resumed, after
        if not tale.burnt:
            break


def test_a_sleep_in_which_the_daemon_is_killed_is_a_sleep(tell: Tell) -> None:
    """The agent is asked to end only once it is on record why."""
    for after in KILLS:
        tale = tell()
        tale.send("hello", topic="ships")
        tale.pass_time(590)
        tale._kill(after)
        tale.pass_time(110)
        assert tale.ends() == ["parked"], after
        if not tale.burnt:
            break


# ---- a message that two causes hold


def _held_by(tale: Tale, ident: str) -> tuple[str | None, set[HoldCause]]:
    """(the cause that is shown, all that hold it)."""
    row = tale.row(ident)
    return row.reason, set(tale.up.store.holds.causes_of(row))


def test_a_stop_while_a_person_keeps_tasks_out(tell: Tell) -> None:
    """The person's hold ends with the session, the stop's with the start."""
    tale = tell(WORKER)
    tale.send("@@SLOW 5@@")
    tale.pass_time(2)
    tale.person("come")
    second = tale.send("second")
    tale.pass_time(10)
    assert _held_by(tale, second) == ("attached", {HoldCause.ATTACHED})
    tale.ask("stop")
    tale.pass_time(5)
    assert _held_by(tale, second) == ("stopped", {HoldCause.STOPPED})
    tale.ask("start")
    tale.pass_time(30)
    assert tale.stands(second) == [DONE]


def test_a_stop_while_the_guard_leaves_it_down(tell: Tell) -> None:
    """A person's start is a new try for both."""
    tale = tell(WORKER)
    tale.send("@@CRASH@@")
    later = tale.send("hello")
    tale.pass_time(20)
    tale.ask("stop")
    tale.pass_time(5)
    assert _held_by(tale, later) == ("stopped", {HoldCause.STOPPED, HoldCause.GUARD})
    tale.ask("start")
    tale.pass_time(120)
    assert tale.stands(later) == [DONE]


def test_a_stop_while_a_loop_is_slowed_down(tell: Tell) -> None:
    """The start leaves it to the loop while that lasts; once that is over, the stop alone holds it."""
    tale = tell()
    for name in ("ann", "bob"):
        tale.send("hello", name)
    tale.pass_time(5)
    last = tale.say("ann", "hello")
    while tale.row(last).state is not State.HELD:
        tale.say("bob", "hello")
        last = tale.say("ann", "hello")
        tale.pass_time(3)
    loop, both = {HoldCause.LOOP}, {HoldCause.LOOP, HoldCause.STOPPED}
    assert _held_by(tale, last) == ("loop", loop)
    for verb, shown, causes in (("stop", "stopped", both), ("start", "loop", loop), ("stop", "stopped", both)):
        tale.ask(verb)
        tale.pass_time(3)
        assert _held_by(tale, last) == (shown, causes)
    tale.pass_time(130)
    assert _held_by(tale, last) == ("stopped", {HoldCause.STOPPED})
    tale.ask("start")
    tale.pass_time(20)
    assert tale.stands(last) == [DONE]


def test_an_answer_to_a_call_of_a_session_that_is_about_to_be_stopped(tell: Tell) -> None:
    """The call takes it while the intent is on record already: it does not come again with the start."""
    tale = tell()
    tale.send("hello")
    tale.pass_time(5)
    asked = tale.say("bob", "@@SLOW 60@@", wait="reply")
    tale.pass_time(5)
    tale.up.store.flags.set("fake-bob", "bob", STOPPED)
    answer = tale.say("ann", "the answer", re=asked)
    tale.ask("stop")
    tale.pass_time(5)
    tale.ask("start")
    tale.pass_time(90)
    assert tale.stands(answer) == [(State.DONE, RETURNED)]
    told = [event.data["reason"] for event in tale.up.store.events.page(message=answer) if event.ev == "accepted"]
    assert told == ["stopped"]


# ---- a stop and a start


def test_a_start_overtakes_a_stop(tell: Tell) -> None:
    """What waits is not held for a stop that is over: the start came while the session was still being ended."""
    tale = tell()
    tale.send("@@SLOW 3@@")
    tale.pass_time(1)
    second = tale.send("@@SLOW 3@@")
    tale.pass_time(0.1)
    tale.ask("stop")
    tale.pass_time(0.01)
    tale.ask("start")
    tale.pass_time(20)
    assert tale.stands(second) == [DONE]


def test_a_stop_comes_while_the_actor_looks(tell: Tell) -> None:
    """The message that was to be typed is held by then: that is no trouble of the actor's."""
    tale = tell()
    tale.ask("start")
    tale.pass_time(5)
    tale.up.ask(post_send, "", Send(to="bob", body="hello"))
    tale.ask("stop")
    tale.pass_time(0.01)


# ---- what a person takes out of the composer


@pytest.mark.parametrize("profile", [{}, WORKER])
def test_what_was_taken_out_before_the_enter_is_typed_once_more(tell: Tell, profile: dict[str, Any]) -> None:
    """Into the same session, as the next attempt: nobody ever submitted the first."""
    tale = tell(profile)
    sent = tale.send("hello")
    while not (agents := tale.world.live("fake-bob")) or not agents[0].composer:
        tale.pass_time(0.002)
    tale.pass_time(0.01)
    for does in ("come", "tidy", "leave"):
        tale._person("bob", does)
    tale.pass_time(20)
    assert (*tale.stands(sent), tale.row(sent).attempt) == (DONE, 2)
    assert [typed(agent) for agent in tale.world.agents] == [[(sent, 1), (sent, 2)]]


@pytest.mark.parametrize("profile", [{}, WORKER])
def test_what_was_taken_out_after_an_enter_is_not_typed_again(tell: Tell, profile: dict[str, Any]) -> None:
    """The agent had it, for all that anybody knows: it is given up, and nothing is typed twice."""
    tale = tell(profile)
    tale._omen("bob", "swallows")
    sent = tale.send("hello")
    while not (server := tale.world.server_of("fake-bob")) or not server.submitted:
        tale.pass_time(0.002)
    tale.person("come", "tidy", "leave")
    tale.pass_time(200)
    assert tale.row(sent).state is State.DEAD
    assert [typed(agent) for agent in tale.world.agents] == [[(sent, 1)]]


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="such a record is taken for one that was written late")
def test_a_small_step_back_of_the_clock() -> None:
    """A message whose turn is dated up to 10 s before the end of the last one is done at once, before its turn ends."""
    send: dict[str, Any] = {
        "op": "send",
        "to": "bob",
        "topic": None,
        "urgent": False,
        "delay": None,
        "expires": None,
        "asks": True,
    }
    jump: dict[str, Any] = {"op": "jump", "seconds": -10.0, "pause": 1.0}
    sends = [send | {"body": body, "pause": 5.0} for body in ("hello", "@@SLOW 9@@")]
    played(History({"ann": "fake", "bob": "fake"}), [sends[0], jump, sends[1]])
