"""The callbacks: by the protocols of the two libraries, and in the libraries themselves where they are installed."""

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import xent.torch  # noqa: E402

G = torch.Generator().manual_seed(3)
X, Y = torch.randn(32, 8, generator=G), torch.arange(32) % 5
BUILTIN = torch._C._nn.cross_entropy_loss


def test_lightnings_protocol() -> None:
    """Every hook is called with the trainer and the module, whether or not the callback has a use for it."""
    callback = xent.torch.LightningGuard(on_problem=lambda finding: None)
    trainer, module = object(), object()
    probs = nn.Linear(8, 5)(X).softmax(1)
    callback.setup(trainer, module, stage="fit")
    callback.on_fit_start(trainer, module)
    callback.on_sanity_check_start(trainer, module)
    F.cross_entropy(probs, Y)
    assert callback.findings == ()
    callback.on_train_start(trainer, module)
    callback.on_train_batch_start(trainer, module, (X, Y), 0)
    F.cross_entropy(probs, Y)
    callback.on_train_batch_end(trainer, module, None, (X, Y), 0)
    callback.on_save_checkpoint(trainer, module, {})
    assert callback.state_dict() == {}
    callback.load_state_dict({})
    assert torch._C._nn.cross_entropy_loss is not BUILTIN
    callback.on_train_end(trainer, module)
    callback.teardown(trainer, module, stage="fit")
    assert [finding.code for finding in callback.findings] == ["XE101"]
    assert callback.state_key == callback._legacy_state_key == "xent.torch.LightningGuard"
    callback.on_train_start(trainer, module)
    callback.on_exception(trainer, module, RuntimeError())
    assert callback.findings == ()


def test_hugging_faces_protocol() -> None:
    """Every event is called with arguments, state and control, and keywords for the rest."""
    callback = xent.torch.TransformersGuard(on_problem=lambda finding: None)
    rest: dict[str, Any] = {"model": object(), "optimizer": object()}
    probs = nn.Linear(8, 5)(X).softmax(1)
    assert callback.on_init_end(1, 2, 3, **rest) is None
    callback.on_train_begin(1, 2, 3, **rest)
    callback.on_train_begin(1, 2, 3, **rest)  # after a training that failed
    callback.on_step_begin(1, 2, 3, **rest)
    F.cross_entropy(probs, Y)
    callback.on_log(1, 2, 3, logs={}, **rest)
    callback.on_train_end(1, 2, 3, **rest)
    assert [finding.code for finding in callback.findings] == ["XE101"]


@pytest.mark.parametrize("cls", [xent.torch.LightningGuard, xent.torch.TransformersGuard])
def test_they_can_be_copied_and_sent_to_other_processes(cls: Any) -> None:
    callback = cls(calls=5)
    for twin in (copy.deepcopy(callback), pickle.loads(pickle.dumps(callback))):
        assert twin._options == {"calls": 5, "on_problem": "warn", "ignore": ()}
    with pytest.raises(AttributeError, match="has no attribute 'epochs'"):
        _ = callback.epochs


@pytest.mark.parametrize("bad", [True, False])
@pytest.mark.filterwarnings("default")
def test_in_lightning(bad: bool, tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning")

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(8, 5)

        def training_step(self, batch: Any, _: int) -> Any:
            z = self.head(batch[0])
            return F.cross_entropy(z.softmax(1) if bad else z, batch[1])

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), 0.1)

    callback = xent.torch.LightningGuard()
    trainer = lightning.Trainer(
        max_epochs=2, callbacks=[callback], accelerator="cpu", logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=8)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.fit(Module(), loader)
    assert [finding.code for finding in callback.findings] == (["XE101"] if bad else [])
    assert len([each for each in caught if each.category is xent.torch.LossWarning]) == bad
    assert torch._C._nn.cross_entropy_loss is BUILTIN


@pytest.mark.parametrize("bad", [True, False])
@pytest.mark.filterwarnings("default")
def test_in_hugging_faces_trainer(bad: bool, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_labels=5
    )
    model = transformers.BertForSequenceClassification(config)
    if bad:
        model.classifier = nn.Sequential(nn.Linear(16, 5), nn.Softmax(-1))
    callback = xent.torch.TransformersGuard()
    arguments = transformers.TrainingArguments(
        str(tmp_path), num_train_epochs=2, report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True
    )
    data = [{"input_ids": torch.randint(50, (6,), generator=G), "labels": int(y)} for y in Y]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        transformers.Trainer(model, arguments, train_dataset=data, callbacks=[callback]).train()
    assert [finding.code for finding in callback.findings] == (["XE101"] if bad else [])
    assert len([each for each in caught if each.category is xent.torch.LossWarning]) == bad
    if bad:
        assert callback.findings[0].site.caller.path == __file__
    assert torch._C._nn.cross_entropy_loss is BUILTIN
