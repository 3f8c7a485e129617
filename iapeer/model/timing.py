"""How long the daemon waits for what: one frozen value, handed in as `context.timing`. All in seconds.

What people set stands in the settings and profiles, what a program needs in its adapter: where one of them has the same
wait, it counts. Not here: the waits of commands (`client`, `cli`), and of SQLite (`store`).
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DeliveryWaits:
    """A message on its way into a session. The adapter's `gap`, `retry` and `enters` count."""

    gap: float = 0.3  # from the paste to Enter, at least
    retry: float = 1.5  # between two Enters
    enters: int = 4  # how often Enter is pressed
    proof: float = 10.0  # until a typed message without proof is called stranded or unknown
    settle: float = 120.0  # until one that stays without proof in a quiet session is given up
    silence: float = 30.0  # the same where only the screen contradicts an open turn
    grace: float = 5.0  # for the transcript to catch up with the live state: it is written in batches, late under load
    copy_mode: float = 30.0  # a person may keep a message waiting by scrolling
    look: float = 1.0  # between two looks while something is in flight, at most
    apart: float = 0.1  # between two looks while the agent works on our message, at least
    seek: float = 1.0  # after a message left the composer: the record that is followed would hold it by now


@dataclass(frozen=True, slots=True)
class BootWaits:
    """A session that starts."""

    deadline: float = 240.0
    missing: float = 5.0  # for the file of the live state, once the composer shows
    loading: float = 20.0  # for a status in it
    still: float = 10.0  # a screen that says nothing for so long is a dialog nobody knows
    settled: float = 0.25  # a dialog stands so long before it is answered: programs throw away keys that come with it
    look: float = 0.5  # between two looks at a screen that stands still
    answered: float = 1.0  # from a key, or from when a person is needed, to the next look


@dataclass(frozen=True, slots=True)
class GuardWaits:
    """An identity whose sessions keep dying."""

    window: float = 300.0  # deaths within so long count together
    first: float = 30.0  # it is left down for so long, then for twice as long each time
    most: float = 600.0
    clocks: float = 1.0  # two clocks may differ by so much over such a wait


@dataclass(frozen=True, slots=True)
class WorkerWaits:
    """A worker's session that is armed, from its last activity to its end."""

    quiet: float = 2.0  # where ends of turns are on record
    silent: float = 20.0  # where they are not; and for a turn that follows work beside the last one


@dataclass(frozen=True, slots=True)
class SleepWaits:
    """The sleep of a session at rest."""

    look: float = 60.0  # between two looks at one that is due to sleep and may not
    jump: float = 10.0  # by so much may wall time and a process' age differ: it is started a while after its session


@dataclass(frozen=True, slots=True)
class LoopWaits:
    """An actor between two acts."""

    retry_first: float = 0.5  # after an act that failed, then twice as long each time
    retry_most: float = 5.0
    pause: float = 1.0  # when many acts in a row changed nothing


@dataclass(frozen=True, slots=True)
class ControlWaits:
    """What people ask of one identity."""

    interrupt: float = 10.0  # for a turn to end after the interrupt key
    interrupt_look: float = 0.5
    command: float = 5.0  # for a command to show in the composer
    soon: float = 0.1  # between two looks meanwhile
    begins: float = 1.0  # from a turn's begin on record until the agent shows it: measured, at most 0.12
    settle: float = 3.0  # from a turn's end on record until the agent shows that it is at rest
    compact: float = 290.0  # for a compaction
    compact_look: float = 0.25
    rest: float = 10.0  # an agent at rest for so long without having compacted will not


@dataclass(frozen=True, slots=True)
class SessionWaits:
    """A session's processes and programs."""

    end: float = 5.0  # for an agent that is asked to end, and then for its wrapper
    kill: float = 5.0  # for a killed process to be gone
    left: float = 0.5  # for each process that cannot be killed, to end by itself
    renew_apart: float = 5.0  # between two tries to have a lost socket made anew
    unfit_apart: float = 5.0  # between two tries to read a database that cannot be: each may take half a second
    login: float = 15.0  # for the program to say whether somebody is logged in
    login_apart: float = 10.0  # between two such questions while somebody waits: each costs a start of the program
    login_idle_apart: float = 300.0  # while nobody does


@dataclass(frozen=True, slots=True)
class TmuxWaits:
    """A tmux server."""

    call: float = 5.0  # for one answer
    settle: float = 2.0  # for another client's commands to be done
    hush: float = 0.25  # for a client to say that it sends no more output
    end: float = 2.0  # for a server to go by itself: a stopped one never does
    renew: float = 1.0  # for a server to make its socket anew: a stopped one never does
    close: float = 0.3  # for our client to go by itself


@dataclass(frozen=True, slots=True)
class FleetWaits:
    """All identities."""

    longest: float = 60.0  # the longest sleep of the timekeeper
    again: float = 5.0  # after trouble with the store
    last_act: float = 0.3  # for an actor's act when the daemon ends


@dataclass(frozen=True, slots=True)
class ServerWaits:
    """The daemon itself."""

    duty_first: float = 1.0  # before a failed duty is begun again, then twice as long each time
    duty_most: float = 300.0
    duty_well: float = 300.0  # a duty that went on for so long begins with the first pause again
    footing: float = 1.0  # between two looks at lock, database and socket
    pane_logs: float = 5.0  # between two looks at the sizes of pane logs
    flush: float = 0.05  # until a log line is written
    grace: float = 0.5  # at the end, for the requests that were begun, and again for their answers to be read
    say: float = 0.2  # for a last sentence
    end: float = 2.0  # for all of the end


@dataclass(frozen=True, slots=True)
class ApiWaits:
    """Requests."""

    wait: float = 300.0  # of a caller that waits and does not say how long
    gone_look: float = 1.0  # between two looks whether such a caller is still there
    answer_look: float = 0.05  # between two looks for what an answer did on the screen
    beat: float = 15.0  # of a stream in which nothing happens


@dataclass(frozen=True, slots=True)
class Timing:
    """All waits."""

    delivery: DeliveryWaits = field(default_factory=DeliveryWaits)
    boot: BootWaits = field(default_factory=BootWaits)
    guard: GuardWaits = field(default_factory=GuardWaits)
    worker: WorkerWaits = field(default_factory=WorkerWaits)
    sleep: SleepWaits = field(default_factory=SleepWaits)
    loop: LoopWaits = field(default_factory=LoopWaits)
    control: ControlWaits = field(default_factory=ControlWaits)
    session: SessionWaits = field(default_factory=SessionWaits)
    tmux: TmuxWaits = field(default_factory=TmuxWaits)
    fleet: FleetWaits = field(default_factory=FleetWaits)
    server: ServerWaits = field(default_factory=ServerWaits)
    api: ApiWaits = field(default_factory=ApiWaits)


TIMING = Timing()  # the product's
