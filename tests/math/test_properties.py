"""Laws that hold for all logits, whatever the numbers are.

Logits are multiples of 1/8, so that sums and differences of a few of them are exact: where the law is exact, so is the
test. Elsewhere tolerances are relative, in units of the rounding that the law itself leaves open.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import xent
from xent import information

EPS = 2.0**-52
eighths = st.integers(-240, 240).map(lambda i: i / 8)
weights = st.integers(0, 8).map(lambda i: i / 4)


class Problem(NamedTuple):
    """Rows of logits with a target of either kind, and options."""

    logits: Any
    target: Any
    options: dict[str, Any]

    def loss(self, **more: Any) -> Any:
        return xent.cross_entropy(self.logits, self.target, **self.options | more)

    def value_and_grad(self, **more: Any) -> Any:
        return xent.value_and_grad(xent.cross_entropy)(self.logits, self.target, **self.options | more)

    def rows(self, chosen: Any) -> "Problem":
        """Return the problem of the chosen rows alone."""
        sample_weight = self.options.get("sample_weight")
        options = self.options | ({} if sample_weight is None else {"sample_weight": sample_weight[chosen]})
        return Problem(self.logits[chosen], self.target[chosen], options)


def distributions(shape: Any) -> st.SearchStrategy[Any]:
    """Distributions with zeros among them, their sums right within rounding."""
    counts = hnp.arrays(np.float64, shape, elements=st.integers(0, 9).map(float))

    def normalise(values: Any) -> Any:
        values[..., 0] += values.sum(axis=-1) == 0
        return values / values.sum(axis=-1, keepdims=True)

    return counts.map(normalise)


@st.composite
def problems(draw: Any, target: str = "any", weighted: bool = True) -> Problem:
    n, n_classes = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    logits = draw(hnp.arrays(np.float64, (n, n_classes), elements=eighths))
    indices = hnp.arrays(np.int64, n, elements=st.integers(0, n_classes - 1))
    if target == "any":
        target = draw(st.sampled_from(["index", "probs"]))
    options: dict[str, Any] = {
        "label_smoothing": draw(st.sampled_from([0.0, 0.125, 1.0])),
        "temperature": draw(st.sampled_from([1.0, 0.5, 4.0])),
    }
    if weighted and draw(st.booleans()):
        options["weight"] = draw(hnp.arrays(np.float64, n_classes, elements=weights)) + 0.25
    if weighted and draw(st.booleans()):
        options["sample_weight"] = draw(hnp.arrays(np.float64, n, elements=weights))
    return Problem(logits, draw(indices if target == "index" else distributions((n, n_classes))), options)


def same(actual: Any, expected: Any, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Equal, NaN to NaN too, within a relative and an absolute number of eps."""
    np.testing.assert_allclose(actual, expected, rtol=rtol * EPS, atol=atol * EPS, strict=np.ndim(actual) > 0)


reductions = st.sampled_from(["none", "mean", "sum"])


# ---- what the logits mean


@given(problems(), st.integers(-1000, 1000), reductions)
def test_adding_a_number_to_a_row_changes_nothing(problem, shift, reduction):
    shifts = shift * np.arange(1.0, len(problem.logits) + 1)[:, None]
    moved = problem._replace(logits=problem.logits + shifts)
    value, grad = problem.value_and_grad(reduction=reduction)
    value_moved, grad_moved = moved.value_and_grad(reduction=reduction)
    same(value_moved, value, rtol=4)
    same(grad_moved, grad, rtol=4, atol=4)
    same(xent.softmax(moved.logits), xent.softmax(problem.logits), rtol=4)
    same(xent.log_softmax(moved.logits), xent.log_softmax(problem.logits), rtol=4)
    lse = xent.logsumexp(problem.logits)
    same(xent.logsumexp(moved.logits) - shifts[:, 0], lse, atol=2 * (np.abs(shifts).max() + 32))


@given(problems(), reductions, st.randoms(use_true_random=False))
def test_classes_have_no_order(problem, reduction, random):
    order = np.array(random.sample(range(problem.logits.shape[1]), problem.logits.shape[1]))
    place = np.argsort(order)
    target = place[problem.target] if problem.target.ndim == 1 else problem.target[:, order]
    options = dict(problem.options)
    if "weight" in options:
        options["weight"] = options["weight"][order]
    permuted = Problem(problem.logits[:, order], target, options)
    value, grad = problem.value_and_grad(reduction=reduction)
    value_permuted, grad_permuted = permuted.value_and_grad(reduction=reduction)
    same(value_permuted, value, rtol=16)
    same(grad_permuted, grad[:, order], rtol=16, atol=8)
    same(xent.softmax(permuted.logits), xent.softmax(problem.logits)[:, order], rtol=8)


@given(problems(weighted=False), st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_a_temperature_divides_the_logits(problem, temperature):
    logits, target, options = problem
    options = options | {"temperature": temperature}
    colder = Problem(logits / temperature, target, options | {"temperature": 1.0})
    value, grad = Problem(logits, target, options).value_and_grad()
    value_colder, grad_colder = colder.value_and_grad()
    same(value, value_colder)
    same(grad, grad_colder / temperature)
    for function in (xent.softmax, xent.log_softmax, xent.logsumexp, xent.sigmoid, xent.log_sigmoid):
        same(function(logits, temperature=temperature), function(logits / temperature))


@given(problems())
def test_probabilities_logarithms_and_sums_agree(problem):
    logits = problem.logits
    probs, log_probs = xent.softmax(logits), xent.log_softmax(logits)
    assert ((probs >= 0) & (probs <= 1)).all()
    assert (log_probs <= 0).all()
    same(probs.sum(axis=1), np.ones(len(logits)), rtol=4)
    same(np.exp(log_probs), probs, rtol=8 + 60)
    same(logits - xent.logsumexp(logits)[:, None], log_probs, atol=4 * 60)


# ---- the two families


@given(hnp.arrays(np.float64, st.integers(1, 6), elements=eighths), st.sampled_from([0.0, 0.125]), st.data())
def test_a_binary_decision_is_a_row_of_two_classes(z, smoothing, data):
    y = data.draw(hnp.arrays(np.int64, len(z), elements=st.integers(0, 1)))
    rows = np.stack([np.zeros_like(z), z], axis=1)
    same(xent.softmax(rows)[:, 1], xent.sigmoid(z), rtol=4)
    same(xent.softmax(rows)[:, 0], xent.sigmoid(-z), rtol=4)
    same(xent.log_softmax(rows)[:, 1], xent.log_sigmoid(z), rtol=4)
    options = {"label_smoothing": smoothing, "reduction": "none", "temperature": 2.0}
    value, grad = xent.value_and_grad(xent.cross_entropy)(rows, y, **options)
    binary_value, binary_grad = xent.value_and_grad(xent.binary_cross_entropy)(z, y, **options)
    same(binary_value, value, rtol=4)
    same(binary_grad, grad[:, 1], rtol=4, atol=2)
    positives = np.array([1.0, 3.0])  # the weight of the positives is a class weight
    options |= {"label_smoothing": 0.0}
    same(
        xent.binary_cross_entropy(z, y, pos_weight=3.0, **options),
        xent.cross_entropy(rows, y, weight=positives, **options),
        rtol=4,
    )


@given(hnp.arrays(np.float64, st.integers(1, 6), elements=eighths))
def test_logit_undoes_sigmoid_and_sigmoid_undoes_logit(z):
    z = np.minimum(z, 30.0)
    p = xent.sigmoid(z)
    # near 1 the probability itself has lost eps · e^z of the logit
    assert (np.abs(xent.logit(p) - z) <= 4 * EPS * (1 + np.abs(z) + np.exp(z))).all()
    assert (np.abs(xent.sigmoid(xent.logit(p)) - p) <= 4 * EPS * p * (1 + np.abs(z))).all()
    same(xent.odds(p), np.exp(xent.logit(p)), rtol=8 + 60)
    same(xent.logit(xent.sigmoid(z / 2, temperature=3.0), temperature=3.0), z / 2, rtol=1e3, atol=4 * math.exp(5) * 3)


@given(problems(target="index"), reductions)
def test_an_index_is_a_one_hot_distribution(problem, reduction):
    one_hot = problem._replace(target=np.eye(problem.logits.shape[1])[problem.target])
    value, grad = problem.value_and_grad(reduction=reduction)
    value_one_hot, grad_one_hot = one_hot.value_and_grad(reduction=reduction)
    same(value_one_hot, value, rtol=2)
    same(grad_one_hot, grad, rtol=2, atol=4)


# ---- the gradient


@given(problems(), reductions)
def test_value_and_grad_has_the_value_of_the_loss(problem, reduction):
    same(problem.value_and_grad(reduction=reduction)[0], problem.loss(reduction=reduction))


@given(problems())
def test_rows_of_the_gradient_sum_to_zero(problem):
    _, grad = problem.value_and_grad(reduction="none")
    largest = 8 * problem.options.get("weight", np.ones(1)).max() / problem.options["temperature"]
    largest = largest * np.max(problem.options.get("sample_weight", 1.0))
    assert (np.abs(grad.sum(axis=1)) <= EPS * largest).all()


@given(problems(), st.integers(0, 2**32), st.sampled_from([0.25, 0.5, 0.875]))
def test_cross_entropy_is_convex(problem, seed, at):
    other = problem.logits + np.random.default_rng(seed).normal(0, 5, problem.logits.shape)
    between = (1 - at) * problem.logits + at * other
    first, second, middle = (
        problem._replace(logits=z).loss(reduction="none") for z in (problem.logits, other, between)
    )
    chord = (1 - at) * first + at * second
    assert (middle <= chord * (1 + 64 * EPS) + 64 * EPS).all()


@given(hnp.arrays(np.float64, 4, elements=eighths), hnp.arrays(np.float64, 4, elements=eighths), weights)
def test_binary_cross_entropy_is_convex(a, b, pos_weight):
    def loss(z: Any) -> Any:
        return xent.binary_cross_entropy(z, [0, 1, 0.25, 1], pos_weight=pos_weight, reduction="none")

    assert (loss((a + b) / 2) <= (loss(a) + loss(b)) / 2 * (1 + 8 * EPS)).all()


# ---- shapes


@given(problems(), st.integers(0, 3), reductions)
def test_any_axis_can_hold_the_classes(problem, axis, reduction):
    n, n_classes = problem.logits.shape
    shape = (n, 1, 2, n_classes)
    block = np.broadcast_to(problem.logits[:, None, None], shape)
    each = {"sample_weight": np.ones((n, 1, 2)) * np.arange(1.0, n + 1)[:, None, None]}
    if problem.target.ndim == 1:
        target = moved_target = np.broadcast_to(problem.target[:, None, None], shape[:-1])
    else:
        target = np.broadcast_to(problem.target[:, None, None], shape)
        moved_target = np.moveaxis(target, -1, axis)
    last = Problem(block, target, problem.options | each)
    moved = Problem(np.moveaxis(block, -1, axis), moved_target, problem.options | each)
    value, grad = last.value_and_grad(reduction=reduction)
    for number in (axis, axis - 4):
        value_moved, grad_moved = moved.value_and_grad(reduction=reduction, axis=number)
        same(value_moved, value)
        same(grad_moved, np.moveaxis(grad, -1, axis))
        for function in (xent.softmax, xent.log_softmax):
            same(function(moved.logits, axis=number), np.moveaxis(function(block), -1, axis))
        same(xent.logsumexp(moved.logits, axis=number), xent.logsumexp(block))
    probs = xent.softmax(moved.logits, axis=axis)
    same(information.entropy(probs, axis=axis), information.entropy(xent.softmax(block)), rtol=4)
    same(
        information.brier_score(probs, moved_target, axis=axis),
        information.brier_score(xent.softmax(block), target),
        rtol=8,
    )


@given(problems(), reductions)
def test_one_row_alone_is_a_row_of_many(problem, reduction):
    single = problem.rows(0)
    if "sample_weight" in single.options:
        single = single._replace(options=single.options | {"sample_weight": np.array(0.5)})
    value, grad = single.value_and_grad(reduction=reduction)
    batch = Problem(single.logits[None], single.target[None], single.options)
    batch_value, batch_grad = batch.value_and_grad(reduction=reduction)
    assert isinstance(value, float)
    same(value, batch_value[0] if reduction == "none" else batch_value)
    same(grad, batch_grad[0])
    same(xent.logsumexp(single.logits), xent.logsumexp(batch.logits)[0])


# ---- rows


@given(problems(), st.integers(0, 5))
def test_a_batch_is_the_sum_of_its_parts(problem, at):
    parts = [problem.rows(slice(None, at)), problem.rows(slice(at, None))]
    each = [part.loss(reduction="none") for part in parts]
    same(problem.loss(reduction="none"), np.concatenate(each))
    same(problem.loss(reduction="sum"), sum(part.loss(reduction="sum") for part in parts), rtol=4)
    gradients = [part.value_and_grad(reduction="sum")[1] for part in parts]
    same(problem.value_and_grad(reduction="sum")[1], np.concatenate(gradients))


@given(problems())
def test_the_mean_is_the_sum_over_the_weight_of_the_targets(problem):
    n, n_classes = problem.logits.shape
    hot = np.eye(n_classes)[problem.target] if problem.target.ndim == 1 else problem.target
    each = hot @ problem.options.get("weight", np.ones(n_classes))
    total = float((each * problem.options.get("sample_weight", np.ones(n))).sum())
    mean, grad = problem.value_and_grad(reduction="mean")
    if total == 0:
        assert math.isnan(mean)
        assert (grad == 0).all()
    else:
        value, grad_sum = problem.value_and_grad(reduction="sum")
        same(mean, value / total, rtol=8)
        same(grad, grad_sum / total, rtol=8, atol=8)


@given(problems(), st.sampled_from(["sum", "mean"]))
def test_weight_two_is_the_row_twice_and_weight_zero_is_no_row(problem, reduction):
    counts = np.array([2, 0, 1, 3, 1])[: len(problem.logits)]
    options = {k: v for k, v in problem.options.items() if k != "sample_weight"}
    counted = Problem(problem.logits, problem.target, options | {"sample_weight": counts})
    repeated = Problem(problem.logits, problem.target, options).rows(np.repeat(np.arange(len(counts)), counts))
    value, grad = counted.value_and_grad(reduction=reduction)
    value_repeated, grad_repeated = repeated.value_and_grad(reduction=reduction)
    same(value, value_repeated, rtol=16)
    expected = np.zeros_like(grad)
    np.add.at(expected, np.repeat(np.arange(len(counts)), counts), grad_repeated)
    same(grad, expected, rtol=16, atol=16)


@given(problems(target="index"), st.sampled_from([-100, -1, 0, 7]), reductions, st.data())
def test_an_ignored_row_is_a_removed_row(problem, ignore_index, reduction, data):
    dropped = data.draw(hnp.arrays(bool, len(problem.logits)))
    dropped |= problem.target == ignore_index
    target = np.where(dropped, ignore_index, problem.target)
    ignoring = problem._replace(target=target)
    value, grad = ignoring.value_and_grad(reduction=reduction, ignore_index=ignore_index)
    value_kept, grad_kept = problem.rows(~dropped).value_and_grad(reduction=reduction)
    same(value[~dropped] if reduction == "none" else value, value_kept, rtol=4)
    same(grad[~dropped], grad_kept, rtol=4)
    assert (grad[dropped] == 0).all()
    if reduction == "none":
        assert (value[dropped] == 0).all()


# ---- dtypes


@given(problems(), st.sampled_from([np.float32, np.float16]))
def test_a_narrow_result_is_the_wide_one_rounded(kernels, problem, dtype):
    """NumPy's kernels compute everything in float64 and round once, the compiled ones compute in float32 at least."""
    eps = EPS if kernels == "numpy" else 2.0**-23
    narrow = problem._replace(logits=problem.logits.astype(dtype))  # exact
    wide_value, wide_grad = problem.value_and_grad()
    value, grad = narrow.value_and_grad()
    same(value, wide_value, rtol=8 * eps / EPS)
    assert grad.dtype == dtype
    weight = problem.options.get("weight", np.ones(1))
    largest = weight.max() / weight.min() / problem.options["temperature"]  # of the terms of an entry
    limit = 8 * eps * largest + np.spacing(np.abs(wide_grad).astype(dtype)).astype(float)
    assert (np.abs(grad.astype(float) - wide_grad) <= limit).all()
    for function in (xent.softmax, xent.log_softmax, xent.sigmoid, xent.log_sigmoid):
        result = function(narrow.logits)
        assert result.dtype == dtype
        maxulp = 1 if kernels == "numpy" or dtype == np.float16 else 4
        np.testing.assert_array_max_ulp(result, function(problem.logits).astype(dtype), maxulp=maxulp)
    same(xent.logsumexp(narrow.logits), xent.logsumexp(problem.logits), rtol=4 * eps / EPS, atol=64 * eps / EPS)


# ---- information


@st.composite
def pairs(draw: Any) -> Any:
    shape = (draw(st.integers(1, 3)), draw(st.integers(1, 6)))
    return draw(distributions(shape)), draw(distributions(shape))


@given(pairs())
def test_cross_entropy_is_entropy_plus_divergence(pair):
    p, q = pair
    total = information.entropy(p) + information.kl_divergence(p, q)
    same(information.cross_entropy_between(p, q), total, rtol=16, atol=4)
    assert (information.kl_divergence(p, q) >= 0).all()
    assert ((information.kl_divergence(p, q) == 0) == (p == q).all(axis=1)).all()


@given(pairs())
@example((np.array([[1.0, 0.0, 0.0]]), np.array([[0.0, 0.5, 0.5]])))  # rounds to one ulp above log 2
def test_js_divergence_is_symmetric_and_at_most_log_2(pair):
    p, q = pair
    js = information.js_divergence(p, q)
    same(js, information.js_divergence(q, p))
    assert ((js >= 0) & (js <= math.log(2))).all()
    assert ((js == 0) == (p == q).all(axis=1)).all()


@given(problems(target="probs", weighted=False))
def test_losses_of_logits_are_those_of_their_probabilities(problem):
    """Three roads to one number: from logits, from probabilities, from the divergence."""
    probs = xent.softmax(problem.logits, temperature=problem.options["temperature"])
    value = problem.loss(label_smoothing=0.0, reduction="none")
    same(value, information.cross_entropy_between(problem.target, probs), rtol=16 + 60 / 0.5, atol=4)


@given(pairs())
def test_brier_score_splits_into_rows_and_lies_between_0_and_2(pair):
    p, q = pair
    each = [information.brier_score(a, b) for a, b in zip(p, q, strict=True)]
    weight = np.arange(1.0, len(p) + 1)
    same(information.brier_score(p, q), float(np.mean(each)), rtol=8)
    same(information.brier_score(p, q, sample_weight=weight), float(np.average(each, weights=weight)), rtol=8)
    assert 0 <= min(each) <= max(each) <= 2
    assert information.brier_score(p, p) == 0


@given(st.lists(st.floats(0, 20), min_size=1, max_size=6), st.data())
def test_perplexity_is_a_weighted_geometric_mean(nll, data):
    weight = data.draw(st.lists(st.integers(1, 5), min_size=len(nll), max_size=len(nll)))
    expected = math.prod(math.exp(x) ** (w / sum(weight)) for x, w in zip(nll, weight, strict=True))
    assert information.perplexity(nll, weight=weight) == pytest.approx(expected, rel=1e-13)
    bits = information.bits_per_token(nll, weight=weight)
    assert 2**bits == pytest.approx(expected, rel=1e-13)
