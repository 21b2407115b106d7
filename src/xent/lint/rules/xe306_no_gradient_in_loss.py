"""XE306: argmax or detach between the prediction and the loss that is backpropagated."""

from xent.lint.events import Backward, LossCall, Revived
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Kind, Link, Tensor

RULE = Rule(
    code="XE306",
    name="no-gradient-in-loss",
    severity="error",
    finds="The prediction passes through `argmax`, `detach`, `.data`, `.item()` or `.numpy()` on its way into a loss "
    "that is backpropagated.",
    why="""\
`argmax` is a step function: its derivative is 0 wherever it exists, and PyTorch gives it none. `.detach()`, `.data`,
`.item()` and `.numpy()` cut the value out of the graph by design. Nothing before them is trained by this loss: the
gradient of every parameter is exactly 0, or `None`.

Alone, PyTorch says so: “element 0 of tensors does not require grad”. It is silent once that error has been mended in
the wrong place, with `loss.requires_grad_(True)` or `torch.tensor(loss, requires_grad=True)`, or when the dead loss is
added to a living one: its number is then in the sum and its gradient is not.

Hand the logits to the loss, and take the argmax for the metrics only.""",
    bad="""\
import torch
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def step(images, labels):
    logits = model(images).detach()
    loss = criterion(logits, labels)
    loss.requires_grad_(True)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
""",
    good="""\
import torch
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def step(images, labels):
    logits = model(images)
    loss = criterion(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    accuracy = (logits.detach().argmax(dim=1) == labels).float().mean()
    return loss.item(), accuracy.item()
""",
    references=(
        Reference(
            "PyTorch: Tensor.detach",
            "https://docs.pytorch.org/docs/stable/generated/torch.Tensor.detach.html",
        ),
        Reference(
            "PyTorch: argmax",
            "https://docs.pytorch.org/docs/stable/generated/torch.argmax.html",
        ),
    ),
    unsure="""\
A detached target is right: pseudo-labels, a teacher's output, the other branch of a self-supervised pair. Only the
prediction of a loss on which `backward` is called is reported.""",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Report a prediction without gradient → a loss that is differentiated."""
    x = event.prediction
    if not isinstance(x, Tensor) or x.detached is None:
        return None
    y = event.target
    if event.loss.takes == "numbers" and isinstance(y, Tensor) and y.origin is not None and y.detached is None:
        return None  # a distance has two sides, and the network is on the other
    if event not in seen.differentiated and event.within not in ("training_step", "compute_loss"):
        return None
    how = (
        "indices of an argmax, which have no gradient"
        if x.kind is Kind.INDEX
        else "a prediction that was cut off from its graph"
    )
    return Verdict(f"{event.loss.name} is differentiated, and gets {how}: the network learns nothing of it", x.detached)


@RULE.on(Backward)
def of_argmax(event: Backward, seen: Seen) -> Verdict | None:
    """Report a loss by hand that stands on indices alone."""
    loss = event.loss
    if loss.call is not None or loss.detached is None or loss.trail is None:
        return None
    message = "the loss stands on indices of an argmax, which have no gradient: nothing is learned"
    return Verdict(message, loss.detached, node=loss.trail.node, module=loss.trail.module)


@RULE.on(Revived)
def revived(event: Revived, seen: Seen) -> Verdict | None:
    """Report a loss that requires a gradient only because it was told so."""
    call = event.loss.call if event.loss is not None else None
    message = (
        "requires_grad is set on the loss by hand, and is missing only where its graph was cut: nothing is learned"
    )
    if call is None:
        return Verdict(message)
    return Verdict(message, Link("requires_grad is set", event.module, event.node), call.node, call.module)
