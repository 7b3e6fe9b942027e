"""Towns mentioned inside a sentence, when nothing marked them.

Half of the words of any language are also a town somewhere ("come", "para", "time", "care"), so a name needs a sign
that it is one: a capital letter, "in" before it, many inhabitants, or the country the conversation is about. Asking
"which town are you in?" once more costs less than looking near Come in Guatemala.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.names import TOWN, Hit, Place, look_up, towns_meant
from bot.directory.spelling import BEFORE, IN, fold, has_case, without_affix, without_ending

_MAX_WORDS = 80
_MAX_SPAN = 4
_NEARBY_KM = 60
_KNOWN = 100_000  # a town people elsewhere have heard of
_FAMOUS = 200_000

# Everyday words that pass for well-known towns; folded. Found by reading the training sentences of four languages
# against the gazetteer; add what turns up in yours.
_EVERYDAY = frozenset(
    """amarillo goma sano tome puerto gente champs avion dublin munger safi bade serang dari march normal salem
    اردو قيصري القيصريه مهربين
    reading nice male split orange sale oral mobile bath bury metro mine union human care date come best
    para solo centro retiro resistencia esperanza libertad progreso nova franca natal coca tema homo media salud union
    tours sens rouge sucre essen halle hagen hamm worms tire terme batman ordu chino largo salvador
    nada gaya tete gare kufa gardez bata kerch boma anda baise pati quito
    تاني هويه امان مدينه المدينه يبين دوله لاول اوري انسي بانه سوري الحمام الباب العين الام بلا""".split()
)


async def find_in(session: AsyncSession, text: str, country: str | None = None) -> Place | None:
    """The best town named inside a longer sentence, or None.

    Names have at least four letters and at most four words. A small town counts only with a capital letter in the
    middle of a sentence; `country` is where the conversation is.
    """
    mentions = await mentioned(session, text, country)
    if not mentions:
        return None
    best = max(mentions[0], key=lambda hit: (hit.place.country == country, hit.weight)).place
    # "Croydon, London": the smaller of two neighbours says more.
    close = [hit.place for hits in mentions for hit in hits if hit.place.km_from(best) <= _NEARBY_KM]
    return min(close, key=lambda place: place.population or TOWN)


async def mentioned(session: AsyncSession, text: str, country: str | None = None) -> list[list[Hit]]:
    """Every town mentioned, best first: for each the places that bear the name. "New York" does not mention York."""
    spans = list(_spans(_words(text)))
    hits = await look_up(session, (span.name for span in spans))
    found = [(span, some) for span in spans if (some := span.towns(hits.get(span.name, []), country))]
    outer = [(span, some) for span, some in found if not any(other.holds(span) for other, _ in found)]
    outer.sort(
        key=lambda one: (any(hit.place.country == country for hit in one[1]), one[0].worth, _most(one[1])), reverse=True
    )
    return [some for _, some in outer]


def _most(hits: list[Hit]) -> float:
    return max(hit.weight for hit in hits)


@dataclass(frozen=True)
class _Word:
    folded: str
    capital: bool


@dataclass(frozen=True)
class _Span:
    """Neighbouring words that may be a name. `capital`: written with one, and not because a sentence begins."""

    name: str
    start: int
    end: int
    words: int
    capital: bool
    announced: bool

    def holds(self, other: _Span) -> bool:
        """Whether the other is a part of this one."""
        inside = self.start <= other.start and other.end <= self.end
        return inside and (self.end - self.start) > (other.end - other.start)

    @property
    def worth(self) -> tuple:
        """More words say more, then the two signs."""
        return self.words, self.announced, self.capital

    def towns(self, hits: list[Hit], country: str | None) -> list[Hit]:
        """Those that it may be taken for."""
        return [hit for hit in towns_meant(self.name, hits, country) if self._names(hit, hit.place.country == country)]

    def _names(self, hit: Hit, home: bool) -> bool:
        size = hit.place.population
        if self.name in _EVERYDAY and not self.capital:
            return self.announced and home and size >= TOWN
        if not has_case(self.name):  # other scripts: no capitals to go by, and every name of ours is a transcription
            return size >= (TOWN if home else _KNOWN) if self.announced else size >= (TOWN * 3 if home else _FAMOUS)
        if self.capital or self.words > 1:
            return size >= TOWN and (hit.main or home or size >= _FAMOUS) or (home or self.capital) and hit.main
        if self.announced:
            return size >= TOWN and home or hit.main and size >= TOWN * 3 or size >= _FAMOUS
        return hit.main and size >= (TOWN * 3 if home else _KNOWN)


def _words(text: str) -> list[_Word]:
    """The words, folded; an empty one where a sentence ends, so that no name runs across."""
    words: list[_Word] = []
    begins = True
    for token in re.findall(r"[^\W_]+(?:[-'’.][^\W_]+)*|[^\w\s]|\n", text[:2000]):
        if not token[0].isalnum():
            begins = begins or token in ".!?:¿¡\n"
            words.append(_Word("", False))
            continue
        for part in fold(without_ending(token)).split():
            words.append(_Word(part, token[0].isupper() and not token[1:].isupper() and not begins))
            begins = False
    return words[:_MAX_WORDS]


def _spans(words: list[_Word]) -> Iterator[_Span]:
    for start in range(len(words)):
        for end in range(start + 1, min(start + _MAX_SPAN, len(words)) + 1):
            some = words[start:end]
            if not all(word.folded for word in some):
                break
            name = " ".join(word.folded for word in some)
            # "la salud" is one word of evidence, "new york" two.
            weighty = sum(word.folded not in BEFORE for word in some) or 1
            announced = start > 0 and words[start - 1].folded in IN
            capital = some[-1].capital
            for form in (name, *without_affix(name)):
                # Never an article added here: a third of Arabic would become towns.
                if len(form) <= len(name) and len(form.replace(" ", "")) >= 4:
                    yield _Span(form, start, end, weighty, capital, announced)
