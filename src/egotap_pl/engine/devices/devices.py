"""The devices that a training or a test runs on: the `trainer` group of the configuration, checked once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.plugins import TorchSyncBatchNorm

from egotap_pl.core.errors import EgotapError
from egotap_pl.core.started_group import SRUN, started_group
from egotap_pl.data.datamodule import FrameDataModule
from egotap_pl.data.preparation.workers import usable_cpus
from egotap_pl.data.windows import ALONE, Window
from egotap_pl.engine.checkpoints.files import CheckpointFiles
from egotap_pl.engine.devices.acceleration import Acceleration
from egotap_pl.engine.devices.choice import SINGLE, check_of_trainings, check_whole, device_count, precision_of
from egotap_pl.engine.devices.cpu_batch_norm import CpuBatchNorm
from egotap_pl.engine.devices.trainer_options import check_options, chosen, determining
from egotap_pl.engine.processes.side_by_side import may_start_processes
from egotap_pl.engine.resuming.interruptions import NoSignals

ACCELERATORS = ("cpu", "gpu")
_OWN = ("accelerator", "devices", "precision", "workers")
_NODES = "nodes"
_OF_TRAININGS = ("checkpoint_minutes", "nan_retries", "side_by_side")
NO_FOLDER = f"{os.devnull}/none"
"""Lightning's default folder, which is not needed: everything it writes has a place of its own. In a SLURM job it looks
there for ``hpc_ckpt_*.ckpt`` and would load these instead of the weights that are to be trained or tested."""


@dataclass(frozen=True)
class Devices:
    """The devices that work on a job, one process each."""

    accelerator: str
    """``cpu`` or ``gpu``."""

    devices: int
    """Number of devices of each node; on a CPU, number of processes."""

    precision: str
    """Lightning's name for the precision, e.g. ``32-true``."""

    workers: int
    """Reading processes of each device; 0: the device's own process reads the frames."""

    indices: tuple[int, ...] | None = None
    """Indices of the GPUs; None: the first ones."""

    checkpoint_minutes: int | float = 15
    """Minutes between two checkpoints within an epoch; 0: none."""

    nan_retries: int = 0
    """How many times a training whose loss is not finite goes back to its last checkpoint."""

    side_by_side: bool | str = "auto"
    """Whether trainings that do not depend on each other run at the same time; ``auto``: if there are two threads."""

    beside: int = 1
    """Number of trainings that run on this machine at the same time, this one included."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Other arguments of Lightning's Trainer, where they differ from its defaults."""

    shared_batch_norm: bool = True
    """Whether batch normalisation is over the batches of all devices, as one device would do it."""

    nodes: int = 1
    """Number of nodes: machines with as many devices each."""

    acceleration: Acceleration = field(default_factory=Acceleration)
    """How tasks compute the same with less time or memory."""

    @classmethod
    def parse(cls, trainer: Mapping[str, Any]) -> Devices:
        """Check a node of conf/trainer.

        Raises:
            EgotapError: if a key is missing or unknown, a value is wrong, or the machine has fewer GPUs.
        """
        if missing := [name for name in _OWN if name not in trainer]:
            raise EgotapError(f"trainer.{missing[0]} is missing; trainer needs {', '.join(_OWN)}")
        of_trainings = {name: trainer[name] for name in _OF_TRAININGS if name in trainer}
        own = (*_OWN, _NODES, *_OF_TRAININGS, *Acceleration.names())
        options = {name: value for name, value in trainer.items() if name not in own}
        check_options(options, own)
        check_of_trainings(**of_trainings)
        shared = options.pop("sync_batchnorm", None) is not False
        accelerator, workers = trainer["accelerator"], trainer["workers"]
        nodes = trainer.get(_NODES, 1)  # configurations of earlier versions have none
        if accelerator == "auto":
            accelerator = "gpu" if torch.cuda.is_available() else "cpu"
        if accelerator not in ACCELERATORS:
            raise EgotapError(f"trainer.accelerator={accelerator}: must be one of: auto, {', '.join(ACCELERATORS)}")
        check_whole("trainer.workers", workers, 0)
        check_whole("trainer.nodes", nodes, 1)
        number, indices = device_count(trainer["devices"], accelerator)
        if of_trainings.get("side_by_side") is True and (accelerator, number * nodes) != ("cpu", 1):
            raise EgotapError("trainer.side_by_side=true is for a CPU and one device; give auto or false")
        return cls(
            accelerator,
            number,
            precision_of(str(trainer["precision"]), accelerator),
            workers,
            indices,
            options=chosen(options),
            shared_batch_norm=shared,
            nodes=nodes,
            acceleration=Acceleration.parse(trainer),
            **of_trainings,
        )

    @classmethod
    def single(cls, device: str, precision: str = SINGLE) -> Devices:
        """One device, as the Python API names it.

        Args:
            device: ``cpu``, ``gpu``, or ``auto``: a GPU if there is one.
            precision: Lightning's name for the precision.

        Raises:
            EgotapError: if it has another name, or this machine has no GPU.
        """
        if device not in ("auto", *ACCELERATORS):
            which = "; CUDA_VISIBLE_DEVICES chooses among several GPUs" if "cuda" in str(device) else ""
            raise EgotapError(f"device={device}: must be one of: auto, {', '.join(ACCELERATORS)}{which}")
        if device == "gpu" and not torch.cuda.is_available():
            raise EgotapError('device=gpu: PyTorch finds no GPU on this machine; give device="cpu"')
        return cls.parse({"accelerator": device, "devices": 1, "precision": precision, "workers": 0})

    @property
    def determining(self) -> dict[str, Any]:
        """What determines a training's result, besides the precision.

        The number of devices does not, unless each of them normalises its batches alone.
        """
        result = determining(self.options)
        if self.processes > 1 and not self.shared_batch_norm:
            result |= {"sync_batchnorm": False, "devices": self.processes}
        if self.accelerator == "gpu" and self.acceleration.tf32 and self.precision == SINGLE:
            result |= {"tf32": True}  # with mixed precision, products have no more digits anyway
        return result

    @property
    def processes(self) -> int:
        """Number of processes on all nodes."""
        return self.devices * self.nodes

    def shares(self, trainings: int) -> int:
        """In how many processes trainings that do not depend on each other run.

        Args:
            trainings: their number.

        Returns:
            The number of trainings, each with its share of the threads that PyTorch uses here, or 1: one after the
            other, in this process.
        """
        is_possible = self.accelerator == "cpu" and self.processes == 1 and trainings > 1 and may_start_processes()
        is_wanted = torch.get_num_threads() >= trainings if self.side_by_side == "auto" else self.side_by_side
        return trainings if is_possible and is_wanted else 1

    def with_workers(self, workers: int | None) -> Devices:
        """The same devices with this number of reading processes; None: unchanged.

        Raises:
            EgotapError: if it is not a whole number, 0 or more.
        """
        if workers is not None:
            check_whole("workers", workers, 0)
        return self if workers is None else replace(self, workers=workers)

    def share_of(self, batch_size: int) -> int:
        """Frames of a batch for each of the devices.

        Raises:
            EgotapError: if the devices cannot share a batch evenly.
        """
        if batch_size % self.processes:
            nodes = f" times trainer.nodes={self.nodes}" if self.nodes > 1 else ""
            raise EgotapError(f"batch_size={batch_size} must be a multiple of trainer.devices={self.devices}{nodes}")
        return batch_size // self.processes

    @property
    def torch_device(self) -> torch.device:
        """The first of the devices."""
        if self.accelerator == "cpu":
            return torch.device("cpu")
        return torch.device("cuda", self.indices[0]) if self.indices else torch.device("cuda")

    @property
    def _lightnings(self) -> int | list[int]:
        return list(self.indices) if self.indices else self.devices

    def data_module(
        self,
        store: Path,
        batch_size: int,
        seed: int = 0,
        augment: Any = None,
        heatmaps: Path | None = None,
        window: Window = ALONE,
    ) -> FrameDataModule:
        """Prepared data for one of the devices.

        Args:
            store: folder of the prepared data.
            batch_size: frames in a batch, over all devices.
            seed: seed of the order of training frames and of augmentation.
            augment: augmentation of training batches, or a factory of one.
            heatmaps: folder of cached heatmaps, read instead of images.
            window: the frames that belong to each frame of a batch; by default, frames come alone.

        Raises:
            EgotapError: if the devices cannot share a batch evenly.
        """
        return FrameDataModule(
            store,
            batch_size=self.share_of(batch_size),
            workers=max(min(self.workers, self._cpus - 1), 0),  # one processor runs the training
            seed=seed,
            augment=augment,
            heatmaps=heatmaps,
            accumulated=self.options.get("accumulate_grad_batches", 1),
            readers=self.devices * self.beside,
            window=window,
        )

    @property
    def _cpus(self) -> int:
        """Processors for each of the devices."""
        usable, group = usable_cpus(), started_group()
        of_task = os.environ.get("SLURM_CPUS_PER_TASK", "")
        # srun may have bound each process to its own processors.
        is_bound = group is not None and group.starter == SRUN and of_task.isdigit() and usable <= int(of_task)
        return (usable if is_bound else usable // self.devices) // self.beside

    def trainer(self, **arguments: Any) -> L.Trainer:
        """Lightning's trainer on these devices. The data module has its own samplers.

        The processes exist already (`egotap_pl.engine.processes.launch`). In a SLURM job, Lightning by itself would
        take their number and ranks from SLURM's variables. It handles no signals; see
        `egotap_pl.engine.resuming.interruptions`.

        Args:
            **arguments: passed to `lightning.Trainer`; `options` come before them.

        Raises:
            EgotapError: if Lightning refuses the configuration, e.g. the precision.
        """
        plugins: list[Any] = [LightningEnvironment(), CheckpointFiles()]
        if self.processes > 1:
            plugins[0] = TorchElasticEnvironment()
            if self.shared_batch_norm:
                plugins.append(CpuBatchNorm() if self.accelerator == "cpu" else TorchSyncBatchNorm())
        try:
            trainer = L.Trainer(
                accelerator=self.accelerator,
                devices=self._lightnings,
                num_nodes=self.nodes,
                precision=self.precision,  # type: ignore[arg-type]  # checked by Lightning
                use_distributed_sampler=False,
                plugins=plugins,
                default_root_dir=NO_FOLDER,
                **{"strategy": "ddp" if self.processes > 1 else "auto", **arguments, **self.options},
            )
        except (ValueError, MisconfigurationException) as error:
            raise EgotapError(f"trainer: {error}") from error
        trainer._signal_connector = NoSignals(trainer)
        return trainer

    def fabric(self) -> L.Fabric:
        """Lightning Fabric on a single device.

        Raises:
            EgotapError: if there is more than one, or Lightning refuses the configuration.
        """
        if self.processes != 1:
            which = f"trainer.devices={self.devices}" if self.devices != 1 else f"trainer.nodes={self.nodes}"
            raise EgotapError(
                f"{which}: egotap predict runs on one device; split the input among several commands instead"
            )
        if self.options:
            raise EgotapError(
                f"trainer.{next(iter(self.options))}: egotap predict uses only trainer.{', trainer.'.join(_OWN)}"
            )
        try:
            return L.Fabric(accelerator=self.accelerator, devices=self._lightnings, precision=self.precision)  # type: ignore[arg-type]
        except (ValueError, MisconfigurationException) as error:
            raise EgotapError(f"trainer: {error}") from error
