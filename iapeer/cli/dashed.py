"""Tell texts that begin with a dash (a list, a rule, a negative number) from options. Imports are few: `send` pays."""

from __future__ import annotations


def is_text(arg: str) -> bool:
    """Whether an argument that begins with a dash is no option: no letter follows, or no option has such a name."""
    if not arg.startswith("-") or arg in ("-", "--"):
        return False
    if arg.startswith("--"):
        name = arg[2:].partition("=")[0]
        return not name[:1].isalpha() or not name.replace("-", "").isalnum()
    return not arg[1].isalpha()
