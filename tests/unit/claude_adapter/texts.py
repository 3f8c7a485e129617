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


# Beside letters whose width the program counts otherwise than the terminal, cells are overwritten or left over.
BLURRED = {
    "2.1.197": (
        '<iap id="000eab" from="operator">\n'
        "flag \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f x me r \ufffd x look is noon\n"
        "new \U0001fae8 x at is the it tell file \U0001d54f\U0001d7d9 \u2211 x noon\n"
        "</iap>"
    ),
    "0.171.0": (
        '<iap id="0064ab" from="operator">\n'
        "\u2502 \u2500 \u276f \u203a x what file before me at\n"
        "p \U000f0000 \U00100000 x me please\n"
        "s \U0001f3fd x file it and at me \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 x again me\n"
        "ok \u2705 \u2714\ufe0f x it\n"
        "</iap>"
    ),
}
