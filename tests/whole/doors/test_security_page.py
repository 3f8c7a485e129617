"""SECURITY.md: every row of its table is shown by tests that there are."""

from __future__ import annotations

import ast
import re

import pytest

from tests.harness import REPO

ATTACKERS = {"another user", "a web page", "a cloned repository", "an agent", "a fellow agent", "hostile text"}


def _rows() -> list[list[str]]:
    table = (REPO / "SECURITY.md").read_text(encoding="utf-8").partition("## Who tries what")[2]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_attacker_has_rows() -> None:
    """The table is read whole, and leaves nobody out."""
    assert {row[0] for row in _rows()} >= ATTACKERS
    assert all(len(row) == 4 for row in _rows())


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row[1][:50])
def test_a_row_names_tests_that_there_are(row: list[str]) -> None:
    """Each by file and function."""
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", row[3])
    assert named
    for path, function in named:
        tree = ast.parse((REPO / "tests" / path).read_text(encoding="utf-8"))
        assert function in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, path
