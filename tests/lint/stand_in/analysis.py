"""In place of xent.lint.analysis: what a file calls says what is found in it, so that these tests know beforehand.

``bad(x)`` is a finding, ``harmless(x)`` an information, ``mend(x)`` a finding whose safe fix leaves ``x``, ``guess(x)``
the same with an unsafe one, ``spoil(x)`` one whose fix is no Python. ``crash()``, ``recurse()``, ``wait()`` and
``die()`` do so.
"""

import ast
import os
import time
from pathlib import Path

from xent.lint.finding import Edit, Finding, Fix, Step
from xent.lint.source import parse, read


class Tree:
    def __init__(self, paths):
        self.paths = list(paths)


def check(tree, path):
    assert path in tree.paths
    source = read(path)
    module = parse(source)
    defined = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    steps = tuple(Step(f"{node.name} is defined", source.place(node)) for node in defined[:2])
    findings = []
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        place = source.place(node)
        match node.func.id:
            case "bad":
                findings.append(Finding("XE101", "error", place, "softmax before a cross-entropy", steps))
            case "harmless":
                findings.append(Finding("XE101", "info", place, "harmless"))
            case "mend" | "guess" | "spoil" as kind:
                inner = ast.get_source_segment(source.text, node.args[0]) if kind != "spoil" else "(("
                fix = Fix("leave the argument", (Edit(place, inner),), safe=kind != "guess")
                findings.append(Finding("XE101", "warning", place, f"{kind} it", steps, fix))
            case "crash":
                raise RuntimeError("two\nlines \x1b[31m")
            case "recurse":
                check(tree, path)
            case "wait":
                Path("waiting").touch()
                time.sleep(600)
            case "die":
                os._exit(3)
    return findings
