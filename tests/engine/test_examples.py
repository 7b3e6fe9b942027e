"""Training sentences as the classifier is shown them."""

from __future__ import annotations

from collections import Counter

from nlu.components.examples import balanced, is_held_out, thinned


def test_an_intent_with_far_more_sentences_is_thinned():
    given = [(f"where {n}", "find_service") for n in range(100)]
    given += [(f"hello {n}", "greet") for n in range(10)] + [(f"bye {n}", "goodbye") for n in range(12)]
    kept = balanced(given)
    assert Counter(intent for _, intent in kept) == {"find_service": 36, "greet": 10, "goodbye": 12}
    assert kept == [example for example in given if example in set(kept)], "in their order"
    assert balanced(kept) == kept
    assert balanced([]) == []


def test_one_more_sentence_displaces_at_most_one():
    given = [(f"where {n}", "find_service") for n in range(100)]
    before = set(thinned(given, 30))
    for number in range(100, 140):
        after = set(thinned([(f"where {number}", "find_service"), *given], 30))
        assert len(after) == 30 and len(before - after) <= 1


def test_a_third_is_held_out_whatever_was_thinned():
    given = [(f"where {n}", "find_service") for n in range(900)]
    for examples in (given, thinned(given, 450)):
        assert 0.26 < sum(is_held_out(text) for text, _ in examples) / len(examples) < 0.4
