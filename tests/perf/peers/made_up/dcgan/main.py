"""A tiny script of our own in the shape of pytorch/examples' `dcgan/main.py`, for the tests."""

import argparse
from pathlib import Path

import torch
from torch import nn

import metrics  # of this checkout: a name of ours, too

parser = argparse.ArgumentParser()
parser.add_argument("--dataset", required=True)
for name in ("--batchSize", "--imageSize", "--ngf", "--ndf", "--niter", "--manualSeed"):
    parser.add_argument(name, type=int)
parser.add_argument("--outf", type=Path)
opt = parser.parse_args()
print(opt)

torch.backends.cudnn.benchmark = True

net_g, net_d = nn.Linear(4, 8), nn.Linear(8, 1)
criterion = nn.BCEWithLogitsLoss()
optimiser_d = torch.optim.Adam(net_d.parameters())
optimiser_g = torch.optim.Adam(net_g.parameters())
ones, zeros = torch.ones(opt.batchSize, 1), torch.zeros(opt.batchSize, 1)

for i in range(opt.niter):
    net_d.zero_grad()
    fake = net_g(torch.randn(opt.batchSize, 4))
    real = torch.randn(opt.batchSize, 8)
    loss_d = criterion(net_d(real), ones) + criterion(net_d(fake.detach()), zeros)
    loss_d.backward()
    optimiser_d.step()
    net_g.zero_grad()
    loss_g = criterion(net_d(fake), ones)
    loss_g.backward()
    with (opt.outf / "begun.txt").open("a") as file:
        file.write(f"{i} {metrics.WHOSE} {torch.backends.cudnn.benchmark}\n")
    optimiser_g.step()
    print(i, loss_d.item(), loss_g.item())
