"""Which rows may be given out, decided in one place for every export and for the API.

A place that must not be shown drags along whatever would tell of it: its service, when that is nowhere else; its
organization, when nothing else of it is shown; and every row that says so by one of its owners.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select, true, union
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.directory.hsds import TABLES, Attribute, Location, Organization, Service, ServiceAtLocation, TaxonomyTerm
from bot.directory.models import Listing
from bot.directory.terms import FACTS, Answer, fact_term

CHUNK = 500
PARTS: dict[str, tuple[str, ...]] = {
    "program": ("organization_id",),
    "organization_identifier": ("organization_id",),
    "contact": ("organization_id", "service_id", "service_at_location_id", "location_id"),
    "phone": ("organization_id", "service_id", "service_at_location_id", "location_id", "contact_id"),
    "schedule": ("service_id", "service_at_location_id", "location_id"),
    "language": ("service_id", "location_id", "phone_id"),
    "address": ("location_id",),
    "accessibility": ("location_id",),
    "cost_option": ("service_id",),
    "funding": ("organization_id", "service_id"),
    "required_document": ("service_id",),
    "service_area": ("service_id",),
}
"""Table -> the columns that name what a row belongs to, each called after its owner's table; owners come first."""

LINKED = (
    "service", "location", "service_at_location", "organization", "phone", "schedule", "address", "contact",
    "language", "accessibility", "cost_option", "funding", "required_document", "service_area", "program",
    "organization_identifier",
)  # fmt: skip
"""Tables whose rows have attributes; the most frequent first, since a link does not reliably say where it leads."""


@dataclass(frozen=True)
class Scope:
    """What is given out. `dataset`: only the services that this dataset brought (bot.directory.models.Listing).

    confidential, samples: also places whose fact of that name is yes. only_active: no service of another status.
    people: also contacts, the change log (it names who changed what) and who verified a place.
    """

    dataset: str | None = None
    confidential: bool = True
    samples: bool = True
    only_active: bool = False
    people: bool = True
    hidden_facts: frozenset[str] = field(init=False)
    hidden_columns: frozenset[tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        private = not self.people
        object.__setattr__(self, "hidden_facts", frozenset({fact_term("verified_by")} if private else ()))
        object.__setattr__(self, "hidden_columns", frozenset({("service", "assurer_email")} if private else ()))

    @property
    def everything(self) -> bool:
        """Whether no row at all is held back."""
        return self.confidential and self.samples and not self.only_active and self.dataset is None and self.people

    # --- Conditions on a query of the table itself ---

    def services(self) -> ColumnElement[bool]:
        """For queries of Service."""
        return and_(self._service(Service), self._not_lost(Service.id))

    def places(self) -> ColumnElement[bool]:
        """For queries of ServiceAtLocation joined with its Service."""
        return and_(self._service(Service), self._unmarked(ServiceAtLocation.id, ServiceAtLocation.location_id))

    def organizations(self) -> ColumnElement[bool]:
        """For queries of Organization: those with a service that is given, or, of all datasets, with none at all."""
        own = aliased(Service)
        shown = exists().where(own.organization_id == Organization.id, self._service(own), self._not_lost(own.id))
        any_ = aliased(Service)
        none = ~exists().where(any_.organization_id == Organization.id) if self.dataset is None else ~true()
        return and_(self._unmarked(Organization.id), or_(shown, none))

    def locations(self) -> ColumnElement[bool]:
        """For queries of Location: those where a service is given, or, of all datasets, where there is none at all."""
        there, own, any_ = aliased(ServiceAtLocation), aliased(Service), aliased(ServiceAtLocation)
        shown = exists().where(
            there.location_id == Location.id, there.service_id == own.id, self._service(own), self._unmarked(there.id)
        )
        none = ~exists().where(any_.location_id == Location.id) if self.dataset is None else ~true()
        owner = or_(Location.organization_id.is_(None), self._unmarked(Location.organization_id))
        return and_(self._unmarked(Location.id), or_(shown, and_(none, owner)))

    # --- Asking about rows that are known by id ---

    async def given(self, session: AsyncSession, table: str, ids: Iterable[str]) -> set[str]:
        """Which of these rows of a table may be given out. A fixed number of queries for every 500 of them."""
        ids = set(ids)
        if self.everything or not ids:
            return ids
        if not self.people and table in ("contact", "metadata"):
            return set()
        if table in _CONDITIONS:
            found: set[str] = set()
            for some in chunks(ids):
                found.update(await session.scalars(self._ids(table).where(TABLES[table].id.in_(some))))
            return found
        if table in PARTS:
            model = TABLES[table].__table__
            columns = [model.c[name] for name in PARTS[table]]
            owners: dict[str, tuple[str | None, ...]] = {}
            for some in chunks(ids):
                for row in await session.execute(select(model.c.id, *columns).where(model.c.id.in_(some))):
                    owners[row[0]] = tuple(row[1:])
            return await self.whole(session, table, owners)
        return ids

    async def whole(
        self,
        session: AsyncSession,
        table: str,
        owners: Mapping[str, tuple[str | None, ...]],
        known: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> set[str]:
        """Which rows of a table of PARTS have no owner that is held back.

        owners: in the order of PARTS, by the row's id. known: owners that may be given out for sure, by table.
        """
        if self.everything:
            return set(owners)
        good = set(owners)
        for number, column in enumerate(PARTS[table]):
            owner = column.removesuffix("_id")
            sure = known.get(owner, ())
            wanted = {row[number] for row in owners.values() if row[number] and row[number] not in sure}
            bad = wanted - await self.given(session, owner, wanted)
            good = {id_ for id_ in good if owners[id_][number] not in bad}
        return good

    async def linked(self, session: AsyncSession, links: Iterable[str]) -> set[str]:
        """Which rows of any table, by their ids alone, may be given out; what exists nowhere may not."""
        left, good = set(links), set()
        if self.everything:
            return left
        for table in LINKED:
            there: set[str] = set()
            for some in chunks(left):
                there.update(await session.scalars(select(TABLES[table].id).where(TABLES[table].id.in_(some))))
            good |= await self.given(session, table, there)
            left -= there
            if not left:
                return good
        attribute = TABLES["attribute"]
        of: dict[str, str] = {}
        for some in chunks(left):
            query = select(attribute.id, attribute.link_id).where(attribute.id.in_(some))
            of.update((await session.execute(query)).all())
            for table in ("taxonomy_term", "taxonomy"):
                good.update(await session.scalars(select(TABLES[table].id).where(TABLES[table].id.in_(some))))
        if of:
            there = await self.linked(session, of.values())
            good.update(id_ for id_, link in of.items() if link in there)
        return good

    def _ids(self, table: str) -> Select:
        return _CONDITIONS[table](self)

    # --- The parts of the conditions ---

    def _service(self, service: type[Service]) -> ColumnElement[bool]:
        wanted = [self._unmarked(service.id, service.organization_id)]
        if self.only_active:
            wanted.append(service.status == "active")
        if self.dataset is not None:
            wanted.append(service.id.in_(select(Listing.service_id).where(Listing.dataset == self.dataset)))
        return and_(true(), *wanted)

    def _marked(self) -> Select | None:
        """Ids of whatever is said to be confidential or a sample. Anything but a plain "no" counts as said."""
        codes = [code for code, shown in (("confidential", self.confidential), ("sample", self.samples)) if not shown]
        if not codes:
            return None
        terms = select(TaxonomyTerm.id).where(TaxonomyTerm.taxonomy_id == FACTS, TaxonomyTerm.code.in_(codes))
        return select(Attribute.link_id).where(
            Attribute.taxonomy_term_id.in_(terms), or_(Attribute.value.is_(None), Attribute.value != Answer.NO)
        )

    def _unmarked(self, *columns: ColumnElement[str]) -> ColumnElement[bool]:
        marked = self._marked()
        if marked is None:
            return true()
        return and_(*(column.not_in(marked) for column in columns))

    def _not_lost(self, service_id: ColumnElement[str]) -> ColumnElement[bool]:
        """Not a service all of whose places are held back: its name and phone would tell of them."""
        marked = self._marked()
        if marked is None:
            return true()
        # Two lists instead of an OR: each is found by its own index.
        held = union(
            select(ServiceAtLocation.service_id).where(ServiceAtLocation.id.in_(marked)),
            select(ServiceAtLocation.service_id).where(ServiceAtLocation.location_id.in_(marked)),
        ).subquery()
        there = aliased(ServiceAtLocation)
        shown = exists().where(
            there.service_id == held.c.service_id, there.id.not_in(marked), there.location_id.not_in(marked)
        )
        return service_id.not_in(select(held.c.service_id).where(~shown))


_CONDITIONS = {
    "service": lambda scope: select(Service.id).where(scope.services()),
    "service_at_location": lambda scope: (
        select(ServiceAtLocation.id).join(Service, ServiceAtLocation.service_id == Service.id).where(scope.places())
    ),
    "organization": lambda scope: select(Organization.id).where(scope.organizations()),
    "location": lambda scope: select(Location.id).where(scope.locations()),
}

PUBLIC = Scope(confidential=False, samples=False, only_active=True, people=False)
"""What anybody may read."""


def chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    """Sorted, as many at a time as every database takes in one query."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
