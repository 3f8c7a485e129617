"""Where the state tree and the sockets are, as plain strings.

Apart from paths.py because pathlib alone takes as long to import as all of `iapeer send` may.
"""
# ruff: noqa: PTH102, PTH109, PTH111, PTH118

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from iapeer.model.errors import Failed, Refused, Usage

SOCKET_LIMIT = 104  # bytes of sun_path that every platform takes, the closing NUL included
TMP = "/tmp"  # not $TMPDIR: agents set that for their children, who must find the same sockets


def state_dir(env: Mapping[str, str]) -> str:
    """The state tree that `env` asks for: below IAPEER_ROOT, else where the platform keeps state."""
    root = env.get("IAPEER_ROOT")
    if root:
        return f"{_sayable('IAPEER_ROOT', absolute(root, env))}/state"
    if env.get("IAPEER_TEST_SANDBOX") == "1":
        raise Refused(
            "IAPEER_TEST_SANDBOX=1 forbids the real root: set IAPEER_ROOT to a folder of the test.", code="sandbox"
        )
    return platform_state(env)


def sockets_dir(env: Mapping[str, str]) -> str:
    """The folder of the sockets: IAPEER_SOCK_DIR, else in the state tree."""
    own = env.get("IAPEER_SOCK_DIR")
    return _sayable("IAPEER_SOCK_DIR", absolute(own, env)) if own else f"{state_dir(env)}/socks"


def socket_path(sockets: str, name: str) -> str:
    """The socket `name` in the folder `sockets`, or in a short private folder when the path would be too long."""
    path = f"{sockets}/{name}.sock"
    if len(os.fsencode(path)) < SOCKET_LIMIT:
        return path
    import hashlib  # late: few paths are this long

    digest = hashlib.sha256(os.fsencode(sockets)).hexdigest()[:8]
    folder = f"{TMP}/iapeer-{os.getuid()}-{digest}"
    short = f"{folder}/{name}.sock"
    if len(os.fsencode(short)) >= SOCKET_LIMIT:
        raise Failed(
            f"The socket path {short} is longer than {SOCKET_LIMIT - 1} bytes: "
            "set IAPEER_SOCK_DIR to a shorter folder.",
            code="socket-path",
        )
    _own(folder)
    return short


def _own(folder: str) -> None:
    """Make the folder ours, or refuse it: under /tmp anybody can be first, and a command would talk to their socket."""
    import contextlib
    import stat

    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        status = os.lstat(folder)
    except OSError as error:
        raise Failed(f"{folder} cannot be made ({error.strerror}): set IAPEER_SOCK_DIR.", code="root") from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise Failed(f"{folder} is not a private folder of yours: remove it or set IAPEER_SOCK_DIR.", code="not-ours")


def daemon_socket(env: Mapping[str, str]) -> str:
    """The daemon's own socket."""
    state_dir(env)  # refuses the real root in a sandbox, also when the sockets are elsewhere
    return socket_path(sockets_dir(env), "daemon")


def absolute(path: str, env: Mapping[str, str] = os.environ) -> str:
    """`path` from the root, as pathlib writes it: home filled in, no doubled slashes, `..` left alone."""
    if path == "~" or path.startswith("~/"):
        path = home(env) + path[1:]
    whole = os.path.expanduser(path)  # another user's home
    if not whole.startswith("/"):
        whole = os.path.join(_here(path), whole)
    return "/" + "/".join(part for part in whole.split("/") if part not in ("", "."))


def _here(path: str) -> str:
    try:
        return os.getcwd()
    except OSError as error:
        raise Usage(f"This folder is gone: give '{path}' from the root.", code="no-folder") from error


def home(env: Mapping[str, str]) -> str:
    """The home folder: HOME, where that is unset or empty the user's by the system. Failed when it is no whole path."""
    named = env.get("HOME", "")
    if named and not named.startswith("/"):
        raise Failed(f"HOME is '{named}', which is no path from the root: set it to your home folder.", code="root")
    whole = named or _home_by_system()
    if not whole.startswith("/"):
        raise Failed("HOME is not set, and the system knows no home of this user: set HOME to a folder.", code="root")
    return _sayable("HOME", whole)


def _home_by_system() -> str:
    import pwd  # late: rarely needed

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def _sayable(name: str, path: str) -> str:
    """`path`, or Failed: what is not UTF-8 goes through no JSON, and every answer names such paths."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise Failed(f"{name} '{path}' is not UTF-8: use a folder whose path is.", code="root") from error
    return path


def platform_state(env: Mapping[str, str]) -> str:
    """Where the platform keeps state: as platformdirs says (a test compares them), without the 20 ms of its import.

    A relative XDG variable is ignored, as its specification wants.
    """
    base = env.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        base = f"{home(env)}/{'Library/Application Support' if sys.platform == 'darwin' else '.local/state'}"
    return f"{absolute(base, env)}/iapeer"
