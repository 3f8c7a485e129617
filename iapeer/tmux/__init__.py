"""The only place that talks to tmux: one server per identity, session `main`, one pane."""

from iapeer.tmux import panelog
from iapeer.tmux.binary import attach_argv, require_tmux
from iapeer.tmux.errors import ServerGone, TmuxError, TmuxTimeout
from iapeer.tmux.pane import Pane
from iapeer.tmux.process import end_server, renew_socket, server_alive
from iapeer.tmux.server import Tmux
from iapeer.tmux.servers import Servers, SystemServers

__all__ = [
    "Pane",
    "ServerGone",
    "Servers",
    "SystemServers",
    "Tmux",
    "TmuxError",
    "TmuxTimeout",
    "attach_argv",
    "end_server",
    "panelog",
    "renew_socket",
    "require_tmux",
    "server_alive",
]
