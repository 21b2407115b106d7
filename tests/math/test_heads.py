"""Losses of more than one piece, against their definitions written out."""

import math

import numpy as np
import pytest
from scipy import special

import xent
from xent.errors import OptionError, ShapeError, TargetError

RNG = np.random.default_rng(11)
N, K = 7, 4
STUDENT = RNG.normal(0, 2, (N, K))
TEACHER = RNG.normal(0, 3, (N, K))
INDEX = np.array([0, 3, -100, 1, 2, 1, 0])
LABEL = np.where(INDEX < 0, 0, INDEX)
LIVE = INDEX >= 0
WEIGHT = np.array([0.5, 2.0, 1.0, 0.25])
ROW_WEIGHT = np.array([1.0, 0.5, 2.0, 0.0, 1.0, 3.0, 0.25])


def near(expected):
    return pytest.approx(expected, rel=1e-12, abs=0)


def kl(temperature, weight=1.0, student=STUDENT, teacher=TEACHER):
    """Σ_k w_k q_k log(q_k / p_k) of each row."""
    log_p = special.log_softmax(student / temperature, axis=1)
    log_q = special.log_softmax(teacher / temperature, axis=1)
    return (weight * np.exp(log_q) * (log_q - log_p)).sum(axis=1)


# ---- distillation


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_distillation_is_a_divergence_and_a_cross_entropy(temperature, alpha):
    hard = np.where(LIVE, -special.log_softmax(STUDENT, axis=1)[np.arange(N), LABEL], 0)
    soft = np.where(LIVE, temperature**2 * kl(temperature), 0)
    expected = alpha * soft + (1 - alpha) * hard
    options = {"temperature": temperature, "alpha": alpha}
    each = xent.distillation_loss(STUDENT, TEACHER, INDEX, **options, reduction="none")
    np.testing.assert_allclose(each, expected, rtol=1e-12)
    assert xent.distillation_loss(STUDENT, TEACHER, INDEX, **options) == near(expected.sum() / LIVE.sum())
    assert xent.distillation_loss(STUDENT, TEACHER, INDEX, **options, reduction="sum") == near(expected.sum())
    assert xent.distillation_loss(STUDENT, TEACHER, INDEX, **options, normalizer=2.5) == near(expected.sum() / 2.5)


def test_without_a_target_it_is_the_divergence_alone():
    assert xent.distillation_loss(STUDENT, TEACHER) == near(4 * kl(2.0).mean())
    assert xent.distillation_loss(STUDENT, TEACHER, alpha=0.1) == near(4 * kl(2.0).mean())
    assert xent.distillation_loss(STUDENT[0], TEACHER[0]) == near(4 * kl(2.0)[0])


def test_the_divergence_of_equals_is_zero_exactly():
    assert xent.distillation_loss(TEACHER, TEACHER, temperature=3.0, softcap=4.0) == 0.0
    np.testing.assert_array_equal(xent.distillation_loss(TEACHER, TEACHER, reduction="none"), 0.0)


def test_weights_of_both_terms():
    each = 0.5 * 4.0 * kl(2.0, WEIGHT) * ROW_WEIGHT * LIVE
    of_teacher = (special.softmax(TEACHER / 2.0, axis=1) * WEIGHT).sum(axis=1) * ROW_WEIGHT * LIVE
    options = {"weight": WEIGHT, "sample_weight": ROW_WEIGHT}
    hard = 0.5 * xent.cross_entropy(STUDENT, INDEX, **options)
    assert xent.distillation_loss(STUDENT, TEACHER, INDEX, **options) == near(each.sum() / of_teacher.sum() + hard)
    by_rows = each.sum() / (ROW_WEIGHT * LIVE).sum()
    options["mean"] = "torch"
    assert xent.distillation_loss(STUDENT, TEACHER, INDEX, **options) == near(by_rows + hard)


def test_options_of_the_target_are_the_target_s():
    options = {"label_smoothing": 0.1, "smoothing": "others", "z_loss": 0.1, "prior": [1, 2, 3, 4]}
    soft = xent.distillation_loss(STUDENT, TEACHER, INDEX, alpha=1.0)
    hard = xent.cross_entropy(STUDENT, INDEX, **options)
    assert xent.distillation_loss(STUDENT, TEACHER, INDEX, alpha=0.25, **options) == near(0.25 * soft + 0.75 * hard)
    probs = special.softmax(RNG.normal(size=(N, K)), axis=1)
    hard = xent.cross_entropy(STUDENT, probs)
    soft = xent.distillation_loss(STUDENT, TEACHER)
    assert xent.distillation_loss(STUDENT, TEACHER, probs) == near(0.5 * soft + 0.5 * hard)


def test_a_cap_is_put_on_both_models():
    capped, cap = (2.0 * np.tanh(z / 2.0) for z in (STUDENT, TEACHER))
    assert xent.distillation_loss(STUDENT, TEACHER, softcap=2.0) == near(
        4 * kl(2.0, student=capped, teacher=cap).mean()
    )


def test_the_class_axis_of_distillation():
    expected = xent.distillation_loss(STUDENT, TEACHER, INDEX, sample_weight=ROW_WEIGHT)
    assert xent.distillation_loss(STUDENT.T, TEACHER.T, INDEX, axis=0, sample_weight=ROW_WEIGHT) == near(expected)


def test_rows_that_take_no_part_may_hold_anything():
    student, teacher = STUDENT.copy(), TEACHER.copy()
    student[2] = teacher[2] = np.nan  # ignored
    student[3] = teacher[3] = np.inf  # of weight 0
    expected = xent.distillation_loss(STUDENT, TEACHER, INDEX, sample_weight=ROW_WEIGHT)
    assert xent.distillation_loss(student, teacher, INDEX, sample_weight=ROW_WEIGHT) == expected
    assert math.isnan(xent.distillation_loss(STUDENT, TEACHER, np.full(N, -100)))
    assert xent.distillation_loss(STUDENT, TEACHER, np.full(N, -100), empty="zero") == 0.0


def test_a_class_that_the_teacher_excludes():
    teacher = np.array([[1.0, -np.inf, 0.0]])
    p = special.softmax([0.5, 0.0])
    expected = 4 * ((p * np.log(p)).sum() - (p * np.log(special.softmax([0.0, 0.5, 0.0])[[0, 2]])).sum())
    assert xent.distillation_loss([[0.0, 1.0, 0.0]], teacher) == near(expected)
    assert xent.distillation_loss(teacher, [[0.0, 1.0, 0.0]]) == math.inf  # nor can a student exclude what it teaches


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_narrow_teacher_is_softened_in_float64(dtype):
    student, teacher = STUDENT.astype(dtype), TEACHER.astype(dtype)
    expected = xent.distillation_loss(student.astype(np.float64), teacher.astype(np.float64), INDEX)
    assert xent.distillation_loss(student, teacher, INDEX) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: xent.distillation_loss(STUDENT, TEACHER[:3]), ShapeError, "teacher_logits must have the shape"),
        (lambda: xent.distillation_loss(STUDENT, TEACHER * np.nan), TargetError, "teacher_logits must .* at row 0"),
        (lambda: xent.distillation_loss(STUDENT, TEACHER, alpha=1.5), OptionError, "alpha must lie in"),
        (lambda: xent.distillation_loss(STUDENT, TEACHER, temperature=0), OptionError, "temperature must be"),
        (
            lambda: xent.distillation_loss(STUDENT, TEACHER, INDEX, mining=xent.Hardest(0.5)),
            OptionError,
            "mining must be left out",
        ),
        (
            lambda: xent.distillation_loss(STUDENT, TEACHER, INDEX, return_stats=True),
            OptionError,
            "return_stats must be left out",
        ),
        (
            lambda: xent.distillation_loss(STUDENT, TEACHER, label_smoothing=0.1),
            OptionError,
            "label_smoothing must go with a target; got 0.1",
        ),
    ],
)
def test_what_distillation_refuses(wrong, error, message):
    with pytest.raises(error, match=f"^distillation_loss: {message}"):
        wrong()


# ---- two stages

OBJECTNESS = RNG.normal(0, 2, N)
FOUND = np.array([0, -1, -100, 3, -1, 1, 2])


def test_the_probabilities_of_two_stages():
    probs = xent.two_stage_probs(OBJECTNESS, STUDENT)
    np.testing.assert_allclose(probs.sum(axis=1), 1.0, rtol=1e-15)
    inside = special.expit(OBJECTNESS)
    np.testing.assert_allclose(probs[:, :K], inside[:, None] * special.softmax(STUDENT, axis=1), rtol=1e-14)
    np.testing.assert_allclose(probs[:, -1], 1 - inside, rtol=1e-13)
    moved = xent.two_stage_probs(OBJECTNESS, STUDENT.T, axis=0)
    np.testing.assert_array_equal(moved, probs.T)
    single = xent.two_stage_probs(OBJECTNESS[0], STUDENT[0])
    np.testing.assert_array_equal(single, probs[0])
    assert xent.two_stage_probs(OBJECTNESS.astype(np.float32), STUDENT.astype(np.float32)).dtype == np.float32


def test_the_loss_of_two_stages_is_minus_the_logarithm_of_their_probability():
    each = xent.two_stage_loss(OBJECTNESS, STUDENT, FOUND, reduction="none")
    probs = xent.two_stage_probs(OBJECTNESS, STUDENT)
    live = FOUND != -100
    np.testing.assert_allclose(each[live], -np.log(probs[np.arange(N), FOUND * live])[live], rtol=1e-12)
    assert each[2] == 0.0
    assert xent.two_stage_loss(OBJECTNESS, STUDENT, FOUND) == near(each.sum() / live.sum())
    assert xent.two_stage_loss(OBJECTNESS, STUDENT, FOUND, reduction="sum") == near(each.sum())
    assert xent.two_stage_loss(OBJECTNESS, STUDENT, FOUND, normalizer=np.array(2.5)) == near(each.sum() / 2.5)
    assert xent.two_stage_loss(OBJECTNESS, STUDENT.T, FOUND, axis=0) == near(each.sum() / live.sum())
    assert xent.two_stage_loss(OBJECTNESS[0], STUDENT[0], 0) == near(each[0])
    other = np.where(FOUND == -1, 9, np.where(FOUND == -100, 7, FOUND))
    assert xent.two_stage_loss(OBJECTNESS, STUDENT, other, background=9, ignore_index=7) == near(each.sum() / 6)


def test_weights_of_two_stages():
    each = xent.two_stage_loss(OBJECTNESS, STUDENT, FOUND, reduction="none")
    by_class = np.where(FOUND >= 0, WEIGHT[FOUND * (FOUND >= 0)], np.where(FOUND == -1, 0.3, 0.0)) * ROW_WEIGHT
    options = {"weight": WEIGHT, "background_weight": 0.3, "sample_weight": ROW_WEIGHT}
    value = xent.two_stage_loss(OBJECTNESS, STUDENT, FOUND, **options, reduction="none")
    np.testing.assert_allclose(value, each * by_class, rtol=1e-13)
    assert xent.two_stage_loss(OBJECTNESS, STUDENT, FOUND, **options) == near((each * by_class).sum() / by_class.sum())
    value = xent.two_stage_loss(OBJECTNESS, STUDENT, FOUND, sample_weight=list(ROW_WEIGHT), reduction="none")
    np.testing.assert_allclose(value, each * ROW_WEIGHT, rtol=1e-13)


def test_the_background_does_not_look_at_the_classes():
    scores = np.where((FOUND < 0)[:, None], np.nan, STUDENT)
    expected = xent.two_stage_loss(OBJECTNESS, STUDENT, FOUND)
    assert xent.two_stage_loss(np.where(FOUND == -100, np.inf, OBJECTNESS), scores, FOUND) == expected


@pytest.mark.parametrize(("empty", "value"), [("nan", math.nan), ("zero", 0.0)])
def test_two_stages_of_nothing(empty, value):
    got = xent.two_stage_loss(OBJECTNESS, STUDENT, np.full(N, -100), empty=empty)
    assert got == pytest.approx(value, nan_ok=True, abs=0)
    assert isinstance(got, float)


def test_confident_stages_keep_their_digits():
    assert xent.two_stage_loss([50.0], [[60.0, 0.0]], [0]) == near(math.exp(-50) + math.exp(-60))
    assert xent.two_stage_loss([-50.0], [[0.0, 0.0]], [-1]) == near(math.exp(-50))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"background": 2}, OptionError, "two_stage_loss: background must not be a class; got 2"),
        ({"background": -100}, OptionError, "two_stage_loss: background must not be ignore_index; got -100"),
        ({"target": FOUND + 0.5}, xent.DtypeError, "two_stage_loss: target must be integers; got dtype float64"),
        ({"target": FOUND * 0 + 4}, TargetError, "two_stage_loss: target must lie in .*; got 4 at row 0"),
        ({"objectness": OBJECTNESS[:, None]}, ShapeError, "two_stage_loss: target must have the shape of the logits"),
        ({"weight": [1.0]*3}, ShapeError, "two_stage_loss: weight must have shape"),
        ({"sample_weight": [1.0]*3}, ShapeError, "two_stage_loss: sample_weight must have shape"),
        ({"background_weight": -1.0}, OptionError, "two_stage_loss: background_weight must be a finite number ≥ 0"),
        ({"axis": 2}, ShapeError, "two_stage_loss: axis must be an axis"),
        ({"reduction": "avg"}, OptionError, "two_stage_loss: reduction must be"),
    ],
)  # fmt: skip
def test_what_two_stages_refuse(wrong, error, message):
    arguments = {"objectness": OBJECTNESS, "class_logits": STUDENT, "target": FOUND} | wrong
    with pytest.raises(error, match=f"^{message}"):
        xent.two_stage_loss(**arguments)


def test_what_two_stage_probabilities_refuse():
    with pytest.raises(ShapeError, match=r"two_stage_probs: objectness must have shape \(7,\); got shape \(7, 1\)"):
        xent.two_stage_probs(OBJECTNESS[:, None], STUDENT)
