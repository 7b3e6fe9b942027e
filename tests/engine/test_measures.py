"""The figures of `farol evaluate`, on readings whose figures are known."""

from __future__ import annotations

import numpy as np
import pytest

from nlu.evaluation.measures import Reading, danger, expected_calibration_error, measured


def reading(intent, taken, confidence=0.9, kind="plain", sign=None, decision="answer", alarm=None, language="es"):
    unrelated = 0.9 if taken == "out_of_scope" else 0.1
    return Reading("una frase de prueba", intent, kind, sign, taken, confidence, decision, alarm, unrelated, language)


def test_confidence_that_is_true_has_no_error():
    confidence = np.array([0.75] * 4)
    assert expected_calibration_error(confidence, np.array([True, True, True, False])) == pytest.approx(0)
    assert expected_calibration_error(confidence, np.array([False] * 4)) == pytest.approx(0.75)


def test_figures_of_a_language():
    found = measured(
        [
            reading("greet", "greet"),
            reading("greet", "thank", confidence=0.3),
            reading("thank", "thank"),
            reading("out_of_scope", "out_of_scope", language="pt"),
        ],
        "es",
    )
    assert found["accuracy"] == 0.75
    assert found["asking_back"] == {"threshold": 0.5, "coverage": 0.75, "precision": 1.0}
    assert found["confused"] == [{"intent": "greet", "taken_for": "thank", "times": 1}]
    assert found["language"]["sentences"] == 0.75
    assert found["unknown_auroc"] == 1.0
    assert found["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)


def test_danger_counts_rules_model_and_false_alarms():
    found = danger(
        [
            reading("violence", "greet", sign="violence"),
            reading("violence", "mental_health", decision="danger", alarm="violence"),
            reading("violence", "mental_health"),
            reading("pep_urgent", "condoms", kind="indirect"),
            reading("greet", "greet", decision="danger", alarm="violence"),
            reading("greet", "greet"),
        ]
    )
    assert found["explicit"]["recall"] == pytest.approx(2 / 3)
    assert found["explicit"]["rules"] == pytest.approx(1 / 3)
    assert found["indirect"]["recall"] == 0
    assert found["false_alarms"] == 0.5
    assert found["each"]["violence"]["false_alarms"] == 0.5
