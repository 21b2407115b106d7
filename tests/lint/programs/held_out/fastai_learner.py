# fastai: the Learner gets a model that ends with a softmax, and PyTorch's cross-entropy as loss_func.
from fastai.vision.all import *
from torch import nn

path = untar_data(URLs.PETS)
dls = ImageDataLoaders.from_name_re(path, get_image_files(path / "images"), pat=r"(.+)_\d+.jpg", item_tfms=Resize(224))

body = nn.Sequential(nn.Conv2d(3, 32, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
model = nn.Sequential(body, nn.Linear(32, 37), nn.Softmax(dim=1))
learn = Learner(dls, model, loss_func=nn.CrossEntropyLoss(), metrics=accuracy)  # expect: XE101
learn.fit_one_cycle(5)
