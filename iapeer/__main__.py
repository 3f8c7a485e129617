"""The entry point: `send` and `ask` on their short path, everything else through click, every error in one form."""

from __future__ import annotations

import os
import sys

from iapeer.model.errors import PeerError, Usage

QUIET = 130  # the person or the reader of our output is gone: nothing to say


def main() -> int:
    """Run the command line of this process; the exit code."""
    from iapeer.terminal.streams import settle_streams

    settle_streams()
    os.umask(os.umask(0o077) & 0o077)  # whatever the caller's says: we can use what we make
    if not debugging():
        sys.excepthook = _unexpected
    code = command_line(sys.argv[1:])
    if sys.argv[1:3] != ["daemon", "run"] and sys.argv[1:2] != ["demo"]:  # these may leave work to atexit
        os._exit(code)  # taking the interpreter apart costs a fifth of the whole; all output is flushed
    return code


def command_line(args: list[str]) -> int:
    """Run one command line, with its errors said; the exit code."""
    try:
        code = _run(args)
        sys.stdout.flush()
    except PeerError as error:
        return _say(error)
    except KeyboardInterrupt:
        return QUIET
    except BrokenPipeError:
        return _quietly()
    except UnicodeEncodeError as error:
        return _say(Usage(f"'{error.object}' is not UTF-8: write it in UTF-8.", code="encoding"))
    return code


def _quietly() -> int:
    from iapeer.terminal.streams import silence_stdout

    silence_stdout()
    return QUIET


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return os.environ.get("IAPEER_DEBUG") == "1"


def _run(args: list[str]) -> int:
    if args and args[0] in ("send", "ask"):
        from iapeer.cli import quick

        plain = quick.parse(args[0], args[1:])
        if plain is not None:
            return quick.ask(**plain) if args[0] == "ask" else quick.send(**plain)
    from iapeer.cli.app import run

    return run(args)


def _say(error: PeerError) -> int:
    from iapeer.terminal.streams import complain

    if debugging():
        import traceback

        traceback.print_exception(error)
    complain(str(error))
    if error.code == "output":
        _quietly()  # a later flush has nothing more to say
    return error.exit_code


def _unexpected(kind: type[BaseException], error: BaseException, _trace: object) -> None:
    from iapeer.terminal.streams import complain

    complain(f"Unexpected {kind.__name__}: {' '.join(str(error).split())}; IAPEER_DEBUG=1 shows where.")


if __name__ == "__main__":
    sys.exit(main())
