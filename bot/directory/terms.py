"""The directory's own words, kept as HSDS taxonomies: service kinds, facts, populations and translations.

HSDS has no words for what matters most to people without papers. Those facts are HSDS attributes of the taxonomy
FACTS, with `yes` or `no` as their value; no row means unknown, so forgetting one can never read as a promise. A
translation is an attribute too: its term is the field and the language ("name.ar"), its value the text.
"""

from __future__ import annotations

import uuid
from enum import StrEnum

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://farol.example/directory")

SERVICE_KINDS = (
    "hiv_test", "self_test", "prep", "pep", "hiv_treatment", "condoms", "sti", "contraception", "abortion",
    "pregnancy", "child", "mental_health", "violence", "shelter", "legal", "interpreter", "drugs", "dentist",
    "general", "emergency", "lgbt", "tb_hepatitis", "social",
)  # fmt: skip
"""What a person can look for; the same list as in nlu/data/README.md and content/interface (a test compares them).

New ones go to the end, and none ever leaves or moves: the search keeps them as bits, numbered in this order.
"""

PAPERS = ("id_required", "status_required", "shares_with_immigration")
"""The firewall: whether an identity paper is asked for, a status, and whether anything is told to immigration."""

YES_NO_FACTS = (*PAPERS, "walk_in", "anonymous", "sample", "free", "wheelchair", "confidential", "mobile")
"""Facts about a service whose value is yes or no.

`confidential`: the address must not be shown (a shelter); `mobile`: a van or a stand that comes on certain days.
"""

TEXT_FACTS = (
    "precision", "state", "source_title", "source_url", "source_read", "closed_until", "verified_by",
    *(f"{fact}_source" for fact in PAPERS),
)  # fmt: skip
"""Facts about a listing whose value is a word, an address, an ISO date or a sentence."""

POPULATIONS = (
    "women", "men", "trans", "lgbt", "sex_workers", "people_who_use_drugs", "young_people", "children", "families",
    "pregnant", "people_living_with_hiv", "asylum_seekers", "undocumented", "survivors_of_violence", "homeless",
)  # fmt: skip
"""Whom a service is meant for, or says that it welcomes."""

TRANSLATED = ("name", "description")
"""The fields of a service that may be there in other languages."""


class Answer(StrEnum):
    """Yes, no or unknown. A word and not a bool, because `not unknown` must never pass for "no papers needed"."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def answer(value: str | None) -> Answer:
    """A fact's value; anything an import brings that is neither yes nor no promises nothing."""
    return Answer(value) if value in (Answer.YES, Answer.NO) else Answer.UNKNOWN


def stable_id(table: str, key: str) -> str:
    """The UUID of the row of `table` that `key` names: the same on every machine."""
    return str(uuid.uuid5(_NAMESPACE, f"{table}:{key}"))


KINDS = stable_id("taxonomy", "service-kind")
FACTS = stable_id("taxonomy", "facts")
GROUPS = stable_id("taxonomy", "populations")
TRANSLATIONS = stable_id("taxonomy", "translations")

TAXONOMIES = {
    KINDS: ("Farol service kinds", "What a person can look for"),
    FACTS: ("Farol facts", "What matters to people without papers, and where the listing comes from"),
    GROUPS: ("Farol populations", "Whom a service is meant for, or says that it welcomes"),
    TRANSLATIONS: ("Farol translations", "Names and descriptions in other languages: field.language"),
}
"""Taxonomy id -> name and description."""


def kind_term(kind: str) -> str:
    """The id of the taxonomy term of a service kind."""
    return stable_id("taxonomy_term", f"service-kind/{kind}")


def fact_term(fact: str) -> str:
    """The id of the taxonomy term of a fact."""
    return stable_id("taxonomy_term", f"facts/{fact}")


def group_term(population: str) -> str:
    """The id of the taxonomy term of a population."""
    return stable_id("taxonomy_term", f"populations/{population}")


def translation_term(field: str, language: str) -> str:
    """The id of the taxonomy term of a field in a language ("name", "ar")."""
    return stable_id("taxonomy_term", f"translations/{field}.{language}")


def fixed_terms() -> dict[str, tuple[str, str]]:
    """Term id -> code and taxonomy id, of every term but the translations', whose languages are not known beforehand."""
    terms = {kind_term(kind): (kind, KINDS) for kind in SERVICE_KINDS}
    terms |= {fact_term(fact): (fact, FACTS) for fact in (*YES_NO_FACTS, *TEXT_FACTS)}
    return terms | {group_term(group): (group, GROUPS) for group in POPULATIONS}
