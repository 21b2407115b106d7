"""How the losses of class scores are written in each framework: what :mod:`xent.recommendation` prints."""

from __future__ import annotations

from typing import NamedTuple


class Spelling(NamedTuple):
    """The code of one framework; losses take ``{logits}``, ``{target}`` and, where they know it, ``{axis}``.

    The axis of a loss is an argument, and empty where the classes are where the loss looks for them.
    """

    indices: str
    probs: str
    entries: str
    softmax: str
    sigmoid: str
    squeeze: str
    to_index: str
    to_float: str = "{x}"
    of_indices: str = "any integer"  # the dtype that class indices must have
    of_numbers: str = "any number"  # and other targets
    move: str = ""  # to the one class axis that its losses know
    home: int = -1  # that axis
    ignore: str = "pass their target as ignore_index="


_TORCH = Spelling(
    indices="torch.nn.functional.cross_entropy({logits}, {target})",
    probs="torch.nn.functional.cross_entropy({logits}, {target})",
    entries="torch.nn.functional.binary_cross_entropy_with_logits({logits}, {target})",
    softmax="torch.softmax(logits, dim={axis})",
    sigmoid="torch.sigmoid(logits)",
    squeeze="{x}.squeeze({axis})",
    to_index="{x}.long()",
    to_float="{x}.float()",
    of_indices="int64",
    of_numbers="float",
    move="{x}.movedim({axis}, 1)",
    home=1,
)
SPELLINGS: dict[str, Spelling] = {
    "xent": Spelling(
        indices="xent.cross_entropy({logits}, {target}{axis})",
        probs="xent.cross_entropy({logits}, {target}{axis})",
        entries="xent.binary_cross_entropy({logits}, {target})",
        softmax="xent.softmax(logits, axis={axis})",
        sigmoid="xent.sigmoid(logits)",
        squeeze="{x}.squeeze({axis})",
        to_index="{x}.astype(int)",
    ),
    "torch": _TORCH,
    "xent.torch": _TORCH._replace(
        indices="xent.torch.cross_entropy({logits}, {target})",
        probs="xent.torch.cross_entropy({logits}, {target})",
        entries="xent.torch.binary_cross_entropy_with_logits({logits}, {target})",
    ),
    "keras": Spelling(
        indices="keras.losses.SparseCategoricalCrossentropy(from_logits=True)({target}, {logits})",
        probs="keras.losses.CategoricalCrossentropy(from_logits=True)({target}, {logits})",
        entries="keras.losses.BinaryCrossentropy(from_logits=True)({target}, {logits})",
        softmax="keras.ops.softmax(logits, axis={axis})",
        sigmoid="keras.ops.sigmoid(logits)",
        squeeze="keras.ops.squeeze({x}, axis={axis})",
        to_index='keras.ops.cast({x}, "int32")',
        move="keras.ops.moveaxis({x}, {axis}, -1)",
        ignore="pass their target as ignore_class= of the loss",
    ),
    "optax": Spelling(
        indices="optax.softmax_cross_entropy_with_integer_labels({logits}, {target}{axis}).mean()",
        probs="optax.softmax_cross_entropy({logits}, {target}{axis}).mean()",
        entries="optax.sigmoid_binary_cross_entropy({logits}, {target}).mean()",
        softmax="jax.nn.softmax(logits, axis={axis})",
        sigmoid="jax.nn.sigmoid(logits)",
        squeeze="{x}.squeeze({axis})",
        to_index='{x}.astype("int32")',
        ignore="average by hand, (losses * mask).sum() / mask.sum() in place of .mean()",
    ),
}
