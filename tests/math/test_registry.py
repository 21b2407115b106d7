"""What every registered loss promises: its flags are true, its partials are derivatives, it is a value.

A new loss is tested here with its defaults as soon as it is registered; further parameters go into ``PARAMETERS``.
"""

import copy
import dataclasses
import pickle

import numpy as np
import pytest

import xent
from xent.kernels.numpy import RowStats
from xent.losses import LOSSES, get_loss

PARAMETERS = {
    "cross_entropy": [{"label_smoothing": 0.1}, {"label_smoothing": 1.0}],
}
ALL = [LOSSES[name](**parameters) for name in LOSSES for parameters in [{}, *PARAMETERS.get(name, [])]]
every_loss = pytest.mark.parametrize("loss", ALL, ids=repr)

RNG = np.random.default_rng(7)
Z = RNG.normal(0, 3, (40, 5))
TARGETS = {"index": RNG.integers(0, 5, 40), "probs": RNG.dirichlet(np.full(5, 0.5), 40)}
WEIGHT = np.array([0.5, 2.0, 1.0, 0.25, 3.0])


def test_parameters_are_of_registered_losses():
    assert set(PARAMETERS) <= set(LOSSES)
    assert all(LOSSES[name].name == name for name in LOSSES)


@every_loss
@pytest.mark.parametrize("target", TARGETS)
def test_convex_where_it_says_so(loss, target):
    """On a segment the value lies below the chord; a loss that says it is not convex is caught above one somewhere."""
    a, b = Z, RNG.normal(0, 6, Z.shape)
    if target == "index":  # towards a confidently wrong prediction, where bounded losses bend
        b = b - 12 * np.eye(5)[TARGETS["index"]]
    ends = (loss(a, TARGETS[target], reduction="none"), loss(b, TARGETS[target], reduction="none"))
    gaps = [
        (1 - at) * ends[0] + at * ends[1] - loss((1 - at) * a + at * b, TARGETS[target], reduction="none")
        for at in (0.1, 0.3, 0.5, 0.7, 0.9)
    ]
    if loss.convex:
        assert np.min(gaps) >= -1e-12
    elif target == "index":
        assert np.min(gaps) < -1e-6


@every_loss
@pytest.mark.parametrize("target", TARGETS)
def test_shift_invariant_where_it_says_so(loss, target):
    shifted = loss(Z + 8.0, TARGETS[target], reduction="none", weight=WEIGHT)
    unshifted = loss(Z, TARGETS[target], reduction="none", weight=WEIGHT)
    if loss.shift_invariant:
        np.testing.assert_allclose(shifted, unshifted, rtol=1e-12)
    else:
        assert (np.abs(shifted - unshifted) > 1e-6 * np.abs(unshifted)).any()


@every_loss
def test_partials_are_derivatives_of_the_value(loss):
    """lse moves with target and mean held: in relative terms log_sum up, and all three relative to a higher max."""
    n, h = 40, 1e-5
    mass = RNG.uniform(0.5, 2.0, n)
    log_sum, target_logit, mean_logit = RNG.uniform(0.1, 1.5, n), -mass * RNG.uniform(0, 5, n), -RNG.uniform(0, 5, n)
    top = RNG.normal(0, 3, n)

    def value(d_lse=0.0, d_target=0.0, d_mean=0.0):
        return loss.partials(
            RowStats(top, log_sum + d_lse, target_logit + d_target, mean_logit + d_mean), mass, 0.8
        ).value

    partials = loss.partials(RowStats(top, log_sum, target_logit, mean_logit), mass, 0.8)
    for field, moved in (("d_lse", (h, 0, 0)), ("d_target", (0, h, 0)), ("d_mean", (0, 0, h))):
        difference = (value(*moved) - value(*(-x for x in moved))) / (2 * h)
        declared = np.broadcast_to(getattr(partials, field), n)
        np.testing.assert_allclose(declared, difference, rtol=1e-8, atol=1e-9, err_msg=field)


@every_loss
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])
@pytest.mark.parametrize("target", TARGETS)
def test_gradient(loss, target, weight):
    """d_lse · softmax + d_target · t + d_mean · c is the derivative, by central differences of the whole."""
    options = {"weight": weight, "temperature": 1.25, "reduction": "sum"}
    z, t, h = Z[:8], TARGETS[target][:8], 1e-5
    value, grad = xent.value_and_grad(loss)(z, t, **options)
    assert value == loss(z, t, **options)
    difference = np.empty_like(z)
    for index in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[index] = h
        difference[index] = (loss(z + step, t, **options) - loss(z - step, t, **options)) / (2 * h)
    np.testing.assert_allclose(grad, difference, rtol=1e-7, atol=1e-8)
    if loss.shift_invariant:
        np.testing.assert_allclose(grad.sum(axis=1), 0.0, atol=1e-14)


@every_loss
def test_a_loss_is_a_value(loss):
    again = type(loss)(**dataclasses.asdict(loss))
    assert again == loss
    assert hash(again) == hash(loss)
    assert eval(repr(loss), {type(loss).__name__: type(loss)}) == loss
    assert pickle.loads(pickle.dumps(loss)) == loss
    assert copy.deepcopy(loss) == loss
    assert len({*ALL, again}) == len(ALL)
    for field in dataclasses.fields(loss):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(loss, field.name, 0.5)


@every_loss
def test_a_loss_is_found_by_its_name(loss):
    assert get_loss(loss.name) == type(loss)()
    assert get_loss(loss) is loss


def test_the_function_and_the_object_are_one_loss():
    for smoothing in (0.0, 0.1):
        loss = xent.CrossEntropy(label_smoothing=smoothing)
        options = {"weight": WEIGHT, "temperature": 2.0, "reduction": "none"}
        expected = xent.cross_entropy(Z, TARGETS["index"], label_smoothing=smoothing, **options)
        np.testing.assert_array_equal(loss(Z, TARGETS["index"], **options), expected)
