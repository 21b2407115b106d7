# The ground-truth mask is passed through a sigmoid, so the targets are .5 and .73 instead of 0 and 1.
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader


class RoadMasks(torch.utils.data.Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        img, mask = self.items[i]
        return torch.from_numpy(img).permute(2, 0, 1).float() / 255, torch.from_numpy(mask > 0).float()


def train(net: torch.nn.Module, items, lr=1e-3):
    loader = DataLoader(RoadMasks(items), batch_size=8, shuffle=True)
    opt = torch.optim.Adam(net.parameters(), lr=lr)
    for img, mask in loader:
        out = net(img).squeeze(1)
        loss = F.binary_cross_entropy_with_logits(out, torch.sigmoid(mask))  # expect: XE304
        opt.zero_grad()
        loss.backward()
        opt.step()
