# BCELoss with the sigmoid where it belongs: in the forward of the model, as the last step.
import torch
from torch import nn
from torch.utils.data import DataLoader


class SentimentLSTM(nn.Module):
    def __init__(self, vocab, emb_dim=100, hid=256):
        super().__init__()
        self.embedding = nn.Embedding(vocab, emb_dim)
        self.lstm = nn.LSTM(emb_dim, hid, num_layers=2, dropout=0.5, batch_first=True)
        self.fc = nn.Linear(hid, 1)
        self.act = nn.Sigmoid()

    def forward(self, text):
        _, (h_n, _) = self.lstm(self.embedding(text))
        return self.act(self.fc(h_n[-1]))


def train(model: nn.Module, iterator: DataLoader, optimizer, criterion=nn.BCELoss()):
    model.train()
    epoch_loss = 0.0
    for text, label in iterator:
        optimizer.zero_grad()
        predictions = model(text).squeeze(1)
        loss = criterion(predictions, label.float())
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()
        print("acc", ((predictions > 0.5) == label.bool()).float().mean().item())
    return epoch_loss / len(iterator)


if __name__ == "__main__":
    lstm = SentimentLSTM(25002)
    loader = torch.load("imdb_loader.pt")
    for _ in range(5):
        print(train(lstm, loader, torch.optim.Adam(lstm.parameters())))
