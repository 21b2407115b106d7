"""The same calls on PyTorch's tensors and JAX's arrays: they go to the right place and come back with the same numbers.

What those frameworks add (gradients, compilation, dtypes) is tested in their own folders.
"""

import sys
import types

import numpy as np
import pytest

import xent

RNG = np.random.default_rng(2)
N, K = 6, 4
LOGITS = RNG.normal(0, 2, (N, K)).astype(np.float32)
TEACHER = RNG.normal(0, 3, (N, K)).astype(np.float32)
OBJECTNESS = RNG.normal(0, 2, N).astype(np.float32)
PROBS = RNG.dirichlet(np.ones(K), N).astype(np.float32)
INDEX = np.array([0, 3, -100, 1, 2, 1], np.int32)
FOUND = np.array([0, -1, -100, 1, -1, 3], np.int32)
WEIGHT = np.array([0.5, 2.0, 1.0, 0.25], np.float32)
ROW_WEIGHT = np.array([1.0, 0.5, 2.0, 0.0, 1.0, 3.0], np.float32)
VOTES = np.array([[0, 0, 2], [1, -1, 3]], np.int32)

CALLS = {
    "cross_entropy": lambda of: xent.cross_entropy(of(LOGITS), of(INDEX), weight=of(WEIGHT)),
    "a loss": lambda of: xent.Focal(2.0)(of(LOGITS), of(PROBS), sample_weight=of(ROW_WEIGHT)),
    "its binary": lambda of: xent.Focal(2.0, alpha=0.25).binary(of(LOGITS), of(PROBS)),
    "hardest": lambda of: xent.cross_entropy(of(LOGITS), of(INDEX), mining=xent.Hardest(0.5)),
    "hardest of entries": lambda of: xent.binary_cross_entropy(of(LOGITS), of(PROBS), mining=xent.Hardest(0.3)),
    "negatives": lambda of: xent.Poly1()(of(LOGITS), of(INDEX), mining=xent.HardNegatives(0.5, background=1)),
    "negatives at least": lambda of: xent.Poly1()(
        of(LOGITS), of(INDEX), mining=xent.HardNegatives(0.0, background=1, at_least=1)
    ),
    "distillation": lambda of: xent.distillation_loss(
        of(LOGITS), of(TEACHER), of(INDEX), softcap=5.0, sample_weight=of(ROW_WEIGHT), label_smoothing=0.1
    ),
    "distillation of columns": lambda of: xent.distillation_loss(
        of(LOGITS.T.copy()), of(TEACHER.T.copy()), axis=0, reduction="none"
    ),
    "two stages": lambda of: xent.two_stage_loss(of(OBJECTNESS), of(LOGITS), of(FOUND)),
    "two stages, weighted": lambda of: xent.two_stage_loss(
        of(OBJECTNESS),
        of(LOGITS),
        of(FOUND),
        weight=of(WEIGHT),
        background_weight=0.5,
        sample_weight=of(ROW_WEIGHT),
        reduction="none",
    ),
    "two stages of nothing": lambda of: xent.two_stage_loss(
        of(OBJECTNESS), of(LOGITS), of(FOUND * 0 - 100), empty="zero"
    ),
    "two stages' probabilities": lambda of: xent.two_stage_probs(of(OBJECTNESS), of(LOGITS)),
    "class weights": lambda of: xent.class_balanced_weights(of(np.array([5000.0, 100.0, 3.0], np.float32)), 0.99),
    "votes": lambda of: xent.votes_to_probs(of(VOTES), n_classes=4, prior=0.5),
    "counts": lambda of: xent.votes_to_probs(of(np.array([[2.0, 0.0, 1.0]], np.float32))),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("name", ["torch", "jax"])
def test_the_same_call(name, call):
    framework = pytest.importorskip(name)
    if name == "torch":
        result = call(framework.tensor)
        assert isinstance(result, framework.Tensor)
    else:
        result = call(pytest.importorskip("jax.numpy").asarray)
        assert isinstance(result, framework.Array)
    np.testing.assert_allclose(np.asarray(result), call(np.asarray), rtol=2e-6, atol=1e-6)


def test_a_teacher_gets_no_gradient_from_torch():
    torch = pytest.importorskip("torch")
    student, teacher = (torch.tensor(z, requires_grad=True) for z in (LOGITS, TEACHER))
    xent.distillation_loss(student, teacher, alpha=1.0, reduction="sum").backward()
    assert teacher.grad is None
    p, q = (torch.softmax(z.detach() / 2.0, 1) for z in (student, teacher))
    torch.testing.assert_close(student.grad, 2.0 * (p - q))  # T² · (p - q)/T


def test_a_teacher_gets_no_gradient_from_jax():
    jax = pytest.importorskip("jax")

    def loss(student, teacher):
        return xent.distillation_loss(student, teacher, reduction="sum")

    student, teacher = (jax.numpy.asarray(z) for z in (LOGITS, TEACHER))
    by_student, by_teacher = jax.jit(jax.grad(loss, argnums=(0, 1)))(student, teacher)
    np.testing.assert_array_equal(by_teacher, 0.0)
    p, q = (jax.nn.softmax(z / 2.0, axis=1) for z in (student, teacher))
    np.testing.assert_allclose(by_student, 2.0 * (p - q), atol=2e-6)


@pytest.mark.parametrize(("name", "hint"), [("torch", "backward"), ("jax", "jax.value_and_grad")])
def test_the_frameworks_take_their_gradients_themselves(name, hint):
    framework = pytest.importorskip(name)
    logits = framework.tensor(LOGITS) if name == "torch" else framework.numpy.asarray(LOGITS)
    for function in (xent.cross_entropy, xent.binary_cross_entropy, xent.Focal(), xent.Focal().binary):
        with pytest.raises(xent.DtypeError, match=f"got an array of {name}") as caught:
            xent.value_and_grad(function)(logits, INDEX)
        assert hint in caught.value.hint


def test_a_framework_that_is_there_without_its_part_of_xent(monkeypatch):
    fake = types.ModuleType("torch")
    fake.Tensor = type("Tensor", (), {})
    monkeypatch.setitem(sys.modules, "torch", fake)
    monkeypatch.setitem(sys.modules, "xent.torch", None)
    monkeypatch.delattr(xent, "torch", raising=False)
    for function in (xent.cross_entropy, xent.binary_cross_entropy):
        with pytest.raises(ImportError) as caught:
            function(fake.Tensor(), INDEX)
        message, _, hint = str(caught.value).partition("\n\nhint: ")
        assert message.startswith(f"{function.__name__}: logits of torch must be served by xent.torch, which cannot be")
        assert hint == "install the version of torch that xent[torch] names, or pass NumPy arrays"
