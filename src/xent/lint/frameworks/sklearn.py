"""scikit-learn, SciPy, skorch and torchmetrics: estimators' outputs, log_loss, and nets that log for you."""

from __future__ import annotations

from collections.abc import Callable

from xent.lint.events import Loss
from xent.lint.frameworks import tensors
from xent.lint.frameworks.losses import call_loss, meet
from xent.lint.frameworks.site import Site
from xent.lint.frameworks.torch import criterion
from xent.lint.values import UNKNOWN, Class, Const, External, Function, Kind, Object, Tensor, Value, constant

LOSSES: dict[str, Loss] = {
    "sklearn.metrics.log_loss": Loss(
        "log_loss", "sklearn", "probs", "softmax", "y_pred", "y_true", ("y_true", "y_pred"), index=True
    ),
    "sklearn.metrics.brier_score_loss": Loss(
        "brier_score_loss", "sklearn", "probs", "sigmoid", "y_proba", "y_true", ("y_true", "y_proba"), index=False
    ),
}


def _softmax(name: str) -> Callable[[Site], Value]:
    def apply(site: Site) -> Value:
        return tensors.activate(site, name, site.get(0, "x"), site.integer(1, "axis"), by="function")

    return apply


FUNCTIONS: dict[str, Callable[[Site], Value]] = {
    "scipy.special.softmax": _softmax("softmax"),
    "scipy.special.log_softmax": _softmax("log_softmax"),
    "scipy.special.logsumexp": lambda site: tensors.soft_largest(site, site.get(0, "a")),
    "scipy.special.expit": lambda site: tensors.activate(site, "sigmoid", site.get(0, "x"), by="function"),
    "sklearn.utils.extmath.softmax": lambda site: tensors.activate(site, "softmax", site.get(0, "X"), 1),
}


def estimator_method(site: Site, estimator: Object, name: str) -> Value | None:
    """Call a method of an estimator, or return None if the linter does not know it."""
    last = estimator.name.rpartition(".")[2]
    if name in ("fit", "set_params", "partial_fit"):
        if name == "fit" and isinstance(target := site.get(1, "y"), Tensor) and target.n_classes == 1:
            site.machine.write(estimator.attrs, "?column", target)
        return estimator
    if name == "predict" and isinstance(column := estimator.attrs.get("?column"), Tensor):
        return column
    if name == "decision_function" and last == "OneVsOneClassifier":
        return UNKNOWN  # votes, and a fraction that breaks ties
    if name == "decision_function":
        return Tensor(
            Kind.LOGITS,
            origin=estimator.node,
            trail=site.link(f"decision_function of {last} gives scores"),
            marks=frozenset({"decision"}),
        )
    if name == "predict_proba":
        return Tensor(
            Kind.SOFTMAX,
            axis=1,
            origin=estimator.node,
            trail=site.link(f"predict_proba of {last} gives probabilities"),
            marks=frozenset({"classical"}),
        )
    if name == "predict_log_proba":
        return Tensor(
            Kind.LOG_SOFTMAX,
            axis=1,
            origin=estimator.node,
            trail=site.link(f"predict_log_proba of {last}"),
            marks=frozenset({"classical"}),
        )
    if name == "fit_transform" and last == "MultiLabelBinarizer":
        return Tensor(Kind.MULTI_HOT, trail=site.link("MultiLabelBinarizer gives multi-hot rows"))
    if name in ("fit_transform", "transform") and last in ("OneHotEncoder", "LabelBinarizer"):
        return Tensor(Kind.ONE_HOT, trail=site.link(f"{last} gives one-hot rows"))
    if name in ("fit_transform", "transform") and last == "MultiLabelBinarizer":
        return Tensor(Kind.MULTI_HOT, trail=site.link("MultiLabelBinarizer gives multi-hot rows"))
    return None


_NETS = {
    "skorch.NeuralNetClassifier": "torch.nn.NLLLoss",
    "skorch.classifier.NeuralNetClassifier": "torch.nn.NLLLoss",
    "skorch.NeuralNetBinaryClassifier": "torch.nn.BCEWithLogitsLoss",
    "skorch.classifier.NeuralNetBinaryClassifier": "torch.nn.BCEWithLogitsLoss",
    "skorch.NeuralNet": "",
}
_TAKES_PROBS = Loss("skorch's NLLLoss", "skorch", "probs", "softmax")


def make_net(site: Site, name: str) -> Value | None:
    """Make a net of skorch: its module meets its criterion. A classifier's NLLLoss takes the logarithm itself."""
    if name not in _NETS:
        return None
    module = site.get(0, "module") or UNKNOWN
    chosen = site.get(1, "criterion")
    if chosen is None:
        chosen = External(_NETS[name]) if _NETS[name] else UNKNOWN
    net = Object(None, name, tuple(site.args), site.kwargs, site.module, site.node)
    kwargs = {key.removeprefix("module__"): value for key, value in site.kwargs.items() if key.startswith("module__")}
    if isinstance(module, Class | Function):
        module = site.machine.call(module, (), kwargs, site.node)
    found = criterion(chosen)
    if found is None or not isinstance(module, Object):
        return net
    output = site.machine.call(module, (UNKNOWN,), {}, site.node)
    loss, options, maker = found
    if loss.name == "NLLLoss" and "Classifier" in name:
        loss = _TAKES_PROBS
    options = {
        **options,
        **{k.removeprefix("criterion__"): v for k, v in site.kwargs.items() if k.startswith("criterion__")},
    }
    meet(site, loss, output, None, options, maker)
    return net


def call_function(site: Site, name: str) -> Value | None:
    """Call a metric that is a loss, or return None if it is none."""
    loss = LOSSES.get(name)
    if loss is None:
        return None
    if name.endswith("brier_score_loss") and "y_prob" in site.kwargs:
        site.kwargs["y_proba"] = site.kwargs.pop("y_prob")
    return call_loss(site, loss)


def class_weights(site: Site, name: str) -> Value | None:
    """``compute_class_weight``: in the order of the classes that it was given."""
    if not name.endswith("class_weight.compute_class_weight"):
        return None
    classes = site.get(1, "classes")
    if isinstance(classes, Object) and classes.name == "?by appearance":
        return classes
    return UNKNOWN


def threshold_of(metric: Value) -> float | None:
    """Return the threshold of a Keras metric that compares with one: its default is for probabilities."""
    if isinstance(metric, Const) and metric.value in ("accuracy", "acc", "binary_accuracy"):
        return 0.5
    if (
        isinstance(metric, Object)
        and metric.name.startswith("keras.metrics.")
        and metric.name.endswith("BinaryAccuracy")
    ):
        said = constant(metric.argument(2, "threshold"))
        return float(said) if isinstance(said, int | float) else 0.5
    return None
