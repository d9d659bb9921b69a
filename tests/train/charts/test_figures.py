"""What a training shows of itself: curves, latents on a plane, decoded grids, the comparison with PCA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nitido_train.charts import pca
from nitido_train.charts.latents import comparison, decoded_figures, net_error, pca_figure, placed_figure
from nitido_train.charts.pca import Error, ErrorMeter, pca_errors, principal_components
from nitido_train.charts.plots import curves, labelled_plane, lines_chart, pca_chart, scatter
from nitido_train.data.examples import Examples, Shape, read_examples
from nitido_train.nets.latent import LatentNet
from support.recipes import SIDE, write_class_folders, write_digits

CPU = torch.device("cpu")


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    return write_digits(tmp_path / "digits", 240)


class Halves(nn.Module):
    """A decoder that can be foreseen: z_0 is the brightness of the left half, z_1 that of the right one."""

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        shown = z if condition is None else z[:, :1] + 4 * condition  # a label is brightness, too
        return torch.repeat_interleave(shown[:, None, None, :2], SIDE // 2, 3).expand(-1, 1, SIDE, -1)


def foreseeable(kind: str, latent: int = 2, labels: list[str] | None = None) -> LatentNet:
    torch.manual_seed(0)
    net = LatentNet(kind, SIDE, SIDE, 1, latent, [4], 8, labels)
    net.decoder = Halves()  # pyright: ignore[reportAttributeAccessIssue]
    return net.eval()


# PCA


def test_pictures_of_two_parts_need_two_components() -> None:
    rng = np.random.default_rng(0)
    parts = rng.uniform(0, 100, (2, 8, 8, 1))
    pictures = np.round(np.einsum("nk,khwc->nhwc", rng.uniform(0, 1, (300, 2)), parts)).astype(np.uint8)
    found = principal_components([pictures[:200]], 200, 64, 8)
    one, two, four = pca_errors(found, [pictures[200:250], pictures[250:]], [4, 1, 2])
    assert (one.latent, two.latent, four.latent) == (1, 2, 4)
    rounding = 1 / 12 / 255**2
    assert one.mse > 50 * rounding
    assert two.mse < 1.1 * rounding
    # By hand, with the singular vectors of the training pictures.
    training, held_out = (part.reshape(len(part), -1) / 255 for part in (pictures[:200], pictures[200:]))
    row = np.linalg.svd(training - training.mean(0))[2][:1]
    restored = np.clip((held_out - training.mean(0)) @ row.T @ row + training.mean(0), 0, 1)
    assert one.mse == pytest.approx(float(np.mean((restored - held_out) ** 2)), rel=1e-3)


def test_small_and_wide_pictures_are_analysed_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    waves = np.cumsum(rng.normal(0, 6, (900, 100)), axis=1)
    pictures = np.clip(waves + 128, 0, 255).astype(np.uint8)
    sizes = [2, 8, 16]

    def found() -> list[Error]:
        batches = (pictures[i : i + 30] for i in range(0, 900, 30))  # smaller than there are components
        return pca_errors(principal_components(batches, 900, 100, 40), [pictures], sizes)

    by_covariance = found()
    monkeypatch.setattr(pca, "NARROW", 0)
    for a, b in zip(by_covariance, found(), strict=True):
        assert b.mse == pytest.approx(a.mse, rel=1e-3)


def test_large_collections_of_wide_pictures_are_thinned_evenly(monkeypatch: pytest.MonkeyPatch, digits: Path) -> None:
    examples = read_examples([digits], Shape(SIDE, SIDE, 1))
    monkeypatch.setattr(pca, "BUDGET", 100 * SIDE * SIDE)
    assert pca.affordable(examples, SIDE * SIDE) is examples
    monkeypatch.setattr(pca, "NARROW", SIDE)
    thinned = pca.affordable(examples, SIDE * SIDE)
    assert np.array_equal(thinned.pictures(range(80)), examples.pictures(range(0, 240, 3)))


def test_errors_are_means_over_pictures_and_a_perfect_one_counts_100_db() -> None:
    meter = ErrorMeter()
    target = np.zeros((3, 4), np.float32)
    meter.add(target, target)
    meter.add(target[:1] + np.float32(0.1), target[:1])
    found = meter.error(7)
    assert found.latent == 7
    assert found.mse == pytest.approx(0.01 / 4)
    assert found.psnr == pytest.approx((3 * 100 + 20) / 4, abs=1e-4)


def test_the_table_says_how_many_times_less_the_error_is() -> None:
    linear = [Error(2, 0.06, 12), Error(4, 0.05, 13)]
    head, two, four = comparison(linear, {"vae": [Error(2, 0.02, 17)]})
    assert dict(zip(head, two, strict=True))["PCA : net"] == "3.00"
    assert two[-1] == "vae"
    assert four == ["4", "", "0.05000", "", "", "13.00 dB", ""]


def test_a_network_and_pca_are_measured_on_the_same_held_out_pictures(digits: Path) -> None:
    examples = read_examples([digits], Shape(SIDE, SIDE, 1))
    net = foreseeable("autoencoder")
    grey = Examples(np.full((5, SIDE, SIDE, 1), 51, np.uint8), np.zeros(5, np.int64), [""], Shape(SIDE, SIDE, 1))
    with torch.no_grad():
        for weights in net.encoder.parameters():
            weights.zero_()  # so that z = 0 and every restored pixel is 128
    found = net_error(net, grey, CPU)
    assert found.mse == pytest.approx((77 / 255) ** 2)
    figure = pca_figure({"autoencoder": [found]}, examples, grey)
    assert figure and figure.table
    assert [row[0] for row in figure.table[1:]] == ["2", "4", "8", "16", "32", "64", "128"]
    assert figure.table[1][1] == f"{found.mse:.5f}"
    assert "5 held-out pictures" in figure.caption and "240 pictures" in figure.caption


# Charts


def test_two_latents_are_drawn_as_they_are_and_more_by_principal_components() -> None:
    z = np.random.default_rng(2).normal(size=(50, 2)).astype(np.float32)
    points, titles = labelled_plane(z)
    assert np.array_equal(points, z.astype(np.float64))
    assert titles == ("z_0", "z_1")
    line = np.outer(np.arange(10), [3, 4, 0, 0, 12]).astype(np.float32)  # steps of 13 in one direction
    points, titles = labelled_plane(line)
    assert np.allclose(np.abs(np.diff(points[:, 0])), 13)
    assert np.allclose(points[:, 1], 0, atol=1e-5)
    assert titles == (
        "first principal component (100% of the variance)",
        "second principal component (0% of the variance)",
    )


def test_labels_of_any_name_and_number_can_be_drawn() -> None:
    names = ["", "_hidden", "$x^$", "数字", *map(str, range(30))]
    rng = np.random.default_rng(3)
    labels = rng.integers(0, len(names), 500)
    picture = scatter(rng.normal(size=(500, 4)).astype(np.float32), labels, names)
    assert picture.dtype == np.uint8 and picture.shape[2] == 3
    chart = pca_chart([Error(2, 0.1, 10)], {"$": [Error(2, 0.05, 13)], "_b": [Error(3, 0.04, 14)]})
    assert chart.min() < 100


def test_a_label_has_its_colour_where_its_points_are() -> None:
    z = np.zeros((40, 2), np.float32)
    z[:20, 0], z[:20, 1] = -1, np.linspace(-1, 1, 20)
    z[20:, 0], z[20:, 1] = 1, np.linspace(-1, 1, 20)
    picture = scatter(z, np.repeat([0, 1], 20), ["left", "right"]).astype(int)
    blue, red = (np.argwhere(mask) for mask in (_near(picture, (178, 114, 0)), _near(picture, (0, 94, 213))))
    middle = picture.shape[1] * 0.4
    assert np.median(blue[:, 1]) < middle < np.median(red[:, 1])


def _near(picture: np.ndarray, bgr: tuple[int, int, int]) -> np.ndarray:
    return np.abs(picture - np.array(bgr)).max(-1) < 12


def test_every_figure_of_a_validation_has_a_curve_and_psnrs_share_one() -> None:
    history = [
        {"step": 10.0, "lr": 0.1, "loss": 0.5, "psnr_s15": 30.0, "psnr_s50": 20.0, "psnr": 25.0, "kl": 3.0},
        {"step": 20.0, "lr": 0.1, "loss": float("nan"), "psnr_s15": 31.0, "psnr_s50": 21.0, "psnr": 26.0, "kl": 4.0},
    ]
    assert list(curves(history, "psnr")) == ["curve_loss", "curve_psnr", "curve_kl"]
    assert list(curves(history[:1], "psnr")) == ["curve_loss", "curve_psnr", "curve_kl"]
    assert curves([], "psnr") == {}


def test_only_what_falls_far_is_drawn_on_a_logarithmic_axis() -> None:
    far, near = ([1, 2, 3], [1.0, 0.1, 0.01]), ([1, 2, 3], [1.0, 0.9, 0.8])
    assert not np.array_equal(lines_chart({"a": far}, "t", falls=True), lines_chart({"a": far}, "t"))
    assert np.array_equal(lines_chart({"a": near}, "t", falls=True), lines_chart({"a": near}, "t"))
    below_zero = ([1, 2, 3], [1.0, 0.1, -1.0])
    assert np.array_equal(lines_chart({"a": below_zero}, "t", falls=True), lines_chart({"a": below_zero}, "t"))


# The latent space


def test_the_manifold_grows_to_the_right_and_upwards(digits: Path) -> None:
    examples = read_examples([digits], Shape(SIDE, SIDE, 1))
    manifold = decoded_figures(foreseeable("vae"), examples, CPU)["manifold"].picture
    assert manifold.shape == (20 * SIDE, 20 * SIDE, 3)
    cells = manifold[::SIDE, :, 0].astype(int).reshape(20, 20, SIDE)  # the first line of each picture
    left, right = cells[..., 0], cells[..., -1]
    assert (np.diff(left, axis=1) > 0).all() and (np.diff(left, axis=0) == 0).all()
    assert (np.diff(right, axis=0) < 0).all() and (np.diff(right, axis=1) == 0).all()
    # The outermost of twenty quantiles is the one below which a fortieth lies: 1.96 standard deviations.
    assert left[0, -1] == pytest.approx(255 / (1 + np.exp(-1.96)), abs=1)


def test_with_more_dimensions_the_two_widest_span_the_manifold(digits: Path) -> None:
    examples = read_examples([digits], Shape(SIDE, SIDE, 1))
    net = foreseeable("autoencoder", 4)
    with torch.no_grad():
        net.encoder.mean.weight[1:3] *= 1000
        net.encoder.mean.weight[2] *= 2
    caption = decoded_figures(net, examples, CPU)["manifold"].caption
    assert "z_2 grows to the right, z_1 upwards" in caption
    assert "the others at their mean" in caption


def test_a_conditional_net_has_a_row_for_each_label(digits: Path) -> None:
    examples = read_examples([digits], Shape(SIDE, SIDE, 1))
    manifold = decoded_figures(foreseeable("cvae", 2, ["0", "1"]), examples, CPU)["manifold"].picture
    assert manifold.shape == (2 * SIDE, 20 * SIDE, 3)
    zero, one = manifold[0, ::SIDE, 0].astype(int), manifold[SIDE, ::SIDE, 0].astype(int)
    assert (zero > one).all() and (np.diff(zero) >= 0).all()


def test_few_held_out_pictures_are_joined_by_training_ones(tmp_path: Path) -> None:
    examples = read_examples([write_class_folders(tmp_path / "classes")], Shape(SIDE, SIDE, 1))
    figure = placed_figure(foreseeable("vae"), examples, examples.where(np.arange(16) < 3), CPU)
    assert figure.caption == "Latents of 19 held-out and training pictures, coloured by label."
