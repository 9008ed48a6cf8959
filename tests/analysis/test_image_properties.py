from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cvlib.analysis.image_properties import EDGE_THRESHOLD, PROPERTIES, foreground, measure


@pytest.fixture
def colour() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, 9, 12, 3), dtype=np.uint8)


def luma_of(image: np.ndarray) -> np.ndarray:
    return 0.299 * image[..., 0] + 0.587 * image[..., 1] + 0.114 * image[..., 2]


def test_every_property_is_measured_once_for_every_image(colour):
    found = measure(colour)
    assert list(found) == list(PROPERTIES)
    assert {(values.shape, values.dtype.name) for values in found.values()} == {((4,), "float64")}


def test_brightness_and_contrast_are_mean_and_deviation_of_the_luma(colour):
    found, luma = measure(colour), luma_of(colour.astype(float))
    assert found["brightness"] == pytest.approx(luma.mean(axis=(1, 2)), rel=1e-5)
    assert found["contrast"] == pytest.approx(luma.std(axis=(1, 2)), rel=1e-5)


def test_sharpness_and_edges_equal_scipys_filters(colour):
    found = measure(colour)
    for row, image in enumerate(colour.astype(float)):
        luma = luma_of(image)
        assert found["sharpness"][row] == pytest.approx(
            ndimage.laplace(luma, mode="mirror").var(), rel=1e-5
        )
        gradient = np.hypot(*(ndimage.sobel(luma, axis, mode="mirror") for axis in (0, 1)))
        assert found["edge_density"][row] == pytest.approx((gradient > EDGE_THRESHOLD).mean())


def test_an_edge_is_a_step_above_an_eighth_of_the_range():
    step = np.zeros((2, 8, 8, 1), np.uint8)
    step[0, :, 4:], step[1, :, 4:] = 32, 33
    assert measure(step)["edge_density"].tolist() == [0.0, 0.25]  # the two columns at the step


def test_colourfulness_by_hand():
    # rg = R - G is 100 and 0, yb = (R + G)/2 - B is 50 and -80
    image = np.array([[[[100, 0, 0], [0, 0, 80]]]], np.uint8)
    by_hand = np.sqrt(50**2 + 65**2) + 0.3 * np.sqrt(50**2 + 15**2)
    assert measure(image)["colourfulness"] == pytest.approx(by_hand)


def test_grey_has_no_colour_in_one_channel_or_in_three(colour):
    grey = colour[..., :1]
    assert measure(grey)["colourfulness"].tolist() == [0] * 4
    assert measure(np.repeat(grey, 3, axis=3))["colourfulness"].tolist() == [0] * 4


def test_foreground_is_what_the_border_is_not_on_dark_and_on_bright_ground():
    dark = np.full((1, 10, 10, 1), 30, np.uint8)
    dark[0, 2:7, 3:9] = 200
    dark[0, 5:, 5] = 210  # reaches the border
    for image in (dark, 255 - dark):
        assert measure(image)["foreground_share"] == pytest.approx([(5 * 6 + 3) / 100])


def test_threshold_is_otsus_by_trying_all():
    luma = np.random.default_rng(1).gamma(2.0, 30.0, (5, 11, 13)).clip(0, 255).round()
    for image, side in zip(luma, foreground(luma.astype(np.float32)), strict=True):
        cuts = range(int(image.min()), int(image.max()))
        variance = [
            (image <= cut).mean()
            * (image > cut).mean()
            * (image[image <= cut].mean() - image[image > cut].mean()) ** 2
            for cut in cuts
        ]
        bright = image > cuts[int(np.argmax(variance))]
        assert (side == bright).all() or (side == ~bright).all()


def test_an_image_of_one_luma_has_no_foreground():
    flat = measure(np.full((1, 6, 6, 1), 90, np.uint8))
    assert flat["foreground_share"][0] == flat["contrast"][0] == flat["sharpness"][0] == 0


def test_size_is_the_files_where_it_is_known(colour):
    assert measure(colour)["size"] == pytest.approx([np.sqrt(9 * 12)] * 4)
    files = np.array([[100, 400], [1, 1], [30, 30], [9, 16]])
    assert measure(colour, files)["size"].tolist() == [200, 1, 30, 12]
