# Logits (N, C, H, W) of one file are viewed as rows in the loss of another, without a permute.
from seg import SegNet, pixel_loss

net = SegNet()


def step(img, mask, opt):
    loss = pixel_loss(net(img), mask)
    opt.zero_grad()
    loss.backward()
    opt.step()
