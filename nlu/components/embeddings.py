"""The careful half of the classifier: the meaning of the whole sentence, from the shared encoder."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from nlu.components.ngrams import softmax


class EmbeddingHead:
    """Centred embeddings into a logistic regression.

    `centre` is the mean embedding of the language's own training sentences: taking it out leaves less of the
    language and more of the meaning (zero-shot accuracy +5 to +8 points).
    """

    def __init__(self, centre: np.ndarray, weights: np.ndarray, bias: np.ndarray, temperature: float = 1.0) -> None:
        self.centre, self.weights, self.bias, self.temperature = centre, weights, bias, temperature

    @classmethod
    def train(
        cls, vectors: np.ndarray, labels: np.ndarray, own: np.ndarray, others_weight: float, classes: int
    ) -> EmbeddingHead:
        """Fit on (n, 384) `vectors`, those of other languages (`own` False) already centred on their own mean."""
        centre = vectors[own].mean(axis=0)
        centred = vectors - np.where(own[:, None], centre, 0.0)
        model = LogisticRegression(C=60.0, max_iter=100, tol=1e-3)
        model.fit(centred, labels, sample_weight=np.where(own, 1.0, others_weight))
        weights = np.zeros((vectors.shape[1], classes), dtype=np.float32)
        bias = np.full(classes, -20.0, dtype=np.float32)
        weights[:, model.classes_] = model.coef_.T
        bias[model.classes_] = model.intercept_
        return cls(centre.astype(np.float32), weights, bias)

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Unnormalised log-probabilities, shape (n, classes)."""
        return ((vectors - self.centre) @ self.weights + self.bias) / self.temperature

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Probabilities, shape (n, classes)."""
        return softmax(self.scores(vectors))
