"""What is worth looking at: words without which a file or a function can hold no mistake that the rules know.

Most code of most trees has nothing to do with a loss. A text is searched for words before it is evaluated, so that the
time goes where findings may be. Each test errs on the side of looking. All take text in lower case: ignoring case is
what makes a pattern slow.
"""

from __future__ import annotations

import re

#: A file without any of these holds neither a loss, nor what is found beside one, nor the call of a training.
_TELLING = (
    *("loss", "crit", "entrop", "nll", "bce", "kl_div", "kldiv", "softm", "sigmoid", "expit", ".compile(", "objective"),
    *("train(", "fit(", "train_model(", "trainer(", "train_one_epoch(", "run_epoch(", "evaluate(", "train_epoch("),
    *("neuralnet", "perplex", "binary_acc", "binaryacc", "ppl", "> 0.5", ">0.5", ">= 0.5", ">=0.5", "> .5", ".gt(0.5"),
)
#: A loss is called, or handed over.
LOSS = re.compile(
    r"(?:loss|crit|entropy|objective|nll|bce|kld|kl_?div|_with_logits)\w*\s*\)?\s*\("
    r"|\b(?:ce|kl|cost)(?:_?\d|_?fn|_?func|_?div\w*)?\s*\(|(?<!\bre)(?<!\btorch)\.compile\s*\(|neuralnet|trainer\s*\(|\]\("
)
#: Something that runs a training is called.
_DRIVER = re.compile(r"(?<![.\w])(?<!def )(?:train|fit|run(?!time)|evaluat|valid|test|main|predict)\w*\s*\(")
#: A logarithm or an exponential is taken, where a softmax or a sigmoid may be near.
_LOGARITHM = re.compile(r"\blog1?p?\s*\(|\bexp\s*\(|\bpow(?:er)?\s*\(|\b2(?:\.0?)?\s*\*\*")
_NEAR = re.compile(r"softm|sigmoid|expit|perplex|ppl|\bexp\s*\(")
#: A softmax without an axis, or one of which the largest is taken.
_SOFTMAX = re.compile(r"softmax\s*\(")
_BARE_SOFTMAX = re.compile(r"softmax\s*\((?![^\n]*(?:dim|axis|,))")
_LARGEST = re.compile(r"argmax|\.max\s*\(|amax\s*\(|topk|axis\s*=\s*0|dim\s*=\s*0")
#: Predictions are cut at one half, or rounded.
_THRESHOLD = re.compile(
    r"[<>]=?\s*0?\.5\b|\.(?:gt|ge|lt|le)\s*\(|(?:torch|np|numpy|tf|jnp)\.round\s*\(|\.round\s*\(\s*\)|binary_accuracy"
)
#: Ids are mapped; a value is divided by a temperature; a difference or a comparison meets the labels.
_REST = re.compile(
    r"==\s*(?:255|-1|-100|\w*ignore\w*|ign|void\w*)\b"
    r"|\.backward\s*\("
    r"|==\s*(?:y|labels?|targets?|gt|truth|\w+_labels?|\w+_targets?)\b"
    r"|-\s*(?:y|labels?|targets?|\w+_labels?)\w*\s*\)",
)
#: A function without any of these, and longer than a few lines, neither makes nor hands on what the rules follow.
_CARRIER = (
    *("softm", "sigmoid", "expit", "logit", "linear", "conv", "dense", "nn.", "f.", "layers", "loss", "entropy"),
    *("bce", "nll", "kl_", "relu", "tanh", "argmax", "onehot", "one_hot", "exp(", "pad", "model", "net", "sequential"),
    *("head", "classif", "fc", "activation", "lambda", "partial", "value_counts", "detach", "forward", "register"),
    *("optax", "log(", "torch", "keras", "jax", "jnp", "crit", "@"),
)
_SHORT = 12
#: Any name that is called.
CALL = re.compile(r"\b([a-z_]\w*)\s*\(")
_TEMPERATURE = re.compile(r"/=?\s*\(?\s*(?:self\.)?(?:\w+\.)?(?:t|tau|\w*temp\w*)\b")


def telling(text: str) -> bool:
    """Whether a file is worth evaluating at all."""
    return any(word in text for word in _TELLING)


def patterns(file: str) -> list[re.Pattern[str]]:
    """Return what to look for in the functions of a file: a finding in one needs a match there."""
    found = [pattern for pattern in (LOSS, _DRIVER, _THRESHOLD, _REST) if pattern.search(file)]
    if len(_TEMPERATURE.findall(file)) > 1:
        found.append(_TEMPERATURE)
    if _LOGARITHM.search(file) and _NEAR.search(file):
        found.append(_LOGARITHM)
    if _BARE_SOFTMAX.search(file) or (_SOFTMAX.search(file) and _LARGEST.search(file)):
        found.append(_SOFTMAX)
    return found


def carries(source: str) -> bool:
    """Whether a called function may give or change what the rules follow: it is short, or has a word for it."""
    if source.count("\n") < _SHORT:
        return True
    return any(word in source for word in _CARRIER)
