"""Training sentences as the classifier is shown them."""

from __future__ import annotations

from collections import Counter

from nlu.components.examples import balanced


def test_an_intent_with_far_more_sentences_is_thinned_evenly():
    given = [(f"where {n}", "find_service") for n in range(100)]
    given += [(f"hello {n}", "greet") for n in range(10)] + [(f"bye {n}", "goodbye") for n in range(12)]
    kept = balanced(given)
    assert Counter(intent for _, intent in kept) == {"find_service": 36, "greet": 10, "goodbye": 12}
    numbers = [int(text.split()[1]) for text, intent in kept if intent == "find_service"]
    assert max(later - earlier for earlier, later in zip(numbers, numbers[1:])) <= 4
    assert balanced(kept) == kept
    assert balanced([]) == []
