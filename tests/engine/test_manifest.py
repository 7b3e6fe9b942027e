"""Only what was trained is loaded, and only what has changed is trained."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nlu.manifest import LANGUAGE, Manifest, ModelRefused, fingerprint, model_of

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "models"


@pytest.fixture()
def copied(tmp_path):
    shutil.copy(MODELS / "manifest.json", tmp_path)
    shutil.copy(MODELS / LANGUAGE, tmp_path)
    return tmp_path


def test_what_was_trained_is_verified(copied):
    assert Manifest(copied).verified(LANGUAGE) == copied / LANGUAGE


def test_a_changed_byte_refuses_to_load(copied):
    path = copied / LANGUAGE
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelRefused, match=r"language\.bin.*not the file that was trained.*farol train"):
        Manifest(copied).verified(LANGUAGE)


def test_a_changed_byte_keeps_the_engine_from_starting(copied):
    from nlu.service import load

    (copied / LANGUAGE).write_bytes(b"something else")
    with pytest.raises(ModelRefused):
        load(copied, "http://127.0.0.1:9/actions")


def test_a_missing_model_is_named_with_its_command(copied):
    with pytest.raises(ModelRefused, match=r"es\.tar\.gz.*farol train --language es"):
        Manifest(copied).verified(model_of("es"))


def test_all_models_are_current(language):
    assert Manifest(MODELS).is_current(model_of(language))


def test_a_language_depends_on_its_own_sentences_only():
    assert fingerprint(model_of("es")) != fingerprint(model_of("fr"))
    recorded = json.loads((MODELS / "manifest.json").read_text("utf-8"))
    assert recorded[model_of("es")]["from"] == fingerprint(model_of("es"))
