# Accelerate's accumulate() over image batches of one size; drop_last keeps the means equal in weight.
import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader

accelerator = Accelerator(gradient_accumulation_steps=4)


def main(model: nn.Module, dataset):
    loader = DataLoader(dataset, batch_size=64, shuffle=True, drop_last=True)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-4)
    model, opt, loader = accelerator.prepare(model, opt, loader)
    criterion = nn.CrossEntropyLoss()
    for x, y in loader:
        with accelerator.accumulate(model):
            loss = criterion(model(x), y)
            accelerator.backward(loss)
            opt.step()
            opt.zero_grad()
