# Hugging Face: perplexity from eval_loss of a plain causal LM in nats.
import math

from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments
from transformers import DataCollatorForLanguageModeling

tok = AutoTokenizer.from_pretrained("distilgpt2")
tok.pad_token = tok.eos_token
lm = AutoModelForCausalLM.from_pretrained("distilgpt2")
data = load_dataset("wikitext", "wikitext-2-raw-v1").map(
    lambda b: tok(b["text"], truncation=True, max_length=256), batched=True, remove_columns=["text"]
)
trainer = Trainer(
    model=lm,
    args=TrainingArguments("lm", num_train_epochs=1),
    train_dataset=data["train"],
    eval_dataset=data["validation"],
    data_collator=DataCollatorForLanguageModeling(tok, mlm=False),
)
trainer.train()
print("perplexity", math.exp(trainer.evaluate()["eval_loss"]))
