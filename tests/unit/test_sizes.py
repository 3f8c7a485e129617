"""The house stays readable: bounds of functions and modules, and names that say nothing are not used."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

from tests.harness import REPO

MODULES = sorted((REPO / "iapeer").rglob("*.py"))
RIDDLES = frozenset({"found", "told", "one"})


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_modules_and_functions_are_short() -> None:
    """No module over 500 lines, no function over 50, half of the functions 7 or less."""
    assert [path for path in MODULES if len(path.read_text(encoding="utf-8").splitlines()) > 500] == []
    lengths = {(path, node.name, node.lineno): _length(node) for path in MODULES for node in _functions(path)}
    assert [where for where, length in lengths.items() if length > 50] == []
    assert statistics.median(lengths.values()) <= 7


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(REPO / "iapeer")))
def test_no_variable_is_named_for_nothing(path: Path) -> None:
    """A variable is named for the thing that it holds."""
    names = {
        node.id: node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in RIDDLES
    }
    assert not names
