"""Where everything lives. One place resolves every path, for the daemon and for every command.

Under IAPEER_ROOT all three trees are below that folder; without it they follow the platform. The database, the lock and
the sockets are under the *state* tree: the runtime directory differs between a login and a cron job and is wiped at logout.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from iapeer.model.errors import Failed, Refused

SOCKET_LIMIT = 104  # bytes of sun_path that every platform takes, the closing NUL included


@dataclass(frozen=True)
class Layout:
    """The folders of one root, and the files iapeer keeps in them."""

    config: Path
    data: Path
    state: Path
    sockets: Path

    @property
    def database(self) -> Path:
        return self.state / "iapeer.db"

    @property
    def lock(self) -> Path:
        return self.state / "daemon.lock"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def spool(self) -> Path:
        """Private files that live for one act: paste bodies, launch files."""
        return self.state / "spool"

    @property
    def sessions(self) -> Path:
        """One folder a session: its generated settings."""
        return self.state / "sessions"

    @property
    def adapters(self) -> Path:
        """The user's own adapters."""
        return self.config / "adapters"

    @property
    def peers(self) -> Path:
        """Where `create` makes folders."""
        return self.data / "peers"

    def daemon_socket(self) -> Path:
        return self._socket("daemon")

    def tmux_socket(self, identity: str) -> Path:
        return self._socket(identity)

    def pane_log(self, identity: str) -> Path:
        return self.logs / "panes" / f"{identity}.log"

    def _socket(self, name: str) -> Path:
        path = self.sockets / f"{name}.sock"
        if len(os.fsencode(path)) < SOCKET_LIMIT:
            return path
        digest = hashlib.sha256(os.fsencode(self.sockets)).hexdigest()[:8]
        short = Path(tempfile.gettempdir()) / f"iapeer-{os.getuid()}-{digest}" / path.name
        if len(os.fsencode(short)) >= SOCKET_LIMIT:
            raise Failed(
                f"The socket path {short} is longer than {SOCKET_LIMIT - 1} bytes: set IAPEER_SOCK_DIR to a shorter folder.",
                code="socket-path",
            )
        return short

    def make(self) -> Layout:
        """Create the private folders (0700), or say who owns what is in the way."""
        for folder in (self.config, self.data, self.state, self.sockets, self.logs, self.logs / "panes", self.spool, self.sessions):
            private_dir(folder)
        private_dir(self.daemon_socket().parent)
        return self


def private_dir(path: Path) -> Path:
    """Make `path` a folder of ours that nobody else may enter; Failed when it cannot be, or is another user's."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise Failed(
                f"{path} belongs to another user or is no folder: remove it or set IAPEER_ROOT elsewhere.", code="not-ours"
            )
        if stat.S_IMODE(found.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise Failed(f"{path} cannot be used ({error.strerror}): make it writable or set IAPEER_ROOT.", code="root") from error
    return path


def layout(env: dict[str, str] | None = None) -> Layout:
    """The layout that `env` (by default the process's environment) asks for."""
    env = dict(os.environ) if env is None else env
    root = env.get("IAPEER_ROOT")
    if root:
        base = Path(root).expanduser().absolute()
        config, data, state = base / "config", base / "data", base / "state"
    elif env.get("IAPEER_TEST_SANDBOX") == "1":
        raise Refused(
            "IAPEER_TEST_SANDBOX=1 forbids the real root: set IAPEER_ROOT to a folder of the test.", code="sandbox"
        )
    else:
        config, data, state = _platform_dirs()
    sockets = env.get("IAPEER_SOCK_DIR")
    return Layout(config, data, state, Path(sockets).expanduser().absolute() if sockets else state / "socks")


def _platform_dirs() -> tuple[Path, Path, Path]:
    from platformdirs import PlatformDirs  # late: a command under IAPEER_ROOT never needs it

    dirs = PlatformDirs("iapeer", appauthor=False)
    return Path(dirs.user_config_dir), Path(dirs.user_data_dir), Path(dirs.user_state_dir)
