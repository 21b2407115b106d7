"""XE408: averages over unequal numbers are averaged again."""

from xent.lint.events import Backward
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict

RULE = Rule(
    code="XE408",
    name="average-of-averages",
    severity="warning",
    finds="Mean losses over unequal numbers of tokens or rows are averaged with equal weight.",
    why="""\
The mean of means is the mean only if every part has the same number of terms. Under gradient accumulation each
micro-batch gets the same say: with 10 tokens in one and 990 in the other, a token of the first counts 99 times as much
as one of the second. The result depends on how the batch was cut, and accumulation is no longer what it stands for, a
larger batch.

The same holds for the loss of an epoch: 1,000 rows in batches of 64 leave 40 for the last, and each of them counts 1.6
times.

Take the sum of each part and divide once, by the number of terms in all. The Trainer of Hugging Face had this mistake
until October 2024.""",
    bad="""\
import torch
from torch import nn

model = nn.Sequential(nn.Embedding(8000, 64), nn.Linear(64, 8000))
criterion = nn.CrossEntropyLoss(ignore_index=-100)
optimizer = torch.optim.AdamW(model.parameters())


def step(micro_batches):
    optimizer.zero_grad()
    for tokens, target in micro_batches:
        loss = criterion(model(tokens).flatten(0, 1), target.flatten())
        (loss / len(micro_batches)).backward()
    optimizer.step()
""",
    good="""\
import torch
from torch import nn

model = nn.Sequential(nn.Embedding(8000, 64), nn.Linear(64, 8000))
criterion = nn.CrossEntropyLoss(ignore_index=-100, reduction="sum")
optimizer = torch.optim.AdamW(model.parameters())


def step(micro_batches):
    n_tokens = sum((target != -100).sum() for _, target in micro_batches)
    optimizer.zero_grad()
    for tokens, target in micro_batches:
        loss = criterion(model(tokens).flatten(0, 1), target.flatten())
        (loss / n_tokens).backward()
    optimizer.step()
""",
    references=(
        Reference(
            "Hugging Face (2024), Fixing Gradient Accumulation",
            "https://huggingface.co/blog/gradient_accumulation",
        ),
    ),
    unsure="""\
Micro-batches of equal size and without ignored rows have equal counts, and dividing by their number is right; that is
not reported. Weighting every document alike, long or short, may be meant.""",
)


@RULE.on(Backward)
def check(event: Backward, seen: Seen) -> Verdict | None:
    """Micro-batches of unlike numbers of valid targets, each averaged by itself."""
    call = event.loss.call
    if (
        "over accumulation" not in event.loss.marks
        or call is None
        or not ({"ignore_index", "weight"} & set(call.options) or "masked" in event.loss.marks)
    ):
        return None
    return Verdict(
        f"{call.loss.name} averages over the targets that count, of which each micro-batch has another number: "
        "sum, and divide once",
        event.loss.trail,
        node=event.loss.trail.node if event.loss.trail else None,
    )
