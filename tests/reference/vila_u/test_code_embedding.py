from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.engine import NumpyEngine
from fastcar.reference.vila_u.affine import Affine, compute_gelu
from fastcar.reference.vila_u.code_embedding import Codebooks, Projector
from tests.vila_u_files import MODELS, load_codes, load_model, load_vectors


@pytest.mark.parametrize("model", MODELS)
def test_codes_are_embedded_as_recorded(model: str) -> None:
    loaded, codes = load_model(model), load_codes(model, "embed")
    cumulated = loaded.codebooks.cumulate(codes)
    found = loaded.embed(cumulated, NumpyEngine())
    wanted = load_vectors(model, "embed")["projected"]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)


@pytest.mark.parametrize("model", MODELS)
def test_latents_are_what_the_pixel_decoder_was_given(model: str) -> None:
    recorded = load_vectors(model, "decode")
    side = load_model(model).config.vision.latent_side
    codes = recorded["codes"].reshape(-1, side * side, recorded["codes"].shape[-1])
    found = load_model(model).compute_latents(codes)
    np.testing.assert_allclose(found, recorded["latent"], rtol=0, atol=1e-6)


def test_sums_go_from_depth_to_depth() -> None:
    books = Codebooks((np.array([[1.0], [2.0]]), np.array([[10.0], [20.0]])))
    assert books.cumulate(np.array([[1, 0]]))[0].tolist() == [[2.0], [12.0]]


def test_identity_has_no_map_and_gelu_stands_between_two() -> None:
    x, engine = np.array([[0.5, -1.0]]), NumpyEngine()
    assert Projector(()).compute(x, engine) is x
    first = Affine(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([0.5, 0.0]))
    second = Affine(np.array([[1.0, 1.0]]), np.array([0.25]))
    found = Projector((first, second)).compute(x, engine)
    inner = compute_gelu(np.array([-1.0, -1.0]))
    np.testing.assert_allclose(found, [[inner.sum() + 0.25]], rtol=1e-14)
