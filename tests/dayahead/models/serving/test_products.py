import numpy as np
import pytest

from dayahead.models.serving.products import product


@pytest.mark.parametrize("outputs", [24, 80, 3])
def test_a_product_adds_in_the_order_of_its_terms_whatever_else_is_in_it(outputs: int) -> None:
    rng = np.random.default_rng(outputs)
    rows = rng.lognormal(0, 2, (70, 864)).astype(np.float32)
    weights = rng.normal(0, 1, (864, outputs)).astype(np.float32)
    sums = np.zeros((len(rows), outputs), np.float32)
    for place in range(len(weights)):
        sums += rows[:, place, None] * weights[place]
    assert product(rows, weights).tobytes() == sums.tobytes()
    for row in range(len(rows)):
        assert product(rows[[row]], weights).tobytes() == sums[row].tobytes()
    assert product(rows[:0], weights).shape == (0, outputs)


@pytest.mark.parametrize("shape", [(864, 860), (6, 6)])
def test_a_product_of_shapes_that_do_not_fit_is_refused(shape: tuple[int, int]) -> None:
    terms, rows = shape
    with pytest.raises(ValueError, match=f"{terms} columns times {rows} rows"):
        product(np.zeros((1, terms), np.float32), np.zeros((rows, 2), np.float32))
