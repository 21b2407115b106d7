# The head stays linear for training; the softmax is put behind the network only for the exported model.
import torch
import torch.nn as nn
import torchvision.models as models

device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def train_model(model, loader, criterion, optimizer, num_epochs=25):
    for epoch in range(num_epochs):
        for inputs, labels in loader:
            optimizer.zero_grad()
            outputs = model(inputs.to(device))
            loss = criterion(outputs, labels.to(device))
            loss.backward()
            optimizer.step()
    return model


model_ft = models.resnet18(weights="DEFAULT")
model_ft.fc = nn.Linear(model_ft.fc.in_features, 120)
model_ft = model_ft.to(device)
optimizer_ft = torch.optim.SGD(model_ft.parameters(), lr=0.001, momentum=0.9)
model_ft = train_model(model_ft, [], nn.CrossEntropyLoss(), optimizer_ft)

deploy = nn.Sequential(model_ft, nn.Softmax(dim=1)).eval()
torch.onnx.export(deploy, torch.zeros(1, 3, 224, 224), "dogs.onnx", input_names=["image"], output_names=["prob"])
