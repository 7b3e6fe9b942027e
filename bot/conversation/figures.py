"""What is measured while messages travel, for Prometheus: rates, latencies, failures. Nothing about anybody.

Labels are few and fixed: channels, engines by number, codes of providers. Never an id, an address or a language's text.
The same places can be traced (bot.tracing): spans hold the message's random id, as log lines do, and nothing else more.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from opentelemetry.trace import NoOpTracer, SpanKind, Status, StatusCode, Tracer, get_current_span
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bot.db import now

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Figures:
    """Counters and histograms of one process, kept in `registry`, and spans; without these they are for nobody."""

    def __init__(self, registry: CollectorRegistry | None = None, tracer: Tracer | None = None) -> None:
        self._tracer = tracer or NoOpTracer()
        registry = registry or CollectorRegistry()
        options = {"registry": registry}
        self._received = Counter(
            "farol_received", "Messages stored, and those stored before", ["channel", "new"], **options
        )
        self._webhooks = Histogram(
            "farol_webhook_seconds", "From a webhook's arrival to our answer", ["channel"], buckets=_SECONDS, **options
        )
        self._webhook_answers = Counter(
            "farol_webhooks", "Webhooks by our HTTP status", ["channel", "status"], **options
        )
        self._turns = Histogram("farol_turn_seconds", "An engine's answer to a turn", buckets=_SECONDS, **options)
        self._answered = Histogram(
            "farol_answer_seconds",
            "From storing a message to storing its answer",
            ["channel"],
            buckets=_SECONDS,
            **options,
        )
        self._sent = Histogram(
            "farol_send_seconds", "From storing an answer to the provider's word that it has it", ["channel"],
            buckets=_SECONDS, **options,
        )  # fmt: skip
        self._failed = Counter(
            "farol_send_failures",
            "Sends that failed, by the provider's code",
            ["channel", "code", "consequence"],
            **options,
        )
        self._trouble = Counter("farol_safe_answers", "Safe answers given because no engine answered", **options)
        self._told = Counter("farol_told_to_wait", "People told that their answer is coming", **options)
        self._stumbles = Counter(
            "farol_journey_failures", "Messages whose journey failed and was tried again", **options
        )
        self._engine_failures = Counter("farol_engine_failures", "Turns an engine failed", ["engine"], **options)
        self.engine_up = Gauge("farol_engine_up", "1 when an engine is asked, 0 when it rests", ["engine"], **options)
        self._recovered = Counter("farol_recovered", "Messages fetched from a provider's log", ["channel"], **options)

    @contextmanager
    def span(self, name: str, kind: SpanKind = SpanKind.INTERNAL, **about: str) -> Iterator[None]:
        """Trace what is done inside. An error is noted by its type alone: its words could be a person's."""
        attributes = {f"farol.{key}": value for key, value in about.items() if value}
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise

    def mark(self, **about: str) -> None:
        """Say more about the span that is open."""
        get_current_span().set_attributes({f"farol.{key}": value for key, value in about.items()})

    def received(self, channel: str, new: bool) -> None:
        """A message was stored, or found to be stored already."""
        self._received.labels(channel, "yes" if new else "no").inc()

    def webhook(self, channel: str, status: int, seconds: float) -> None:
        """A webhook was answered."""
        self._webhooks.labels(channel).observe(seconds)
        self._webhook_answers.labels(channel, str(status)).inc()

    def turn(self, seconds: float) -> None:
        """An engine has answered."""
        self._turns.observe(seconds)

    def engine_failed(self, engine: str) -> None:
        """An engine has not answered."""
        self._engine_failures.labels(engine).inc()

    def answered(self, channel: str, received_at: datetime) -> None:
        """An answer was stored."""
        self._answered.labels(channel).observe(_since(received_at))

    def sent(self, channel: str, stored_at: datetime) -> None:
        """A provider has a message."""
        self._sent.labels(channel).observe(_since(stored_at))

    def failed(self, channel: str, code: str | None, consequence: str) -> None:
        """A provider has refused a message, or said nothing."""
        self._failed.labels(channel, code or "none", consequence).inc()

    def trouble(self) -> None:
        """A safe answer was given."""
        self._trouble.inc()

    def told(self) -> None:
        """Somebody was told to wait."""
        self._told.inc()

    def stumbled(self) -> None:
        """A message's journey failed."""
        self._stumbles.inc()

    def recovered(self, channel: str, count: int) -> None:
        """Messages were fetched that had never reached us."""
        self._recovered.labels(channel).inc(count)


def _since(moment: datetime) -> float:
    return max(0.0, (now() - moment).total_seconds())
