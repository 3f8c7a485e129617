"""Settings: `config.toml` in the config folder, each with an environment twin IAPEER_<NAME>. Broken ones are told."""

from __future__ import annotations

import reprlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from iapeer.files.regular import read_text

MAX_PORT = 65535
_MOST = 1 << 40  # bytes or seconds
_DIGITS = 15  # of a number in the environment


@dataclass(frozen=True)
class Settings:
    """All settings, with their defaults. Sizes in bytes, times in seconds."""

    port: int = 8765  # the loopback port tried first; the one chosen is recorded and kept
    send_wait_secs: int = 10  # how long `send` waits for the proof from a live, idle peer
    mcp_wait_secs: int = 45  # how long `send_to_peer` waits for an answer; never longer: clients give up near 60
    log_bytes: int = 5 << 20
    log_files: int = 5
    pane_log_bytes: int = 5 << 20
    reconcile_secs: int = 60
    loop_alternations: int = 6  # changes of direction between two artificial peers, on one topic ...
    loop_window_secs: int = 120  # ... within so long, before messages are held
    attachment_bytes: int = 10 << 20  # the largest attachment


def read_settings(config: Path, env: Mapping[str, str]) -> tuple[Settings, list[str]]:
    """The settings, and one sentence for each thing that is wrong; what is wrong keeps its default."""
    path = config / "config.toml"
    problems: list[str] = []
    given: dict[str, object] = {}
    try:
        given = tomllib.loads(read_text(path))
    except FileNotFoundError:
        pass
    except OSError as error:
        problems.append(f"{path} is not used: {error.strerror}")
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, thousands of digits or of brackets
        problems.append(f"{path} is not used: {error}")
    known = {field.name for field in fields(Settings)}
    problems += [f"{path}: there is no setting '{name}'" for name in given if name not in known]
    values: dict[str, int] = {}
    for name in known:
        twin = f"IAPEER_{name.upper()}"
        for source, value in ((str(path), given.get(name)), (twin, env.get(twin))):
            if value is None:
                continue
            number = _number(value)
            if number is None or (name == "port" and number > MAX_PORT):
                most = f" and at most {MAX_PORT}" if name == "port" else ""
                problems.append(f"{source}: {name} must be a whole number above 0{most}, not {_shown(value)}")
            else:
                values[name] = number
    return Settings(**values), problems


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) <= _DIGITS:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST else None


def _shown(value: object) -> str:
    """The value for people, shortened; of a number with thousands of digits nothing can be shown."""
    huge = isinstance(value, int) and abs(value) > _MOST
    return f"one above {_MOST:,}" if huge else reprlib.repr(value)
