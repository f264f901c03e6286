"""Geodesics in the latent plane of three digits, and how much they depend on the training."""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch

import latent_transport as lt
from latent_transport.datasets import make_subset
from latent_transport.datasets.sample import write_sample
from latent_transport.models import Architecture
from latent_transport.training import Schedule, train_vae

DIGITS = (0, 1, 2)
SEEDS = (0, 1, 2)
PAIRS = 10
ARCHITECTURE = Architecture(latent_dim=2, hidden=(128, 128))
SCHEDULE = Schedule(epochs=30, batch_size=64, learning_rate=4e-3)


def load_images():
    """Images (n, 784) in grey levels of the three splits, and the labels of the last one."""
    with tempfile.TemporaryDirectory() as folder:
        write_sample(Path(folder))
        subset = make_subset(folder, digits=DIGITS, validation_fraction=0.1, seed=0)
    images = torch.from_numpy(subset.images).float()
    split = torch.from_numpy(subset.split)
    return *(images[split == part] for part in range(3)), subset.labels[subset.split == 2]


def main():
    train, validation, test, labels = load_images()
    chosen = torch.randperm(len(test), generator=torch.Generator().manual_seed(0))[: 2 * PAIRS]
    lengths, distances, latent = [], [], []
    for seed in SEEDS:
        vae, history = train_vae(ARCHITECTURE, train, validation, schedule=SCHEDULE, seed=seed)
        vae.requires_grad_(False)
        codes = vae.encoder(test).mean  # (n, 2)
        z0, z1 = codes[chosen].split(PAIRS)
        geometry = lt.Wasserstein1(vae.decoder)
        paths = lt.connecting_geodesics(geometry, z0, z1)
        print(f"seed {seed}: {history.best['validation_loss']:.3f} bits per dimension")
        print(paths)
        lengths.append(paths.length)
        distances.append(geometry.distance(z0, z1))
        latent.append((z1 - z0).norm(dim=-1))

    print("\ncoefficient of variation over trainings, mean over pairs")
    for name, values in (("geodesic", lengths), ("no curve", distances), ("latent", latent)):
        stacked = torch.stack(values)  # (S, P)
        print(f"  {name:9} {float((stacked.std(0) / stacked.mean(0)).mean()):.3f}")

    # Decoders that agree on the codes, and need not elsewhere.
    ensemble, _ = lt.train_ensemble(
        vae, train, validation, members=3, schedule=Schedule(epochs=10, batch_size=64), seed=0
    )
    both = {"one decoder": vae.decoder, "an ensemble of three": ensemble}
    figure, grid = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
    for axes, (title, decoder) in zip(grid, both.items(), strict=True):
        paths = lt.connecting_geodesics(lt.Wasserstein1(decoder.requires_grad_(False)), z0, z1)
        paths.plot(codes, labels=torch.from_numpy(labels.astype("int64")), axes=axes)
        axes.set_title(f"{title}: {float(paths.length.mean()):.0f} grey levels")
    figure.savefig("course.png", dpi=150)


if __name__ == "__main__":
    main()
