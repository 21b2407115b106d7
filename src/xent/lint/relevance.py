"""What is worth looking at: words without which a file or a function can hold no mistake that the rules know.

Most code of most trees has nothing to do with a loss. A text is searched for words before it is evaluated, so that the
time goes where findings may be. Each test errs on the side of looking. All take text in lower case: ignoring case is
what makes a pattern slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

#: A file without any of these holds neither a loss, nor what is found beside one, nor the call of a training.
_TELLING = (
    *("loss", "crite", "entrop", "nll", "bce", "kl_div", "kldiv", "softm", "sigmoid", "expit", "objective", "exp("),
    *("train(", "fit(", "train_model(", "trainer(", "train_one_epoch(", "run_epoch(", "evaluate(", "train_epoch("),
    *("neuralnet", "perplex", "binary_acc", "binaryacc", "== label", "== y", "== target", "== 255", "==255"),
    *("_ppl", " ppl", "(ppl", "> 0.5", ">0.5", ">= 0.5", ">=0.5", "> .5", ".gt(0.5"),
)


class Sign(NamedTuple):
    """Something to look for in a text of lower case: the words that a line of it has one of, and the whole of it.

    Looking for words first is several times as fast as a pattern of alternatives.
    """

    words: tuple[str, ...]
    pattern: re.Pattern[str]

    def found(self, text: str) -> dict[int, re.Match[str]]:
        """Return what matches first in each line that has it, by where the line starts."""
        found = {}
        for word in self.words:
            at = text.find(word)
            while at >= 0:
                start = text.rfind("\n", 0, at) + 1
                end = text.find("\n", at)
                if end < 0:
                    end = len(text)
                if start not in found and (match := self.pattern.search(text, start, end)):
                    found[start] = match
                at = text.find(word, end)
        return found

    def lines(self, text: str) -> list[int]:
        """Return the numbers of the lines that have it."""
        numbers, number, before = [], 1, 0
        for start in sorted(self.found(text)):
            number += text.count("\n", before, start)
            before = start
            numbers.append(number)
        return numbers


#: A loss is called, or handed over.
LOSS = Sign(
    (
        *("loss", "crit", "entropy", "objective", "nll", "bce", "kld", "kl_div", "_with_logits"),
        *("ce", "kl", "cost", ".compile", "neuralnet", "trainer", "]("),
    ),
    re.compile(
        r"(?:loss|crit|entropy|objective|nll|bce|kld|kl_?div|_with_logits)\w*\s*\)?\s*\("
        r"|\b(?:ce|kl|cost)(?:_?\d|_?fn|_?func|_?div\w*)?\s*\("
        r"|(?<!\bre)(?<!\btorch)\.compile\s*\(|neuralnet|trainer\s*\(|\]\((?:\s*$|[^\n]*,)"
    ),
)
#: A loss is given a name.
_NAMED = Sign(("loss", "entropy"), re.compile(r"\b(\w+)\s*=(?!=)[^\n]*(?:loss|entropy)\w*\s*\("))
#: Something that runs a training is called.
_DRIVER = Sign(
    ("train", "fit", "run", "evaluat", "valid", "test", "main(", "predict"),
    re.compile(r"(?<![.\w])(?<!def )(?:train|fit|run(?!time)|evaluat|valid|test|main|predict)\w*\s*\("),
)
#: A logarithm or an exponential is taken, where a softmax or a sigmoid may be near.
_LOGARITHM = Sign(
    ("log(", "log1p", "exp(", "pow", "2 **", "2**", "2. **", "2.0 **", "2.0**"),
    re.compile(r"\blog1?p?\s*\(|\bexp\s*\(|\bpow(?:er)?\s*\(|\b2(?:\.0?)?\s*\*\*"),
)
_NEAR = ("softm", "sigmoid", "expit", "perplex", "ppl", "exp(")
#: A softmax without an axis, or one of which the largest is taken.
_SOFTMAX = Sign(("softmax",), re.compile(r"softmax\s*\("))
_BARE_SOFTMAX = Sign(("softmax",), re.compile(r"softmax\s*\((?![^\n]*(?:dim|axis|,))"))
_LARGEST = re.compile(r"argmax|\.max\s*\(|amax\s*\(|topk|axis\s*=\s*0|dim\s*=\s*0")
_ONE_UNIT = re.compile(r"(?:linear|conv\dd|dense)\s*\((?:[^()\n]*,)?\s*1\s*[,)]")
#: Predictions are cut at one half, or rounded.
_THRESHOLD = Sign(
    (".5", ".gt", ".ge", ".lt", ".le", ".round", "binary_accuracy"),
    re.compile(
        r"[<>]=?\s*0?\.5\b|\.(?:gt|ge|lt|le)\s*\(|(?:torch|np|numpy|tf|jnp)\.round\s*\(|\.round\s*\(\s*\)"
        r"|binary_accuracy"
    ),
)
#: Ids are mapped; a value is divided by a temperature; a difference or a comparison meets the labels.
_REST = Sign(
    ("==", ".backward", "-", "requires_grad"),
    re.compile(
        r"==\s*(?:255|-1|-100|\w*ignore\w*|ign|void\w*)\b"
        r"|\.backward\s*\(|loss\w*\s*(?:\.requires_grad|,\s*requires_grad)"
        r"|==\s*(?:y|labels?|targets?|gt|truth|\w+_labels?|\w+_targets?)\b"
        r"|-\s*(?:y|labels?|targets?|\w+_labels?)\w*\s*\)"
    ),
)
_TEMPERATURE = Sign(("/",), re.compile(r"/=?\s*\(?\s*(?:self\.)?(?:\w+\.)?(?:t|tau|\w*temp\w*)\b"))
#: A function without any of these, and longer than a few lines, neither makes nor hands on what the rules follow.
_CARRIER = (
    *("softm", "sigmoid", "expit", "logit", "linear", "conv", "dense", "nn.", "f.", "layers", "loss", "entropy"),
    *("bce", "nll", "kl_", "relu", "tanh", "argmax", "onehot", "one_hot", "exp(", "pad", "model", "net", "sequential"),
    *("head", "classif", "fc", "activation", "lambda", "partial", "value_counts", "detach", "forward", "register"),
    *("optax", "log(", "torch", "keras", "jax", "jnp", "crit", "@"),
)
_SHORT = 12


def telling(text: str) -> bool:
    """Whether a file is worth evaluating at all."""
    return any(word in text for word in _TELLING)


def lines(text: str) -> list[int]:
    """Return the lines of a file that a finding in a function needs one of."""
    found = {line for sign in (_DRIVER, _THRESHOLD, _REST) for line in sign.lines(text)}
    found.update(losses(text))
    if len(divided := _TEMPERATURE.lines(text)) > 1:
        found.update(divided)
    if any(word in text for word in _NEAR):
        found.update(_LOGARITHM.lines(text))
    if _BARE_SOFTMAX.lines(text) or ("softmax" in text and (_LARGEST.search(text) or _ONE_UNIT.search(text))):
        found.update(_SOFTMAX.lines(text))
    return sorted(found)


def losses(text: str) -> list[int]:
    """Return the lines on which a loss may be called: by a telling name, or by one that the file gives to a loss."""
    names = {match[1] for match in _NAMED.found(text).values()}
    found = set(LOSS.lines(text))
    return sorted(found.union(calls(names, text)) if names else found)


def calls(names: Iterable[str], text: str) -> list[int]:
    """Return the lines that call something by one of these names."""
    words = tuple(name.lower() for name in names)
    return Sign(words, re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\s*\(")).lines(text)


def carries(source: str) -> bool:
    """Whether a called function may give or change what the rules follow: it is short, or has a word for it."""
    if source.count("\n") < _SHORT:
        return True
    return any(word in source for word in _CARRIER)
