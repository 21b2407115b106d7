"""A module of scores (n, K) as an ONNX model, through PyTorch's exporter."""

from __future__ import annotations

import warnings

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
            )
    except ImportError as error:
        raise OptionError(
            "Policy.to_onnx", f"PyTorch's exporter must be installed; got {error}", "pip install 'xent[onnx]'"
        ) from error
    assert program is not None
    model: bytes = program.model_proto.SerializeToString()
    return model
