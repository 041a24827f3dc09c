"""Conditions on a table of scores, such as ``tomoscore > 0.5 and thickness_nm < 250``.

Parsed, not executed: names, numbers, texts, comparisons, ``and``, ``or``, ``not`` and ``in``, and nothing else.
"""

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cryogauge.records import SCORE_COLUMNS, BadInput

_HINT = "write it like 'tomoscore > 0.5 and thickness_nm < 250' or 'not \"out_of_domain\" in flags'"
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


def compile_condition(text: str) -> Callable[[Mapping[str, Any]], bool]:
    """Make a test of a condition.

    Parameters
    ----------
    text
        Such as ``tomoscore > 0.5 and 100 < thickness_nm < 250``. ``flags`` is a list of words; a value that is missing
        (NaN or None) makes every comparison with it false, ``!=`` too.

    Returns
    -------
    A function of a row that says whether it is selected.

    Raises
    ------
    BadInput
        When the text cannot be parsed, or asks for an unknown name or anything but a comparison. What can only be
        found with a row at hand, such as a number compared with a text, is raised by the function.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise BadInput(f"the condition '{text}' cannot be read", _HINT) from error
    _check_truth(tree, text)

    def selected(row: Mapping[str, Any]) -> bool:
        try:
            return bool(_value(tree, row))
        except TypeError as error:
            raise BadInput(f"the condition '{text}' compares what cannot be compared: {error}", _HINT) from error

    return selected


def select(rows: Iterable[Mapping[str, Any]], text: str) -> list[Mapping[str, Any]]:
    """The rows of a table of scores that meet a condition; raises ``BadInput`` as :func:`compile_condition`."""
    selected = compile_condition(text)
    return [row for row in rows if selected(row)]


def _check_truth(node: ast.expr, text: str) -> None:
    """Raise ``BadInput`` for anything that is not part of a condition."""
    if isinstance(node, ast.BoolOp) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
        for part in node.values if isinstance(node, ast.BoolOp) else [node.operand]:
            _check_truth(part, text)
    elif isinstance(node, ast.Compare):
        if not all(type(each) in _COMPARISONS for each in node.ops):
            raise BadInput(f"the condition '{text}' compares in a way that is not known", _HINT)
        for part in (node.left, *node.comparators):
            _check_term(part, text)
    else:
        raise BadInput(f"'{ast.unparse(node)}' in the condition '{text}' is no comparison", _HINT)


def _check_term(node: ast.expr, text: str) -> None:
    if isinstance(node, ast.Name):
        if node.id not in SCORE_COLUMNS:
            raise BadInput(f"the condition '{text}' asks for {node.id}", f"known: {', '.join(SCORE_COLUMNS)}")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        _check_term(node.operand, text)
    elif not (isinstance(node, ast.Constant) and isinstance(node.value, (int, float, str))):
        raise BadInput(f"'{ast.unparse(node)}' in the condition '{text}' is no name, number or text", _HINT)


def _value(node: ast.expr, row: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.BoolOp):
        results = (_value(value, row) for value in node.values)
        return all(results) if isinstance(node.op, ast.And) else any(results)
    if isinstance(node, ast.UnaryOp):
        return not _value(node.operand, row) if isinstance(node.op, ast.Not) else -_value(node.operand, row)
    if isinstance(node, ast.Compare):
        terms = [_value(part, row) for part in (node.left, *node.comparators)]
        return all(
            not _missing(a) and not _missing(b) and _COMPARISONS[type(op)](a, b)
            for a, op, b in zip(terms[:-1], node.ops, terms[1:], strict=True)
        )
    if isinstance(node, ast.Name):
        return row.get(node.id)
    return ast.literal_eval(node)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))
