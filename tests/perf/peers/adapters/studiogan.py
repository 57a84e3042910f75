"""PyTorch-StudioGAN: its `WORKER`'s D and G steps under its DCGAN configuration, on DCGAN's networks.

Its own DCGAN networks always make 32 × 32 images, so the ones of this size are ours behind its interface.
Its launcher needs CUDA, data sets on the disk, Inception weights and a wandb account; so the worker is built
here, and its two steps are called in the order of the loop in its `loader.py`.
"""

from pathlib import Path

import torch
from contestant import Peer
from torch import Tensor, nn
from work import NZ, Discriminator, Generator, Work

RUN = {  # what its command line would have put there
    "train": True,
    "mixed_precision": False,
    "distributed_data_parallel": False,
    "synchronized_bn": False,
    "batch_statistics": False,
    "freezeD": -1,
    "langevin_sampling": False,
    "empty_cache": False,
}


class StudioGenerator(nn.Module):
    """Takes labels, and has none to use."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Generator()

    def forward(self, z: Tensor, label: Tensor, eval: bool = False) -> Tensor:
        return self.network(z)


class StudioDiscriminator(nn.Module):
    """Returns the dictionary that the worker reads."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Discriminator()

    def forward(
        self, x: Tensor, label: Tensor, eval: bool = False, adc_fake: bool = False
    ) -> dict[str, Tensor]:
        return {"adv_output": self.network(x).squeeze(1), "label": label}


def train(folder: Path, work: Work) -> None:
    """Call `train_discriminator` and `train_generator` in turn."""
    import config
    from worker import WORKER

    torch.backends.cudnn.benchmark = True  # as its loader.py sets it where no seed is fixed
    configuration = config.Configurations(str(folder / "src" / "configs" / "CIFAR10" / "DCGAN.yaml"))
    configuration.update_cfgs(RUN, super="RUN")
    configuration.update_cfgs({"z_dim": NZ}, super="MODEL")
    configuration.update_cfgs({"batch_size": work.batch_size, "d_updates_per_step": 1}, super="OPTIMIZATION")
    generator = StudioGenerator().to(work.device)
    discriminator = StudioDiscriminator().to(work.device)
    configuration.define_optimizer(generator, discriminator)
    unused = dict.fromkeys(
        (
            *("Gen_mapping", "Gen_synthesis", "Gen_ema", "Gen_ema_mapping", "Gen_ema_synthesis", "ema"),
            *("eval_model", "eval_dataloader", "mu", "sigma", "real_feats", "logger", "aa_p", "best_step"),
            *("best_fid", "best_ckpt_path", "lecam_emas", "num_eval", "loss_list_dict"),
            "metric_dict_during_train",
        )
    )
    worker = WORKER(
        cfgs=configuration,
        run_name="peers",
        Gen=generator,
        Dis=discriminator,
        train_dataloader=work.loader(),
        global_rank=1,  # rank 0 logs in to wandb
        local_rank=work.device,
        **unused,
    )
    worker.training, worker.topk = True, work.batch_size
    worker.prepare_train_iter(epoch_counter=0)
    step = 0
    while True:
        worker.train_discriminator(current_step=step)
        worker.train_generator(current_step=step)
        step += 1


PEER = Peer(
    name="StudioGAN's WORKER on DCGAN's networks",
    option="studiogan",
    train=train,
    source="src",
    bare_packages=("metrics", "models", "sync_batchnorm", "utils"),  # they have no __init__
    differs=(
        "its configuration's two D updates set to one; each update generates its own batch, and computes its "
        "own player's gradients alone; nothing read by the host; batch norms' tracking is switched for every "
        "update; `DataLoader` over tensors in memory, no workers; its launcher, logging and evaluation are "
        "not run"
    ),
)
