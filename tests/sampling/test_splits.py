"""Splits that nothing crosses, their balance against scikit-learn's and that of every split, and leaks found."""

import itertools
import re
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupShuffleSplit, KFold, StratifiedGroupKFold, cross_val_score

from xent import DtypeError, OptionError, ShapeError
from xent.sampling import folds, leakage, split
from xent.sampling.allotment import allot

SIZES = {"train": 0.6, "calibration": 0.2, "test": 0.2}


def skewed(seed, n, n_groups, n_classes):
    """Groups of Pareto sizes with a taste for few classes each, and classes of Zipf frequencies: as patients are."""
    random = np.random.default_rng(seed)
    size = random.pareto(1.5, n_groups) + 1
    groups = random.choice(n_groups, n, p=size / size.sum())
    frequency = np.arange(1, n_classes + 1) ** -1.5
    taste = random.dirichlet(3 * n_classes**0.5 * frequency / frequency.sum(), n_groups)
    target = (random.random(n)[:, None] > np.cumsum(taste, axis=1)[groups]).sum(axis=1)
    return np.unique(target, return_inverse=True)[1], groups


def connected(n, *edges):
    a, b = np.concatenate(edges, axis=1)
    return connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(n, n)))[1]


@given(st.data())
@pytest.mark.parametrize("method", ["balanced", "hashed"])
def test_nothing_crosses(method, data):
    """Groups of two columns and near rows, joined by scipy's components; ``sets`` are those, and each has one side."""
    n, kinds = data.draw(st.integers(12, 60)), data.draw(st.integers(4, 60))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    groups, near = random.integers(0, kinds, (n, 2)), random.integers(0, kinds * kinds, (n, 2)).astype(float)
    expected = connected(
        n,
        *(np.nonzero(column[:, None] == column) for column in groups.T),
        np.nonzero(cdist(near, near) <= 1.0),
    )
    target = random.integers(0, 3, n)
    if expected.max() < 2:
        with pytest.raises(OptionError, match="sizes must name at most as many sides"):
            split(target, groups=groups, near=near, tolerance=1.0, method=method)
        return
    found = split(target, groups=groups, near=near, tolerance=1.0, method=method)
    assert len(np.unique(np.stack([found.sets, expected]), axis=1).T) == expected.max() + 1 == found.sets.max() + 1
    assert len(np.unique(np.stack([found.sets, found.side]), axis=1).T) == expected.max() + 1
    np.testing.assert_array_equal(np.sort(np.concatenate([found[name] for name in SIZES])), np.arange(n))
    assert method == "hashed" or all(len(found[name]) for name in SIZES)
    assert not leakage(found.labels, groups=groups, near=near, tolerance=1.0)


@given(st.lists(st.integers(0, 4), min_size=20, max_size=300), st.integers(0, 3))
def test_without_groups_every_class_is_divided_to_within_two_rows(target, seed):
    found = split(target, seed=seed)
    held = np.bincount(np.unique(target, return_inverse=True)[1])
    asked = np.array(list(SIZES.values()))
    assert (np.abs(found.shares - asked[:, None]) * held < 2.0).all()
    assert (np.abs(np.bincount(found.side, minlength=3) - asked * len(target)) < 2.0).all()


def test_fold_sizes_do_not_differ_by_the_number_of_classes():
    """scikit-learn's issue 14673: of 100 rows of 5 classes in 7 folds, its folds had 15 or 10."""
    target = np.repeat([1, 2, 3, 4, 5], [20, 20, 20, 20, 20])
    assert sorted(len(score) for _, score in folds(target, n_folds=7)) == [14, 14, 14, 14, 14, 15, 15]


def balance(side, target, n_sides):
    """Mean over classes of the deviation of their shares (what StratifiedGroupKFold looks at), and of the sizes."""
    table = np.zeros((n_sides, target.max() + 1))
    np.add.at(table, (side, target), 1.0)
    return (table / table.sum(axis=0)).std(axis=0).mean(), (table.sum(axis=1) / len(target)).std()


@pytest.mark.filterwarnings("ignore:The least populated class")  # scikit-learn's, of a class of fewer rows than folds
@pytest.mark.parametrize(
    ("n", "n_groups", "n_classes"), [(1000, 40, 3), (4000, 200, 10), (4000, 60, 2), (6000, 300, 60)]
)
def test_balance_beats_that_of_scikit_learn(n, n_groups, n_classes):
    """Mean over ten data sets, both measures; and no set of data on which the classes are clearly worse."""
    ours, theirs = [], []
    for seed in range(10):
        target, groups = skewed(seed, n, n_groups, n_classes)
        side = np.empty((2, n), dtype=int)
        for number, (_, score) in enumerate(folds(target, groups=groups, seed=seed)):
            side[0, score] = number
        other = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        for number, (_, score) in enumerate(other.split(target, target, groups)):
            side[1, score] = number
        ours.append(balance(side[0], target, 5))
        theirs.append(balance(side[1], target, 5))
    ours, theirs = np.array(ours), np.array(theirs)
    assert (ours.mean(axis=0) < theirs.mean(axis=0)).all()
    assert (ours[:, 0] < 1.02 * theirs[:, 0]).all()


def test_balance_beats_drawing_groups():
    """GroupShuffleSplit draws groups, whatever their rows are."""
    ours, theirs = [], []
    for seed in range(20):
        target, groups = skewed(seed, 4000, 200, 10)
        found = split(target, sizes={"fit": 0.8, "test": 0.2}, groups=groups, seed=seed)
        _, test = next(GroupShuffleSplit(1, test_size=0.2, random_state=seed).split(target, target, groups))
        drawn = np.bincount(target[test], minlength=target.max() + 1) / np.bincount(target)
        ours.append(np.abs(found.shares[1] - 0.2).mean())
        theirs.append(np.abs(drawn - 0.2).mean())
    assert np.mean(ours) < np.mean(theirs) / 3


def objective(side, sets, target, shares):
    n_classes = target.max() + 1
    table = np.zeros((len(shares), n_classes))
    np.add.at(table, (side[sets], target), 1.0)
    by_class = table / table.sum(axis=0) - shares[:, None]
    in_all = table.sum(axis=1) / len(target) - shares
    return (((by_class**2).sum(axis=1) + n_classes / 4 * in_all**2) / shares).sum()


def test_nearly_as_good_as_the_best_of_all_splits():
    """All 3^7 splits of seven groups, 60 times: the best is found in most, and what is found is close to it."""
    shares, ratios = np.array([0.6, 0.2, 0.2]), []
    every = np.array(list(itertools.product(range(3), repeat=7)))
    for seed in range(60):
        random = np.random.default_rng(seed)
        sets = np.concatenate([np.arange(7), random.integers(0, 7, 60)])
        target = np.concatenate([np.arange(7) % 3, random.integers(0, 3, 60)])
        table = np.zeros((7, 3))
        np.add.at(table, (sets, target), 1.0)
        had = np.einsum("asg,gk->ask", (every[:, None, :] == np.arange(3)[:, None]).astype(float), table)
        by_class = had / table.sum(axis=0) - shares[:, None]
        in_all = had.sum(axis=2) / len(target) - shares
        best = (((by_class**2).sum(axis=2) + 3 / 4 * in_all**2) / shares).sum(axis=1).min()
        ratios.append(objective(allot(sets, target, shares, seed), sets, target, shares) / best)
    assert min(ratios) > 1 - 1e-9
    assert np.mean(np.array(ratios) < 1 + 1e-9) > 0.6
    assert np.median(ratios) < 1.05


def test_the_seed_decides_and_names_of_groups_do_not():
    target, groups = skewed(0, 2000, 300, 5)
    found = split(target, groups=groups)
    np.testing.assert_array_equal(found.side, split(target, groups=groups).side)
    np.testing.assert_array_equal(found.side, split(target, groups=[f"group {-g}" for g in groups]).side)
    assert (found.side != split(target, groups=groups, seed=1).side).mean() > 0.2


def test_hashed_sides_never_change_as_data_grow():
    random = np.random.default_rng(0)
    groups = random.integers(0, 500, 3000)
    whole = split(3000, groups=groups, method="hashed")
    for n in (50, 700, 2999):
        np.testing.assert_array_equal(split(n, groups=groups[:n], method="hashed").side, whole.side[:n])
        np.testing.assert_array_equal(split(n, method="hashed").side, split(3000, method="hashed").side[:n])
    order = random.permutation(3000)
    np.testing.assert_array_equal(split(3000, groups=groups[order], method="hashed").side, whole.side[order])
    np.testing.assert_array_equal(split(3000, groups=groups.astype(str), method="hashed").side, whole.side)
    near = random.integers(0, 40, (3000, 2)).astype(float)
    np.testing.assert_array_equal(
        split(1000, near=near[:1000], method="hashed").side, split(3000, near=near, method="hashed").side[:1000]
    )


def splitmix64(x):
    x = (x + 0x9E3779B97F4A7C15) % 2**64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


def test_hashed_sides_are_the_same_in_every_version_and_on_every_machine():
    """A group is hashed by BLAKE2b (RFC 7693), the seed its salt; a row's number by SplitMix64. Half of 2^64 is 0.5."""
    names = ["ada", "bob", "cy", "dee", "eve", "flo", "gus", "hal"]
    for seed in (0, 5):
        numbers = [
            int.from_bytes(blake2b(name.encode(), digest_size=8, salt=bytes([seed] + [0] * 7)).digest(), "little")
            for name in names
        ]
        found = split(8, groups=names, sizes={"a": 0.5, "b": 0.5}, method="hashed", seed=seed)
        assert found.side.tolist() == [number >> 63 for number in numbers]
        found = split(8, sizes={"a": 0.5, "b": 0.5}, method="hashed", seed=seed)
        assert found.side.tolist() == [splitmix64(row ^ splitmix64(seed)) >> 63 for row in range(8)]


def test_hashed_sizes_hold_on_average():
    """20,000 sets: each side's share within 5 standard errors; two seeds agree as often as chance has it."""
    n, asked = 20_000, np.array([0.6, 0.2, 0.2])
    for groups in (None, np.arange(n), [f"file-{i}.png" for i in range(n)]):
        sides = [split(n, groups=groups, method="hashed", seed=seed).side for seed in (0, 1)]
        for side in sides:
            shares = np.bincount(side) / n
            assert (np.abs(shares - asked) < 5 * np.sqrt(asked * (1 - asked) / n)).all()
        by_chance = (asked**2).sum()
        assert abs((sides[0] == sides[1]).mean() - by_chance) < 5 * np.sqrt(by_chance * (1 - by_chance) / n)


def test_what_stands_in_the_way_is_said():
    target = ["cat"] * 4 + ["dog"] * 4 + ["elk"] * 30
    groups = [1] * 4 + [2, 2, 3, 3] + [4] * 27 + [5, 6, 7]
    found = split(target, groups=groups)
    assert found.reasons == (
        "class cat lies wholly in one set of rows (4 rows): it can be on one side only",
        "class dog lies in 2 sets of rows (4 rows): fewer than the sides",
        "one set holds 27 of the 38 rows, more than the largest side is to have",
    )
    assert all(reason in str(found) for reason in found.reasons)
    assert "kept together: 35 rows in 4 sets of 2 to 27 rows; 3 rows alone" in str(found)
    np.testing.assert_allclose(found.shares.sum(axis=0), 1.0)
    np.testing.assert_array_equal(found.classes, ["cat", "dog", "elk"])
    assert sorted(found.shares[:, 0]) == [0.0, 0.0, 1.0]


def test_a_split_reads_as_a_table():
    found = split([0] * 50 + [1] * 50, sizes={"fit": 0.5, "test": 0.5})
    assert str(found).splitlines() == [
        "fit: 50 rows, 50.00% of 50.00% asked; of each class 50.00% to 50.00%",
        "test: 50 rows, 50.00% of 50.00% asked; of each class 50.00% to 50.00%",
    ]
    assert found.labels[found["test"]].tolist() == ["test"] * 50
    assert list(dict(found)) == list(found) == ["fit", "test"]
    with pytest.raises(OptionError, match=re.escape("Split: a side must be one of ['fit', 'test']; got 'train'")):
        found["train"]


def test_every_side_gets_a_set_however_small_its_share():
    found = split(10, sizes={"a": 0.98, "b": 0.01, "c": 0.01})
    assert sorted(np.bincount(found.side)) == [1, 1, 8]


def test_folds_serve_scikit_learn():
    random = np.random.default_rng(0)
    people = random.normal(size=(40, 80))
    groups = np.repeat(np.arange(40), 10)
    X = people[groups] + 0.01 * random.normal(size=(400, 80))
    target = random.integers(0, 2, 40)[groups]  # nothing to learn but who it is
    model = LogisticRegression(C=100.0)
    cv = folds(target, groups=groups, n_folds=4)
    honest, leaking = (
        cross_val_score(model, X, target, cv=cv),
        cross_val_score(model, X, target, cv=KFold(4, shuffle=True, random_state=0)),
    )
    assert leaking.mean() - honest.mean() > 0.15
    for fit, score in cv:
        assert not set(groups[fit]) & set(groups[score])
        np.testing.assert_array_equal(np.sort(np.concatenate([fit, score])), np.arange(400))
    np.testing.assert_array_equal(np.sort(np.concatenate([score for _, score in cv])), np.arange(400))


def test_leakage_counts_what_crosses():
    random = np.random.default_rng(0)
    side, groups = random.choice(["train", "test"], 500), random.integers(0, 150, 500)
    near = random.integers(0, 40, (500, 2)).astype(float)
    found = leakage(side, groups=groups, near=near, tolerance=1.0)
    for shared, label in ((found.groups, groups), (found.near, connected_components(cdist(near, near) <= 1.0)[1])):
        crossing = [k for k in np.unique(label) if len(set(side[label == k])) > 1]
        assert shared.sets == len(crossing) > 0
        assert shared.rows == np.isin(label, crossing).sum()
        assert len(shared.examples) == 3
        for a, b in shared.examples:
            assert label[a] == label[b] and side[a] != side[b] and a < b
    assert found
    assert (
        str(found).splitlines()[0].startswith(f"{found.groups.sets} groups on several sides, {found.groups.rows} rows")
    )


def test_leakage_of_real_splits():
    target, groups = skewed(0, 1000, 100, 3)
    assert not leakage(split(target, groups=groups).labels, groups=groups)
    side = np.zeros(1000, dtype=int)
    side[next(KFold(5).split(target))[1]] = 1
    assert leakage(side, groups=groups).groups.sets > 20
    assert leakage(side, groups=np.arange(1000)).groups.sets == 0
    assert leakage(side, groups=groups).near is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: split(2),
            OptionError,
            "split: sizes must name at most as many sides as there are sets of rows; got 3 sides for 2 sets of 2",
        ),
        (
            lambda: split(9, groups=[1] * 5 + [2] * 4),
            OptionError,
            "split: sizes must name at most as many sides as there are sets of rows that must be kept together; "
            "got 3 sides for 2 sets of 9 rows",
        ),
        (
            lambda: folds([0, 1] * 4, groups=[1, 1, 2, 2] * 2),
            OptionError,
            "folds: n_folds must be at most the number of sets of rows that are kept together; got 5 folds for 2 sets",
        ),
        (lambda: folds(9, n_folds=1), OptionError, "folds: n_folds must be an integer ≥ 2; got 1"),
        (lambda: split(9, sizes={"a": 0.5, "b": 0.4}), OptionError, "split: sizes must sum to 1; got a sum of 0.9"),
        (lambda: split(9, sizes={"a": 1.5, "b": -0.5}), OptionError, "split: sizes must be above 0; got -0.5 for 'b'"),
        (
            lambda: split(9, sizes={"a": 1.0}),
            OptionError,
            "split: sizes must map at least two names to shares; got {'a': 1.0}",
        ),
        (lambda: split(9, sizes=[0.8, 0.2]), OptionError, "split: sizes must map at least two names"),
        (lambda: split(9, method="random"), OptionError, "split: method must be 'balanced' or 'hashed'; got 'random'"),
        (lambda: split(9, seed=-1), OptionError, "split: seed must be an integer in [0, 2^63); got -1"),
        (lambda: split(9, tolerance=0.1), OptionError, "split: tolerance must go with near; got 0.1 alone"),
        (lambda: split(0), OptionError, "split: target must be labels, or a number of rows ≥ 1; got 0"),
        (lambda: split([]), OptionError, "got 3 sides for 0 sets of 0 rows"),
        (lambda: split([[0, 1]]), ShapeError, "split: target must have shape (rows,); got shape (1, 2)"),
        (
            lambda: split(9, groups=[1, 2]),
            ShapeError,
            "split: groups must have shape (9,) or (9, columns); got shape (2,)",
        ),
        (lambda: split(3, near=[[0.0]]), ShapeError, "split: near must have 3 rows; got 1"),
        (lambda: split(3, near=[0.0] * 3), ShapeError, "split: near must have shape (rows, features); got shape (3,)"),
        (
            lambda: split(4, groups=[1.0, np.nan, 2.0, 3.0]),
            OptionError,
            "split: groups must have no missing values; got nan at row 1 (1 such rows)",
        ),
        (
            lambda: split(3, groups=np.array(["a", "b", None], object)),
            OptionError,
            "split: groups must have no missing values; got None at row 2",
        ),
        (
            lambda: split(3, groups=np.array(["a", "b", 3], object)),
            DtypeError,
            "split: groups must be all numbers or all strings; got a mixture",
        ),
        (
            lambda: split(3, groups=np.array([1j, 2j, 3j])),
            DtypeError,
            "split: groups must be numbers or strings; got dtype complex128",
        ),
        (lambda: leakage(["a", "b"]), OptionError, "leakage: groups or near must be given; got neither"),
        (lambda: leakage(["a", "b"], groups=[1]), ShapeError, "leakage: groups must have shape (2,) or (2, columns)"),
        (lambda: leakage([["a"]], groups=[1]), ShapeError, "leakage: side must have shape (rows,); got shape (1, 1)"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
