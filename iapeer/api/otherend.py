"""Whose the other end of a TCP connection on this machine is: asked of Linux' sock_diag, one exact question."""

from __future__ import annotations

import pwd
import socket
import struct
import sys
from typing import NamedTuple

Address = tuple[str, int]

_NETLINK_SOCK_DIAG, _BY_FAMILY, _REQUEST, _ERROR = 4, 20, 1, 2  # linux/netlink.h, linux/sock_diag.h
_HEAD = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_QUESTION = struct.Struct("=BBBxI")  # family, protocol, extensions, states
_SOCKET = struct.Struct("!HH4s12x4s12xI8s")  # ports, addresses, interface, cookie
_FOUND = struct.Struct("=BBBB48xIIIII")  # family, state, timer, retransmits; expires, two queues, uid, inode
_ANY_STATE, _NO_COOKIE = 0xFFFFFFFF, b"\xff" * 8


class Untold(OSError):
    """This system does not tell."""


class Owner(NamedTuple):
    """Whose a socket is. `inode` is 0 once no process has it any more."""

    uid: int
    inode: int


def owner_of(local: Address, remote: Address = ("0.0.0.0", 0)) -> Owner | None:
    """Whose the socket is that has these addresses, the one that listens at `local` without `remote`; None: nobody's.

    Raises Untold where the system does not say.
    """
    if sys.platform != "linux":
        raise Untold("only Linux tells")
    named = _SOCKET.pack(local[1], remote[1], _packed(local), _packed(remote), 0, _NO_COOKIE)
    body = _QUESTION.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, _ANY_STATE) + named
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
            kernel.send(_HEAD.pack(_HEAD.size + len(body), _BY_FAMILY, _REQUEST, 1, 0) + body)
            return _owner(kernel.recv(4096, socket.MSG_DONTWAIT))
    except OSError as error:
        raise Untold(str(error)) from error


def _packed(address: Address) -> bytes:
    return socket.inet_aton(address[0])


def _owner(answer: bytes) -> Owner | None:
    kind = _HEAD.unpack_from(answer)[1]
    if kind == _BY_FAMILY:
        return Owner(*_FOUND.unpack_from(answer, _HEAD.size)[-2:])
    number = -struct.unpack_from("=i", answer, _HEAD.size)[0]
    if number == 2:  # ENOENT: there is no such socket
        return None
    raise Untold(number, "sock_diag")


def in_words(uid: int | None, pid: int | None) -> str:
    """Who has a socket, in words; None: not told."""
    if uid is None and pid is None:
        return "another program"
    process = f"process {pid}" if pid is not None else "a process"
    return f"{process} of {_user(uid)}" if uid is not None else process


def _user(uid: int) -> str:
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"the user with number {uid}"
