"""Keras and TensorFlow: layers, functional graphs, what ``compile`` is given, and the losses of TF 1 and 2."""

from __future__ import annotations

from collections.abc import Callable

from xent.lint.events import Loss, Threshold
from xent.lint.frameworks import tensors
from xent.lint.frameworks.losses import call_loss, meet, named
from xent.lint.frameworks.site import Site, as_tensor
from xent.lint.frameworks.torch import apply_children
from xent.lint.values import (
    NONE,
    UNKNOWN,
    Choice,
    Const,
    External,
    Function,
    Kind,
    Link,
    Mapping,
    Object,
    Partial,
    Seq,
    Tensor,
    Value,
    constant,
    held,
)

_Y = ("y_true", "y_pred", "from_logits")


def _keras(name: str, family: str, index: bool = True, names: tuple[str, ...] = _Y) -> Loss:
    return Loss(name, "keras", "probs", family, names[1], names[0], names, index=index)


_SPELLINGS = {
    "categorical_crossentropy": _keras("categorical_crossentropy", "softmax", False),
    "sparse_categorical_crossentropy": _keras("sparse_categorical_crossentropy", "softmax"),
    "binary_crossentropy": _keras("binary_crossentropy", "sigmoid", False),
    "binary_focal_crossentropy": _keras("binary_focal_crossentropy", "sigmoid", False),
    "categorical_focal_crossentropy": _keras("categorical_focal_crossentropy", "softmax", False),
    "mse": _keras("mean_squared_error", "none", False),
    "mean_squared_error": _keras("mean_squared_error", "none", False),
}
_CLASSES = {
    "CategoricalCrossentropy": "categorical_crossentropy",
    "SparseCategoricalCrossentropy": "sparse_categorical_crossentropy",
    "BinaryCrossentropy": "binary_crossentropy",
    "BinaryFocalCrossentropy": "binary_focal_crossentropy",
    "CategoricalFocalCrossentropy": "categorical_focal_crossentropy",
    "MeanSquaredError": "mean_squared_error",
}


def with_logits(loss: Loss, options: dict[str, Value]) -> Loss | None:
    """Return the loss as ``from_logits`` has it, or None where that cannot be known."""
    said = options.get("from_logits")
    if said is None:
        return loss
    if not isinstance(said, Const):
        return None
    if not said.value:
        return loss
    return Loss(
        loss.name, "keras", "logits", loss.family, loss.prediction, loss.target, loss.parameters, index=loss.index
    )


def keras_loss(value: Value) -> tuple[Loss, dict[str, Value], Object | None] | None:
    """Return the loss that ``compile`` is told of: a text, a function, or an object."""
    if isinstance(value, Partial):
        inner = keras_loss(value.function)
        return (inner[0], {**inner[1], **value.kwargs}, inner[2]) if inner else None
    name = constant(value)
    if isinstance(name, str):
        if name in _CLASSES:
            name = _CLASSES[name]
        return (_SPELLINGS[name], {}, None) if name in _SPELLINGS else None
    if isinstance(value, External):
        last = value.name.rpartition(".")[2]
        if value.name.startswith("keras.") and last in _SPELLINGS:
            return _SPELLINGS[last], {}, None
    if isinstance(value, Object) and value.cls is None and value.name.startswith("keras."):
        last = value.name.rpartition(".")[2]
        if last in _CLASSES:
            return _SPELLINGS[_CLASSES[last]], named(("from_logits",), value.args, value.kwargs), value
    return None


def activate_by(site: Site, activation: Value | None, x: Tensor) -> Value:
    """Apply what a layer's ``activation`` says: nothing, a name, or a function."""
    name = constant(activation)
    if activation is None or activation is NONE or (isinstance(activation, Const) and name in (None, "linear")):
        return x
    simple = {"softmax": "softmax", "sigmoid": "sigmoid", "log_softmax": "log_softmax", "relu": "relu", "tanh": "clip"}
    if isinstance(name, str):
        if name in ("relu6", "leaky_relu", "hard_sigmoid") or name not in simple:
            return UNKNOWN if name != "relu6" else tensors.activate(site, "relu", x)
        return tensors.activate(site, simple[name], x, -1 if "softmax" in name else None, True, f"activation={name!r}")
    if isinstance(activation, External | Object | Function | Partial):
        return site.machine.call(activation, (x,), {}, site.node)
    return UNKNOWN


def _dense(
    class_axis: int, activation: str = "activation", default: Value = NONE, convolution: bool = False
) -> Callable[[Site, Object], Value]:
    def apply(site: Site, layer: Object) -> Value:
        units = layer.argument(0, "filters" if convolution else "units")
        given = as_tensor(site.get(0, "inputs"))
        shown = layer.name.rpartition(".")[2]
        link = Link(f"{shown} gives logits", layer.module, layer.node)
        rank = 4 if convolution else given.rank
        x = Tensor(Kind.LOGITS, classes=units, class_axis=class_axis, rank=rank, origin=layer.node, trail=link)
        said = layer.argument(-1 if convolution else 1, activation)
        result = activate_by(site, said if said is not None else default, x)
        label = constant(layer.kwargs.get("name"))
        if isinstance(result, Tensor) and isinstance(label, str):
            result = result.but(of=label)
        if isinstance(result, Tensor) and result.kind is not x.kind and result.trail is not None:
            made = Link(
                f"{shown} with {result.trail.text.partition(' gives')[0]} gives {result.kind.value}",
                layer.module,
                layer.node,
            )
            result = result.but(trail=made, marks=result.marks | ({"one unit"} if constant(units) == 1 else set()))
        return result

    return apply


def _activation_layer(site: Site, layer: Object) -> Value:
    result = activate_by(site, layer.argument(0, "activation"), as_tensor(site.get(0, "inputs")))
    return _made(result, layer)


def _made(result: Value, layer: Object) -> Value:
    if isinstance(result, Tensor) and result.trail is not None and layer.node is not None:
        return result.but(trail=Link(result.trail.text, layer.module, layer.node, result.trail.before))
    return result


def _softmax_layer(site: Site, layer: Object) -> Value:
    axis = layer.argument(0, "axis")
    number = constant(axis) if axis is not None else -1
    return _made(tensors.activate(site, "softmax", site.get(0, "inputs"), number, True, "Softmax", layer), layer)


def _relu_layer(site: Site, layer: Object) -> Value:
    x = site.get(0, "inputs")
    return _made(tensors.activate(site, "relu", x, how="ReLU"), layer) if isinstance(x, Tensor) else UNKNOWN


def apply_model(site: Site, model: Object) -> Value:
    """Pass a value through a functional model."""
    return model.argument(1, "outputs") or UNKNOWN


def _application(site: Site, model: Object) -> Value:
    top = model.argument(0, "include_top")
    if top is not None and not (isinstance(top, Const) and top.value):
        return Tensor(Kind.ANY)
    if "classifier_activation" in model.kwargs:
        return activate_by(
            site, model.kwargs["classifier_activation"], Tensor(Kind.LOGITS, class_axis=-1, origin=model.node)
        )
    link = Link(f"{model.name.rpartition('.')[2]} ends with a softmax", model.module, model.node)
    return Tensor(
        Kind.SOFTMAX, axis=-1, classes=model.kwargs.get("classes"), class_axis=-1, rank=2, origin=model.node, trail=link
    )


def _keep(site: Site, layer: Object) -> Value:
    return site.get(0, "inputs") or UNKNOWN


def _wrapped(site: Site, layer: Object) -> Value:
    return site.machine.call(layer.argument(0, "layer") or UNKNOWN, site.args, site.kwargs, site.node)


def _lambda(site: Site, layer: Object) -> Value:
    return site.machine.call(layer.argument(0, "function") or UNKNOWN, site.args[:1], {}, site.node)


LAYERS: dict[str, Callable[[Site, Object], Value]] = {
    "keras.layers.Lambda": _lambda,
    "keras.layers.Dense": _dense(-1),
    "keras.layers.Conv2D": _dense(-1, convolution=True),
    "keras.layers.Convolution2D": _dense(-1, convolution=True),
    "keras.layers.Conv2DTranspose": _dense(-1, convolution=True),
    "keras.layers.Conv3D": _dense(-1, convolution=True),
    "keras.layers.Activation": _activation_layer,
    "keras.layers.Softmax": _softmax_layer,
    "keras.layers.ReLU": _relu_layer,
    "keras.layers.Dropout": _keep,
    "keras.layers.Reshape": lambda site, layer: tensors.loosen(site, site.get(0)),
    "keras.layers.Flatten": lambda site, layer: tensors.loosen(site, site.get(0)),
    "keras.layers.GlobalAveragePooling2D": lambda site, layer: (
        x if isinstance(x := site.get(0), Tensor) and x.kind is Kind.LOGITS else UNKNOWN
    ),
    "keras.layers.UpSampling2D": _keep,
    "keras.layers.TimeDistributed": _wrapped,
    "keras.Sequential": apply_children,
    "keras.models.Sequential": apply_children,
    "keras.Model": apply_model,
    "keras.models.Model": apply_model,
}


def is_application(name: str) -> bool:
    """Whether a name is a model of ``keras.applications``."""
    return name.startswith("keras.applications.") and name.rpartition(".")[2][:1].isupper()


def layer(name: str) -> Callable[[Site, Object], Value] | None:
    """Return what a Keras layer does to a value."""
    if is_application(name):
        return _application
    return LAYERS.get(name)


# ---- compile

MODELS = frozenset({"keras.Sequential", "keras.models.Sequential", "keras.Model", "keras.models.Model"})


def outputs(site: Site, model: Object) -> Value:
    """Return what a model gives for an unknown input."""
    return site.machine.call(model, (UNKNOWN,), {}, site.node)


def compile_(site: Site, model: Object) -> Value:
    """Meet a model's outputs with the losses that ``compile`` is given."""
    loss = site.get(1, "loss")
    if loss is None:
        return NONE
    metrics = site.get(2, "metrics")
    watched = metrics.items if isinstance(metrics, Seq) else ()
    _pair(site, outputs(site, model), loss, tuple(watched))
    return NONE


def _pair(site: Site, output: Value, loss: Value, metrics: tuple[Value, ...]) -> None:
    if isinstance(output, Seq) and len(output.items) == 1:
        output = output.items[0]
    if isinstance(loss, Seq) and len(loss.items) == 1 and not isinstance(output, Seq):
        loss = loss.items[0]
    if isinstance(output, Seq):
        each = loss.items if isinstance(loss, Seq) else (loss,) * len(output.items)
        if isinstance(loss, Mapping):
            for one in output.items:
                if isinstance(one, Tensor) and one.of in loss.store:
                    _pair(site, one, loss.store[one.of], ())
            return
        for one, its_loss in zip(output.items, each, strict=False):
            _pair(site, one, its_loss, ())
        return
    if isinstance(output, Mapping):
        for key, one in output.store.items():
            if key is not ... and (not isinstance(loss, Mapping) or key in loss.store):
                _pair(site, one, held(loss.store, key) if isinstance(loss, Mapping) else loss, ())
        return
    if isinstance(loss, Mapping) and len(loss.store) == 1:
        loss = next(iter(loss.store.values()))
    if isinstance(loss, Choice):
        for option in loss.options:
            _pair(site, output, option, metrics)
        return
    if isinstance(loss, Function):
        site.machine.call(loss, (UNKNOWN, output), {}, site.node)
        return
    found = keras_loss(loss)
    if found is None:
        return
    kind = with_logits(found[0], found[1])
    if kind is not None:
        meet(site, kind, output, None, found[1], found[2], metrics)


# ---- TensorFlow's functions

_TF_LOSSES: dict[str, Loss] = {
    "tensorflow.nn.softmax_cross_entropy_with_logits": Loss(
        "softmax_cross_entropy_with_logits",
        "tf",
        "logits",
        "softmax",
        "logits",
        "labels",
        ("labels", "logits"),
        index=False,
    ),
    "tensorflow.nn.softmax_cross_entropy_with_logits_v2": Loss(
        "softmax_cross_entropy_with_logits_v2",
        "tf",
        "logits",
        "softmax",
        "logits",
        "labels",
        ("labels", "logits"),
        index=False,
    ),
    "tensorflow.nn.sparse_softmax_cross_entropy_with_logits": Loss(
        "sparse_softmax_cross_entropy_with_logits", "tf", "logits", "softmax", "logits", "labels", ("labels", "logits")
    ),
    "tensorflow.nn.sigmoid_cross_entropy_with_logits": Loss(
        "sigmoid_cross_entropy_with_logits",
        "tf",
        "logits",
        "sigmoid",
        "logits",
        "labels",
        ("labels", "logits"),
        index=False,
    ),
    "tensorflow.nn.weighted_cross_entropy_with_logits": Loss(
        "weighted_cross_entropy_with_logits",
        "tf",
        "logits",
        "sigmoid",
        "logits",
        "labels",
        ("labels", "logits", "pos_weight"),
        index=False,
    ),
    "tensorflow.losses.softmax_cross_entropy": Loss(
        "losses.softmax_cross_entropy",
        "tf",
        "logits",
        "softmax",
        "logits",
        "onehot_labels",
        ("onehot_labels", "logits"),
        index=False,
    ),
    "tensorflow.losses.sparse_softmax_cross_entropy": Loss(
        "losses.sparse_softmax_cross_entropy", "tf", "logits", "softmax", "logits", "labels", ("labels", "logits")
    ),
    "tensorflow.losses.sigmoid_cross_entropy": Loss(
        "losses.sigmoid_cross_entropy",
        "tf",
        "logits",
        "sigmoid",
        "logits",
        "multi_class_labels",
        ("multi_class_labels", "logits"),
        index=False,
    ),
    "tensorflow.losses.log_loss": Loss(
        "losses.log_loss", "tf", "probs", "sigmoid", "predictions", "labels", ("labels", "predictions"), index=False
    ),
    "keras.backend.categorical_crossentropy": _keras(
        "categorical_crossentropy", "softmax", False, ("target", "output", "from_logits")
    ),
    "keras.backend.sparse_categorical_crossentropy": _keras(
        "sparse_categorical_crossentropy", "softmax", True, ("target", "output", "from_logits")
    ),
    "keras.backend.binary_crossentropy": _keras(
        "binary_crossentropy", "sigmoid", False, ("target", "output", "from_logits")
    ),
    "keras.ops.categorical_crossentropy": _keras(
        "categorical_crossentropy", "softmax", False, ("target", "output", "from_logits")
    ),
    "keras.ops.sparse_categorical_crossentropy": _keras(
        "sparse_categorical_crossentropy", "softmax", True, ("target", "output", "from_logits")
    ),
    "keras.ops.binary_crossentropy": _keras(
        "binary_crossentropy", "sigmoid", False, ("target", "output", "from_logits")
    ),
}


def _activation(name: str, axis_default: int | None) -> Callable[[Site], Value]:
    def apply(site: Site) -> Value:
        given = site.get(0, "logits", "x", "features")
        if name in ("relu", "clip") and not isinstance(given, Tensor):
            return UNKNOWN
        axis = site.get(1, "axis", "dim")
        number = site.integer(1, "axis", "dim") if axis is not None else axis_default
        return tensors.activate(site, name, given, number, by="function")

    return apply


def _matmul(site: Site) -> Value:
    """Multiply by a variable: what TF 1 programs call a layer."""
    weight = site.get(1, "b")
    if isinstance(weight, Object) and weight.name in ("tensorflow.Variable", "tensorflow.get_variable"):
        return Tensor(
            Kind.LOGITS, class_axis=-1, rank=2, origin=site.node, trail=site.link("a linear map gives logits")
        )
    return UNKNOWN


def _tf_dense(activation: str, default: str | None, units_at: int = 1) -> Callable[[Site], Value]:
    def apply(site: Site) -> Value:
        units = site.get(units_at, "units", "num_outputs")
        link = site.link("the last layer gives logits")
        x = Tensor(Kind.LOGITS, classes=units, class_axis=-1, rank=2, origin=site.node, trail=link)
        said = site.get(units_at + 1, activation)
        return activate_by(site, said if said is not None else Const(default), x)

    return apply


def _one_hot(site: Site) -> Value:
    return Tensor(Kind.ONE_HOT, trail=site.link("one-hot rows"))


FUNCTIONS: dict[str, Callable[[Site], Value]] = {
    **{
        f"{where}.{spelled}": _activation(name, -1 if "softmax" in name else None)
        for where in (
            "tensorflow.nn",
            "tensorflow",
            "tensorflow.math",
            "keras.activations",
            "keras.backend",
            "keras.ops",
        )
        for spelled, name in {
            "softmax": "softmax",
            "sigmoid": "sigmoid",
            "log_softmax": "log_softmax",
            "log_sigmoid": "log_sigmoid",
            "relu": "relu",
            "tanh": "clip",
        }.items()
    },
    "tensorflow.matmul": _matmul,
    "tensorflow.layers.dense": _tf_dense("activation", None),
    "tensorflow.contrib.layers.fully_connected": _tf_dense("activation_fn", "relu"),
    "tensorflow.contrib.slim.fully_connected": _tf_dense("activation_fn", "relu"),
    "tensorflow.one_hot": _one_hot,
    "keras.utils.to_categorical": _one_hot,
    "keras.Input": lambda site: Tensor(Kind.ANY),
    "keras.layers.Input": lambda site: Tensor(Kind.ANY),
    "tensorflow.Variable": lambda site: Object(
        None, "tensorflow.Variable", tuple(site.args), site.kwargs, site.module, site.node
    ),
    "tensorflow.get_variable": lambda site: Object(
        None, "tensorflow.get_variable", tuple(site.args), site.kwargs, site.module, site.node
    ),
}


def call_function(site: Site, name: str) -> Value | None:
    """Call a loss of TensorFlow or Keras by its name, or return None if it is none."""
    loss = _TF_LOSSES.get(name)
    last = name.rpartition(".")[2]
    if name == "keras.metrics.binary_accuracy":
        x, at = site.get(1, "y_pred"), site.constant(2, "threshold")
        if isinstance(x, Tensor) and at in (None, 0.5):
            site.machine.emit(Threshold(site.module, site.node, x, 0.5, True))
        return UNKNOWN
    if loss is None and name.startswith(("keras.losses.", "keras.metrics.")) and last in _SPELLINGS:
        loss = _SPELLINGS[last]
    if loss is None:
        return None
    options = named(loss.parameters, site.args, site.kwargs)
    kind = with_logits(loss, {"from_logits": options["from_logits"]} if "from_logits" in options else {})
    if kind is None:
        return Tensor(Kind.LOSS)
    result = call_loss(site, kind)
    return result.but(marks=frozenset()) if isinstance(result, Tensor) else result


def call_loss_object(site: Site, maker: Object) -> Value | None:
    """Call a loss object of Keras on labels and predictions."""
    found = keras_loss(maker)
    if found is None:
        return None
    kind = with_logits(found[0], found[1])
    return call_loss(site, kind, maker, found[1]) if kind is not None else Tensor(Kind.LOSS)
