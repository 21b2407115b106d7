"""The one table of the libraries: what a dotted name is, what calling it gives, and what its objects do."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache

from xent.lint.events import LossCall
from xent.lint.frameworks import datasets, jax, keras, labels, sklearn, tensors, torch, zoo
from xent.lint.frameworks.losses import call_loss, meet, named
from xent.lint.frameworks.site import Site
from xent.lint.machine import Machine
from xent.lint.values import (
    UNKNOWN,
    Const,
    External,
    Function,
    Kind,
    Method,
    Object,
    Partial,
    Seq,
    Tensor,
    Unknown,
    Value,
    constant,
    numbers_of,
    seq,
)

#: Several names of one thing, by how they begin; the first that fits.
_ALIASES = (
    ("tensorflow.compat.v1.keras.", "keras."),
    ("tensorflow.compat.v2.", "tensorflow."),
    ("tensorflow.compat.v1.", "tensorflow."),
    ("tensorflow.python.keras.", "keras."),
    ("tensorflow.keras.", "keras."),
    ("tf_keras.", "keras."),
    ("tensorflow.contrib.keras.", "keras."),
    ("tensorflow.contrib.slim.", "tensorflow.contrib.slim."),
    ("keras.src.", "keras."),
    ("keras.api.", "keras."),
    ("torch.nn.modules.loss.", "torch.nn."),
    ("torch.nn.modules.activation.", "torch.nn."),
    ("torch.nn.modules.linear.", "torch.nn."),
    ("torch.nn.modules.container.", "torch.nn."),
    ("torch.nn.modules.conv.", "torch.nn."),
    ("torch.nn.modules.", "torch.nn."),
    ("skorch.classifier.", "skorch."),
    ("skorch.net.", "skorch."),
    ("flax.nn.", "flax.linen."),
    ("slim.", "tensorflow.contrib.slim."),
    ("tf_slim.", "tensorflow.contrib.slim."),
)


@cache
def external(name: str) -> External:
    """Return a library's name in its one spelling."""
    for begins, instead in _ALIASES:
        if name.startswith(begins):
            name = instead + name.removeprefix(begins)
            break
        if name == begins[:-1]:
            name = instead[:-1]
            break
    parts = name.split(".")
    if parts[0] == "keras" and len(parts) > 3 and parts[1] in ("layers", "losses", "models", "metrics"):
        name = ".".join((parts[0], parts[1], parts[-1]))  # keras.layers.core.Dense
    if name == "keras.Sequential":
        name = "keras.models.Sequential"
    if name.startswith("tensorflow.losses.") and parts[2][:1].isupper():  # of TensorFlow 2; those of 1 are lower case
        name = f"keras.losses.{parts[2]}"
    return External(name)


def call(site: Site, name: str) -> Value:
    """Call a library's name."""
    for table in (torch.FUNCTIONS, keras.FUNCTIONS, jax.FUNCTIONS, sklearn.FUNCTIONS):
        handler = table.get(name)
        if handler is not None:
            return handler(site)
    if name in torch.LOSS_FUNCTIONS:
        return call_loss(site, torch.LOSS_FUNCTIONS[name])
    for called in (
        keras.call_function,
        jax.call_function,
        sklearn.call_function,
        sklearn.make_net,
        sklearn.class_weights,
    ):
        value = called(site, name)
        if value is not None:
            return value
    last = name.rpartition(".")[2]
    top = name.partition(".")[0]
    if name.startswith("torch.Tensor.") and site.args:
        return tensors.method(Site(site.machine, site.args[1:], site.kwargs, site.node), site.args[0], last)
    if top in ("torch", "numpy", "jax", "tensorflow", "keras", "math", "einops") and not last[:1].isupper():
        value = tensors.function(site, last)
        if value is not None:
            return value
    if name in _STANDARD:
        return _standard(site, name)
    if last == "where":
        _where(site)
        return UNKNOWN
    found = datasets.call(site, name)
    if found is not None:
        return found
    if name.startswith("transformers.") and last.endswith("Trainer"):
        _trainer(site)
    if (
        last[:1].isupper()
        or zoo.is_zoo(name)
        or zoo.is_pretrained(name)
        or name.endswith((".create", ".from_pretrained"))
    ):
        made = Object(None, name, tuple(site.args), site.kwargs, site.module, site.node)
        if name in torch.LOSS_CLASSES:
            loss, parameters = torch.LOSS_CLASSES[name]
            options = named(parameters, made.args, made.kwargs)
            site.machine.emit(LossCall(site.module, site.node, loss, UNKNOWN, None, options, made, made=True))
        if name in torch.CONTAINERS or name == "keras.models.Sequential":
            torch.fill(site.machine, made, site.args)
        return made
    if name.endswith(("make_pipeline",)):
        return Object(None, "sklearn.pipeline.Pipeline", tuple(site.args), site.kwargs, site.module, site.node)
    return UNKNOWN


_STANDARD = frozenset(
    {
        "collections.OrderedDict",
        "functools.partial",
        "copy.deepcopy",
        "copy.copy",
        "dataclasses.field",
        "tqdm.tqdm",
        "tqdm.auto.tqdm",
    }
    | {"tqdm.notebook.tqdm", "tqdm.trange", "collections.Counter"}
)


def _standard(site: Site, name: str) -> Value:
    if name == "dataclasses.field":
        factory = site.kwargs.get("default_factory")
        return Partial(factory, how="field") if factory is not None else site.kwargs.get("default", UNKNOWN)
    if name == "collections.Counter":
        return Object(None, name, tuple(site.args), site.kwargs, site.module, site.node)
    if name == "functools.partial":
        return Partial(site.args[0], tuple(site.args[1:]), dict(site.kwargs)) if site.args else UNKNOWN
    return site.args[0] if site.args else UNKNOWN


def handed_over(site: Site) -> None:
    """Meet a model and a loss that are given together to something that is not seen: a trainer."""
    values = (*site.args, *site.kwargs.values())
    losses = [value for value in values if torch.criterion(value) is not None]
    models = [value for value in values if isinstance(value, Object) and _is_model(value)]
    if len(losses) != 1 or len(models) != 1:
        return
    found = torch.criterion(losses[0])
    assert found is not None
    output = site.machine.call(models[0], (UNKNOWN,), {}, site.node)
    meet(site, found[0], output, None, found[1], found[2])


def _is_model(value: Object) -> bool:
    if value.cls is not None:
        return any(name.endswith(("nn.Module", "Sequential", "LightningModule")) for name in value.cls.libraries())
    return value.name == "torch.nn.Sequential" or zoo.is_zoo(value.name)


def _where(site: Site) -> None:
    """Tell the rules of ``where(labels == 255, 0, labels)``."""
    node = site.node
    if isinstance(node, ast.Call) and len(node.args) == len(site.args) == 3:
        labels.remap(site, node.args[0], site.args[0], node.args[2], site.args[1])


def _trainer(site: Site) -> None:
    """Hand a Hugging Face model's logits to the function that computes the metrics."""
    model, function = site.get(0, "model"), site.kwargs.get("compute_metrics")
    if isinstance(model, Object) and zoo.is_pretrained(model.name) and isinstance(function, Function):
        output = zoo.apply_pretrained(site, model)
        logits = output.attrs["logits"] if isinstance(output, Object) else UNKNOWN
        if isinstance(logits, Tensor) and constant(model.kwargs.get("problem_type")) == "multi_label_classification":
            logits = logits.but(marks=logits.marks | {"decision"})
        site.machine.call(function, (seq([logits, UNKNOWN]),), {}, site.node)


def apply(site: Site, made: Object, name: str = "") -> Value:
    """Call an object of a library's class (of ``name``, where the object is of a class that stands on it)."""
    name = name or made.name
    if name in torch.LOSS_CLASSES:
        loss, parameters = torch.LOSS_CLASSES[name]
        options = named(parameters, made.args, made.kwargs) if made.cls is None else {}
        return call_loss(site, loss, made if made.cls is None else None, options)
    handler = torch.LAYERS.get(name) or keras.layer(name) or jax.LAYERS.get(name)
    if handler is not None:
        return handler(site, made)
    if name.startswith("keras.losses."):
        return keras.call_loss_object(site, made) or UNKNOWN
    if zoo.is_zoo(name):
        return zoo.apply_zoo(site, made)
    if zoo.is_segmenter(name):
        return zoo.apply_segmentation(site, made)
    if zoo.is_pretrained(name):
        return zoo.apply_pretrained(site, made)
    found = datasets.apply(site, made)
    if found is not None:
        return found
    if name == "tensorflow.Variable":
        return UNKNOWN
    return Tensor(Kind.ANY) if name.startswith(("torch.nn.", "keras.layers.")) else UNKNOWN


def fill(machine: Machine, made: Object, args: Sequence[Value]) -> None:
    """Give a container its children."""
    torch.fill(machine, made, args)


def attribute(machine: Machine, base: Object, name: str, node: ast.AST) -> Value:
    """Return an attribute of a library's object that the program has not assigned."""
    if zoo.is_zoo(base.name) and name in zoo.HEADS:
        head = Object(None, "?head", (), {}, base.module, base.node)
        machine.write(base.attrs, name, head)
        return head
    if base.name == "?by appearance":
        return base if name in ("values", "index", "T") else Method(base, name)
    found = datasets.attribute(machine, base, name, node)
    if found is not None:
        return found
    if base.name.endswith(".create"):  # flax's TrainState.create(apply_fn=…)
        return base.kwargs.get(name, Method(base, name))
    if base.name in keras.MODELS and name in ("output", "outputs"):
        return keras.outputs(Site(machine, (), {}, node), base)
    if name == "out_features" and base.name == "torch.nn.Linear":
        return base.argument(1, "out_features") or UNKNOWN
    return Method(base, name)


def hinted(machine: Machine, kind: Value, node: ast.AST) -> Value:
    """Return what a parameter holds that is annotated with a library's class: a loss by its name, else nothing."""
    if isinstance(kind, External) and kind.name in torch.LOSS_CLASSES:
        return Object(None, kind.name, (), {}, machine.module, node)
    return UNKNOWN


def method(site: Site, base: Value, name: str) -> Value:
    """Call a method of something that is no object of the tree."""
    if isinstance(base, Object):
        if name.startswith("super."):
            return _super(site, base, name.removeprefix("super."))
        found = _object_method(site, base, name)
        if found is not None:
            return found
    if isinstance(base, Seq):
        return _sequence_method(site, base, name)
    if name == "requires_grad_" and isinstance(site.node, ast.Call) and isinstance(site.node.func, ast.Attribute):
        if site.constant(0, "requires_grad") in (None, True):
            return torch.revive(site.machine, site.node.func.value, base, site.node)
        return base
    if isinstance(base, Tensor | Unknown | Method):
        return tensors.method(site, base if not isinstance(base, Method) else UNKNOWN, name)
    return UNKNOWN


def _super(site: Site, this: Object, name: str) -> Value:
    library = next(iter(this.cls.libraries()), "") if this.cls else ""
    if name == "__init__":
        if library.endswith(("nn.Sequential", "ModuleList", "models.Sequential")):
            fill(site.machine, this, tuple(site.args))
        elif library in keras.MODELS and ("outputs" in site.kwargs or len(site.args) > 1):
            site.machine.write(this.attrs, "?outputs", site.get(1, "outputs"))
        elif library in torch.LOSS_CLASSES:
            site.machine.write(this.attrs, "?options", named(torch.LOSS_CLASSES[library][1], site.args, site.kwargs))
        return UNKNOWN
    if name in ("forward", "__call__", "call"):
        return apply(site, this, library) if library != "torch.nn.Module" else UNKNOWN
    return UNKNOWN


def _object_method(site: Site, base: Object, name: str) -> Value | None:
    library = base.name
    if base.cls is not None:
        library = next((n for n in base.cls.libraries() if n not in ("object", "abc.ABC")), "")
    if name in torch.SELF and library.startswith(
        ("torch", "timm", "lightning", "pytorch_lightning", "transformers", "segmentation_models", "?head")
    ):
        return base
    if name == "apply" and library.startswith("flax."):
        kwargs = {
            k: v for k, v in site.kwargs.items() if k not in ("rngs", "mutable", "method", "capture_intermediates")
        }
        return site.machine.call(base, site.args[1:], kwargs, site.node)
    numbers = numbers_of(base)
    if numbers is not None and name in ("max", "min", "sum", "mean") and not site.args and not site.kwargs:
        return Const(
            {"max": max(numbers), "min": min(numbers), "sum": sum(numbers)}.get(name, sum(numbers) / len(numbers))
        )
    if library in ("?numbers", "?by appearance"):
        return UNKNOWN if name in ("sort_index", "reindex", "loc", "get") else base
    if name in ("most_common", "values") and library == "collections.Counter":
        return Object(None, "?by appearance", (), {}, site.module, site.node)
    found = datasets.method(site, base, name)
    if found is not None:
        return found
    if name in torch.SELF and library not in keras.MODELS and base.cls is not None and library != "":
        return base
    if name in ("add_module", "register_module"):
        child = site.get(1, "module") or UNKNOWN
        label = constant(site.get(0, "name"))
        torch.append(site.machine, base, child, label if isinstance(label, str) else None)
        return UNKNOWN
    if name in ("append", "add") and (
        "?children" in base.attrs or library in torch.CONTAINERS or library == "keras.models.Sequential"
    ):
        torch.append(site.machine, base, site.args[0] if site.args else UNKNOWN)
        return base
    if name == "pop" and isinstance(base.attrs.get("?children"), Seq):
        children = base.attrs["?children"]
        site.machine.write(children.store, "items", children.items[:-1])
        return children.items[-1] if children.items else UNKNOWN
    if name == "compile" and (
        library in keras.MODELS or library == "keras.models.Sequential" or keras.is_application(library)
    ):
        return keras.compile_(site, base)
    if library.startswith("sklearn."):
        return sklearn.estimator_method(site, base, name)
    if name in ("replace", "apply_gradients") and base.name.endswith(".create"):
        return base
    if name == "forward":
        return site.machine.call(base, site.args, site.kwargs, site.node)
    if name == "prepare" and "ccelerator" in base.name:
        return seq(tuple(site.args), mutable=False) if len(site.args) != 1 else site.args[0]
    if name in ("register_buffer", "register_parameter") and len(site.args) > 1:
        site.machine.write(base.attrs, constant(site.args[0]), site.args[1])
        return UNKNOWN
    if name == "predict" and (library in keras.MODELS or library == "keras.models.Sequential"):
        return site.machine.call(base, site.args[:1], {}, site.node)
    if name in ("backward", "manual_backward") and site.args:  # accelerator.backward(loss), scaler and fabric alike
        return tensors.backward(site, site.args[0])
    if name in ("children", "modules") and isinstance(base.attrs.get("?children"), Seq):
        return base.attrs["?children"]  # type: ignore[no-any-return]
    return None


def _sequence_method(site: Site, base: Seq, name: str) -> Value:
    machine = site.machine
    if name == "append" and site.args:
        if base.exact or base.items:
            machine.write(base.store, "items", (*base.items, site.args[0]))
        return UNKNOWN
    if name == "extend" and site.args:
        other = site.args[0]
        if isinstance(other, Seq):
            machine.write(base.store, "items", (*base.items, *other.items))
            machine.write(base.store, "exact", base.exact and other.exact)
        else:
            machine.write(base.store, "items", (*base.items, UNKNOWN))
            machine.write(base.store, "exact", False)
        return UNKNOWN
    if name in ("insert", "pop", "remove", "clear", "sort", "reverse"):
        machine.write(base.store, "exact", False)
        if name == "pop" and not site.args and base.items:
            last = base.items[-1]
            machine.write(base.store, "items", base.items[:-1])
            return last
        if name == "insert" and site.integer(0) == 0 and len(site.args) == 2:
            machine.write(base.store, "items", (site.args[1], *base.items))
        return UNKNOWN
    if name in ("copy",):
        return seq(base.items, base.exact)
    return UNKNOWN
