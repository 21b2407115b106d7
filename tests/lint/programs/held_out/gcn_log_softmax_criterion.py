# A graph network returns log_softmax as in the papers' code, and the criterion is CrossEntropyLoss.
import torch
import torch.nn.functional as F
from torch_geometric.nn import GCNConv


class GCN(torch.nn.Module):
    def __init__(self, n_feat, n_class):
        super().__init__()
        self.conv1 = GCNConv(n_feat, 16)
        self.conv2 = GCNConv(16, n_class)

    def forward(self, data):
        x = F.relu(self.conv1(data.x, data.edge_index))
        x = self.conv2(F.dropout(x, training=self.training), data.edge_index)
        return F.log_softmax(x, dim=1)


def train(data, n_class, epochs=200):
    model = GCN(data.num_features, n_class)
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    for _ in range(epochs):
        optimizer.zero_grad()
        out = model(data)
        loss = criterion(out[data.train_mask], data.y[data.train_mask])  # expect: XE107
        loss.backward()
        optimizer.step()
