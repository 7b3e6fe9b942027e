"""Rows of HSDS checked against the standard: what can be kept becomes an Entry, the rest is refused and said.

A row is refused for a cell that its column cannot take, a required cell that is empty, an id that is taken, or because
it needs a row that was refused or is nowhere. A reference that may be empty and leads nowhere is emptied with a
warning. Tables are given in the order of `hsds.TABLES`, so that what is referred to has been seen; taxonomy terms,
which refer to each other, all at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.directory.exchange.cells import Wrong, needed, rules
from bot.directory.exchange.source import Faults, Raw, kept_by
from bot.directory.hsds import TABLES
from bot.directory.intake import Entry
from bot.directory.models import Listing
from bot.directory.terms import TAXONOMIES, fixed_terms

_CHUNK = 500
_OUR_OWN = {"taxonomy": set(TAXONOMIES), "taxonomy_term": set(fixed_terms())}
"""Farol's own words, which a file may carry (our exports do) and must not change."""

REFERENCES: dict[str, dict[str, str]] = {
    name: {column.name: key.column.table.name for column in table.__table__.columns for key in column.foreign_keys}
    for name, table in TABLES.items()
}
"""Table -> its columns that refer to a row -> the table of that row."""


class Checker:
    """The checks of one import. `check` may be called many times; faults go to `faults`."""

    def __init__(self, session: AsyncSession, dataset: str, faults: Faults) -> None:
        self._session = session
        self._dataset = dataset
        self._faults = faults
        self._taken: dict[str, set[str]] = defaultdict(set)
        self._there: dict[str, set[str]] = defaultdict(set)
        self._listings: dict[str, str] = {}
        self.refused: dict[str, set[str]] = defaultdict(set)
        """The ids of the rows that were refused, by table."""

    async def check(self, table: str, raws: Sequence[Raw]) -> list[Entry]:
        """The rows that can be kept."""
        good = [(raw, values) for raw in raws if (values := self._values(table, raw)) is not None]
        good = [(raw, values) for raw, values in good if self._is_new(table, raw, values)]
        if table == "service":
            good = await self._ours(good)
        await self._look_up(table, good)
        good = [(raw, values) for raw, values in good if self._leads_somewhere(table, raw, values)]
        if table == "taxonomy_term":
            good = list(self._parents_first(good))
        return [
            Entry(table, values, raw.where, self._listing(table, values))
            for raw, values in good
            if values["id"] not in _OUR_OWN.get(table, ())
        ]

    # --- Cells ---

    def _values(self, table: str, raw: Raw) -> dict[str, Any] | None:
        """The row's values by column, or None if it cannot be kept; every fault of it is told."""
        known = rules(table)
        values: dict[str, Any] = {}
        wrong = False

        def warn(reason: str) -> None:
            self._faults.warn(raw.where, name, reason)

        for name, cell in raw.values.items():
            if cell is None or cell == "":
                continue
            rule = known.get(name)
            if rule is None:
                self._faults.warn(raw.where, name, "is no column of the standard; left out")
                continue
            try:
                values[name] = rule.read(cell, warn)
            except Wrong as error:
                wrong = True
                self._faults.refuse(raw.where, name, str(error))
        for rule in needed(table):
            name = rule.name
            if not _is_empty(values.get(name)):
                continue
            if rule.fill is not None:
                values[name] = rule.fill
                if rule.fill:
                    self._faults.warn(raw.where, name, f"is empty; read as '{rule.fill}'")
            elif _is_empty(raw.values.get(name)):
                wrong = True
                self._faults.refuse(raw.where, name, "is empty; the standard requires it")
        if wrong:
            self._refuse_id(table, raw)
            return None
        return values

    def _refuse_id(self, table: str, raw: Raw) -> None:
        id_ = raw.values.get("id")
        if isinstance(id_, str):
            self.refused[table].add(id_.strip().lower())

    def _is_new(self, table: str, raw: Raw, values: dict[str, Any]) -> bool:
        taken = self._taken[table]
        if values["id"] in taken:
            self._faults.refuse(raw.where, "id", f"'{values['id']}' stands in the file already; the first row counts")
            return False
        taken.add(values["id"])
        return True

    # --- Whose it is ---

    async def _ours(self, good: list[tuple[Raw, dict[str, Any]]]) -> list[tuple[Raw, dict[str, Any]]]:
        """Without the services that another dataset brought."""
        elsewhere: dict[str, str] = {}
        for ids in _chunks([values["id"] for _, values in good]):
            rows = await self._session.execute(
                select(Listing.service_id, Listing.id, Listing.dataset).where(Listing.service_id.in_(ids))
            )
            for service, listing, dataset in rows:
                if dataset == self._dataset:
                    self._listings[service] = listing
                else:
                    elsewhere[service] = dataset
        for raw, values in good:
            if dataset := elsewhere.get(values["id"]):
                self._faults.refuse(raw.where, "id", kept_by(values["id"], dataset))
                self.refused["service"].add(values["id"])
        return [(raw, values) for raw, values in good if values["id"] not in elsewhere]

    def _listing(self, table: str, values: dict[str, Any]) -> str | None:
        service = values["id"] if table == "service" else values.get("service_id")
        return self._listings.get(service, service)

    # --- References ---

    async def _look_up(self, table: str, good: list[tuple[Raw, dict[str, Any]]]) -> None:
        """Find in the database what the rows refer to and the file did not have so far."""
        wanted: dict[str, set[str]] = defaultdict(set)
        for _, values in good:
            for column, target in self._targets(table, values):
                if (id_ := values.get(column)) and not self._has(target, id_):
                    wanted[target].add(id_)
        for target, ids in wanted.items():
            model = TABLES[target]
            for some in _chunks(sorted(ids)):
                self._there[target].update(await self._session.scalars(select(model.id).where(model.id.in_(some))))

    def _has(self, table: str, id_: str) -> bool:
        return id_ in self._taken[table] or id_ in self._there[table]

    @staticmethod
    def _targets(table: str, values: dict[str, Any]) -> Iterable[tuple[str, str]]:
        if table == "attribute" and values["link_entity"] in TABLES:
            return [*REFERENCES[table].items(), ("link_id", values["link_entity"])]
        return REFERENCES[table].items()

    def _leads_somewhere(self, table: str, raw: Raw, values: dict[str, Any]) -> bool:
        """Whether all that the row cannot be without is there; what it can be without is emptied if it is not."""
        gone = False
        for column, target in self._targets(table, values):
            id_ = values.get(column)
            if not id_:
                continue
            refused = id_ in self.refused[target]
            if not refused and self._has(target, id_):
                continue
            if column == "link_id" and not refused:
                self._faults.warn(raw.where, column, f"leads nowhere: there is no {target} '{id_}'; kept as it is")
                continue
            what = f"{target} '{id_}' was refused" if refused else f"there is no {target} '{id_}'"
            if rules(table)[column].needed:
                return self._refuse(table, raw, values, column, f"is needed, but {what}")
            values[column] = None
            if refused:
                gone = True
            else:
                self._faults.warn(raw.where, column, f"was emptied: {what}")
        if gone and not any(values.get(column) for column in REFERENCES[table]):
            column = next(name for name in REFERENCES[table] if raw.values.get(name))
            return self._refuse(table, raw, values, column, "belongs to nothing else, and that was refused")
        return True

    def _refuse(self, table: str, raw: Raw, values: dict[str, Any], column: str, reason: str) -> bool:
        self._faults.refuse(raw.where, column, reason)
        self.refused[table].add(values["id"])
        return False

    def _parents_first(self, good: list[tuple[Raw, dict[str, Any]]]) -> Iterator[tuple[Raw, dict[str, Any]]]:
        """Terms in an order in which they can be written; a circle of parents is opened, with a warning."""
        by_id = {values["id"]: (raw, values) for raw, values in good}
        done: set[str] = set()
        for id_ in by_id:
            chain: list[str] = []
            while id_ in by_id and id_ not in done and id_ not in chain:
                chain.append(id_)
                id_ = by_id[id_][1].get("parent_id")
            if id_ in chain:
                raw, values = by_id[chain[-1]]
                self._faults.warn(raw.where, "parent_id", "was emptied: the term would be above itself")
                values["parent_id"] = None
            for one in reversed(chain):
                done.add(one)
                yield by_id[one]


def _is_empty(value: Any) -> bool:
    return value is None or isinstance(value, str) and not value.strip()


def _chunks(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _CHUNK):
        yield ids[start : start + _CHUNK]
