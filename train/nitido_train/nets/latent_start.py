"""Initial weights of an autoencoder of pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nitido_train.nets.latent import LatentNet

DARKEST = 0.02  # a mean of 0 or 1 would mean an infinite logit
# approximate standard deviation of the first logits: the first pictures are the mean with a little contrast
CONTRAST = 0.3
SPREAD = 0.1  # gain of the log-variance, so that every latent starts with a variance close to 1


@torch.no_grad()
def set_first_weights(net: LatentNet, mean: Tensor) -> None:
    """Random weights that keep pictures different through all layers, and a decoder that starts at the mean picture.

    mean: C values, 0..1, the mean of the training pictures in each channel.

    Kernels are those of He et al., "Delving Deep into Rectifiers" (2015). PyTorch's defaults are smaller by √6 in each
    layer. With these, after a dozen layers all pictures look alike to the network, and it can only learn brightness. On
    pictures that are mostly black, all weights then move towards black, until the sigmoid has no gradient.
    """
    last = net.decoder.picture[-1]
    gains = {id(last): CONTRAST, id(net.encoder.mean): 1.0}
    if net.encoder.heads == 2:
        gains[id(net.encoder.log_var)] = SPREAD
    for half in (net.encoder, net.decoder):
        for layer in half.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                layer.weight.normal_(0, gains.get(id(layer), math.sqrt(2)) / math.sqrt(_inputs(layer)))
                if layer.bias is not None:
                    layer.bias.zero_()
    assert isinstance(last, nn.ConvTranspose2d) and last.bias is not None
    last.bias.copy_(torch.logit(mean.clamp(DARKEST, 1 - DARKEST)))


def _inputs(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> float:
    """The number of values in the sum for each output."""
    if isinstance(layer, nn.ConvTranspose2d):
        # With stride 2, each output gets every second row and column of a kernel.
        return layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
    return layer.weight[0].numel()
