"""Rasa without its chatter: no telemetry, no debug events with people's words in them, no deprecation notices."""

from __future__ import annotations

import logging
import os
import sys
import warnings


def quiet(level: int = logging.WARNING) -> None:
    """Call before Rasa is imported: structlog prints every event, message texts included, until told otherwise."""
    os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    # Threads that wait for work by spinning take the core that the assistant needs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # TensorFlow Lite can convert jax's models where jax is installed. There are none here, and jax takes 70 MB and 1 s.
    sys.modules.setdefault("jax", None)
    warnings.simplefilter("ignore")
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    logging.basicConfig(level=level, format="%(levelname)s %(name)s %(message)s")
    for name in ("rasa", "tensorflow", "absl", "matplotlib", "apscheduler"):
        logging.getLogger(name).setLevel(logging.ERROR)
