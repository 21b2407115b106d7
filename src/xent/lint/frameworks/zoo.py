"""Ready-made models: torchvision's and timm's with their head exchanged, segmenters, Hugging Face's."""

from __future__ import annotations

from xent.lint.frameworks import tensors
from xent.lint.frameworks.site import Site
from xent.lint.values import (
    UNKNOWN,
    Const,
    Kind,
    Link,
    Object,
    Seq,
    Tensor,
    Value,
    constant,
    seq,
)

_ZOO = (
    "torchvision.models.",
    "timm.",
    "efficientnet_pytorch.",
    "pretrainedmodels.",
    "pytorch_pretrained_vit.",
    "resnet_pytorch.",
)
_NOT_CLASSIFIERS = (
    "segmentation",
    "detection",
    "video",
    "optical_flow",
    "inception_v3",
    "googlenet",
    "feature_extraction",
    "_utils",
)
HEADS = ("fc", "classifier", "head", "heads", "_fc", "last_linear", "output", "reset_classifier")


def is_zoo(name: str) -> bool:
    """Whether a name makes a classifier whose head may be exchanged."""
    if not name.startswith(_ZOO) or name.rpartition(".")[2][:1] == "_":
        return False
    if name.startswith("timm."):
        return name in ("timm.create_model", "timm.models.create_model")
    return not any(part in name for part in _NOT_CLASSIFIERS)


def apply_zoo(site: Site, model: Object) -> Value:
    """Pass a value through a library's classifier: its new head decides, or its own gives logits."""
    for name in HEADS:
        head = model.attrs.get(name)
        if isinstance(head, Object) and head.name == "?head":
            inner = [head.attrs[part] for part in HEADS if part in head.attrs]
            children = seq(inner) if inner else head.attrs.get("?children")
            head = children.items[-1] if isinstance(children, Seq) and children.items else None
        if isinstance(head, Value):
            return site.machine.call(head, (Tensor(Kind.ANY, rank=2),), {}, site.node)
    classes = model.kwargs.get("num_classes")
    if (model.name.startswith("timm.") and constant(classes) == 0) or model.name.endswith(".hub"):
        return UNKNOWN
    if model.name.startswith("torchvision.") or model.name.startswith("timm."):
        last = model.name.rpartition(".")[2]
        link = Link(f"{last} gives logits", model.module, model.node)
        return Tensor(Kind.LOGITS, classes=classes, class_axis=-1, rank=2, origin=model.node, trail=link)
    return UNKNOWN


def apply_segmentation(site: Site, model: Object) -> Value:
    """Pass an image through a model of segmentation_models_pytorch: ``activation`` says what comes out."""
    classes = model.argument(99, "classes") or Const(1)
    link = Link(f"{model.name.rpartition('.')[2]} gives logits", model.module, model.node)
    logits = Tensor(Kind.LOGITS, classes=classes, class_axis=1, rank=4, origin=model.node, trail=link)
    activation = model.kwargs.get("activation")
    name = constant(activation)
    if activation is None or (isinstance(activation, Const) and name is None):
        return logits
    known = {"softmax2d": "softmax", "softmax": "softmax", "sigmoid": "sigmoid", "logsoftmax": "log_softmax"}
    if name not in known:
        return UNKNOWN
    result = tensors.activate(
        site, known[name], logits, 1 if known[name] != "sigmoid" else None, True, f"activation={name!r}"
    )
    made = Link(f"activation={name!r} gives {result.kind.value}", model.module, model.node)
    return result.but(trail=made)


_SEGMENTERS = frozenset(
    [
        "Unet",
        "UnetPlusPlus",
        "MAnet",
        "Linknet",
        "FPN",
        "PSPNet",
        "DeepLabV3",
        "DeepLabV3Plus",
        "PAN",
        "UPerNet",
        "Segformer",
        "DPT",
        "create_model",
    ]
)


def is_segmenter(name: str) -> bool:
    """Whether a name is a model of segmentation_models_pytorch."""
    return name.startswith("segmentation_models_pytorch.") and name.rpartition(".")[2] in _SEGMENTERS


def is_pretrained(name: str) -> bool:
    """Whether a name is a Hugging Face model with a head for classes or tokens."""
    return name.startswith("transformers.") and _task(name).endswith(_OF_ROWS + _OF_TOKENS)


_OF_ROWS = ("ForSequenceClassification", "ForImageClassification", "ForMultipleChoice", "ForAudioClassification")
_OF_TOKENS = ("ForTokenClassification", "LMHeadModel", "ForCausalLM", "ForMaskedLM")


def _task(name: str) -> str:
    return name.removesuffix(".from_pretrained").removesuffix(".from_config").rpartition(".")[2]


def apply_pretrained(site: Site, model: Object) -> Value:
    """Pass tokens through a Hugging Face model: its output has raw logits."""
    link = Link("the model's output has logits", site.module, site.node)
    rank = 3 if _task(model.name).endswith(_OF_TOKENS) else 2
    logits = Tensor(Kind.LOGITS, class_axis=-1, rank=rank, origin=model.node, trail=link)
    outputs = {"logits": logits}
    if "labels" in site.kwargs and rank == 3:
        given = Link("the model's output has its loss, in nats", site.module, site.node)
        outputs["loss"] = Tensor(Kind.LOSS, trail=given, marks=frozenset({"averaged", "in nats"}))
    return Object(None, "?output", (), {}, site.module, site.node, outputs)
