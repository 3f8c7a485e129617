"""An npm on PATH that is a script of ours: a real process that answers in JSON."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import npm_binary
from fixtures.npm_binary import Pinned

PINNED = Pinned(
    title="Heron",
    name="heron",
    version="1.0.0",
    package="@birds/heron@{version}-{platform}",
    integrity={"linux-x64": "sha512-pinned"},
    keep=("bin/heron",),
    inside="package/{platform}",
)
OLDER = replace(PINNED, version="0.9.0")
NPM = """#!{python}
import json, os, shutil, sys
here = os.path.dirname(__file__)
verb, package, *rest = sys.argv[1:]
with open(os.path.join(here, "asked"), "a") as asked:
    print(verb, package, *(word for word in rest if word.startswith("dist")), file=asked)
if verb == "pack":
    shutil.copy(os.path.join(here, "package.tgz"), rest[rest.index("--pack-destination") + 1])
    print(json.dumps([{{"filename": "package.tgz"}}]))
else:
    answer = json.load(open(os.path.join(here, "answers.json"))).get(package + " " + rest[0])
    if answer is None:
        sys.exit("npm error code E404")
    print(answer if isinstance(answer, str) and answer.startswith("<") else json.dumps(answer))
"""


class Registry:
    """What the npm on PATH answers, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "npm").write_text(NPM.format(python=sys.executable))
        (folder / "npm").chmod(0o755)
        with tarfile.open(folder / "package.tgz", "w:gz") as tar:
            member = tarfile.TarInfo("package/linux-x64/bin/heron")
            member.size = 1
            tar.addfile(member, io.BytesIO(b"x"))
        digest = hashlib.sha512((folder / "package.tgz").read_bytes()).digest()
        self.integrity = "sha512-" + base64.b64encode(digest).decode()

    def says(self, **answers: object) -> None:
        """The tags of the package, and the checksum of its next version."""
        named = {"@birds/heron dist-tags": answers.get("tags")}
        named["@birds/heron@1.1.0-linux-x64 dist.integrity"] = answers.get("integrity")
        (self.folder / "answers.json").write_text(json.dumps(named))

    def asked(self) -> list[str]:
        """The commands, in order."""
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry with a cache of its own before it."""
    made = Registry(tmp_path / "npm-bin")
    monkeypatch.setenv("PATH", str(made.folder))
    monkeypatch.setenv("IAPEER_AGENT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(npm_binary, "platform_name", lambda: "linux-x64")
    return made
