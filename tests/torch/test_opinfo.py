"""Torch's own samples for its two losses, and everything that torch refuses: nothing changes for who exchanges them.

The samples are those that torch tests itself with (``torch.testing._internal``, part of its wheel). The truth is
torch's own function in float64 of the same inputs; a narrower result may differ from it by one rounding and by what
arithmetic in float32 loses, or by as much as torch's own result of that dtype does, if that is more.
"""

import copy
import os
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import pytest
import torch
import torch.nn.functional as F

import xent.torch

Function = Callable[..., torch.Tensor]

DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
FUNCTIONS: dict[str, tuple[Function, Function]] = {
    "cross_entropy": (xent.torch.cross_entropy, F.cross_entropy),
    "binary_cross_entropy_with_logits": (
        xent.torch.binary_cross_entropy_with_logits,
        F.binary_cross_entropy_with_logits,
    ),
}
MODULES: dict[str, tuple[type[torch.nn.Module], type[torch.nn.Module]]] = {
    "CrossEntropyLoss": (xent.torch.CrossEntropyLoss, torch.nn.CrossEntropyLoss),
    "BCEWithLogitsLoss": (xent.torch.BCEWithLogitsLoss, torch.nn.BCEWithLogitsLoss),
}

x, index, probs = torch.linspace(-1, 1, 12).reshape(3, 4), torch.tensor([0, 1, 2]), torch.full((3, 4), 0.25)
images, labels = torch.zeros(2, 4, 5, 6), torch.zeros(2, 5, 6, dtype=torch.long)

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype).removeprefix("torch."))

# --- torch's test suite, without what it does to the process ----------------------------------------------------------


def process_state() -> dict[str, Any]:
    """What a test suite may change for everybody; compared before and after."""
    return {
        "environ": dict(os.environ),
        "warnings": list(warnings.filters),
        "random": random.getstate(),
        "numpy random": repr(np.random.get_state()),  # noqa: NPY002 - the global one is what torch seeds
        "torch random": torch.get_rng_state().tolist(),
        "hypothesis": hypothesis.settings.get_current_profile_name(),
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "grad": torch.is_grad_enabled(),
        "backend flags": torch.backends.flags_frozen(),
        "script": (torch._C.ScriptFunction.__call__, torch._C.ScriptMethod.__call__),
        "profiling executor": torch._C._get_graph_executor_optimize(),
    }


@contextmanager
def process_untouched() -> Iterator[None]:
    """Put back what torch's test suite changes when it is imported and when it draws samples, and check it."""
    before = process_state()
    numpy_random = np.random.get_state()  # noqa: NPY002
    try:
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")
            yield
    finally:
        os.environ.clear()
        os.environ.update(before["environ"])
        random.setstate(before["random"])
        np.random.set_state(numpy_random)  # noqa: NPY002
        hypothesis.settings.load_profile(before["hypothesis"])
        # The switch has no setter; torch.backends is an object before the module that holds it.
        torch.backends.flags_frozen.__globals__["__allow_nonbracketed_mutation_flag"] = not before["backend flags"]
        torch._C.ScriptFunction.__call__, torch._C.ScriptMethod.__call__ = before["script"]
    after = process_state()
    assert {what for what in before if before[what] != after[what]} == set()


class Suite(NamedTuple):
    """Torch's description of the operators and of the modules, by name."""

    operators: Mapping[str, Any]
    modules: Mapping[str, Any]

    def samples(self, name: str, dtype: torch.dtype) -> list[Any]:
        with process_untouched():
            return list(self.operators[name].sample_inputs("cpu", dtype, requires_grad=True))

    def module_inputs(self, name: str, dtype: torch.dtype, *, errors: bool = False) -> list[Any]:
        info = self.modules[name]
        draw = info.module_error_inputs_func if errors else info.module_inputs_func
        if draw is None:
            return []
        with process_untouched():
            torch.manual_seed(0)
            return list(draw(info, device="cpu", dtype=dtype, requires_grad=True, training=True))


@pytest.fixture(scope="module")
def suite() -> Suite:
    with process_untouched():
        from torch.testing._internal.common_methods_invocations import op_db
        from torch.testing._internal.common_modules import module_db
    operators = {op.name.removeprefix("nn.functional."): op for op in op_db if not op.variant_test_name}
    modules = {info.module_cls.__name__: info for info in module_db}
    return Suite({name: operators[name] for name in FUNCTIONS}, {name: modules[name] for name in MODULES})


# --- values and gradients ---------------------------------------------------------------------------------------------


class Result(NamedTuple):
    value: torch.Tensor
    gradients: dict[str, torch.Tensor]


Arguments = dict[str, Any]


def named(*args: Any, **kwargs: Any) -> Arguments:
    """The arguments of either function, by name."""
    return {**dict(zip(("input", "target"), args, strict=True)), **kwargs}


def constants(arguments: Arguments) -> Arguments:
    """The same arguments, none of them to be differentiated by."""
    return {name: each.detach() if isinstance(each, torch.Tensor) else each for name, each in arguments.items()}


def evaluate(function: Function, arguments: Arguments, dtype: torch.dtype | None = None) -> Result:
    """Return the value, and the gradients under an upstream gradient that is another one for each entry.

    With ``dtype`` all floating arguments are widened to it first. The upstream gradient is exact in every dtype.
    """
    leaves: Arguments = {}
    for name, each in arguments.items():
        leaves[name] = each
        if isinstance(each, torch.Tensor):
            wanted = each.is_floating_point() and dtype is not None
            leaves[name] = each.detach().to(dtype if wanted else each.dtype).requires_grad_(each.requires_grad)
    value = function(**leaves)
    upstream = (torch.arange(value.numel()).reshape(value.shape) % 7 - 2.5).to(value.dtype)
    wanted_leaves = {
        name: leaf for name, leaf in leaves.items() if isinstance(leaf, torch.Tensor) and leaf.requires_grad
    }
    gradients = torch.autograd.grad(value, list(wanted_leaves.values()), upstream)
    return Result(value.detach(), dict(zip(wanted_leaves, gradients, strict=True)))


def assert_close(what: str, actual: torch.Tensor, theirs: torch.Tensor, truth: torch.Tensor) -> None:
    """One rounding to the dtype and the losses of float32 (or float64) arithmetic; or as near the truth as torch is."""
    assert actual.dtype == theirs.dtype, what
    assert actual.shape == theirs.shape, what
    if actual.numel() == 0:
        return
    kind, exact = torch.finfo(actual.dtype), truth.double()
    finite = exact.isfinite()
    largest = exact[finite].abs().max() if finite.any() else torch.tensor(0.0)
    # In float64 the truth is itself torch's arithmetic, which loses digits as lse - z cancels.
    arithmetic = 1e-12 if actual.dtype == torch.float64 else 8 * torch.finfo(torch.float32).eps
    allowed = kind.eps * exact.abs() + arithmetic * largest + kind.smallest_normal * kind.eps
    allowed = torch.fmax(allowed, (theirs.double() - exact).abs())
    error = (actual.double() - exact).abs()
    alike = (actual.double() == exact) | (actual.isnan() & exact.isnan())
    right = torch.where(finite, error <= allowed, alike)
    assert right.all(), f"{what}: {actual} against {exact}, torch {theirs}"


def assert_same(ours: Function, theirs: Function, arguments: Arguments) -> None:
    before = {name: each.clone() for name, each in arguments.items() if isinstance(each, torch.Tensor)}
    actual, torchs = evaluate(ours, arguments), evaluate(theirs, arguments)
    truth = evaluate(theirs, arguments, torch.float64)
    assert_close("value", actual.value, torchs.value, truth.value)
    assert actual.gradients.keys() == torchs.gradients.keys()
    for name, gradient in actual.gradients.items():
        assert_close(f"gradient of {name}", gradient, torchs.gradients[name], truth.gradients[name])
    for name, each in before.items():
        assert torch.equal(each, arguments[name]), f"{name} was overwritten"


@each_dtype
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_sample_of_the_operator(suite: Suite, name: str, dtype: torch.dtype) -> None:
    assert set(DTYPES) == suite.operators[name].dtypes == suite.operators[name].backward_dtypes
    samples = suite.samples(name, dtype)
    assert len(samples) >= 20
    with process_untouched():
        scattered = [sample.noncontiguous() for sample in samples]
    for sample in samples + scattered:
        arguments = named(sample.input, *sample.args, **sample.kwargs)
        weight, target = arguments.get("weight"), arguments["target"]
        if name == "cross_entropy" and weight is not None and target.is_floating_point():
            arguments["weight"] = weight.detach().requires_grad_()  # the one case in which torch differentiates by it
        assert_same(*FUNCTIONS[name], arguments)
        # With the logits alone to differentiate by, as in every training loop, another way may serve.
        assert_same(*FUNCTIONS[name], {**constants(arguments), "input": sample.input})


@each_dtype
@pytest.mark.parametrize("name", MODULES)
def test_every_input_of_the_module(suite: Suite, name: str, dtype: torch.dtype) -> None:
    assert set(suite.modules[name].dtypes) <= set(DTYPES)
    inputs = suite.module_inputs(name, dtype)
    assert len(inputs) >= 6
    for each in inputs:
        ours, theirs = (cls(*each.constructor_input.args, **each.constructor_input.kwargs) for cls in MODULES[name])
        arguments = named(*each.forward_input.args, **each.forward_input.kwargs)
        wide = copy.deepcopy(theirs).double()
        actual, torchs = evaluate(ours, arguments), evaluate(theirs, arguments)
        truth = evaluate(wide, arguments, torch.float64)
        assert_close(each.desc, actual.value, torchs.value, truth.value)
        for argument, gradient in actual.gradients.items():
            assert_close(each.desc, gradient, torchs.gradients[argument], truth.gradients[argument])

        if dtype.itemsize >= 4:  # torch's reference is another formula than its kernel, and no better in half precision
            drawn = constants(arguments).values()
            torch.testing.assert_close(actual.value, each.reference_fn(theirs, *drawn), equal_nan=True)

        assert list(ours.parameters()) == list(theirs.parameters()) == []
        assert_state_is_shared(ours, theirs)


def assert_state_is_shared(ours: torch.nn.Module, theirs: torch.nn.Module) -> None:
    """The same names and tensors, and a checkpoint of either loads into the other."""
    mine, torchs = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(torchs)
    assert all(torch.equal(mine[key], torchs[key]) for key in torchs)
    ours, theirs = copy.deepcopy(ours), copy.deepcopy(theirs)
    theirs.load_state_dict({key: torch.full_like(value, 2.0) for key, value in torchs.items()})
    ours.load_state_dict(theirs.state_dict())
    assert all((value == 2.0).all() for value in ours.state_dict().values())
    ours.load_state_dict({key: torch.full_like(value, 3.0) for key, value in torchs.items()})
    theirs.load_state_dict(ours.state_dict())
    assert all((value == 3.0).all() for value in theirs.state_dict().values())


def test_a_checkpoint_with_both_weights_of_the_binary_module_fits() -> None:
    # None of torch's inputs has a pos_weight.
    weights = {"weight": torch.linspace(0, 2, 4), "pos_weight": torch.linspace(3, 1, 4)}
    ours, theirs = (cls(**weights) for cls in MODULES["BCEWithLogitsLoss"])
    assert list(ours.state_dict()) == ["weight", "pos_weight"]
    assert_same(ours, theirs, named(x.detach().requires_grad_(), (x + 1) / 2))
    assert_state_is_shared(ours, theirs)


# --- what torch refuses -----------------------------------------------------------------------------------------------


def raised(call: Callable[[], Any]) -> tuple[type[BaseException], str] | str:
    try:
        value = call()
    except Exception as error:
        return type(error), str(error)
    return f"accepted: {value}"


def build_and_call(cls: type[torch.nn.Module], module_input: Any) -> torch.Tensor:
    construction, forward = module_input.constructor_input, module_input.forward_input
    return cls(*construction.args, **construction.kwargs)(*forward.args, **forward.kwargs)


@pytest.mark.parametrize("name", MODULES)
def test_every_error_input_of_the_module(suite: Suite, name: str) -> None:
    errors = [each for dtype in DTYPES for each in suite.module_inputs(name, dtype, errors=True)]
    assert len(errors) == {"CrossEntropyLoss": 4 * 7, "BCEWithLogitsLoss": 0}[name]
    for error in errors:
        ours, theirs = (raised(partial(build_and_call, cls, error.module_error_input)) for cls in MODULES[name])
        assert theirs[0] is error.error_type
        assert ours == theirs


def test_torch_lists_no_error_input_of_the_operators(suite: Suite) -> None:
    # When it does, they belong beside the list below.
    assert [operator.error_inputs_func for operator in suite.operators.values()] == [None, None]


def example(case: str, function: str, *args: Any, **kwargs: Any) -> Any:
    return pytest.param(function, args, kwargs, id=f"{function}: {case}")


def refusals() -> Iterator[Any]:
    ce, bce = FUNCTIONS
    yield example("scalar logits", ce, torch.tensor(1.0), torch.tensor(0))
    yield example("integer logits", ce, x.long(), index)
    yield example("boolean logits", ce, x.bool(), index)
    yield example("complex logits", ce, x.to(torch.complex64), index)
    yield example("complex logits and target", ce, x.to(torch.complex64), probs.to(torch.complex64))
    yield example("list of logits", ce, x.tolist(), index)
    yield example("array of logits", ce, x.numpy(), index)
    yield example("list of targets", ce, x, index.tolist())
    yield example("no target", ce, x, None)
    for dtype in (torch.int32, torch.int16, torch.int8, torch.bool, torch.uint16, torch.uint32, torch.float32):
        yield example(f"{dtype} indices", ce, x, index.to(dtype))
    for options in ({}, {"weight": torch.ones(4)}, {"label_smoothing": 0.1}, {"reduction": "none"}):
        said = ", ".join(options)
        yield example(f"target past the last class, {said}", ce, x, torch.tensor([0, 1, 4]), **options)
        yield example(f"negative target, {said}", ce, x, torch.tensor([0, -1, 2]), **options)
    yield example("two bad targets", ce, x, torch.tensor([7, 1, 9]))
    yield example("byte past the last class", ce, x, torch.tensor([0, 1, 9], dtype=torch.uint8))
    yield example("one row, target past the last class", ce, x[0], torch.tensor(4))
    yield example("image, target past the last class", ce, images, labels + 4)
    yield example("no classes", ce, x[:, :0], index)
    yield example("probabilities with ignore_index", ce, x, probs, ignore_index=1)
    yield example("integer probabilities", ce, x, probs.long())
    yield example("probabilities of other classes", ce, x, torch.ones(3, 5))
    yield example("probabilities of one row", ce, x, torch.ones(1, 4))
    yield example("fewer targets", ce, x, index[:2])
    yield example("column of targets", ce, x, index[:, None])
    yield example("one target for all", ce, x, torch.tensor(0))
    yield example("three targets for one row", ce, x[0], index)
    yield example("sequence, other length", ce, images[..., 0], labels[:, :4, 0])
    yield example("image, other height", ce, images, labels[:, :4])
    yield example("image, other batch", ce, images, labels[:1])
    yield example("image, target of two axes", ce, images, labels[..., 0])
    yield example("volume, target of three axes", ce, images[..., None], labels)
    yield example("volume, other depth", ce, images[..., None], labels[..., None].expand(2, 5, 6, 3))
    for case, weight in {
        "short": torch.ones(3),
        "matrix": torch.ones(1, 4),
        "scalar": torch.ones(()),
        "list": [1.0] * 4,
    }.items():
        yield example(f"weight: {case}", ce, x, index, weight=weight)
        yield example(f"weight: {case}, probabilities", ce, x, probs, weight=weight)
        yield example(f"weight: {case}, smoothing", ce, x, index, weight=weight, label_smoothing=0.1)
    yield example("weight: short, image", ce, images, labels, weight=torch.ones(3))
    yield example("weight: short, one row", ce, x[0], torch.tensor(0), weight=torch.ones(3))
    for dtype in (torch.float64, torch.float16, torch.int64):
        yield example(f"weight: {dtype}", ce, x, index, weight=torch.ones(4, dtype=dtype))
        yield example(f"weight: {dtype}, smoothing", ce, x, index, weight=torch.ones(4, dtype=dtype), label_smoothing=1)
    yield example("weight: float32 for float16", ce, x.half(), index, weight=torch.ones(4))
    yield example("smoothing above 1", ce, x, index, label_smoothing=1.5)
    yield example("smoothing above 1, probabilities", ce, x, probs, label_smoothing=1.5)
    yield example("smoothing of text", ce, x, index, label_smoothing="a")
    yield example("smoothing of None", ce, x, index, label_smoothing=None)
    for value in (1.5, None, True, "a"):
        yield example(f"ignore_index {value!r}", ce, x, index, ignore_index=value)
    for value in ("avg", "", None, 0, "Mean"):
        yield example(f"reduction {value!r}", ce, x, index, reduction=value)
        yield example(f"reduction {value!r}", bce, x, probs, reduction=value)

    yield example("target of another shape", bce, x, probs[0])
    yield example("target of one column", bce, x, probs[:, :1])
    yield example("reduction before shape", bce, x, probs[0], reduction="avg")
    yield example("integer target", bce, x, probs.long())
    yield example("boolean target", bce, x, probs.bool())
    yield example("integer logits", bce, x.long(), probs)
    yield example("boolean logits", bce, x.bool(), probs)
    yield example("complex logits", bce, x.to(torch.complex64), probs)
    yield example("list of logits", bce, x.tolist(), probs)
    yield example("list of targets", bce, x, probs.tolist())
    yield example("no target", bce, x, None)
    for weight in ("weight", "pos_weight"):
        yield example(f"{weight}: short", bce, x, probs, **{weight: torch.ones(3)})
        yield example(f"{weight}: larger than the logits", bce, x, probs, **{weight: torch.ones(2, 3, 4)})
        yield example(f"{weight}: list", bce, x, probs, **{weight: [1.0] * 4})


@pytest.mark.parametrize(("name", "args", "kwargs"), [*refusals()])
def test_what_torch_refuses_is_refused_in_its_words(name: str, args: Sequence[Any], kwargs: Arguments) -> None:
    ours, theirs = FUNCTIONS[name]
    expected = raised(lambda: theirs(*args, **kwargs))
    assert isinstance(expected, tuple), "torch accepts it"
    assert raised(lambda: ours(*args, **kwargs)) == expected


# --- what torch accepts beside its samples ----------------------------------------------------------------------------


def acceptances() -> Iterator[Any]:
    ce, bce = FUNCTIONS
    every = torch.full((3,), -100)
    for reduction in ("mean", "sum", "none"):
        yield example(f"no rows, {reduction}", ce, x[:0], index[:0], reduction=reduction)
        yield example(f"no rows, probabilities, {reduction}", ce, x[:0], probs[:0], reduction=reduction)
        yield example(f"no entries, {reduction}", bce, x[:0], probs[:0], reduction=reduction)
        yield example(f"no pixels, {reduction}", ce, images[..., :0], labels[..., :0], reduction=reduction)
        yield example(f"every row ignored, {reduction}", ce, x, every, reduction=reduction)
        yield example(f"every row ignored, smoothed, {reduction}", ce, x, every, reduction=reduction, label_smoothing=1)
        if reduction != "mean":
            yield example(f"weights of 0, {reduction}", ce, x, index, reduction=reduction, weight=torch.zeros(4))
        yield example(f"one row, {reduction}", ce, x[0], torch.tensor(3), reduction=reduction)
        yield example(f"one row, probabilities, {reduction}", ce, x[0], probs[0], reduction=reduction)
        yield example(f"byte target, {reduction}", ce, x, index.byte(), reduction=reduction)
        yield example(f"probabilities outside [0, 1], {reduction}", ce, x, 3 - 8 * probs + x, reduction=reduction)
        yield example(f"targets outside [0, 1], {reduction}", bce, x, 3 - 8 * probs + x, reduction=reduction)
        yield example(f"negative weights, {reduction}", ce, x, index, reduction=reduction, weight=-torch.arange(4.0))
        yield example(f"negative pos_weight, {reduction}", bce, x, probs, reduction=reduction, pos_weight=-probs[0])
    for smoothing in (0, 1, True, 0.3):
        for target, weight in ((index, None), (index, torch.arange(4.0)), (probs, torch.arange(4.0))):
            said = f"smoothing {smoothing!r}, {target.dtype}, {'un' if weight is None else ''}weighted"
            yield example(said, ce, x, target, weight=weight, label_smoothing=smoothing)
            yield example(f"{said}, sum", ce, x, target, weight=weight, label_smoothing=smoothing, reduction="sum")
    wide, high = torch.linspace(-1, 1, 600).reshape(2, 300), torch.tensor([156, 3], dtype=torch.uint8)
    yield example("a byte that is -100 modulo 256", ce, wide, high, reduction="none")
    yield example("a byte that is ignore_index modulo 256", ce, wide, high, ignore_index=259, reduction="none")
    yield example("bytes of 200 classes", ce, wide[:, :200], high)
    yield example("an unused ignore_index of probabilities", ce, x, probs, ignore_index=-5)
    yield example("ignore_index past int32", ce, x, index, ignore_index=2**40)
    yield example("ignore_index is a class", ce, x, index, ignore_index=2, label_smoothing=0.2)
    yield example("float64 probabilities", ce, x, probs.double())
    yield example("float16 probabilities", ce, x, probs.half())
    yield example("float16 logits", ce, x.half(), probs)
    yield example("float64 weight, probabilities", ce, x, probs, weight=torch.ones(4, dtype=torch.float64))
    yield example("float64 target", bce, x, probs.double())
    yield example("integer weight", bce, x, probs, weight=torch.arange(4))


@pytest.mark.parametrize(("name", "args", "kwargs"), [*acceptances()])
def test_what_torch_accepts_is_accepted(name: str, args: Sequence[torch.Tensor], kwargs: Arguments) -> None:
    assert_same(*FUNCTIONS[name], named(args[0].detach().requires_grad_(), *args[1:], **kwargs))


@pytest.mark.parametrize("target", [index, torch.full((3,), -100)], ids=["weights of 0", "ignored"])
def test_a_mean_over_nothing_is_nan_and_its_gradient_0(target: torch.Tensor) -> None:
    # Torch has a gradient of NaN for weights of 0, and one of 0 for rows that are ignored.
    logits, weight = x.detach().requires_grad_(), torch.zeros(4)
    value, expected = (f(logits, target, weight=weight) for f in FUNCTIONS["cross_entropy"])
    assert value.isnan()
    assert expected.isnan()
    assert not torch.autograd.grad(value, logits)[0].any()


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_one_row_may_have_a_target_of_one_axis(reduction: str) -> None:
    # Torch itself takes it forward only: its backward refuses what its forward took.
    logits = x[0].detach().requires_grad_()
    actual, expected = (f(logits, index[2:], reduction=reduction) for f in FUNCTIONS["cross_entropy"])
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    "words",
    [{"reduction": "elementwise_mean"}]
    + [
        {"size_average": size_average, "reduce": reduce, "reduction": "none"}
        for size_average in (None, True, False)
        for reduce in (None, True, False)
        if (size_average, reduce) != (None, None)
    ],
    ids=str,
)
def test_the_old_words_for_a_reduction_are_understood_with_the_same_warning(name: str, words: Arguments) -> None:
    results, said = [], []
    for function in FUNCTIONS[name]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            results.append(function(x, index if name == "cross_entropy" else probs, **words))
        said.append([(each.category, str(each.message)) for each in caught])
    assert len(said[1]) == 1
    assert said[0] == said[1]
    torch.testing.assert_close(*results)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = {"cross_entropy": "CrossEntropyLoss"}.get(name, "BCEWithLogitsLoss")
        assert MODULES[module][0](**words).reduction == MODULES[module][1](**words).reduction


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_may_be_given_by_position(name: str) -> None:
    ours, theirs = FUNCTIONS[name]
    weight = torch.tensor([0.5, 1.0, 2.0, 3.0])
    if name == "cross_entropy":
        arguments: tuple[Any, ...] = (x, index, weight, None, 1, None, "sum", 0.1)
    else:
        arguments = (x, probs, weight, None, None, "sum", 2 * weight)
    torch.testing.assert_close(ours(*arguments), theirs(*arguments))
    with pytest.raises(TypeError):
        ours(*arguments, 1.0)
    cls, torchs = MODULES["CrossEntropyLoss" if name == "cross_entropy" else "BCEWithLogitsLoss"]
    torch.testing.assert_close(cls(*arguments[2:])(*arguments[:2]), torchs(*arguments[2:])(*arguments[:2]))
