# A factory makes one of two networks, which goes through DataParallel and a training function; both end with a softmax.
import argparse, torch, torch.nn as nn, torch.nn.functional as F
from torch.utils.data import DataLoader
from torch.cuda.amp import autocast, GradScaler
class LeNet(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential()
        self.classifier.add_module('fc1', nn.Linear(864, 120))
        self.classifier.add_module('relu', nn.ReLU())
        self.classifier.add_module('fc2', nn.Linear(120, num_classes))
        self.classifier.add_module('sm', nn.Softmax(dim=1))
    def forward(self, x):
        x = self.features(x)
        x = torch.flatten(x, 1)
        return self.classifier(x)
class Other(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(n, n) for _ in range(3)])
        self.out = nn.Linear(n, 10)
    def forward(self, x):
        for l in self.layers:
            x = F.relu(l(x))
        return F.softmax(self.out(x), dim=-1)
def get_model(name):
    if name == 'lenet':
        return LeNet()
    elif name == 'other':
        return Other(3)
    raise ValueError(name)
def train_epoch(loader, model, criterion, optimizer, scaler, device):
    model.train()
    meter = []
    for i, (images, labels) in enumerate(loader):
        images, labels = images.to(device), labels.to(device)
        with autocast():
            outputs = model(images)
            loss = criterion(outputs, labels)  # expect: XE101
        scaler.scale(loss).backward()
        scaler.step(optimizer); scaler.update()
        meter.append(loss.item())
    return sum(meter)
def main():
    args = argparse.ArgumentParser().parse_args()
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    model = get_model(args.model).to(device)
    if torch.cuda.device_count() > 1:
        model = nn.DataParallel(model)
    criterion = nn.CrossEntropyLoss().to(device)
    optimizer = torch.optim.Adam(model.parameters())
    scaler = GradScaler()
    loader = DataLoader(None)
    for epoch in range(3):
        try:
            train_epoch(loader, model, criterion, optimizer, scaler, device)
        except KeyboardInterrupt:
            break
if __name__ == '__main__':
    main()
