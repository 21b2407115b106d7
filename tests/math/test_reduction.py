"""What a mean divides by, what it is over nothing, which rows are mined, and what ``return_stats`` says of them."""

import math

import numpy as np
import pytest
from scipy import special, stats

import xent
from xent.mining import Hardest, HardNegatives

RNG = np.random.default_rng(5)
N, K = 12, 5
LOGITS = RNG.normal(0, 2, (N, K))
INDEX = RNG.integers(0, K, N)
LABEL = INDEX.copy()  # with no row ignored
INDEX[[2, 7]] = -100
PROBS = RNG.dirichlet(np.ones(K), N)
WEIGHT = np.array([0.5, 2.0, 1.0, 0.25, 3.0])
ROW_WEIGHT = RNG.uniform(0, 2, N)
LOSSES = [xent.CrossEntropy(), xent.Focal(2.0), xent.GeneralizedCrossEntropy(), xent.CrossEntropy(z_loss=0.1)]


def near(expected):
    return pytest.approx(expected, rel=1e-13, abs=0)


# ---- the mean


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_what_the_mean_divides_by(loss):
    """Written out for each kind of target and of mean."""
    each = {"weight": WEIGHT, "sample_weight": ROW_WEIGHT}
    live = INDEX >= 0
    by_index = np.where(live, WEIGHT[LABEL] * ROW_WEIGHT, 0.0).sum()
    total = loss(LOGITS, INDEX, **each, reduction="sum")
    assert loss(LOGITS, INDEX, **each) == near(total / by_index)
    assert loss(LOGITS, INDEX, **each, mean="torch") == near(total / by_index)
    total = loss(LOGITS, PROBS, **each, reduction="sum")
    assert loss(LOGITS, PROBS, **each) == near(total / ((PROBS @ WEIGHT) * ROW_WEIGHT).sum())
    assert loss(LOGITS, PROBS, **each, mean="torch") == near(total / ROW_WEIGHT.sum())
    total = loss(LOGITS, PROBS, weight=WEIGHT, reduction="sum")
    assert loss(LOGITS, PROBS, weight=WEIGHT, mean="torch") == near(total / N)


def test_what_the_binary_mean_divides_by():
    target = np.where(PROBS > 0.3, 1.0, PROBS)
    target[3, 1] = -100
    mask = RNG.uniform(size=(N, K)) > 0.2
    live = mask & (target != -100)
    options = {"weight": WEIGHT, "sample_weight": ROW_WEIGHT, "pos_weight": 3.0, "mask": mask}
    for loss in (xent.CrossEntropy(), xent.Focal(2.0, alpha=0.25), xent.Asymmetric()):
        total = loss.binary(LOGITS, target, **options, reduction="sum")
        weights = live * WEIGHT * ROW_WEIGHT[:, None]
        assert loss.binary(LOGITS, target, **options) == near(total / weights.sum())
        assert loss.binary(LOGITS, target, **options, mean="torch") == near(total / live.sum())


def test_a_factor_of_each_class_is_not_divided_out_and_a_weight_is():
    value = xent.Focal(0.0)(LOGITS, INDEX)
    assert xent.Focal(0.0, alpha=(0.5,) * K)(LOGITS, INDEX) == near(0.5 * value)
    assert xent.Focal(0.0)(LOGITS, INDEX, weight=[0.5] * K) == near(value)


@pytest.mark.parametrize("normalizer", [7.5, np.float32(7.5), np.array(7.5), 3])
def test_a_normalizer_is_the_denominator(normalizer):
    """Parts of a batch, each over the whole batch's denominator, add up to the whole batch's mean."""
    for function, target in ((xent.cross_entropy, INDEX), (xent.binary_cross_entropy, PROBS)):
        total, grad_of_sum = xent.value_and_grad(function)(LOGITS, target, reduction="sum")
        value, grad = xent.value_and_grad(function)(LOGITS, target, normalizer=normalizer)
        assert value == function(LOGITS, target, normalizer=normalizer) == near(total / float(normalizer))
        np.testing.assert_allclose(grad, grad_of_sum / float(normalizer), rtol=1e-13, atol=1e-17)
    count = int((INDEX >= 0).sum())
    parts = [xent.cross_entropy(LOGITS[s], INDEX[s], normalizer=count) for s in (slice(0, 3), slice(3, None))]
    assert sum(parts) == near(xent.cross_entropy(LOGITS, INDEX))


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_mean_over_nothing(loss):
    nothing = np.full(N, -100)
    assert math.isnan(loss(LOGITS, nothing))
    assert math.isnan(loss(LOGITS, nothing, empty="nan"))
    for options in ({}, {"mean": "torch"}, {"mining": Hardest(0.5)}, {"sample_weight": np.zeros(N)}):
        value, grad = xent.value_and_grad(loss)(LOGITS, nothing, empty="zero", **options)
        assert value == 0.0
        np.testing.assert_array_equal(grad, np.zeros((N, K)))
    assert loss(LOGITS[:0], INDEX[:0], empty="zero") == 0.0
    assert loss(LOGITS[:0], PROBS[:0], empty="zero", mean="torch") == 0.0
    assert loss(LOGITS, nothing, normalizer=3.0) == 0.0
    assert loss(LOGITS, nothing, reduction="sum") == 0.0
    # nothing is one thing, a NaN in what takes part another
    bad = np.where(np.arange(N)[:, None] == 0, np.nan, LOGITS)
    assert math.isnan(loss(bad, INDEX, empty="zero"))


def test_the_binary_mean_over_nothing():
    out = np.zeros((N, K), bool)
    assert math.isnan(xent.binary_cross_entropy(LOGITS, PROBS, mask=out))
    for mean in ("weighted", "torch"):
        options = {"mask": out, "empty": "zero", "mean": mean}
        value, grad = xent.value_and_grad(xent.binary_cross_entropy)(LOGITS, PROBS, **options)
        assert value == 0.0
        np.testing.assert_array_equal(grad, np.zeros((N, K)))


def test_what_a_mask_leaves_out_may_hold_anything():
    target = np.where(PROBS > 0.5, np.nan, PROBS > 0.2)
    mask = ~np.isnan(target)
    logits = np.where(mask, LOGITS, np.inf)
    value, grad = xent.value_and_grad(xent.binary_cross_entropy)(logits, target, mask=mask)
    kept, kept_grad = xent.value_and_grad(xent.binary_cross_entropy)(LOGITS[mask], target[mask])
    assert value == near(kept)
    np.testing.assert_allclose(grad[mask], kept_grad, rtol=1e-14)
    np.testing.assert_array_equal(grad[~mask], 0.0)


# ---- smoothing


@pytest.mark.parametrize("loss", [xent.CrossEntropy, xent.Focal, xent.GeneralizedCrossEntropy])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])
@pytest.mark.parametrize("eps", [0.1, 0.5, 0.9, 1.0])
def test_both_conventions_of_smoothing_are_a_probability_target(loss, weight, eps):
    live = INDEX >= 0
    hot = np.eye(K)[INDEX[live]]
    options = {"weight": weight, "reduction": "none"}
    for smoothing, target in (
        ("uniform", np.where(hot == 1, 1 - eps + eps / K, eps / K)),
        ("others", np.where(hot == 1, 1 - eps, eps / (K - 1))),
    ):
        smooth = loss(label_smoothing=eps, smoothing=smoothing)
        value, grad = xent.value_and_grad(smooth)(LOGITS[live], INDEX[live], **options)
        expected, expected_grad = xent.value_and_grad(loss())(LOGITS[live], target, **options)
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        np.testing.assert_allclose(grad, expected_grad, rtol=1e-12, atol=1e-15)
        np.testing.assert_array_equal(smooth(LOGITS, INDEX, **options)[~live], 0.0)
    # of probabilities: (1-ε) q + ε (1-q)/(K-1)
    value = loss(label_smoothing=eps, smoothing="others")(LOGITS, PROBS, **options)
    target = (1 - eps) * PROBS + eps * (1 - PROBS) / (K - 1)
    np.testing.assert_allclose(value, loss()(LOGITS, target, **options), rtol=1e-13)


@pytest.mark.parametrize("loss", [xent.CrossEntropy, xent.Focal])
def test_smoothing_over_others_asks_nothing_of_the_target_at_one(loss):
    """ε = 1: the target's own label has no part, not even at -inf; and for two classes it is the other one's loss."""
    smooth = loss(label_smoothing=1.0, smoothing="others")
    value, grad = xent.value_and_grad(smooth)([[-np.inf, 1.0, 0.0]], [0])
    assert value == near(loss()([[-np.inf, 1.0, 0.0]], [[0.0, 0.5, 0.5]]))
    assert grad[0, 0] == 0.0
    assert smooth([[2.0, -1.0]], [0]) == near(loss()([[2.0, -1.0]], [1]))
    assert smooth.binary([2.0], [1]) == near(loss().binary([2.0], [0]))


@pytest.mark.parametrize("eps", [0.0, 0.3, 1.0])
def test_smoothing_of_a_decision_is_that_of_two_classes(eps):
    z, y = LOGITS[:, 0], np.arange(N) % 2
    rows = np.stack([np.zeros(N), z], axis=1)
    for smoothing in ("uniform", "others"):
        loss = xent.Focal(1.5, label_smoothing=eps, smoothing=smoothing)
        options = {"reduction": "none"}
        np.testing.assert_allclose(loss.binary(z, y, **options), loss(rows, y, **options), rtol=1e-13)


# ---- soft cap and prior


def test_a_prior_is_the_log_share_added_to_the_logits():
    counts = [900, 50, 30, 15, 5]
    expected = xent.cross_entropy(LOGITS + np.log(np.array(counts) / 1000), INDEX)
    assert xent.cross_entropy(LOGITS, INDEX, prior=counts) == near(expected)
    assert xent.cross_entropy(LOGITS, INDEX, prior=np.array(counts) / 1000) == near(expected)
    # balanced softmax is written with the counts themselves, which only shifts all logits
    assert xent.cross_entropy(LOGITS + np.log(counts), INDEX) == near(expected)
    shifted = xent.cross_entropy(LOGITS + 1.5 * np.log(np.array(counts) / 1000), INDEX)
    assert xent.cross_entropy(LOGITS, INDEX, prior=counts, prior_strength=1.5) == near(shifted)
    assert xent.cross_entropy(LOGITS, INDEX, prior=counts, prior_strength=0) == near(xent.cross_entropy(LOGITS, INDEX))
    # it is a probability's logarithm that the z-loss sees
    with_z = xent.cross_entropy(np.zeros((1, 2)), [0], prior=[3, 1], z_loss=0.5)
    assert with_z == near(math.log(4 / 3) + 0.5 * 0.0)


def test_the_order_of_cap_temperature_and_prior():
    options = {"softcap": 2.0, "temperature": 0.5, "prior": [1, 1, 2, 4, 8], "z_loss": 0.1}
    by_hand = 2.0 * np.tanh(LOGITS / 2.0) / 0.5 + np.log(np.array([1, 1, 2, 4, 8]) / 16)
    assert xent.cross_entropy(LOGITS, INDEX, **options) == near(xent.cross_entropy(by_hand, INDEX, z_loss=0.1))
    value = xent.binary_cross_entropy(LOGITS, PROBS, softcap=2.0, temperature=0.5)
    assert value == near(xent.binary_cross_entropy(2.0 * np.tanh(LOGITS / 2.0) / 0.5, PROBS))


def test_under_a_cap_a_logit_at_infinity_is_at_the_cap_and_does_not_move():
    z = np.array([[np.inf, 0.0, -np.inf]])
    value, grad = xent.value_and_grad(xent.cross_entropy)(z, [1], softcap=3.0)
    assert value == near(special.logsumexp([3.0, 0.0, -3.0]))
    np.testing.assert_array_equal(grad[0, [0, 2]], 0.0)
    value, grad = xent.value_and_grad(xent.binary_cross_entropy)(z, [[0, 0, 0]], softcap=3.0, reduction="none")
    np.testing.assert_allclose(value[0], np.log1p(np.exp([3.0, 0.0, -3.0])), rtol=1e-15)
    np.testing.assert_array_equal(grad[0, [0, 2]], 0.0)
    assert math.isnan(xent.cross_entropy([[np.nan, 0.0]], [1], softcap=3.0))


def test_the_slope_of_a_cap_does_not_cancel():
    """1 - tanh² is 0 from 19 times the cap on, 1/cosh² = 4 exp(-2x) is not."""
    z = np.array([[20.0, 0.0]])
    _, grad = xent.value_and_grad(xent.cross_entropy)(z, [1], softcap=1.0)
    assert grad[0, 0] == near(special.expit(1.0) * 4 * math.exp(-40))
    _, grad = xent.value_and_grad(xent.binary_cross_entropy)([20.0], [0], softcap=1.0)
    assert grad[0] == near(special.expit(1.0) * 4 * math.exp(-40))


# ---- z-loss


def test_z_loss_adds_the_square_of_lse_times_the_weight_of_the_target():
    plain = xent.cross_entropy(LOGITS, INDEX, weight=WEIGHT, reduction="none")
    with_z = xent.cross_entropy(LOGITS, INDEX, weight=WEIGHT, reduction="none", z_loss=0.3, label_smoothing=0.0)
    lse = special.logsumexp(LOGITS, axis=1)
    np.testing.assert_allclose(with_z - plain, np.where(INDEX < 0, 0, 0.3 * WEIGHT[LABEL] * lse**2), rtol=1e-12)
    # the target before smoothing counts: its class weight, or Σ q w
    smooth = xent.cross_entropy(LOGITS, INDEX, weight=WEIGHT, reduction="none", label_smoothing=0.2)
    with_z = xent.cross_entropy(LOGITS, INDEX, weight=WEIGHT, reduction="none", label_smoothing=0.2, z_loss=0.3)
    np.testing.assert_allclose(with_z - smooth, np.where(INDEX < 0, 0, 0.3 * WEIGHT[LABEL] * lse**2), rtol=1e-12)
    plain = xent.cross_entropy(LOGITS, PROBS, weight=WEIGHT, reduction="none")
    with_z = xent.cross_entropy(LOGITS, PROBS, weight=WEIGHT, reduction="none", z_loss=0.3)
    np.testing.assert_allclose(with_z - plain, 0.3 * (PROBS @ WEIGHT) * lse**2, rtol=1e-12)


# ---- mining


def test_the_hardest_are_kept_and_nothing_else_counts():
    each = xent.cross_entropy(LOGITS, INDEX, reduction="none")
    for fraction, count in ((0.5, 5), (0.05, 1), (0.41, 5), (0.3, 3), (0.7, 7), (1.0, 10)):  # of 10 rows that take part
        hardest = np.sort(each)[::-1][:count]
        assert xent.cross_entropy(LOGITS, INDEX, mining=Hardest(fraction)) == near(hardest.mean())
        value, grad = xent.value_and_grad(xent.cross_entropy)(LOGITS, INDEX, mining=Hardest(fraction), reduction="none")
        np.testing.assert_array_equal(np.sort(value)[::-1][:count], hardest)
        assert np.count_nonzero(value) == np.count_nonzero(grad.any(axis=1)) == count
        full = xent.value_and_grad(xent.cross_entropy)(LOGITS, INDEX, reduction="none")[1]
        np.testing.assert_allclose(grad[value > 0], full[value > 0], rtol=1e-14)


def test_a_row_is_as_hard_as_its_weighted_loss():
    z = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]])
    options = {"mining": Hardest(1 / 3), "reduction": "none"}
    assert xent.cross_entropy(z, [0, 0, 0], **options).nonzero()[0].tolist() == [2]
    assert xent.cross_entropy(z, [0, 0, 0], sample_weight=[9, 1, 1], **options).nonzero()[0].tolist() == [0]


def test_of_equals_the_first_is_kept():
    z = np.zeros((5, 2))
    kept = xent.cross_entropy(z, [0, 1, 0, 1, -100], mining=Hardest(0.5), reduction="none") > 0
    assert kept.tolist() == [True, True, False, False, False]
    mining = HardNegatives(1.0)
    kept = xent.cross_entropy(z, [0, 1, 0, -100, 0], mining=mining, reduction="none") > 0
    assert kept.tolist() == [True, True, False, False, False]


def test_all_positives_and_the_hardest_negatives_are_kept():
    z = np.array([[0.0, 4.0], [0.0, 5.0], [2.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 9.0]])
    target = np.array([1, 1, 0, 0, 0, 0, -100])  # two easy positives; negatives from easy to hard: rows 2, 3, 5, 4

    def kept(mining, target=target, **options):
        value = xent.cross_entropy(z, target, mining=mining, reduction="none", **options)
        return value.nonzero()[0].tolist()

    assert kept(HardNegatives(1.0)) == [0, 1, 4, 5]
    assert kept(HardNegatives(0.5)) == [0, 1, 4]
    assert kept(HardNegatives(0.6)) == [0, 1, 4, 5]
    assert kept(HardNegatives(3.0)) == [0, 1, 2, 3, 4, 5]
    assert kept(HardNegatives(0.0)) == [0, 1]
    assert kept(HardNegatives(0.0, at_least=1)) == [0, 1, 4]
    assert kept(HardNegatives(0.25, background=1)) == [0, 2, 3, 4, 5]  # now class 0 is what is looked for
    assert kept(HardNegatives(1.0), sample_weight=[1, 0, 1, 1, 1, 1, 1]) == [0, 4]
    soft = np.where(np.eye(2)[np.where(target < 0, 0, target)] == 1, 0.9, 0.1)
    assert kept(HardNegatives(1.0), soft) == [0, 1, 4, 6]
    binary = xent.binary_cross_entropy(
        z[:, 1] - z[:, 0], np.where(target < 0, 0, target * 0.5), mining=HardNegatives(0.5), reduction="none"
    )
    assert binary.nonzero()[0].tolist() == [0, 1, 6]  # from 0.5 on an entry is positive


def test_mining_of_entries_is_over_all_axes():
    z, t = LOGITS.reshape(3, 4, K), PROBS.reshape(3, 4, K) > 0.5
    value = xent.binary_cross_entropy(z, t, mining=Hardest(0.1), reduction="none")
    each = xent.binary_cross_entropy(z, t, reduction="none")
    assert value.shape == z.shape
    assert np.sort(value[value > 0]).tolist() == np.sort(each.ravel())[-6:].tolist()


def test_a_nan_is_the_hardest_of_all_and_not_lost():
    z = np.where(np.arange(N)[:, None] == 5, np.nan, LOGITS)
    assert math.isnan(xent.cross_entropy(z, INDEX, mining=Hardest(0.1)))


def test_rounding_does_not_keep_a_row_more():
    """0.55 · 100 is 55.00000000000001 in float64."""
    values = np.arange(100.0)
    assert Hardest(0.55).keep(values, None, values >= 0).sum() == 55
    assert Hardest(0.551).keep(values, None, values >= 0).sum() == 56
    positive = np.arange(100) < 10
    assert HardNegatives(0.7).keep(values, positive, values >= 0).sum() == 17


# ---- statistics


@pytest.mark.parametrize("loss", [*LOSSES, xent.Focal(label_smoothing=0.1), xent.CrossEntropy(label_smoothing=0.2)])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])
def test_statistics_are_those_of_scipy(loss, weight):
    options = {
        "weight": weight,
        "sample_weight": ROW_WEIGHT,
        "temperature": 0.7,
        "softcap": 5.0,
        "prior": [1, 2, 3, 4, 5],
    }
    z = 5.0 * np.tanh(LOGITS / 5.0) / 0.7 + np.log(np.arange(1, 6) / 15)
    p = special.softmax(z, axis=1)
    for target in (INDEX, PROBS):
        value, got = loss(LOGITS, target, **options, return_stats=True)
        assert value == loss(LOGITS, target, **options)
        np.testing.assert_allclose(got.lse, special.logsumexp(z, axis=1), rtol=1e-13, atol=1e-15)
        np.testing.assert_allclose(got.entropy, stats.entropy(p, axis=1), rtol=1e-12)
        if target is INDEX:
            log_p = np.where(INDEX < 0, np.nan, np.log(p)[np.arange(N), LABEL])
            correct = p.argmax(axis=1) == INDEX
        else:
            log_p = (PROBS * np.log(p)).sum(axis=1)
            correct = p.argmax(axis=1) == PROBS.argmax(axis=1)
        np.testing.assert_allclose(got.target_log_prob, log_p, rtol=1e-12)
        np.testing.assert_array_equal(got.correct, correct, strict=True)
    (value, got), grad = xent.value_and_grad(loss)(LOGITS, INDEX, **options, return_stats=True)
    expected, expected_grad = xent.value_and_grad(loss)(LOGITS, INDEX, **options)
    assert value == expected
    np.testing.assert_allclose(grad, expected_grad, rtol=1e-14, atol=1e-16)
    np.testing.assert_array_equal(got.lse, loss(LOGITS, PROBS, **options, return_stats=True)[1].lse)


def test_statistics_of_confident_rows_keep_their_digits():
    _, got = xent.cross_entropy([[100.0, 0.0], [0.0, -50.0]], [0, 0], return_stats=True)
    np.testing.assert_allclose(got.target_log_prob, [-math.exp(-100), -math.exp(-50)], rtol=1e-13)
    np.testing.assert_allclose(got.entropy, [101 * math.exp(-100), 51 * math.exp(-50)], rtol=1e-13)
    np.testing.assert_array_equal(got.lse, [100.0, math.exp(-50)])


def test_statistics_at_the_edges():
    z = np.array([[1.0, 1.0, 0.0], [-np.inf, 0.0, 0.0], [np.nan, 0.0, 0.0], [np.inf, 0.0, 0.0], [-np.inf] * 3])
    _, got = xent.cross_entropy(z, [1, 0, 0, 0, -100], return_stats=True)
    np.testing.assert_allclose(got.lse, [special.logsumexp(z[0]), math.log(2), np.nan, np.inf, -np.inf])
    np.testing.assert_allclose(got.target_log_prob, [1 - got.lse[0], -np.inf, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(got.entropy[1], math.log(2))
    np.testing.assert_array_equal(np.isnan(got.entropy), [False, False, True, True, True])
    np.testing.assert_array_equal(got.correct, [False, False, False, False, False])  # the first of equals is class 0
    assert xent.cross_entropy([[1.0, 1.0, 0.0]], [0], return_stats=True)[1].correct.tolist() == [True]
    # a label of probability 0 takes no part
    _, got = xent.cross_entropy(z[1], [0.0, 0.5, 0.5], return_stats=True)
    assert got == (near(math.log(2)), near(-math.log(2)), near(math.log(2)), True)
    assert isinstance(got.lse, float)
    _, got = xent.cross_entropy(np.zeros((0, 3)), [], return_stats=True)
    assert all(field.shape == (0,) for field in got)
