"""In place of xent.lint.analysis: what a file calls says what is found in it, so that these tests know beforehand.

``bad(x)`` is a finding, ``harmless(x)`` an information, ``mend(x)`` a finding whose safe fix leaves ``x``, ``guess(x)``
the same with an unsafe one, ``spoil(x)`` one whose fix is no Python. ``elsewhere(path)`` is a
finding in another file. ``crash()``, ``recurse()``, ``wait()`` and
``die()`` do so.
"""

import ast
import os
import time
from pathlib import Path

from xent.lint.finding import Edit, Finding, Fix, Place, Step


class Analysis:
    def __init__(self, tree):
        self.tree = tree

    def looks_at(self, source):
        return True

    def check(self, path):
        return check(self.tree, path)


def check(tree, path):
    module = tree.module(path)
    defined = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef)]
    steps = tuple(Step(f"{node.name} is defined", module.place(node)) for node in defined[:2])
    findings = []
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        place = module.place(node)
        match node.func.id:
            case "bad":
                findings.append(Finding("XE101", "error", place, "softmax before a cross-entropy", steps))
            case "harmless":
                findings.append(Finding("XE101", "info", place, "harmless"))
            case "mend" | "guess" | "spoil" as kind:
                inner = ast.get_source_segment(module.text, node.args[0]) if kind != "spoil" else "(("
                fix = Fix("leave the argument", (Edit(place, inner),), safe=kind != "guess")
                findings.append(Finding("XE101", "warning", place, f"{kind} it", steps, fix))
            case "crash":
                raise RuntimeError("two\nlines \x1b[31m")
            case "recurse":
                check(tree, path)
            case "elsewhere":  # the first line of another file
                other = node.args[0].value
                findings.append(Finding("XE101", "error", Place(other, 1, 1, 1, 4), f"from {path}", steps))
            case "wait":
                Path("waiting").touch()
                time.sleep(600)
            case "die":
                os._exit(3)
    return findings
