"""Who speaks, as the model reads it."""

from __future__ import annotations

import pytest

from iapeer.conformance.cases.bodies import around_a_peers_body, operator_is_bare
from iapeer.conformance.outcome import Broken
from iapeer.model.envelope import Envelope, wire

OURS = wire(Envelope("1", "operator", "shell", "natural", "one\ntwo"))
THEIRS = wire(Envelope("2", "carol", "claude", "artificial", "one\ntwo"))
OPENED, CLOSED = '\n<pasted id="7">\n', '\n</pasted id="7">\n'


def test_the_operators_words_are_bare_or_not() -> None:
    """Blanks around them do not count; a mark does, wherever it stands."""
    operator_is_bare(f"\n{OURS}\n")
    for text in (OPENED + OURS + CLOSED, OURS.replace("\n<message>", f"\n{OPENED}\n<message>")):
        with pytest.raises(Broken, match='<pasted id="7">'):
            operator_is_bare(text)


def test_what_a_program_puts_around_a_peers_body_is_told() -> None:
    """Behind our words; around these it is wrong, and so is another sender."""
    head, body = THEIRS.split("\n<message>")
    assert around_a_peers_body(f"{head}\n{OPENED}\n<message>{body}{CLOSED}", "carol") == '<pasted id="7">'
    assert around_a_peers_body(THEIRS, "carol") == ""
    with pytest.raises(Broken, match="do not stand by themselves"):
        around_a_peers_body(OPENED + THEIRS + CLOSED, "carol")
    with pytest.raises(Broken, match="from carol, not from dave"):
        around_a_peers_body(THEIRS, "dave")
