"""What every registered loss promises: its flags are true, its slope is a derivative, it is a value.

A new loss is tested here with its defaults as soon as it is registered; further parameters go into ``PARAMETERS``. Its
curve is held against its formula in :mod:`test_curves`, its options in :mod:`test_composition`.
"""

import copy
import dataclasses
import pathlib
import pickle

import numpy as np
import pytest

import xent
from xent.errors import OptionError
from xent.losses import LOSSES, describe, get_loss

PARAMETERS = {
    "cross_entropy": [
        {"label_smoothing": 0.1},
        {"label_smoothing": 1.0},
        {"label_smoothing": 0.3, "smoothing": "others"},
        {"z_loss": 0.2},
    ],
    "focal": [{"gamma": 0.0}, {"gamma": 0.5}, {"gamma": 1.0}, {"gamma": 5.0, "z_loss": 0.1}],
    "poly1": [{"epsilon": -1.0}, {"epsilon": 2.0}],
    "generalized_cross_entropy": [{"q": 0.1}, {"q": 1.0}],
    "symmetric_cross_entropy": [{"alpha": 4.0}, {"alpha": 0.0}],
    "asymmetric": [{"gamma_pos": 1.0, "margin": 0.0}, {"gamma_neg": 0.5, "margin": 0.3}],
}
ALL = [LOSSES[name](**parameters) for name in LOSSES for parameters in [{}, *PARAMETERS.get(name, [])]]
every_loss = pytest.mark.parametrize("loss", ALL, ids=describe)
softmax_losses = pytest.mark.parametrize(
    "loss", [loss for loss in ALL if not isinstance(loss, xent.Asymmetric)], ids=describe
)
sigmoid_losses = pytest.mark.parametrize("loss", [loss for loss in ALL if loss.z_loss == 0], ids=describe)

RNG = np.random.default_rng(7)
Z = RNG.normal(0, 3, (40, 5))
TARGETS = {"index": RNG.integers(0, 5, 40), "probs": RNG.dirichlet(np.full(5, 0.5), 40)}
WEIGHT = np.array([0.5, 2.0, 1.0, 0.25, 3.0])


def test_parameters_are_of_registered_losses():
    assert set(PARAMETERS) == set(LOSSES)
    assert all(LOSSES[name].name == name for name in LOSSES)


@softmax_losses
@pytest.mark.parametrize("target", TARGETS)
def test_convex_where_it_says_so(loss, target):
    """On a segment the value lies below the chord; a loss that says it is not convex is caught above one somewhere."""
    a, b = Z.copy(), RNG.normal(0, 6, Z.shape)
    if target == "index":  # towards a confidently wrong prediction, where losses bend that do not grow as fast
        hot = np.eye(5)[TARGETS["index"]]
        b = b - 12 * hot
        a[20:] = -np.linspace(0, 14, 20)[:, None] * hot[20:]
        b[20:] = a[20:] - 2 * hot[20:]
    if loss.z_loss > 0:  # lse² bends the other way where lse falls below 0
        a, b = a - 30, b - 30
    ends = (loss(a, TARGETS[target], reduction="none"), loss(b, TARGETS[target], reduction="none"))
    gaps = [
        (1 - at) * ends[0] + at * ends[1] - loss((1 - at) * a + at * b, TARGETS[target], reduction="none")
        for at in (0.1, 0.3, 0.5, 0.7, 0.9)
    ]
    if loss.convex:
        assert np.min(gaps) >= -1e-12
    elif target == "index":
        assert np.min(gaps) < -1e-6


@softmax_losses
@pytest.mark.parametrize("target", TARGETS)
def test_shift_invariant_where_it_says_so(loss, target):
    shifted = loss(Z + 8.0, TARGETS[target], reduction="none", weight=WEIGHT)
    unshifted = loss(Z, TARGETS[target], reduction="none", weight=WEIGHT)
    if loss.shift_invariant:
        np.testing.assert_allclose(shifted, unshifted, rtol=1e-12, atol=1e-300)
    else:
        assert (np.abs(shifted - unshifted) > 1e-6 * np.abs(unshifted)).any()


@every_loss
def test_a_linear_loss_is_the_nll(loss):
    nll = np.array([0.0, 1e-300, 0.5, 700.0, np.inf])
    if loss.linear:
        np.testing.assert_array_equal(loss.curve(nll), (nll, np.ones(5)))
        np.testing.assert_array_equal(loss.negative_curve(nll), (nll, np.ones(5)))
    else:
        assert dataclasses.replace(loss, label_smoothing=0.0) != xent.CrossEntropy()


@every_loss
def test_slopes_are_derivatives_of_the_value(loss):
    nll, h = np.concatenate([RNG.uniform(0.01, 8.0, 200), [20.0, 40.0]]), 1e-6
    for curve in (loss.curve, loss.negative_curve):
        difference = (curve(nll + h).value - curve(nll - h).value) / (2 * h)
        np.testing.assert_allclose(curve(nll).slope, difference, rtol=1e-7, atol=1e-8)


def central_difference(function, z, h=1e-5):
    difference = np.empty_like(z)
    for index in np.ndindex(z.shape):
        step = np.zeros_like(z)
        step[index] = h
        difference[index] = (function(z + step) - function(z - step)) / (2 * h)
    return difference


@softmax_losses
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])
@pytest.mark.parametrize("target", TARGETS)
def test_gradient(loss, target, weight):
    options = {"weight": weight, "temperature": 1.25, "reduction": "sum"}
    z, t = Z[:8], TARGETS[target][:8]
    value, grad = xent.value_and_grad(loss)(z, t, **options)
    assert value == loss(z, t, **options)
    np.testing.assert_allclose(grad, central_difference(lambda z: loss(z, t, **options), z), rtol=1e-7, atol=1e-8)
    if loss.shift_invariant:
        np.testing.assert_allclose(grad.sum(axis=1), 0.0, atol=1e-14)


@sigmoid_losses
@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
def test_binary_gradient(loss, soft):
    if isinstance(loss, xent.Focal):
        loss = dataclasses.replace(loss, alpha=0.3)
    options = {"weight": WEIGHT, "pos_weight": WEIGHT[::-1], "temperature": 1.25, "reduction": "sum"}
    z, t = Z[:8], TARGETS["probs"][:8] if soft else TARGETS["probs"][:8] > 0.2
    value, grad = xent.value_and_grad(loss.binary)(z, t, **options)
    assert value == loss.binary(z, t, **options)
    difference = central_difference(lambda z: loss.binary(z, t, **options), z)
    np.testing.assert_allclose(grad, difference, rtol=1e-7, atol=1e-8)


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
    assert get_loss(describe(loss)) == loss
    assert describe(type(loss)()) == loss.name


def test_a_description_says_what_differs_from_the_defaults():
    assert describe(xent.Focal(1.5, alpha=(0.5, 1.0))) == "focal(gamma=1.5, alpha=(0.5, 1.0))"
    assert describe(xent.CrossEntropy(smoothing="others", label_smoothing=0.1)) == (
        "cross_entropy(label_smoothing=0.1, smoothing='others')"
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "focal(2.0)",  # parameters have names
        "focal(gama=2.0)",
        "focal(gamma=x)",
        "focal(**{})",
        "focal(gamma=2.0",
        "print('x')",
        "xent.focal",
        "",
        "loss_of(focal)",
    ],
)
def test_what_is_no_name_of_a_loss(wrong):
    with pytest.raises(OptionError, match="loss must be one of"):
        get_loss(wrong)


def test_a_wrong_parameter_in_a_name_is_answered_as_by_the_loss_itself():
    with pytest.raises(OptionError, match="focal: gamma must be a finite number ≥ 0; got -1"):
        get_loss("focal(gamma=-1)")


def test_a_factor_of_each_class_may_come_as_any_sequence():
    assert xent.Focal(alpha=[0.5, 1]) == xent.Focal(alpha=(0.5, 1.0)) == xent.Focal(alpha=np.array([0.5, 1.0]))
    assert hash(xent.Focal(alpha=[0.5, 1])) == hash(xent.Focal(alpha=(0.5, 1.0)))


def test_the_function_and_the_object_are_one_loss():
    for parameters in ({}, {"label_smoothing": 0.1, "smoothing": "others", "z_loss": 0.1}):
        loss = xent.CrossEntropy(**parameters)
        options = {"weight": WEIGHT, "temperature": 2.0, "reduction": "none"}
        expected = xent.cross_entropy(Z, TARGETS["index"], **parameters, **options)
        np.testing.assert_array_equal(loss(Z, TARGETS["index"], **options), expected)
        parameters.pop("z_loss", None)
        loss = xent.CrossEntropy(**parameters)
        expected = xent.binary_cross_entropy(Z, TARGETS["probs"], **parameters, **options)
        np.testing.assert_array_equal(loss.binary(Z, TARGETS["probs"], **options), expected)


def test_the_guide_has_every_loss_with_its_defaults():
    guide = (pathlib.Path(__file__).parents[2] / "docs" / "guide" / "losses.md").read_text(encoding="utf-8")
    for cls in LOSSES.values():
        own = [field for field in dataclasses.fields(cls) if not field.kw_only]
        call = f"{cls.__name__}({', '.join(f'{field.name}={field.default!r}' for field in own)})"
        assert f"| `{call}` |" in guide
