"""XE403: unlabelled pixels or rows are given a class."""

import re

from xent.lint.events import Remapped
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict

RULE = Rule(
    code="XE403",
    name="unlabelled-as-background",
    severity="warning",
    finds="The id that marks what nobody labelled is rewritten to a class, and that class is trained.",
    why="""\
“Nobody knows” becomes “background”. Where a share u of an object's pixels is unlabelled and nothing sets them apart,
the best answer for every pixel of it is background with probability u: at u = .2 the object gets .8 at most, and beyond
one half the background wins outright.

In PASCAL VOC the id 255 is the border around each object, so that the network is taught to end every object before its
border. The score does not show it: unlabelled pixels are left out of the evaluation.

Leave the id as it is and tell the loss: `ignore_index=255`.""",
    bad="""\
from torch import nn

model = nn.Sequential(
    nn.Conv2d(3, 32, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(32, 21, 1),
)
criterion = nn.CrossEntropyLoss()


def step(images, masks):
    target = masks.long()
    target[target == 255] = 0
    return criterion(model(images), target)
""",
    good="""\
from torch import nn

model = nn.Sequential(
    nn.Conv2d(3, 32, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(32, 21, 1),
)
criterion = nn.CrossEntropyLoss(ignore_index=255)


def step(images, masks):
    return criterion(model(images), masks.long())
""",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss and its ignore_index",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
        Reference(
            "PASCAL VOC 2012, whose segmentations mark borders as void",
            "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
        ),
    ),
    unsure="""\
In a mask of two values 255 is often the foreground itself (`mask == 255` → 1); that is not reported. Where everything
unlabelled is known to be background, rewriting is right: say so with `# noqa: XE403`.""",
)


_LABELS = re.compile(r"label|mask|target|gt|truth|seg|annot", re.I)


@RULE.on(Remapped)
def check(event: Remapped, seen: Seen) -> Verdict | None:
    """Unlabelled pixels become background."""
    if event.old not in (255, -1, -100) or event.new != 0:
        return None
    # What is below 0 may be a position that is clamped, in a function that makes a mask of it.
    if not _LABELS.search(event.name) and (event.below or not _LABELS.search(event.within)):
        return None
    return Verdict(
        f"{event.old} marks what nobody labelled; as 0 it is trained as the first class: "
        "give it to ignore_index instead"
    )
