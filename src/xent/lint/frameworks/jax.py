"""JAX: its activations, flax's, haiku's and equinox's layers, optax's losses, and what transforms a function."""

from __future__ import annotations

from collections.abc import Callable

from xent.lint.events import Loss
from xent.lint.frameworks import tensors
from xent.lint.frameworks.keras import activate_by
from xent.lint.frameworks.losses import call_loss
from xent.lint.frameworks.site import Site, as_tensor
from xent.lint.values import NONE, UNKNOWN, Kind, Link, Object, Partial, Seq, Tensor, Value


def _optax(name: str, family: str, index: bool) -> Loss:
    return Loss(
        name, "optax", "logits", family, "logits", "labels", ("logits", "labels"), reduction="none", index=index
    )


LOSSES: dict[str, Loss] = {
    f"{where}.{loss.name}": loss
    for where in ("optax", "optax.losses")
    for loss in (
        _optax("softmax_cross_entropy", "softmax", False),
        _optax("softmax_cross_entropy_with_integer_labels", "softmax", True),
        _optax("sigmoid_binary_cross_entropy", "sigmoid", False),
        _optax("sigmoid_focal_loss", "sigmoid", False),
        _optax("safe_softmax_cross_entropy", "softmax", False),
        Loss(
            "kl_divergence",
            "optax",
            "log_probs",
            "kl",
            "log_predictions",
            "targets",
            ("log_predictions", "targets"),
            reduction="none",
            index=False,
        ),
    )
}


def _activation(name: str, default: int | None) -> Callable[[Site], Value]:
    def apply(site: Site) -> Value:
        given = site.get(0, "x")
        if name in ("relu", "clip") and not isinstance(given, Tensor):
            return UNKNOWN
        axis = site.get(1, "axis")
        number = site.integer(1, "axis") if axis is not None else default
        return tensors.activate(site, name, given, number, by="function")

    return apply


def _transformed(how: str) -> Callable[[Site], Value]:
    return lambda site: Partial(site.args[0], how=how) if site.args else UNKNOWN


def _haiku(without_rng: bool) -> Callable[[Site], Value]:
    def make(site: Site) -> Value:
        function = site.get(0, "f") or UNKNOWN
        if isinstance(function, Object) and function.name == "?transformed":
            return Object(
                None,
                "?transformed",
                function.args,
                {},
                site.module,
                site.node,
                {"apply": Partial(function.args[0], how="drop 1")},
            )
        apply = Partial(function, how="drop 1" if without_rng else "drop 2")
        return Object(None, "?transformed", (function,), {}, site.module, site.node, {"apply": apply})

    return make


def _one_hot(site: Site) -> Value:
    return Tensor(Kind.ONE_HOT, classes=site.get(1, "num_classes"), trail=site.link("one_hot gives one-hot rows"))


FUNCTIONS: dict[str, Callable[[Site], Value]] = {
    **{
        f"{where}.{spelled}": _activation(name, -1 if "softmax" in name else None)
        for where in ("jax.nn", "flax.linen", "flax.nnx", "flax.linen.activation", "jax.scipy.special")
        for spelled, name in {
            "softmax": "softmax",
            "sigmoid": "sigmoid",
            "expit": "sigmoid",
            "log_softmax": "log_softmax",
            "log_sigmoid": "log_sigmoid",
            "relu": "relu",
            "tanh": "clip",
            "hard_tanh": "clip",
        }.items()
    },
    **{
        name: (lambda site: site.get(0, "fun", "f") or UNKNOWN)
        for name in (
            "jax.jit",
            "jax.vmap",
            "jax.pmap",
            "jax.checkpoint",
            "jax.remat",
            "flax.nnx.jit",
            "equinox.filter_jit",
            "equinox.filter_vmap",
        )
    },
    **{name: _transformed("grad") for name in ("jax.grad", "equinox.filter_grad", "flax.nnx.grad")},
    **{
        name: _transformed("value_and_grad")
        for name in ("jax.value_and_grad", "equinox.filter_value_and_grad", "flax.nnx.value_and_grad")
    },
    "jax.nn.one_hot": _one_hot,
    "haiku.transform": _haiku(False),
    "haiku.transform_with_state": _haiku(False),
    "haiku.without_apply_rng": _haiku(True),
    "haiku.Sequential": lambda site: Object(
        None, "haiku.Sequential", tuple(site.args), site.kwargs, site.module, site.node
    ),
}


def _head(units_at: int, keyword: str) -> Callable[[Site, Object], Value]:
    def apply(site: Site, layer: Object) -> Value:
        link = Link(f"{layer.name.rpartition('.')[2]} gives logits", layer.module, layer.node)
        units = layer.argument(units_at, keyword)
        rank = as_tensor(site.get(0)).rank
        return Tensor(Kind.LOGITS, classes=units, class_axis=-1, rank=rank, origin=layer.node, trail=link)

    return apply


def _children(site: Site, layer: Object) -> Value:
    layers = layer.argument(0, "layers")
    items = layers.items if isinstance(layers, Seq) else layer.args
    value: Value = site.args[0] if site.args else UNKNOWN
    for child in items:
        value = site.machine.call(child, (value,), {}, site.node)
    return value


def _mlp(site: Site, layer: Object) -> Value:
    head = _head(1, "out_size")(site, layer)
    return activate_by(site, layer.kwargs.get("final_activation", NONE), as_tensor(head))


def _lambda(site: Site, layer: Object) -> Value:
    return site.machine.call(layer.argument(0, "fn") or UNKNOWN, (site.args[0],) if site.args else (), {}, site.node)


LAYERS: dict[str, Callable[[Site, Object], Value]] = {
    "flax.linen.Dense": _head(0, "features"),
    "flax.linen.DenseGeneral": _head(0, "features"),
    "flax.nnx.Linear": _head(1, "out_features"),
    "haiku.Linear": _head(0, "output_size"),
    "equinox.nn.Linear": _head(1, "out_features"),
    "equinox.nn.MLP": _mlp,
    "equinox.nn.Lambda": _lambda,
    "equinox.nn.Sequential": _children,
    "flax.linen.Sequential": _children,
    "flax.nnx.Sequential": _children,
    "haiku.Sequential": _children,
    "flax.linen.Dropout": lambda site, layer: site.get(0) or UNKNOWN,
    "flax.nnx.Dropout": lambda site, layer: site.get(0) or UNKNOWN,
    "equinox.nn.Dropout": lambda site, layer: site.get(0) or UNKNOWN,
}


def call_function(site: Site, name: str) -> Value | None:
    """Call a loss of optax by its name, or return None if it is none."""
    loss = LOSSES.get(name)
    return call_loss(site, loss) if loss is not None else None
