# R-Drop in a Hugging Face Trainer: one direction of the divergence is in log space, the other is not.
import torch.nn.functional as F
from transformers import Trainer


class RDropTrainer(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        out1 = model(**inputs)
        out2 = model(**inputs)
        p = F.softmax(out1.logits, dim=-1)
        q = F.softmax(out2.logits, dim=-1)
        log_p = F.log_softmax(out1.logits, dim=-1)
        kl_pq = F.kl_div(log_p, q, reduction="batchmean")
        kl_qp = F.kl_div(q, p, reduction="batchmean")  # expect: XE204
        loss = 0.5 * (out1.loss + out2.loss) + 0.25 * (kl_pq + kl_qp)
        return (loss, out1) if return_outputs else loss
