import torch
from torch import nn

from model import TextCNN


def main(lr=1e-3, epochs=5):
    model = TextCNN(vocab_size=20000)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    batches = torch.load("agnews.pt")

    for epoch in range(epochs):
        for ids, y in batches:
            optimizer.zero_grad()
            logits = model(ids)
            loss = criterion(logits, y)
            loss.backward()
            optimizer.step()
        probs = model.predict_proba(batches[0][0])
        print(epoch, probs.max().item())


if __name__ == "__main__":
    main()
