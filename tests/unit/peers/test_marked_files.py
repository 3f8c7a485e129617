"""Files that a person wrote with an editor that begins each with a byte order mark, and ends lines with CR LF."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

from iapeer.cli.batch import read
from iapeer.cli.quick import read_text
from iapeer.paths.settings import read_settings
from iapeer.peers.launchenv import read_launch_env
from iapeer.peers.pieces import read_pieces
from iapeer.peers.profile import read_profile
from iapeer.runtimes.load import read_adapter
from tests.harness import REPO


def test_a_byte_order_mark_is_no_part_of_any_file(tmp_path: Path) -> None:
    """Profile, launch.env, settings, adapter, doctrine, batch and body are read as without it."""

    def marked(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode())
        return path

    marked(".iapeer/peer-profile.json", json.dumps({"personality": "p", "default_runtime": "fake"}, indent=1))
    marked(".iapeer/runtimes/fake/launch.env", "FOO=1\nPEER_START_ARGS=--a b\n")
    marked(".iapeer/IAPEER.md", "words")
    marked("config.toml", "send_wait_secs = 5\n")
    assert read_profile(tmp_path).personality == "p"
    settings = read_launch_env(tmp_path, "fake")
    assert (settings.env, settings.args) == ({"FOO": "1"}, ("--a", "b"))
    assert [piece.text for piece in read_pieces(None, tmp_path).pieces] == ["words"]
    assert (read_settings(tmp_path, {})[0].send_wait_secs, read_settings(tmp_path, {})[1]) == (5, [])
    assert read_adapter(marked("fake.toml", (REPO / "fixtures" / "fake.toml").read_text())).name == "fake"
    batch = read_text(str(marked("batch", '{"to": "p", "body": "x"}\n')))
    assert [message["body"] for message in read("batch", batch)] == ["x"]
