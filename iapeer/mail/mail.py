"""Messages on their way in: checked, copied, placed and stored; one alone, or many of one call."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from iapeer.fleet.fleet import Fleet
from iapeer.fleet.parts import REST_S
from iapeer.mail.answers import Answers
from iapeer.mail.attachments import Attachments
from iapeer.mail.calls import Calls
from iapeer.mail.placement import Placement, Plan
from iapeer.mail.request import Caller, SendRequest, check_request
from iapeer.model.causes import ArmReason
from iapeer.model.errors import PeerError, Refused
from iapeer.paths.settings import Settings
from iapeer.store import ARMED, PART, NewMessage, Row

BATCH_PART = 200  # messages of a batch that are stored in one transaction


class Mail:
    """Takes requests in. From then on it is who tells senders what became of their messages."""

    def __init__(self, fleet: Fleet, settings: Settings) -> None:
        self._fleet = fleet
        self._store = fleet.context.store
        self._attachments = Attachments(fleet.context.layout.attachments, settings.attachment_bytes)
        self.calls = Calls(fleet)
        self._placement = Placement(fleet, settings, self.calls)
        fleet.senders = Answers(fleet, self._attachments, self.calls)

    # ---- preparing

    async def prepare(self, caller: Caller, request: SendRequest) -> SendRequest:
        """The request with its attachments copied. Refused when it is over a limit or one of them cannot be had."""
        check_request(request)
        request = self._repeated(caller, request)
        if request.attachments:
            await self._check_files(caller, request)
        return await self._copied(caller, request)

    async def prepare_all(self, caller: Caller, requests: list[SendRequest]) -> list[SendRequest]:
        """The same for many: nothing is copied before all were checked. A refusal names the request, counted from 1."""
        files = any(request.attachments for request in requests)
        checked = []
        for number, request in enumerate(requests, 1):
            with _numbered(number):
                check_request(request)
                checked.append(self._repeated(caller, request))
                if files:
                    await self._check_files(caller, checked[-1])
            if number % PART == 0:
                await asyncio.sleep(REST_S)
        return [await self._copied(caller, request) for request in checked]

    def _repeated(self, caller: Caller, request: SendRequest) -> SendRequest:
        """A call that is repeated with its key may find its own files gone: they were copied by the first."""
        if not request.attachments or request.key is None:
            return request
        first = self._store.messages.by_key(caller.personality, request.key)
        if first is None:
            return request
        return replace(request, attachments=self._attachments.again(request.attachments, first.attachments))

    async def _check_files(self, caller: Caller, request: SendRequest) -> None:
        """What would be refused anyway is refused before anything is copied."""
        self._placement.plan(caller, replace(request, attachments=(), key=None, at_ms=None, expires_ms=None))
        await asyncio.to_thread(self._attachments.check, request.attachments, self.places(caller))

    async def _copied(self, caller: Caller, request: SendRequest) -> SendRequest:
        if not request.attachments:
            return request
        taken = await asyncio.to_thread(self._attachments.take, request.attachments, self.places(caller))
        return replace(request, attachments=taken)

    def places(self, caller: Caller) -> tuple[Path, ...] | None:
        """The folders (real paths) that the caller may attach from; None: anywhere.

        The peer's own as it was registered: one that has become a link since leads to nothing of its own.
        """
        if caller.session is None:
            return None
        folder = self._fleet.registry.get(caller.personality).folder
        return folder, _temporary().resolve(), self._attachments.folder.resolve()

    # ---- taking in

    def accept(self, caller: Caller, request: SendRequest) -> Row:
        """Take a prepared request: durable when this returns. Refused, with nothing stored, otherwise."""
        new = self._placement.placed(self._placement.plan(caller, request))
        with self._store.together():
            self._arm(caller, new)
            row = self._store.messages.accept(new)
        self._fleet.arrived(row)
        return row

    async def accept_all(self, caller: Caller, requests: list[SendRequest]) -> list[Row]:
        """Take all of them, or none: the refusal names the first that is wrong, counted from 1.

        All are planned before the first is stored, and are not looked at again. They are stored in parts, in order:
        should the store fail us between two, the error says how many were taken. The same call takes the rest, and by
        their keys nothing twice.
        """
        plans = await self._plan_all(caller, requests)
        rows: list[Row] = []
        while len(rows) < len(plans):
            with _counted(len(rows), len(plans)):
                rows += self._accept_part(caller, plans[len(rows) : len(rows) + BATCH_PART])
            await asyncio.sleep(REST_S)
        return rows

    async def _plan_all(self, caller: Caller, requests: list[SendRequest]) -> list[Plan]:
        plans: list[Plan] = []
        keys: dict[str, str] = {}
        for number, request in enumerate(requests, 1):
            with _numbered(number):
                plans.append(self._placement.plan(caller, request))
                new = plans[-1].new
                content = new.fingerprint()
                if new.key is not None and keys.setdefault(new.key, content) != content:
                    said = f"The key '{new.key}' is that of a message before it with other content: use a new key."
                    raise Refused(said, code="key-conflict")
            if number % PART == 0:
                await asyncio.sleep(REST_S)
        return plans

    def _accept_part(self, caller: Caller, plans: list[Plan]) -> list[Row]:
        news = [self._placement.placed(plan) for plan in plans]
        with self._store.together():
            for new in news:
                self._arm(caller, new)
            rows = self._store.messages.accept_many(news)
        for row in rows:
            self._fleet.arrived(row)
        return rows

    def _arm(self, caller: Caller, new: NewMessage) -> None:
        """A worker that writes to its task's requester, or names the task, has given what was wanted of it."""
        row = self._store.inbox.in_flight(caller.identity) if caller.session is not None else None
        if row is None or row.session != caller.session or not (row.sender == new.to or row.message == new.re):
            return
        if self._fleet.is_worker(caller.personality):
            self._store.flags.set(caller.identity, caller.personality, ARMED, ArmReason.MESSAGE)
            self._fleet.actor(caller.identity).poke()


@contextlib.contextmanager
def _numbered(number: int) -> Iterator[None]:
    """A refusal inside names the message of the batch."""
    try:
        yield
    except PeerError as error:
        raise type(error)(f"message {number}: {error}", code=error.code) from error


@contextlib.contextmanager
def _counted(taken: int, of: int) -> Iterator[None]:
    """An error inside, of a batch of which so many messages are stored already, says that they are."""
    try:
        yield
    except PeerError as error:
        if taken == 0:
            raise
        said = f"The first {taken} of {of} messages are taken, the others are not; with keys they can all be sent again"
        raise type(error)(f"{said}: {error}", code=error.code) from error


def _temporary() -> Path:
    return Path(tempfile.gettempdir())
