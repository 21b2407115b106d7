"""Edits from syntax against edits of the syntax tree: what is written parses to what was meant, or nothing is."""

import ast
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.lint import edits
from xent.lint.fixes import edited
from xent.lint.project import Module

INNER = (
    *("x", "x.y", "x[0]", "f(x)", "x + 1", "-x", "x ** 2", "not x", "x == y", "x or y", "x if a else b", "(x, y)"),
    *("lambda: x", "[x]", "{**x}", "1", "1.5", "'a' 'b'", "(x := y)", "(yield x)", "(x for x in y)", "*x", "(x)"),
    *("f(\n  x)", "(x\n  + y)", "x[\n  0]", "(x\n  .y)", "é", "'é日'"),
)
CALLS = (
    *("F.softmax({}, dim=1)", "F.softmax(dim=1, input={})", "F.softmax( {} )", "F.softmax(\n      {}\n, dim=1,\n)"),
    *("F.softmax(({}), 1)", "F.softmax(  # why\n  {}, 1)", "F.softmax({}, 1  # why\n  )"),
)
AROUND = (
    *("r = {}", "return {}", "return({})", "g({})", "g({}, *z)", "g(k={})", "{}.view(1)", "{}[0]", "-{}", "{} + 1"),
    *("1 - {}", "2 ** {}", "{} ** 2", "[{}]", "{{{}: 1}}", "({},)", "r = {}, 1", "r = (\n{}\n)", "{}(1)", "lambda: {}"),
    *("r = y if {} else z", "r = {}if x else y", "r = {} if x else y", "not {}", "{} == 1", "{} or z", "assert {}"),
    *("[{} for q in z]", "[q for q in {}]", "f'{{{}}}'", "f'é{{1}}{{{}}}'", "é = {}; r = 1", "r: int = {}", "r += {}"),
    *(
        "z[{}]",
        "z[{}:]",
        "await {}",
        "with {} as r: pass",
        "for r in {}: pass",
        "if {}: pass",
        "del z[{}]",
        "é({}, 'é')",
    ),
)


def module_of(statement):
    text = f"async def f():\n    {statement}\n    return\n"
    try:
        return Module("a.py", text, ast.parse(text))
    except SyntaxError:
        return None


def after(module, changes):
    return ast.dump(ast.parse(edited("a.py", module.text.encode(), changes)))


class Replace(ast.NodeTransformer):
    def __init__(self, old, new):
        self.old, self.new = old, new

    def visit(self, node):
        return self.new if node is self.old else super().generic_visit(node)


def call_in(module):
    return next(
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("F.softmax", "F.g")
    )


@pytest.mark.parametrize("around", AROUND)
def test_an_argument_is_left_of_a_call(around):
    n_written = 0
    for call, inner in product(CALLS, INNER):
        module = module_of(around.format(call.format(inner)))
        if module is None:
            continue
        node = call_in(module)
        kept = node.args[0] if node.args else node.keywords[-1].value
        changes = edits.unwrapped(module, node, kept)
        if changes is not None:
            n_written += 1
            found = after(module, changes)
            assert found == ast.dump(Replace(node, kept).visit(module.tree)), (module.text, kept)
    assert n_written == 0 if around.startswith("f'") else n_written > 60


ARGUMENT = st.sampled_from(
    ["x", "(x)", "f(1, 2)", "[a,\n b]", "'é,'", "*z", "a=1", "b=(2)", "weight=w", "c='#'", "**q"]
)
BLANK = st.sampled_from(["", "", "", " ", "\n    ", " \\\n ", "  # why\n  "])


@st.composite
def argument_lists(draw):
    """The arguments of a call, with the blanks and comments between them that people write."""
    arguments = draw(st.lists(ARGUMENT, max_size=4, unique=True))
    parts = [draw(BLANK) + argument + draw(BLANK) for argument in arguments]
    return ",".join(parts) + (draw(st.sampled_from(["", ","])) if parts else "") + draw(BLANK)


def keyword(call, name):
    return next((each for each in call.keywords if each.arg == name), None)


def set_c(call):
    found = keyword(call, "c")
    if found is None:
        call.keywords.append(ast.keyword("c", ast.Constant(3)))
    else:
        found.value = ast.Constant(3)


def remove_weight(call):
    call.keywords.remove(keyword(call, "weight"))


def rename_weight(call):
    keyword(call, "weight").arg = "pos_weight"


def remove_last(call):
    call.args.pop()


@given(argument_lists())
@pytest.mark.parametrize(
    ("edit", "meant"),
    [
        (lambda module, call: edits.with_keyword(module, call, "c", "3"), set_c),
        (lambda module, call: edits.without_keyword(module, call, "weight"), remove_weight),
        (lambda module, call: edits.keyword_renamed(module, call, "weight", "pos_weight"), rename_weight),
        (lambda module, call: edits.without_last_item(module, call, call.args[-1]) if call.args else None, remove_last),
    ],
    ids=["set", "remove", "rename", "remove the last"],
)
def test_arguments_are_set_removed_and_renamed(edit, meant, arguments):
    module = module_of(f"F.g({arguments})")
    if module is None:
        return
    call = call_in(module)
    changes = edit(module, call)
    comments = module.text.count("# why")
    if changes is None:
        return
    text = edited("a.py", module.text.encode(), changes).decode()
    found = ast.dump(ast.parse(text))
    meant(call)
    assert found == ast.dump(module.tree)
    assert text.count("# why") >= comments - 1


@pytest.mark.parametrize(
    ("arguments", "name", "after"),
    [
        ("", "set", "c=3"),
        ("x", "set", "x, c=3"),
        ("x,", "set", "x, c=3,"),
        ("x, c=1", "set", "x, c=3"),
        ("\n    x,\n", "set", "\n    x, c=3,\n"),
        ("weight=w", "remove", ""),
        ("weight=w, a=1", "remove", "a=1"),
        ("x, weight=w", "remove", "x"),
        ("x, weight=w,", "remove", "x,"),
        ("\n    x,\n    weight=w,  # why\n    a=1,\n", "remove", "\n    x,\n    a=1,\n"),
        ("weight=w", "rename", "pos_weight=w"),
        ("x, f(y)", "remove the last", "x"),
        ("\n    x,\n    f(y),\n", "remove the last", "\n    x,\n"),
    ],
)
def test_what_is_usual_is_written_as_people_would(arguments, name, after):
    module = module_of(f"F.g({arguments})")
    call = call_in(module)
    changes = {
        "set": lambda: edits.with_keyword(module, call, "c", "3"),
        "remove": lambda: edits.without_keyword(module, call, "weight"),
        "rename": lambda: edits.keyword_renamed(module, call, "weight", "pos_weight"),
        "remove the last": lambda: edits.without_last_item(module, call, call.args[-1]),
    }[name]()
    assert f"F.g({after})" in edited("a.py", module.text.encode(), changes).decode()
