"""The weights that an autoencoder of pictures begins with."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nitido_train.nets.latent import LatentNet

DARKEST = 0.02  # a mean of 0 or 1 would begin with an infinite logit
CONTRAST = 0.3  # standard deviation of the first logits, about: the first pictures are the mean with a little contrast
SPREAD = 0.1  # gain of the log-variance, so that every latent begins with a variance close to 1


@torch.no_grad()
def set_first_weights(net: LatentNet, mean: Tensor) -> None:
    """Random weights under which pictures still differ after all layers, and a decoder that begins at the mean picture.

    mean: C values, 0..1, the mean of the training pictures in each channel.

    Kernels are those of He et al., "Delving Deep into Rectifiers" (2015). PyTorch's own are smaller by √6 in each
    layer. After a dozen layers all pictures look alike to the network, and brightness is the only thing that is left to
    learn. On pictures that are mostly black, all weights then work together to make it black, until the sigmoid has no
    gradient any more.
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
    """How many values each output is the sum of."""
    if isinstance(layer, nn.ConvTranspose2d):
        # Of a kernel, each output gets every second row and column with stride 2.
        return layer.in_channels * math.prod(layer.kernel_size) / math.prod(layer.stride)
    return layer.weight[0].numel()
