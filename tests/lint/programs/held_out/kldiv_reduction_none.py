# kl_div with reduction="none", summed over the classes and averaged over valid tokens by hand: right.
import torch
import torch.nn.functional as F


def masked_token_kl(student_logits, teacher_logits, attention_mask, temperature=2.0):
    s = F.log_softmax(student_logits / temperature, dim=-1)
    t = F.softmax(teacher_logits / temperature, dim=-1)
    kl = F.kl_div(s, t, reduction="none").sum(dim=-1)
    mask = attention_mask.to(kl.dtype)
    return (kl * mask).sum() / mask.sum().clamp(min=1.0) * temperature**2


class Distiller:
    def __init__(self, student, teacher):
        self.student, self.teacher = student, teacher

    def __call__(self, batch):
        with torch.no_grad():
            t = self.teacher(**batch).logits
        s = self.student(**batch).logits
        return masked_token_kl(s, t, batch["attention_mask"])
