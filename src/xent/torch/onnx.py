"""A module of scores (n, K) as an ONNX model, through PyTorch's exporter."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

from xent.errors import OptionError


def export(module: torch.nn.Module, n_classes: int, outputs: tuple[str, ...]) -> bytes:
    """Return the model's bytes: input ``scores``, float32 (rows, K), and these outputs.

    Raises
    ------
    OptionError
        The packages that PyTorch exports with are not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's, about its own inside
            program = torch.onnx.export(
                module.eval(),
                (torch.zeros(2, n_classes),),
                dynamo=True,
                verbose=False,
                input_names=["scores"],
                output_names=list(outputs),
                dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
                custom_translation_table={torch.ops.aten.searchsorted.Tensor: _searchsorted()},
            )
    except ImportError as error:
        raise OptionError(
            "Policy.to_onnx", f"PyTorch's exporter must be installed; got {error}", "pip install 'xent[onnx]'"
        ) from error
    assert program is not None
    model: bytes = program.model_proto.SerializeToString()
    return model


def _searchsorted() -> Callable[..., Any]:
    """Return how ONNX, which has no such operator, finds places in edges: it counts those that a number reaches."""
    import onnxscript

    op: Any = onnxscript.opset18

    def searchsorted(
        edges: Any, numbers: Any, out_int32: bool = False, right: bool = False, side: str | None = None
    ) -> Any:
        last = op.Constant(value_ints=[-1])
        each = op.Unsqueeze(numbers, last)
        reached = op.GreaterOrEqual(each, edges) if right or side == "right" else op.Greater(each, edges)
        return op.ReduceSum(op.Cast(reached, to=7), last, keepdims=0)  # 7 is ONNX's int64

    return searchsorted
