"""What can be checked of a launch before anything is started or ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from iapeer.model.causes import WakeCause, WakeMode
from iapeer.model.errors import PeerError, Refused
from iapeer.peers.doctrine import Me, compose, platform_name
from iapeer.peers.launchenv import LaunchEnv
from iapeer.peers.pieces import read_pieces
from iapeer.peers.profile import Profile, check_initial_prompt
from iapeer.peers.registry import RegisteredPeer
from iapeer.peers.trust import settings_of
from iapeer.runtimes.adapter import Adapter
from iapeer.runtimes.binary import Program
from iapeer.sessions.context import Context
from iapeer.sessions.launchplan import check_doctrine, our_command


@dataclass(frozen=True)
class LaunchRequest:
    """What to launch, and why."""

    known: RegisteredPeer
    runtime: str
    mode: WakeMode
    cause: WakeCause
    conversation: str | None = None
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class Passed:
    """Everything that a launch needs, found to be there. `adapter` is that of the program's version."""

    adapter: Adapter
    profile: Profile
    settings: LaunchEnv
    program: Program
    doctrine: str
    skipped: tuple[tuple[Path, str], ...]  # files of the doctrine that could not be read


def no_tmux(context: Context) -> str | None:
    """What is wrong with tmux here, or None."""
    try:
        context.machine.servers.check()
    except PeerError as error:
        return str(error)
    return None


async def preflight(context: Context, request: LaunchRequest) -> Passed:
    """Check what can be checked before anything is started or ended. Each refusal says what to do."""
    context.machine.servers.check()
    profile = request.known.sound()
    known = context.catalogue.get(request.runtime).adapter
    if not request.known.folder.is_dir():
        raise Refused(f"The folder {request.known.folder} of {request.known.personality} is gone.", code="no-folder")
    check_initial_prompt(profile.initial_prompt)
    settings = settings_of(request.known.personality, request.runtime, request.known.terms)
    program = await context.probe.program(known, context.env)
    adapter = known.for_version(program.version)
    text, skipped = _doctrine(context, request, adapter, profile)
    check_doctrine(adapter, text)
    return Passed(adapter, profile, settings, program, text, skipped)


def _doctrine(
    context: Context, request: LaunchRequest, adapter: Adapter, profile: Profile
) -> tuple[str, tuple[tuple[Path, str], ...]]:
    """What the session is told, and the files that could not be read."""
    if adapter.doctrine is None:
        return "", ()
    doctrine = read_pieces(context.layout.config, request.known.folder)
    date = datetime.fromtimestamp(context.clock.wall()).astimezone().date().isoformat()
    me = Me(
        profile, adapter.name, adapter.title, request.known.folder, platform_name(), date,
        tool=adapter.mcp is not None, command=our_command(),
    )  # fmt: skip
    return compose(me, context.peers(), doctrine.pieces), doctrine.skipped
