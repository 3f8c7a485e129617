"""Where everything lives. One place resolves every path, for the daemon and for every command.

Under IAPEER_ROOT all three trees are below that folder; without it they follow the platform. The database, the lock
and the sockets are under the *state* tree: the runtime directory differs between a login and a cron job, and is wiped
at logout.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from iapeer.model.disk import unusable
from iapeer.model.errors import Failed
from iapeer.paths.sockets import socket_path, sockets_dir, state_dir


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
    def operator_token(self) -> Path:
        """What the operator's own programs show on the loopback port."""
        return self.state / "operator.token"

    @property
    def daemon_environment(self) -> Path:
        """The operator's environment, as the last daemon had it."""
        return self.state / "daemon.env.json"

    @property
    def certificate(self) -> Path:
        """What the loopback port proves itself with, for the operator's own programs to trust."""
        return self.state / "port-cert.pem"

    @property
    def certificate_key(self) -> Path:
        """The secret half of `certificate`."""
        return self.state / "port-key.pem"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def own_output(self) -> Path:
        """What a daemon says that a command started."""
        return self.logs / "daemon.out"

    @property
    def spool(self) -> Path:
        """Private files that live for one act: paste bodies, launch files."""
        return self.state / "spool"

    @property
    def sessions(self) -> Path:
        """One folder a session: its generated settings."""
        return self.state / "sessions"

    @property
    def attachments(self) -> Path:
        """Our copies of what was attached to messages."""
        return self.data / "attachments"

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
        return Path(socket_path(str(self.sockets), name))

    def make(self) -> Layout:
        """Create the private folders (0700), or say who owns what is in the way."""
        for folder in (
            self.config,
            self.data,
            self.state,
            self.sockets,
            self.logs,
            self.logs / "panes",
            self.spool,
            self.sessions,
        ):
            private_dir(folder)
        private_dir(self.daemon_socket().parent)
        return self


def private_dir(path: Path) -> Path:
    """Make `path` a folder of ours that nobody else may enter; Failed when it cannot be, or is another user's."""
    try:
        _make(path)
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise _not_ours(path)
        if status.st_mode & stat.S_ISVTX:
            raise Failed(f"{path} is shared with other users: name a folder below it.", code="not-ours")
        if stat.S_IMODE(status.st_mode) != 0o700:
            path.chmod(0o700)
    except OSError as error:
        raise unusable(path, error) from error
    return path


def _make(path: Path) -> None:
    """Make the folder and what is missing above it, all private, in no folder of another user (root aside)."""
    if not path.parent.exists():
        _make(path.parent)
    if path.parent.stat().st_uid not in (os.getuid(), 0):
        raise _not_ours(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def rotated(log: Path) -> list[Path]:
    """The files that a log was moved to as it grew (LOG.1 is the newest), the oldest first."""
    numbers = [path.name.removeprefix(f"{log.name}.") for path in log.parent.glob(f"{log.name}.*")]
    return [Path(f"{log}.{number}") for number in sorted((int(n) for n in numbers if n.isdecimal()), reverse=True)]


def _not_ours(path: Path) -> Failed:
    return Failed(
        f"{path} belongs to another user or is no folder: remove it or set IAPEER_ROOT elsewhere.", code="not-ours"
    )


def layout(env: dict[str, str] | None = None) -> Layout:
    """The layout that `env` (by default the process's environment) asks for."""
    env = dict(os.environ) if env is None else env
    state = Path(state_dir(env))
    if env.get("IAPEER_ROOT"):
        return Layout(state.parent / "config", state.parent / "data", state, Path(sockets_dir(env)))
    from platformdirs import PlatformDirs  # late: a command under IAPEER_ROOT never needs it

    dirs = PlatformDirs("iapeer", appauthor=False)
    return Layout(Path(dirs.user_config_dir), Path(dirs.user_data_dir), state, Path(sockets_dir(env)))


def bundled(kind: str) -> Path:
    """The folder of bundled `adapters` or `fixtures`: inside an installed package, or at the top of the repository."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_data" / kind
    return inside if inside.is_dir() else package.parent / kind
