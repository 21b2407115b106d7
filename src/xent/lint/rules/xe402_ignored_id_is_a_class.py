"""XE402: ignore_index is the id of a real class."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Tensor, Unknown, constant

RULE = Rule(
    code="XE402",
    name="ignored-id-is-a-class",
    severity="warning",
    finds="The id that the loss ignores is also the id of a class that the model is to learn.",
    why="""\
Rows of that class are skipped, and every other row pushes its logit down. No row ever pushes it up: the probability of
the class goes to 0 and its recall with it. In a segmentation where the background fills 80 % of the image,
`ignore_index=0` also throws away 80 % of the pixels, and every background pixel is given to some object.

The usual way into it: `tokenizer.pad_token = tokenizer.eos_token`, and then the padding id is ignored. The end of a
text has the same id, so the model is never taught to stop and writes until it is cut off.

Mark what is to be ignored by an id that is no class, −100 or 255, from the mask and not from the id.""",
    bad="""\
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("gpt2")
tokenizer.pad_token = tokenizer.eos_token
model = AutoModelForCausalLM.from_pretrained("gpt2")


def step(texts):
    ended = [text + tokenizer.eos_token for text in texts]
    batch = tokenizer(ended, return_tensors="pt", padding=True)
    logits = model(**batch).logits[:, :-1]
    target = batch["input_ids"][:, 1:]
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=tokenizer.pad_token_id)
""",
    good="""\
import torch.nn.functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("gpt2")
tokenizer.pad_token = tokenizer.eos_token
model = AutoModelForCausalLM.from_pretrained("gpt2")


def step(texts):
    ended = [text + tokenizer.eos_token for text in texts]
    batch = tokenizer(ended, return_tensors="pt", padding=True)
    logits = model(**batch).logits[:, :-1]
    target = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)[:, 1:]
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())
""",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss and its ignore_index",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
    ),
    unsure="""\
Class 0 may be a place that was kept free for padding or “nothing to learn”. It is reported only where the file shows
that the id is used: a list of class names that starts with a real one, or an end token that doubles as padding.""",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Report an ignored id that stands for a class."""
    x, y, said = event.prediction, event.target, event.options.get("ignore_index")
    if event.loss.family != "softmax" or said is None:
        return None
    if isinstance(said, Unknown) and said.name == "?the end-of-text id":
        if isinstance(y, Tensor) and "padded with the pad id" in y.marks:
            return Verdict(
                "the pad token was made the end-of-text token, which is never trained if it is ignored", y.trail
            )
        return None
    ignored = constant(said)
    if not isinstance(ignored, int) or ignored < 0:
        return None
    if isinstance(x, Tensor) and x.n_classes == 2 and ignored < 2:
        return Verdict(f"ignore_index={ignored} is one of the two classes: no row of it is ever trained", x.trail)
    if not isinstance(y, Tensor) or "of a data set" not in y.marks or f"{ignored} is padding" in y.marks:
        return None
    if y.n_classes is None or ignored >= y.n_classes:
        return None
    return Verdict(f"ignore_index={ignored} is one of the {y.n_classes} classes: no row of it is ever trained", y.trail)
