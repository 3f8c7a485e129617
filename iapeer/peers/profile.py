"""A peer's profile: `.iapeer/peer-profile.json` in its folder, the truth about it.

Reading tolerates unknown and legacy fields; writing merges over the file, so that no one's fields are lost.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from iapeer.files.regular import OUTSIDE, Unfit, is_below, read_text
from iapeer.model.errors import Failed, Refused, Usage
from iapeer.model.names import PERSONALITY, RUNTIME, PermissionMode

GONE = "`iapeer move` tells where it is now, `iapeer remove` forgets the peer"
FOLDER = ".iapeer"
POLICIES = ("warm", "ephemeral", "mailbox")
BUILT_POLICIES = ("warm", "ephemeral")
MAX_DESCRIPTION = 450
MAX_BYTES = 1 << 18  # of the file
MAX_INITIAL_PROMPT = 16_000
MAX_RUNTIMES = 16
MAX_SECS = 1_000_000_000  # some thirty years


class Profile(BaseModel):
    """The fields iapeer knows. `wake_policy` is any word: an unknown one means warm, and `verify` warns."""

    model_config = ConfigDict(extra="allow", strict=True)

    personality: str = Field(pattern=f"^{PERSONALITY.pattern}$")
    default_runtime: str = Field(pattern=f"^{RUNTIME.pattern}$")
    runtimes: list[Annotated[str, Field(pattern=f"^{RUNTIME.pattern}$")]] = Field(min_length=1, max_length=MAX_RUNTIMES)
    description: str = Field(default="", max_length=MAX_DESCRIPTION)
    intelligence: Literal["artificial", "natural", "absent"] = "artificial"
    initial_prompt: str = ""
    wake_policy: str = "warm"
    resume: Literal["by-topic", "always"] = "by-topic"
    permissions: PermissionMode = "default"
    model: str | None = None
    idle_secs: int = Field(default=3600, ge=1, le=MAX_SECS)
    timeout_secs: int | None = Field(default=None, ge=1, le=MAX_SECS)
    unarmed_secs: int = Field(default=600, ge=1, le=MAX_SECS)

    @model_validator(mode="before")
    @classmethod
    def _legacy(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValueError("a JSON object is wanted")
        data = dict(data)
        runtime = data.pop("runtime", None)
        if isinstance(runtime, str):
            data.setdefault("default_runtime", runtime)
        if isinstance(data.get("default_runtime"), str):
            data.setdefault("runtimes", [data["default_runtime"]])
        for old, nature in (("human", "natural"), ("scripted", "absent")):
            if data.pop(old, None) is True:
                data.setdefault("intelligence", nature)
        return data

    @model_validator(mode="after")
    def _default_is_listed(self) -> Profile:
        if self.default_runtime not in self.runtimes:
            raise ValueError(f"default_runtime '{self.default_runtime}' is not in runtimes")
        return self


def profile_path(folder: Path) -> Path:
    """Where the profile of the peer in `folder` is."""
    return folder / FOLDER / "peer-profile.json"


def read_profile(folder: Path) -> Profile:
    """The profile in `folder`, or Failed with path and field. Read again only when the file changed."""
    path = f"{folder}/{FOLDER}/peer-profile.json"  # no Path: asked of every peer on every list
    try:
        info = os.stat(path)  # noqa: PTH116
    except OSError as error:
        if not folder.is_dir():
            raise Failed(f"The folder {folder} is gone: {GONE}.", code="no-profile") from error
        raise Failed(f"{path} cannot be read ({error.strerror}).", code="no-profile") from error
    return _parse(path, folder, info.st_dev, info.st_ino, info.st_mtime_ns, info.st_ctime_ns, info.st_size)


@functools.lru_cache(maxsize=16_384)  # more than there are peers: a list that goes round would find none of them
def _parse(path: str, folder: Path, *_stamp: int) -> Profile:
    data = _read(Path(path), folder)
    try:
        return Profile.model_validate(data)
    except ValidationError as error:
        field, message = _first(error)
        raise Failed(f"{path}: field {field}: {message}; mend the file.", code="bad-profile") from error


def initial_prompt_problem(text: str) -> str | None:
    """That it is over the limit; None: it is not. Not a rule of reading: such a peer can still be shown and mended."""
    if len(text) <= MAX_INITIAL_PROMPT:
        return None
    return (
        f"The initial_prompt has {len(text):,} characters, {MAX_INITIAL_PROMPT:,} is the limit: shorten it in the "
        "profile."
    )


def check_initial_prompt(text: str) -> None:
    """Refused when it is over the limit."""
    if (problem := initial_prompt_problem(text)) is not None:
        raise Refused(problem, code="too-long")


def write_profile(folder: Path, changes: dict[str, Any]) -> None:
    """Merge `changes` over the file (made if missing). An empty description never replaces one that is there."""
    path = profile_path(folder)
    keep = {key: value for key, value in changes.items() if not (key == "description" and not value)}
    _replace(path, _text({**_object(path, folder), **keep}))


def change_profile(folder: Path, changes: dict[str, Any]) -> list[str]:
    """Merge `changes` over the file, None taking a field away; the names of the fields that are another now.

    Nothing is written when the result would be no profile: Usage names the field.
    """
    path = profile_path(folder)
    before = _object(path, folder)
    after = {key: value for key, value in {**before, **changes}.items() if value is not None or key not in changes}
    try:
        Profile.model_validate(after)
    except ValidationError as error:
        field, message = _first(error)
        raise Usage(f"The field {field}: {message}.", code="bad-field") from error
    changed = sorted(key for key in changes if before.get(key) != after.get(key))
    if changed:
        _replace(path, _text(after))
    return changed


def _object(path: Path, folder: Path) -> dict[str, Any]:
    """What the file holds, nothing where there is none. Failed also where it would be written out of the folder."""
    if not is_below(os.path.realpath(path.parent), folder):
        raise Failed(f"{path.parent}: {OUTSIDE}; put a folder in its place.", code="bad-profile")
    data = _read(path, folder) if path.exists() else {}
    if not isinstance(data, dict):
        raise Failed(f"{path}: a JSON object is wanted; mend the file.", code="bad-profile")
    return data


def _text(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _first(error: ValidationError) -> tuple[str, str]:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "(file)"
    return field, first["msg"].removeprefix("Value error, ")


def _read(path: Path, folder: Path) -> Any:
    try:
        return json.loads(read_text(path, MAX_BYTES, within=folder))
    except json.JSONDecodeError as error:
        raise Failed(
            f"{path}, line {error.lineno}: not valid JSON ({error.msg}); mend the file.", code="bad-profile"
        ) from error
    except UnicodeDecodeError as error:
        raise Failed(f"{path} is not UTF-8 text; mend the file.", code="bad-profile") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, a thousand brackets
        raise Failed(f"{path} holds what no profile does ({error}); mend the file.", code="bad-profile") from error
    except Unfit as error:
        why = f"{path} is not read ({error.strerror}): put an ordinary file there."
        raise Failed(why, code="bad-profile") from error
    except OSError as error:
        raise Failed(f"{path} cannot be read ({error.strerror}).", code="no-profile") from error


def _replace(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".profile-")
    except OSError as error:
        raise Failed(f"{path.parent} cannot be written ({error.strerror}).", code="unwritable") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise Failed(f"{path} cannot be written ({error.strerror}).", code="unwritable") from error
