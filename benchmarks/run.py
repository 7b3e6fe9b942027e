"""Measure Farol's engine and stock Rasa 3.6.21 side by side; write benchmarks/results.md and results.json.

.venv/bin/python -m benchmarks.run [--quick]
"""

from __future__ import annotations

import argparse
import gc
import signal
import sys
from dataclasses import dataclass
from typing import Any, Iterable

from benchmarks import farol, machine, memory, report, stock
from benchmarks.progress import Progress
from benchmarks.sentences import Sentence, answered_plainly, conversations, plain_intents, test_sentences
from benchmarks.servers import ENGINE_PYTHON, ROOT, Line, ServerFailed
from benchmarks.timings import middle, summary
from benchmarks.turns import Contenders, Turn, grow, play
from nlu.languages import load_languages

LONG = 300
"""Turns of the long conversation."""
ENDS = 10
"""Turns at its beginning and at its end that are compared; the same sentences."""
WARM_UP = 25
"""Sentences of each language that only warm the contenders up and are never measured."""


@dataclass(frozen=True)
class Size:
    """How much is measured. `english`, `others`: test sentences read of a language; None means all."""

    english: int | None = None
    others: int | None = None
    starts: int = 3
    rounds: int = 3


FULL = Size()
QUICK = Size(english=160, others=80, starts=1, rounds=1)


def main(arguments: list[str] | None = None) -> int:
    """Measure and write; 0, or 1 with the reason on standard error, 130 when interrupted."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.split("\n")[0])
    options.add_argument(
        "--quick", action="store_true", help="fewer sentences, no training times; writes results-quick.*"
    )
    options.add_argument("--no-training", action="store_true", help="all sentences, but no training times")
    chosen = options.parse_args(arguments)
    # Told to end, we still stop what we started.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        measure(QUICK if chosen.quick else FULL, chosen.quick, not (chosen.quick or chosen.no_training))
    except (ServerFailed, FileNotFoundError, memory.NotMeasurable) as error:
        print(f"\nbenchmarks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbenchmarks: interrupted, nothing written since the last stage", file=sys.stderr)
        return 130
    return 0


def measure(size: Size, quick: bool, with_training: bool) -> None:
    """The whole run, in order."""
    _check_environments()
    progress = Progress(7 if with_training else 5)
    results: dict[str, Any] = {"quick": quick, "machine": machine.describe()}
    if results["machine"]["load_before"] > 0.5:
        progress.note(f"the machine is busy (load {results['machine']['load_before']}): the figures will be noisy")
    model = _stock_model(results, with_training, progress)
    results["stock_epochs"] = stock.EPOCHS
    results["start_seconds"] = _starts(model, size, progress)
    with farol.ActionStub() as actions:
        with stock.serve(model.path) as other:
            with farol.serve(actions.url) as own:
                spoken = _parses(own, other, size, results, progress)
            # A new engine: this one has read every sentence, and would remember their embeddings.
            with farol.serve(actions.url) as own:
                _turns(own, other, spoken, results, progress)
                _long(own, other, spoken, size, results, progress)
                results["memory_mb"] = {
                    farol.NAME: memory.resident_mb(own.pid),
                    stock.NAME: memory.resident_mb(other.pid),
                }
        results["action_calls"] = actions.calls
    if with_training:
        progress.stage("Farol's training, twice")
        _write(results, quick)  # an hour's work is not lost when training fails
        results["training"][farol.NAME] = farol.training_times(progress.at)
    results["machine"]["load_after"] = machine.load()
    progress.end()
    print(_write(results, quick))


def _check_environments() -> None:
    for needed, remedy in (
        (ENGINE_PYTHON, "make setup"),
        (ROOT / "models" / "dialogue.tar.gz", ".venv/bin/farol train"),
    ):
        if not (path := ROOT / needed).exists():
            raise FileNotFoundError(f"{path} is missing; run: {remedy}")


def _stock_model(results: dict, with_training: bool, progress: Progress) -> stock.Model:
    rasa_version = results["machine"]["versions"]["rasa"]
    model = stock.kept_model(rasa_version)
    if with_training:
        progress.stage("stock Rasa's model")
        if model is None or not model.fairly_timed:
            why = f"; the kept model was trained with {model.training['conditions']}" if model else ""
            progress.note(f"training it, which takes minutes to an hour{why}")
            model = stock.train(rasa_version, progress.at)
        results["training"] = {stock.NAME: model.training}
    if model is None:
        raise FileNotFoundError(
            f"{stock.KEPT}: no stock model for these sentences yet; train it (long): .venv/bin/python -m benchmarks.stock"
        )
    return model


def _starts(model: stock.Model, size: Size, progress: Progress) -> dict[str, dict]:
    """Seconds from starting the process to its first healthy answer."""
    progress.stage("starting")
    seconds: dict[str, list[float]] = {farol.NAME: [], stock.NAME: []}
    for number in range(size.starts):
        with farol.serve("http://127.0.0.1:9/") as own:
            seconds[farol.NAME].append(own.start_seconds)
        with stock.serve(model.path) as other:
            seconds[stock.NAME].append(other.start_seconds)
        progress.at(f"{number + 1} of {size.starts}")
    return {name: {"median": middle(all_), "all": all_} for name, all_ in seconds.items()}


def _parses(own: Any, other: Any, size: Size, results: dict, progress: Progress) -> dict[str, list[Sentence]]:
    """Time parsing; return for each language the sentences that Farol answers with a plain rule."""
    progress.stage("parsing")
    plain, spoken = plain_intents(), {}
    times: dict[str, dict[str, list[float]]] = {farol.NAME: {}, stock.NAME: {"en": []}}
    right = {farol.NAME: 0, stock.NAME: 0}
    for language in load_languages().shipped:
        sentences = test_sentences(language)[: size.english if language == "en" else size.others]
        timed = times[farol.NAME][language] = []
        spoken[language] = []
        with Line(own) as own_line, Line(other) as other_line:
            for number, sentence in enumerate(sentences):
                parsed, ms = farol.parse(own_line, sentence.text)
                measured = number >= WARM_UP
                if measured:
                    timed.append(ms)
                if language == "en":
                    its, its_ms = stock.parse(other_line, sentence.text)
                    if measured:
                        times[stock.NAME]["en"].append(its_ms)
                        right[farol.NAME] += parsed["intent"]["name"] == sentence.intent
                        right[stock.NAME] += stock.first_intent(its) == sentence.intent
                if answered_plainly(parsed, plain):
                    spoken[language].append(sentence)
                progress.at(f"{language}, sentence {number + 1} of {len(sentences)}")
    results["parse_ms"] = {name: {code: summary(all_) for code, all_ in by.items()} for name, by in times.items()}
    asked = len(times[stock.NAME]["en"])
    results["first_intent_right"] = {"n": asked} | {name: round(100 * n / asked, 1) for name, n in right.items()}
    return spoken


def _turns(own: Any, other: Any, spoken: dict[str, list[Sentence]], results: dict, progress: Progress) -> None:
    """Time turns: English with both, alternating; the other languages with Farol."""
    progress.stage("turns")
    contenders = _contenders(own, other)
    results["turn_ms"], results["unanswered"] = {farol.NAME: {}, stock.NAME: {}}, {farol.NAME: 0, stock.NAME: 0}
    gc.collect()
    gc.disable()
    for language, sentences in spoken.items():
        talking: Contenders = contenders if language == "en" else {farol.NAME: contenders[farol.NAME]}
        play(talking, conversations(sentences[:WARM_UP]), progress.at)
        for name, turns in play(talking, conversations(sentences[WARM_UP:]), progress.at).items():
            results["turn_ms"][name][language] = summary([turn.ms for turn in turns])
            results["unanswered"][name] += sum(not turn.answered for turn in turns)
    gc.enable()


def _long(
    own: Any, other: Any, spoken: dict[str, list[Sentence]], size: Size, results: dict, progress: Progress
) -> None:
    """Time a conversation's first and last turns, with sentences both have heard before."""
    progress.stage(f"a conversation of {LONG} turns")
    texts = [sentence.text for sentence in spoken["en"][:ENDS]]
    found = grow(_contenders(own, other), texts, LONG, size.rounds, progress.at)
    results["long_ms"] = {
        name: {
            "first": middle(_ms(turn for talk in talks for turn in talk[:ENDS])),
            "last": middle(_ms(turn for talk in talks for turn in talk[-ENDS:])),
            "every_50th": [middle(_ms(talk[at] for talk in talks)) for at in range(0, LONG, 50)],
        }
        for name, talks in found.items()
    }
    results["long_ms"]["turns"], results["long_ms"]["ends"] = LONG, ENDS


def _contenders(own: Any, other: Any) -> Contenders:
    return {farol.NAME: lambda: farol.Talk(own), stock.NAME: lambda: stock.Talk(other)}


def _ms(turns: Iterable[Turn]) -> list[float]:
    return [turn.ms for turn in turns]


def _write(results: dict, quick: bool) -> str:
    return report.write(results, ROOT / "benchmarks", "results-quick" if quick else "results")


if __name__ == "__main__":
    sys.exit(main())
