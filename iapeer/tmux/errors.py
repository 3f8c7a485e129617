"""What tmux can do to us.

TmuxError
├── TmuxTimeout   a call missed its deadline; what it asked for may still happen
└── ServerGone    no server answers on the socket, or our client was closed
"""

from __future__ import annotations

from iapeer.model.errors import Failed


class TmuxError(Failed):
    """tmux said no, or could not be asked."""

    code = "tmux"


class TmuxTimeout(TmuxError):
    """The server did not answer in time: it is stopped or overloaded. The act may still be carried out later."""

    code = "tmux-timeout"


class ServerGone(TmuxError):
    """No server answers on the socket, or the client was closed."""

    code = "tmux-gone"
