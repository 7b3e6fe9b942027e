"""What the tags of OpenStreetMap say about a place that helps, and no more than they say.

From the wiki's pages of each key (https://wiki.openstreetmap.org/wiki/Key:healthcare, Key:healthcare:speciality,
Key:social_facility, Key:social_facility:for, Tag:amenity=doctors and the like; read in November 2026). A doctor's
practice without a speciality is of no kind: the wiki has practices of any field under that tag.
"""

from __future__ import annotations

WANTED = {
    "amenity": {"clinic", "hospital", "doctors", "dentist", "pharmacy", "social_facility", "health_post"},
    "healthcare": {
        "birthing_centre", "centre", "clinic", "community_health_worker", "counselling", "dentist", "doctor",
        "hospital", "midwife", "nurse", "pharmacy", "psychotherapist", "vaccination_centre",
    },
    "office": {"ngo", "charity"},
}  # fmt: skip
"""Key -> values that make an element a place that helps. Others in a file are passed over."""

KINDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("amenity", "dentist"): ("dentist",),
    ("healthcare", "dentist"): ("dentist",),
    ("healthcare", "midwife"): ("pregnancy",),
    ("healthcare", "birthing_centre"): ("pregnancy",),
    ("healthcare", "psychotherapist"): ("mental_health",),
    ("healthcare:speciality", "general"): ("general",),
    ("healthcare:speciality", "emergency"): ("emergency",),
    ("healthcare:speciality", "abortion"): ("abortion",),
    ("healthcare:speciality", "obstetrics"): ("pregnancy",),
    ("healthcare:speciality", "paediatrics"): ("child",),
    ("healthcare:speciality", "psychiatry"): ("mental_health",),
    ("healthcare:speciality", "child_psychiatry"): ("mental_health", "child"),
    ("healthcare:speciality", "venereology"): ("sti",),
    ("healthcare:speciality", "dermatovenereology"): ("sti",),
    ("social_facility", "shelter"): ("shelter",),
    ("social_facility:for", "abused"): ("violence",),
    ("social_facility:for", "drug_addicted"): ("drugs",),
    ("social_facility:for", "mental_health"): ("mental_health",),
    ("amenity", "social_facility"): ("social",),
}
"""Tag -> service kinds. Values separated by semicolons count one by one."""

POPULATIONS: dict[tuple[str, str], tuple[str, ...]] = {
    ("social_facility:for", "woman"): ("women",),
    ("social_facility:for", "women"): ("women",),
    ("social_facility:for", "child"): ("children",),
    ("social_facility:for", "juvenile"): ("young_people",),
    ("social_facility:for", "homeless"): ("homeless",),
    ("social_facility:for", "refugee"): ("asylum_seekers",),
    ("social_facility:for", "abused"): ("survivors_of_violence",),
    ("social_facility:for", "drug_addicted"): ("people_who_use_drugs",),
}
"""Tag -> whom it is for. `migrant` is nobody in particular here: all who write to Farol may be."""

LIVED_IN = {"group_home", "assisted_living", "nursing_home", "hospice"}
"""Social facilities where people live or die: no help for somebody who comes in."""


def values(tags: dict[str, str], key: str) -> tuple[str, ...]:
    """The values of a key, one by one."""
    return tuple(part.strip() for part in tags.get(key, "").split(";") if part.strip())


def is_wanted(tags: dict[str, str]) -> bool:
    """Whether an element is a place that helps; what is closed for good (disused:amenity=...) has other keys."""
    if any(one in LIVED_IN for one in values(tags, "social_facility")):
        return False
    return any(one in allowed for key, allowed in WANTED.items() for one in values(tags, key))


def read(table: dict[tuple[str, str], tuple[str, ...]], tags: dict[str, str]) -> tuple[str, ...]:
    """What a table says of these tags, each once."""
    said = (word for (key, value), words in table.items() if value in values(tags, key) for word in words)
    return tuple(dict.fromkeys(said))


def kinds(tags: dict[str, str]) -> tuple[str, ...]:
    """The kinds of service; a hospital whose emergency department is tagged (emergency=yes) also takes emergencies."""
    found = read(KINDS, tags)
    if "hospital" in (*values(tags, "amenity"), *values(tags, "healthcare")) and tags.get("emergency") == "yes":
        found = (*found, "emergency")
    # A refuge or advice for somebody in particular is that, and not any social service.
    if len(found) > 1 and "social" in found and tags.get("social_facility") != "outreach":
        found = tuple(kind for kind in found if kind != "social")
    return tuple(dict.fromkeys(found))


def is_refuge(tags: dict[str, str]) -> bool:
    """A shelter for people who flee violence. The wiki asks not to map them; where one is, its address stays hidden."""
    return "shelter" in values(tags, "social_facility") and (
        bool({"abused", "victim", "woman", "women"} & set(values(tags, "social_facility:for")))
    )
