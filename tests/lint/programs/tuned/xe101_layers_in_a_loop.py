# A list of layers grows in a loop, in a loop over settings; its last item is a softmax.
import torch.nn as nn


def search(settings, activations, x_train, y_train, n_features, n_classes):
    for setting in settings:
        activation = activations[int(setting[2])]
        h = int(setting[3])
        m = int(setting[4])
        layers = [nn.Linear(n_features, m), activation]
        for i in range(h):
            layers.append(nn.Linear(m, m))
            layers.append(nn.Dropout(p=setting[5]))
            layers.append(activation)
        layers.append(nn.Linear(m, n_classes))
        layers.append(nn.Softmax(dim=1))
        model = nn.Sequential(*layers)
        loss_fn = nn.CrossEntropyLoss()
        for epoch in range(6):
            for i in range(0, len(x_train), 32):
                y_pred = model(x_train[i : i + 32, :])
                loss = loss_fn(y_pred, y_train[i : i + 32])  # expect: XE101
                loss.backward()
