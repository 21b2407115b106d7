# Ignite: the network with a softmax at its end and the cross-entropy meet in the arguments of the trainer.
import torch
from ignite.engine import Events, create_supervised_trainer
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = torch.relu(self.conv1(x)).mean(dim=(2, 3))
        return nn.functional.softmax(self.fc(x), dim=1)


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
trainer = create_supervised_trainer(model, optimizer, nn.CrossEntropyLoss(), device="cpu")  # expect: XE101


@trainer.on(Events.EPOCH_COMPLETED)
def report(engine):
    print(engine.state.epoch, engine.state.output)
