"""Autoencoders of all kinds: from pictures to a small latent vector and back."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nitido_train.nets.latent_sizes import WIDTHS
from nitido_train.nets.thin import linear

VARIATIONAL = ("vae", "cvae")
KINDS = ("autoencoder", "denoising-autoencoder", "aae", *VARIATIONAL)


class LatentPassage(NamedTuple):
    """A batch after it passed through an autoencoder.

    logits: N×C×H×W, before the sigmoid.
    mean, log_var: N×d. ``log_var`` is ``None`` for kinds that are not variational.
    real, fake, fooled: N×1 logits of an adversarial autoencoder's discriminator: for the prior, for the latents, and
    for the latents with constant weights of the discriminator.
    """

    logits: Tensor
    mean: Tensor
    log_var: Tensor | None
    real: Tensor | None = None
    fake: Tensor | None = None
    fooled: Tensor | None = None


class LatentEncoder(nn.Module):
    """Convolutions of stride 2 to ``widths`` channels, one hidden layer, and ``heads`` linear ones of size ``latent``.
    rank: see :class:`LatentNet`.

    forward: pictures N×C×H×W, -0.5..0.5, and for a conditional network ``condition`` N×K one-hot → N×d, or (mean N×d,
    log-variance N×d).
    """

    def __init__(
        self,
        height: int,
        width: int,
        channels: int,
        widths: list[int],
        hidden: int,
        latent: int,
        heads: int,
        labels: int,
        rank: int,
    ) -> None:
        super().__init__()
        self.heads, self.labels = heads, labels
        sizes = [channels, *widths]
        layers: list[nn.Module] = []
        for a, b in zip(sizes, widths, strict=False):
            layers += [nn.Conv2d(a, b, 3, stride=2, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*layers, nn.Flatten())
        cells = (height >> len(widths)) * (width >> len(widths))
        self.hidden = nn.Sequential(linear(widths[-1] * cells + labels, hidden, rank), nn.ReLU())
        self.mean = nn.Linear(hidden, latent)
        if heads == 2:
            self.log_var = nn.Linear(hidden, latent)

    def forward(self, pictures: Tensor, condition: Tensor | None = None) -> Tensor | tuple[Tensor, Tensor]:
        features = self.features(pictures)  # N C'·h·w
        if self.labels:
            features = torch.cat([features, condition], dim=1)  # pyright: ignore[reportArgumentType, reportCallIssue]
        features = self.hidden(features)
        return self.mean(features) if self.heads == 1 else (self.mean(features), self.log_var(features))


class LatentDecoder(nn.Module):
    """Two hidden layers and transposed convolutions.

    forward: z N×d, and for a conditional network ``condition`` N×K one-hot → logits N×C×H×W.
    """

    def __init__(
        self,
        height: int,
        width: int,
        channels: int,
        widths: list[int],
        hidden: int,
        latent: int,
        labels: int,
        rank: int,
    ) -> None:
        super().__init__()
        self.labels = labels
        grid = (widths[-1], height >> len(widths), width >> len(widths))
        self.hidden = nn.Sequential(
            nn.Linear(latent + labels, hidden),
            nn.ReLU(),
            linear(hidden, grid[0] * grid[1] * grid[2], rank),
            nn.ReLU(),
            nn.Unflatten(1, grid),  # N C' h w
        )
        layers: list[nn.Module] = []
        for a, b in zip(widths[::-1], [*widths[-2::-1], channels], strict=True):
            layers += [nn.ConvTranspose2d(a, b, 4, stride=2, padding=1), nn.ReLU()]
        self.picture = nn.Sequential(*layers[:-1])

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        if self.labels:
            z = torch.cat([z, condition], dim=1)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return self.picture(self.hidden(z))


class LatentNet(nn.Module):
    """An encoder and a decoder, and for an adversarial autoencoder the discriminator of its latents.

    kind: one of these:

    - ``autoencoder``;
    - ``denoising-autoencoder``: from a damaged picture to the clean one (Vincent et al., 2008);
    - ``vae`` (Kingma and Welling, Auto-Encoding Variational Bayes, 2014);
    - ``cvae``: both halves get the label (Sohn, Lee, Yan, 2015);
    - ``aae`` (Makhzani et al., Adversarial Autoencoders, 2015).

    height, width, channels: of the pictures. Height and width are multiples of 2^len(widths).
    labels: names of the label numbers of a ``cvae``.
    rank: 0, or the rank of the two layers between convolutions and hidden units, which have most of the weights; see
    ``nets.thin``.
    """

    def __init__(
        self,
        kind: str,
        height: int = 64,
        width: int = 64,
        channels: int = 3,
        latent: int = 32,
        widths: list[int] | None = None,
        hidden: int = 256,
        labels: list[str] | None = None,
        rank: int = 0,
    ) -> None:
        super().__init__()
        widths = widths or list(WIDTHS)
        cell = 2 ** len(widths)
        for name, side in (("height", height), ("width", width)):
            if side % cell:
                raise ValueError(f"{name} must be a multiple of {cell}, 2 to the number of widths; found {side}")
        if channels not in (1, 3):
            raise ValueError(f"channels must be 1 (grey) or 3; found {channels}")
        features = widths[-1] * (height // cell) * (width // cell)
        if not 0 <= rank < min(hidden, features):
            raise ValueError(
                f"rank must be below hidden, {hidden}, and the number of features, {features}; found {rank}"
            )
        self.kind, self.latent, self.labels = kind, latent, list(labels or [])
        self.height, self.width, self.channels = height, width, channels
        count = len(self.labels) if kind == "cvae" else 0
        shape = (height, width, channels, widths, hidden, latent)
        self.encoder = LatentEncoder(*shape, 2 if kind in VARIATIONAL else 1, count, rank)
        self.decoder = LatentDecoder(*shape, count, rank)
        self.critic = _critic(latent) if kind == "aae" else None

    @property
    def has_prior(self) -> bool:
        """Whether its latents are trained to fill a standard normal distribution."""
        return self.kind in (*VARIATIONAL, "aae")

    def condition(self, label: Tensor) -> Tensor | None:
        """Label numbers N as one-hot N×K float32. ``None`` for a network that is not conditional."""
        if self.kind != "cvae":
            return None
        return nn.functional.one_hot(label, len(self.labels)).to(torch.float32)

    def forward(self, pictures: Tensor, label: Tensor, draw: Tensor) -> LatentPassage:
        """One pass, with everything that the losses need.

        pictures: N×C×H×W, -0.5..0.5.
        label: N int64, used by a ``cvae`` only.
        draw: N×d from a standard normal distribution. A VAE samples with it, and for an ``aae`` it is the prior. Zeros
        give the mean.
        """
        condition = self.condition(label)
        encoded = self.encoder(pictures, condition)
        if isinstance(encoded, tuple):
            mean, log_var = encoded
            z = mean + draw * torch.exp(0.5 * log_var)
            return LatentPassage(self.decoder(z, condition), mean, log_var)
        logits = self.decoder(encoded, condition)
        if self.critic is None:
            return LatentPassage(logits, encoded, None)
        # One backward pass serves both: the discriminator learns from detached latents, and the encoder learns from a
        # discriminator with constant weights.
        still = {name: value.detach() for name, value in self.critic.named_parameters()}
        fooled = functional_call(self.critic, still, (encoded,))
        return LatentPassage(logits, encoded, None, self.critic(draw), self.critic(encoded.detach()), fooled)


def _critic(latent: int, hidden: int = 256) -> nn.Module:
    layers = [nn.Linear(latent, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, hidden), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(hidden, 1))
