"""The messages that stand in the composers of the captures, as they were typed."""

from __future__ import annotations

_ODD = (
    "caf\u00e9 nai\u0308ve \U0001f44d\U0001f3fd ok \U0001fae8 new \u6f22\u5b57 \u05e9\u05dc\u05d5\u05dd "
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 fam \u0ba8\u0bbf\u0b95\u0bca x\n"
    "before \U0001fadf and \U0001f469\U0001f3fe\u200d\U0001f4bb go on\nthe last line is plain"
)


def message(body: str, sender: str = "operator") -> str:
    """The text that was typed for a message."""
    head = f'<iap id="m1" from="{sender}" runtime="codex" kind="work">\n[A message, brought by iapeer.]\n'
    return f"{head}<message><![CDATA[{body}]]></message>\n</iap>\n"


def _rows(count: int) -> str:
    return "\n".join(f"row {number:02} of the text" for number in range(count))


TYPED = {
    "folded": message(_rows(5), "bob"),
    "mixed": message(_rows(12), "bob"),
    "pieces": message(_rows(5)),
    "long": message("\n".join(f"line {number:03} " + "abcdefg " * 10 for number in range(180))),
    "tall_glyph": message(_rows(33)),
    "tall": message(_rows(60)),
    "odd": message(_ODD),
    "picture": message("one\n/home/u/shot.png\ntwo\nthree", "bob"),
}


def slow(text: str) -> str:
    """The same, made to wait for its answer, as it was typed where Escape put it back."""
    return text.replace("]]></message>", " @@FIRST 30@@]]></message>")
