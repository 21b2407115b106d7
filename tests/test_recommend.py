"""What recommend() says: every line of code is run, and its loss compared with SciPy's of what the case means.

Keras is not among the tools of the tests: its lines run on a stand-in that is Keras's documented formulas.
"""

import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax, softmax

import xent
from xent.errors import DtypeError, OptionError, ShapeError, XentError
from xent.recommendation import Recommendation, recommend

FRAMEWORKS = ("xent", "xent of jax", "torch", "xent.torch", "keras", "optax")


class Case(NamedTuple):
    """Shapes, and by hand what they mean: which loss, along which axis."""

    logits: tuple
    target: tuple
    dtype: str
    asked: dict
    task: str
    loss: str  # "indices", "probs" or "entries"
    axis: int | None
    wanted: tuple


C, X = {"class_axis": 1}, {"exclusive": True}
CASES = {
    "one logit": Case((6,), (6,), "float32", {}, "binary", "entries", None, (6,)),
    "one logit, integers": Case((6,), (6,), "int64", {}, "binary", "entries", None, (6,)),
    "one logit, booleans": Case((6, 1), (6, 1), "bool", {}, "binary", "entries", None, (6, 1)),
    "one logit, exclusive": Case((6, 1), (6, 1), "float64", X, "binary", "entries", None, (6, 1)),
    "one logit, a column": Case((6, 1), (6,), "int32", {}, "binary", "entries", None, (6,)),
    "one logit, a column of targets": Case((6,), (6, 1), "float32", {}, "binary", "entries", None, (6,)),
    "two logits": Case((6, 2), (6,), "int64", {}, "binary", "indices", 1, (6,)),
    "two logits, booleans": Case((6, 2), (6,), "bool", {}, "binary", "indices", 1, (6,)),
    "two logits, one-hot": Case((6, 2), (6, 2), "uint8", X, "binary", "probs", 1, (6, 2)),
    "multiclass": Case((6, 4), (6,), "int64", {}, "multiclass", "indices", 1, (6,)),
    "multiclass, bytes": Case((6, 4), (6,), "uint8", X, "multiclass", "indices", 1, (6,)),
    "multiclass, a column": Case((6, 4), (6, 1), "int32", {}, "multiclass", "indices", 1, (6,)),
    "as many rows as classes": Case((4, 4), (4,), "int64", {}, "multiclass", "indices", 1, (4,)),
    "multiclass, classes first": Case((4, 6), (6,), "int64", {"class_axis": 0}, "multiclass", "indices", 0, (6,)),
    "probabilities": Case((6, 4), (6, 4), "float32", X, "multiclass", "probs", 1, (6, 4)),
    "one-hot integers": Case((6, 4), (6, 4), "int64", X, "multiclass", "probs", 1, (6, 4)),
    "multilabel": Case((6, 4), (6, 4), "float32", {"exclusive": False}, "multilabel", "entries", 1, (6, 4)),
    "multilabel, integers": Case((6, 4), (6, 4), "int64", {"exclusive": False}, "multilabel", "entries", 1, (6, 4)),
    "multilabel, more axes": Case((2, 3, 4), (2, 3, 4), "bool", {"exclusive": False}, "multilabel", "entries", None,
                                  (2, 3, 4)),
    "segmentation": Case((2, 3, 4, 5), (2, 4, 5), "int64", {}, "segmentation", "indices", 1, (2, 4, 5)),
    "segmentation, a channel": Case((2, 3, 4, 5), (2, 1, 4, 5), "uint8", {}, "segmentation", "indices", 1, (2, 4, 5)),
    "segmentation, classes last": Case((2, 4, 5, 3), (2, 4, 5), "int64", {}, "segmentation", "indices", 3, (2, 4, 5)),
    "segmentation, channels last": Case((2, 4, 5, 3), (2, 4, 5, 1), "int32", {}, "segmentation", "indices", 3,
                                        (2, 4, 5)),
    "segmentation, said": Case((2, 5, 5, 5), (2, 5, 5), "int64", C, "segmentation", "indices", 1, (2, 5, 5)),
    "segmentation, volumes": Case((2, 3, 4, 5, 6), (2, 4, 5, 6), "int64", {}, "segmentation", "indices", 1,
                                  (2, 4, 5, 6)),
    "segmentation, frames": Case((2, 4, 3, 5, 6), (2, 4, 5, 6), "int64", {}, "segmentation", "indices", 2,
                                 (2, 4, 5, 6)),
    "segmentation, one axis": Case((2, 3, 7), (2, 7), "int64", {}, "segmentation", "indices", 1, (2, 7)),
    "segmentation, soft": Case((2, 3, 4, 5), (2, 3, 4, 5), "float32", {**X, **C}, "segmentation", "probs", 1,
                               (2, 3, 4, 5)),
    "segmentation, soft, last": Case((2, 4, 5, 3), (2, 4, 5, 3), "float32", {**X, "class_axis": -1}, "segmentation",
                                     "probs", 3, (2, 4, 5, 3)),
    "one logit a pixel": Case((2, 1, 4, 5), (2, 4, 5), "bool", {}, "segmentation", "entries", None, (2, 4, 5)),
    "one logit a pixel, last": Case((2, 4, 5, 1), (2, 4, 5), "float32", {}, "segmentation", "entries", None, (2, 4, 5)),
    "one logit a pixel, channels": Case((2, 1, 4, 5), (2, 1, 4, 5), "int64", C, "segmentation", "entries", None,
                                        (2, 1, 4, 5)),
    "a sequence of one, soft": Case((6, 1, 4), (6, 1, 4), "float32", X, "language model", "probs", 2, (6, 1, 4)),
    "language model": Case((2, 3, 7), (2, 3), "int64", {}, "language model", "indices", 2, (2, 3)),
    "language model, integers": Case((2, 3, 7), (2, 3), "int32", {}, "language model", "indices", 2, (2, 3)),
    "language model, soft": Case((2, 3, 7), (2, 3, 7), "float32", {**X, "class_axis": 2}, "language model", "probs", 2,
                                 (2, 3, 7)),
}  # fmt: skip


def data(case: Case, seed: int = 0):
    """Return float32 logits and a target of the case's shape, dtype and meaning."""
    random = np.random.default_rng(seed)
    logits = (2.0 * random.normal(size=case.logits)).astype(np.float32)
    if case.loss == "indices":
        return logits, random.integers(0, case.logits[case.axis], case.target).astype(case.dtype)
    if case.loss == "entries":
        drawn = random.random(case.target) if "float" in case.dtype else random.random(case.target) < 0.5
        return logits, drawn.astype(case.dtype)
    drawn = softmax(random.normal(size=case.target), axis=case.axis)
    if "float" not in case.dtype:
        drawn = np.eye(case.logits[case.axis])[drawn.argmax(axis=case.axis)]
        drawn = np.moveaxis(drawn, -1, case.axis)
    return logits, drawn.astype(case.dtype)


def truth(case: Case, logits, target) -> float:
    """Return the mean loss that the case means, by SciPy in float64."""
    z, t = logits.astype(float), target.astype(float)
    if case.loss == "entries":
        z, t = z.ravel(), t.ravel()
        return float(np.mean(t * np.logaddexp(0, -z) + (1 - t) * np.logaddexp(0, z)))
    rows = np.moveaxis(log_softmax(z, axis=case.axis), case.axis, -1).reshape(-1, z.shape[case.axis])
    if case.loss == "indices":
        return float(-np.mean(rows[np.arange(len(rows)), target.ravel().astype(int)]))
    t = np.moveaxis(t, case.axis, -1).reshape(rows.shape)
    return float(-np.mean((t * rows).sum(axis=1)))


def keras_by_formula() -> SimpleNamespace:
    """Return what the lines need of Keras, strict about shapes and dtypes where Keras would only be lenient."""

    def sparse(target, logits):
        assert target.dtype.kind in "iu" and target.shape == logits.shape[:-1]
        return -np.mean(np.take_along_axis(log_softmax(logits, axis=-1), target[..., None].astype(int), axis=-1))

    def categorical(target, logits):
        assert target.shape == logits.shape
        return -np.mean((target * log_softmax(logits, axis=-1)).sum(axis=-1))

    def binary(target, logits):
        assert target.shape == logits.shape
        target = target.astype(logits.dtype)
        return np.mean(target * np.logaddexp(0, -logits) + (1 - target) * np.logaddexp(0, logits))

    def of_logits(loss):
        def build(from_logits=False):
            assert from_logits
            return loss

        return build

    losses = SimpleNamespace(
        SparseCategoricalCrossentropy=of_logits(sparse),
        CategoricalCrossentropy=of_logits(categorical),
        BinaryCrossentropy=of_logits(binary),
    )
    ops = SimpleNamespace(
        squeeze=np.squeeze,
        moveaxis=np.moveaxis,
        softmax=softmax,
        sigmoid=expit,
        cast=lambda x, dtype: x.astype(dtype),
    )
    return SimpleNamespace(losses=losses, ops=ops)


def environment(framework: str):
    """Return the names that a line of the framework uses, and what makes its arrays; skip where it is not there."""
    if framework == "xent":
        return {"xent": xent}, np.asarray
    if framework == "keras":
        return {"keras": keras_by_formula()}, np.asarray
    if "torch" in framework:
        torch = pytest.importorskip("torch")
        return {"torch": torch, "xent": xent}, torch.as_tensor
    jax = pytest.importorskip("jax")
    names = {"jax": jax, "xent": xent}
    if framework == "optax":
        names["optax"] = pytest.importorskip("optax")
    return names, jax.numpy.asarray


@pytest.fixture(params=FRAMEWORKS)
def framework(request):
    return request.param


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype:UserWarning")  # JAX has no int64 unasked
@pytest.mark.parametrize("name", CASES)
def test_the_line_of_code_computes_the_loss(name, framework):
    case = CASES[name]
    answer = recommend(case.logits, case.target, case.dtype, framework=framework.partition(" ")[0], **case.asked)
    names, array = environment(framework)
    logits, target = data(case)
    scope = {**names, "logits": array(logits), "target": array(target)}
    if "torch" in framework:
        scope["logits"].requires_grad_()
    exec(answer.code, scope)
    value = scope["loss"].detach() if "torch" in framework else scope["loss"]
    np.testing.assert_allclose(float(value), truth(case, logits, target), rtol=2e-6)
    if "torch" in framework:  # some targets that torch computes a loss of have no gradient
        scope["loss"].backward()
        step = 0.01 * scope["logits"].grad.numpy()
        moved = truth(case, logits - step, target) - truth(case, logits + step, target)
        np.testing.assert_allclose(moved, -2 * (step.astype(float) ** 2).sum() / 0.01, rtol=1e-3)


@pytest.mark.parametrize("name", CASES)
def test_probabilities_for_deployment(name, framework):
    case = CASES[name]
    answer = recommend(case.logits, case.target, case.dtype, framework=framework.partition(" ")[0], **case.asked)
    names, array = environment(framework)
    logits, _ = data(case)
    got = np.asarray(eval(answer.probs, {**names, "logits": array(logits)}))
    wide = logits.astype(float)
    np.testing.assert_allclose(
        got, expit(wide) if case.loss == "entries" else softmax(wide, axis=case.axis), rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_beside_the_code(name):
    case = CASES[name]
    answer = recommend(case.logits, case.target, case.dtype, framework="torch", **case.asked)
    assert (answer.task, answer.target_shape) == (case.task, case.wanted)
    assert answer.activation == ("sigmoid" if case.loss == "entries" else "softmax")
    assert answer.target_dtype == ("int64" if case.loss == "indices" else "float")
    assert answer.loss == {
        "indices": "cross-entropy of class indices",
        "probs": "cross-entropy of probabilities",
        "entries": "binary cross-entropy of logits",
    }[case.loss]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in CASES if "classes first" not in name])
def test_sizes_of_the_rows_need_not_be_known(name):
    """An unknown batch changes nothing but the shapes that are said again."""
    case = CASES[name]
    known = recommend(case.logits, case.target, case.dtype, **case.asked)
    unknown = recommend((None, *case.logits[1:]), (None, *case.target[1:]), case.dtype, **case.asked)
    assert (unknown.task, unknown.loss, unknown.code) == (known.task, known.loss, known.code)
    assert unknown.target_shape == (None, *case.wanted[1:])


def test_only_the_number_of_classes_need_be_known():
    assert recommend((None, 21, None, None), (None, None, None), "int64").code.endswith("axis=1)")
    assert recommend((None, None, 32000), (None, None), "int64").task == "language model"
    assert recommend((None, 21, None, None), (None, 21, None, None), "float32", exclusive=True).activation == "softmax"
    entries = recommend((None, None, None), (None, None, None), "float32", exclusive=False)
    assert entries.activation == "sigmoid"


# --- ambiguity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logits", "target", "dtype", "asked", "said"),
    [
        ((32, 10), (32, 10), "float32", {}, ["probabilities or one-hot rows (exclusive=True)", "(exclusive=False)"]),
        ((32, 10), (32, 10), "int64", {}, ["can be one-hot rows (exclusive=True)", "multi-hot (exclusive=False)"]),
        ((8, 1, 64, 64), (8, 1, 64, 64), "bool", {}, ["(exclusive=True)", "one logit a position (exclusive=False)"]),
        ((8, 5, 5), (8, 5), "int64", {}, ["axis 1 (5 classes) or axis 2 (5 classes)", "class_axis=1", "class_axis=-1"]),
        ((8, 21, 64, 64), (None,) * 3, "int64", {}, ["class_axis must", "axis 1 (21", "axis 2 (64", "axis 3 (64"]),
        ((8, 3, 4), (8, 3, 4), "float32", X, ["class_axis must be said", "axis 1 (3 classes) or axis 2 (4 classes)"]),
        ((32, 10), (32,), "int64", {"exclusive": False}, ["exclusive=False must come with", "(32, 10)", "multi-hot"]),
    ],
)
def test_two_readings_are_never_guessed_between(logits, target, dtype, asked, said):
    with pytest.raises(OptionError) as caught:
        recommend(logits, target, dtype, **asked)
    assert all(each in str(caught.value) for each in said), str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_what_an_ambiguity_names_resolves_it(dtype):
    with pytest.raises(OptionError, match="exclusive"):
        recommend((8, 5, 5), (8, 5, 5), dtype)
    with pytest.raises(OptionError, match="class_axis"):
        recommend((8, 5, 5), (8, 5, 5), dtype, exclusive=True)
    for axis in (1, 2, -1):
        assert recommend((8, 5, 5), (8, 5, 5), dtype, exclusive=True, class_axis=axis).activation == "softmax"
    assert recommend((8, 5, 5), (8, 5, 5), dtype, exclusive=False).activation == "sigmoid"


# --- what cannot be ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logits", "target", "dtype", "asked", "error", "said"),
    [
        ((32, 10), (16,), "int64", {}, ShapeError, "must be (32,) (class indices) or (32, 10)"),
        ((32, 10), (32, 9), "float32", {}, ShapeError, "10 logits need 10 numbers, or one class index; got 9"),
        ((32, 1), (32, 10), "float32", {}, ShapeError, "1 logits need 1 numbers"),
        ((32,), (32, 10), "float32", {}, ShapeError, "more than one class needs a logit for each"),
        ((8, 128, 1000), (8, 127), "int64", {}, ShapeError, "logits[:, :-1]"),
        ((8, 3, 64), (8, 63), "int64", C, ShapeError, "logits and target must have the same rows"),
        ((8, 128, 1000), (1024,), "int64", {}, ShapeError, "logits.reshape(-1, 1000)"),
        ((1024, 10), (8, 128), "int64", {}, ShapeError, "target.reshape(-1)"),
        ((10, 32), (32,), "int64", {}, ShapeError, "class_axis=0"),
        ((21, 64, 32), (64, 32), "int64", {}, ShapeError, "logits[None] and target[None]"),
        ((10,), (), "int64", {}, ShapeError, "logits[None] and target[None]"),
        ((), (), "int64", {}, ShapeError, "logits_shape must have an axis of rows"),
        ((32, None), (32,), "int64", {}, ShapeError, "logits_shape must say how many classes there are"),
        ((None, None, None), (None, None), "int64", {}, ShapeError, "logits_shape must say how many classes"),
        ((32, 0), (32,), "int64", {}, ShapeError, "logits_shape must say how many classes there are"),
        ((32, 10), (32, None), "int64", {}, ShapeError, "target_shape must say how long axis 1 is"),
        ((32, -1), (32,), "int64", {}, ShapeError, "logits_shape must be a tuple of sizes"),
        ((32, 10), 32, "int64", {}, ShapeError, "target_shape must be a tuple of sizes"),
        ((32, 10), (32,), "int64", {"class_axis": 2}, ShapeError, "class_axis must be an axis"),
        ((32,), (32,), "int64", {"class_axis": 0}, ShapeError, "class_axis must be an axis"),
        ((8, 21, 64, 64), (8, 64, 64), "int64", {"class_axis": 3}, ShapeError, "must be (8, 21, 64) (class indices)"),
        ((32, 10), (32,), "float32", {}, DtypeError, "of probabilities pass one for each class"),
        ((32, 2), (32,), "float32", {}, DtypeError, "1 - p and p"),
        ((32, 10), (32,), "bool", {}, DtypeError, "a boolean tells two classes apart, the logits have 10"),
        ((32, 10), (32,), "complex64", {}, DtypeError, "target_dtype must be"),
        ((32, 10), (32,), np.dtype("U8"), {}, DtypeError, "numbered first"),
        ((32, 10), (32,), "int64", {"framework": "numpy"}, OptionError, "'xent', 'torch', 'xent.torch'"),
        ((32, 10), (32, 10), "float32", {"exclusive": "yes"}, OptionError, "exclusive must be True, False or None"),
    ],
)
def test_what_cannot_be_says_what_was_seen_and_what_to_do(logits, target, dtype, asked, error, said):
    with pytest.raises(error) as caught:
        recommend(logits, target, dtype, **asked)
    assert str(caught.value).startswith("recommend: ") and said in str(caught.value), str(caught.value)


# --- whatever is asked ------------------------------------------------------------------------------------------------

sizes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@st.composite
def questions(draw):
    """Draw logits, and a target that is theirs without an axis, with one of size 1, theirs, or anything."""
    logits = draw(sizes)
    axis = draw(st.integers(0, len(logits) - 1))
    near = [logits, logits[:axis] + logits[axis + 1 :], (*logits[:axis], 1, *logits[axis + 1 :]), draw(sizes)]
    dtype = draw(st.sampled_from(["int64", "uint8", "float32", "bool"]))
    asked = {
        "exclusive": draw(st.sampled_from([None, True, False])),
        "class_axis": draw(st.sampled_from([None, axis, axis - len(logits)])),
    }
    return logits, draw(st.sampled_from(near)), dtype, asked


@given(questions())
def test_an_answer_runs_and_is_the_loss_of_what_it_says(question):
    logits, target, dtype, asked = question
    try:
        answer = recommend(logits, target, dtype, **asked)
    except XentError:
        assume(False)
    loss = next(key for key in ("indices", "probabilities", "logits") if answer.loss.endswith(key))
    loss = {"indices": "indices", "probabilities": "probs", "logits": "entries"}[loss]
    axis = None if loss == "entries" else int(answer.probs.partition("axis=")[2].rstrip(")"))
    if axis is not None:
        assert logits[axis] > 1
        assert asked["class_axis"] in (None, axis % len(logits), axis % len(logits) - len(logits))
    case = Case(logits, target, dtype, asked, answer.task, loss, axis, answer.target_shape)
    for framework in ("xent", "keras"):
        code = recommend(logits, target, dtype, framework=framework, **asked).code
        names, _ = environment(framework)
        z, t = data(case)
        scope = {**names, "logits": z, "target": t}
        exec(code, scope)
        np.testing.assert_allclose(float(scope["loss"]), truth(case, z, t), rtol=2e-6)


@given(questions())
def test_every_refusal_is_one_of_ours_with_a_hint(question):
    logits, target, dtype, asked = question
    try:
        answer = recommend(logits, target, dtype, **asked)
    except XentError as error:
        assert error.function == "recommend" and error.hint
    else:
        assert isinstance(answer, Recommendation)


@given(st.tuples(st.integers(1, 9), st.integers(2, 9)), st.sampled_from(["float32", "int32", "bool"]))
def test_a_target_of_the_logits_shape_is_asked_about(shape, dtype):
    with pytest.raises(OptionError, match="exclusive must be said"):
        recommend(shape, shape, dtype)


def test_the_hint_names_the_axis_of_a_single_logit():
    """Masks of shape (batch, 1, height, width) are usual, and neither answer about exclusive classes is about them."""
    with pytest.raises(OptionError, match="hint: class_axis=1 for one logit a position; exclusive=True if"):
        recommend((4, 1, 64, 64), (4, 1, 64, 64), "float32")
    found = recommend((4, 1, 64, 64), (4, 1, 64, 64), "float32", class_axis=1)
    assert (found.task, found.activation) == ("segmentation", "sigmoid")
    with pytest.raises(OptionError, match="hint: exclusive=True if"):
        recommend((4, 3, 64, 64), (4, 3, 64, 64), "float32")


# --- dtypes, the value, its text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int64", "torch.int64", "long", "torch.long", int, np.int64, np.dtype("int64")])
def test_dtypes_of_int64(dtype):
    answer = recommend((6, 4), (6,), dtype, framework="torch")
    assert answer.code == "loss = torch.nn.functional.cross_entropy(logits, target)"


@pytest.mark.parametrize("dtype", ["int32", np.int32, np.dtype("uint8"), "torch.int16", "uint16", "short"])
def test_dtypes_of_other_integers(dtype):
    answer = recommend((6, 4), (6,), dtype, framework="torch")
    assert answer.code == "loss = torch.nn.functional.cross_entropy(logits, target.long())"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float", float, np.float32, np.dtype("f8"), "torch.half"])
def test_dtypes_of_floats(dtype):
    assert "target.float()" not in recommend((6,), (6,), dtype, framework="torch").code


@pytest.mark.parametrize("dtype", ["bool", bool, np.bool_, np.dtype(bool), "torch.bool"])
def test_dtypes_of_booleans(dtype):
    assert "target.float()" in recommend((6,), (6,), dtype, framework="torch").code


def test_dtypes_of_frameworks():
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    assert recommend((6, 4), (6,), torch.int64) == recommend((6, 4), (6,), "int64")
    assert recommend((6, 4), (6,), torch.int32, framework="torch").code.endswith("target.long())")
    assert recommend(torch.zeros(6, 4).shape, torch.Size([6]), torch.long).target_shape == (6,)
    assert recommend((6, 4), (6, 4), torch.bfloat16, exclusive=True).loss == "cross-entropy of probabilities"
    assert recommend((6, 4), (6,), jax.numpy.int32) == recommend((6, 4), (6,), jax.numpy.zeros(6, "int32").dtype)
    assert recommend((6,), (6,), jax.numpy.bfloat16) == recommend((6,), (6,), "float32")


def test_the_text_says_all():
    assert (
        repr(recommend((32, 1), (32,), "int64", framework="torch"))
        == """\
binary: binary cross-entropy of logits
  code    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits.squeeze(1), target.float())
  logits  raw: no sigmoid before the loss, which has its own
  target  float, of shape (32,)
  probs   torch.sigmoid(logits)
  note    reshape logits (32, 1) to (32,): as they are they broadcast against each other
  note    one logit a decision: a softmax over it is always 1, and its cross-entropy always 0 (XE301)
  note    the target must be 0 or 1"""
    )
    answer = recommend((8, 128, 32000), (8, 128), "int64", framework="torch")
    assert str(answer) == repr(answer)
    assert answer.notes == (
        "the class axis must be moved: logits.transpose(1, 2)",
        "next tokens: logits[:, :-1] are for target[:, 1:]; shift once, here or in the model",
        "padded positions must not count: pass their target as ignore_index=",
    )


def test_it_is_a_frozen_value():
    answer = recommend((8, 4), (8,), "int64")
    assert answer == recommend([8, 4], [8], "int32") and hash(answer) == hash(recommend((8, 4), (8,), "int32"))
    assert pickle.loads(pickle.dumps(answer)) == answer
    with pytest.raises(FrozenInstanceError):
        answer.code = "loss = 0"


def test_it_loads_nothing_else():
    code = "import sys, xent; xent.recommend((8, 4), (8,), 'int64'); print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
