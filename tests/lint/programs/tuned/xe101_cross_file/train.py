import argparse

import torch
from torch import nn

from model import TextCNN


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()

    model = TextCNN(vocab_size=20000)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    batches = torch.load("agnews.pt")

    for epoch in range(args.epochs):
        for ids, y in batches:
            optimizer.zero_grad()
            logits = model(ids)
            loss = criterion(logits, y)  # expect: XE101
            loss.backward()
            optimizer.step()


if __name__ == "__main__":
    main()
