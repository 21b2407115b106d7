import torch
from sklearn.metrics import classification_report

from net import ToxicNet


def main(loader):
    net = ToxicNet()
    net.load_state_dict(torch.load("toxic.pt"))
    net.eval()
    preds, golds = [], []
    with torch.no_grad():
        for x, tags in loader:
            y_pred = net(x)
            preds.append((y_pred > 0.5).int())  # expect: XE308
            golds.append(tags.int())
    print(classification_report(torch.cat(golds), torch.cat(preds)))
