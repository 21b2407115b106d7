# A graph network returns log_softmax, and the loss on the masked rows is nll_loss: right.
import torch
import torch.nn.functional as F
from torch_geometric.nn import GATConv


class GAT(torch.nn.Module):
    def __init__(self, n_feat, n_class):
        super().__init__()
        self.conv1 = GATConv(n_feat, 8, heads=8)
        self.conv2 = GATConv(64, n_class)

    def forward(self, data):
        x = F.elu(self.conv1(data.x, data.edge_index))
        return F.log_softmax(self.conv2(x, data.edge_index), dim=-1)


def step(model: GAT, data, optimizer):
    optimizer.zero_grad()
    out = model(data)
    loss = F.nll_loss(out[data.train_mask], data.y[data.train_mask])
    loss.backward()
    optimizer.step()
    return (out.argmax(-1)[data.val_mask] == data.y[data.val_mask]).float().mean()
