"""One row of content/directory: what it holds, and what is wrong with it, said so that the staff can put it right."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, dataclass, fields
from datetime import date
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import phonenumbers
from babel import Locale

from bot.directory import hours as opening_hours
from bot.directory.names import NOWHERE
from bot.directory.sheets import SheetFault, lines
from bot.directory.terms import POPULATIONS, SERVICE_KINDS, TRANSLATED, Answer

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST = {"id": 60, "organization": 120, "name": 80, "description": 400, "address": 160, "city": 80}


@dataclass(frozen=True)
class Row:
    """One place as the staff wrote it, checked. Empty and None mean unknown."""

    id: str
    organization: str
    name: str
    kinds: tuple[str, ...]
    description: str
    address: str
    city: str
    country: str
    latitude: float
    longitude: float
    precision: str
    phone: str
    email: str
    website: str
    hours: str
    languages: tuple[str, ...]
    id_required: Answer
    status_required: Answer
    shares_with_immigration: Answer
    walk_in: Answer
    anonymous: Answer
    source_title: str
    source_url: str
    source_read: date | None
    last_verified: date | None
    state: str
    sample: Answer
    notes: str
    postal_code: str = ""
    region: str = ""
    populations: tuple[str, ...] = ()
    eligibility: str = ""
    free: Answer = Answer.UNKNOWN
    cost: str = ""
    documents: tuple[str, ...] = ()
    wheelchair: Answer = Answer.UNKNOWN
    accessibility: str = ""
    confidential: Answer = Answer.UNKNOWN
    mobile: Answer = Answer.UNKNOWN
    dates: tuple[date, ...] = ()
    closed_until: date | None = None
    verified_by: str = ""
    id_required_source: str = ""
    status_required_source: str = ""
    shares_with_immigration_source: str = ""
    translations: tuple[tuple[str, str, str], ...] = ()
    """(field, language, text), from columns such as `name:ar`."""


EXAMPLE = "sample-of-a-row"
"""The id of the row that the template shows; it is never loaded."""

COLUMNS = tuple(column.name for column in fields(Row) if column.default is MISSING)
"""The columns that every file has."""

MORE_COLUMNS = tuple(
    column.name for column in fields(Row) if column.default is not MISSING and column.name != "translations"
)
"""The columns that a file may have besides; and, for any language, `name:ar` and `description:ar`."""


def read(path: Path, today: date, seen: dict[str, str], faults: list[str]) -> Iterator[Row]:
    """The good rows of one file. Faults are added to `faults`; `seen` are the ids taken so far, and where."""

    def fault(line: int, column: str, text: str) -> None:
        faults.append(f"{path.name}:{line} {column}: {text}")

    for _, _, row in numbered(path, today, seen, fault):
        if row:
            yield row


def numbered(
    path: Path, today: date, seen: dict[str, str], fault: Callable[[int, str, str], None]
) -> Iterator[tuple[int, str, Row | None]]:
    """The rows of a .csv or .xlsx file: line, id as it stands there, and the row, or None if anything in it is wrong.

    `fault` is told line, column and what is wrong. What is wrong with the file as a whole has the column "file" or "header", and then there are no more rows.
    """
    header: list[str] = []
    try:
        for line, cells in lines(path):
            if not header:
                header = [name.strip() for name in cells]
                if not _header_is_good(header, fault):
                    return
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                fault(line, "row", f"has {len(cells)} cells, not {len(header)}; "
                      'put text that contains a comma between "double quotes"')  # fmt: skip
                continue
            id_ = cells[header.index("id")].strip()
            if id_ == EXAMPLE:
                continue
            row = _Reading(dict(zip(header, cells)), line, today, fault).row()
            if row and id_ in seen:
                fault(line, "id", f"'{id_}' is taken by {seen[id_]}; give every place its own")
                row = None
            if row:
                seen[id_] = f"{path.name}:{line}"
            yield line, id_, row
        if not header:
            _header_is_good([], fault)
    except SheetFault as error:
        fault(error.line, "file", error.reason)


def _header_is_good(header: list[str], fault: Callable[[int, str, str], None]) -> bool:
    if len(header) == 1 and header[0].count(";") > 2:
        fault(1, "header", "is separated by semicolons; save the file as comma-separated 'CSV UTF-8'")
        return False
    for name in COLUMNS:
        if header.count(name) != 1:
            fault(1, "header", f"the column '{name}' stands there {header.count(name)} times; it must stand once")
    for name in dict.fromkeys(header):
        if name in COLUMNS:
            continue
        if name not in MORE_COLUMNS and not _translated(name):
            known = ", ".join((*COLUMNS, *MORE_COLUMNS, "name:fr", "description:fr"))
            fault(1, "header", f"no column is called '{name}'; the columns are: {known}")
        elif header.count(name) > 1:
            fault(1, "header", f"the column '{name}' stands there {header.count(name)} times; once is enough")
    good = all(name in MORE_COLUMNS or _translated(name) for name in set(header) - set(COLUMNS))
    return good and len(set(header)) == len(header) and set(COLUMNS) <= set(header)


def _translated(name: str) -> tuple[str, str] | None:
    """Field and language of a column such as `name:ar`; None for any other."""
    field, _, language = name.partition(":")
    return (field, language) if field in TRANSLATED and language in _languages() else None


class _Reading:
    """One row being read: every column is looked at, so that the staff learn of all faults at once."""

    def __init__(self, cells: dict[str, str], line: int, today: date, fault: Callable[[int, str, str], None]) -> None:
        self._cells = {name: "" for name in MORE_COLUMNS} | {name: cell.strip() for name, cell in cells.items()}
        self._line, self._today, self._tell = line, today, fault
        self._good = True

    def row(self) -> Row | None:
        """The checked row, or None if anything in it is wrong."""
        sample = self._answer("sample")
        pretend = sample == Answer.YES
        row = Row(
            id=self._id(),
            organization=self._text("organization", needed=True),
            name=self._text("name", needed=True),
            kinds=self._list("kinds", SERVICE_KINDS, "kind of service"),
            description=self._text("description"),
            address=self._text("address"),
            city=self._text("city", needed=True),
            country=self._country(pretend),
            latitude=self._degrees("latitude", 90),
            longitude=self._degrees("longitude", 180),
            precision=self._one_of("precision", ("exact", "city")),
            phone=self._phone(pretend),
            email=self._email(),
            website=self._url("website"),
            hours=self._hours(),
            languages=self._list("languages", _languages(), "language code"),
            id_required=self._answer("id_required"),
            status_required=self._answer("status_required"),
            shares_with_immigration=self._answer("shares_with_immigration"),
            walk_in=self._answer("walk_in"),
            anonymous=self._answer("anonymous"),
            source_title=self._text("source_title", needed=not pretend),
            source_url=self._url("source_url"),
            source_read=self._date("source_read", needed=not pretend),
            last_verified=self._date("last_verified"),
            state=self._one_of("state", ("draft", "reviewed")),
            sample=sample,
            notes=self._text("notes"),
            postal_code=self._text("postal_code"),
            region=self._text("region"),
            populations=self._list("populations", POPULATIONS, "population"),
            eligibility=self._text("eligibility"),
            free=self._answer("free"),
            cost=self._text("cost"),
            documents=self._parts("documents"),
            wheelchair=self._answer("wheelchair"),
            accessibility=self._text("accessibility"),
            confidential=self._answer("confidential"),
            mobile=self._answer("mobile"),
            dates=self._dates("dates"),
            closed_until=self._date("closed_until", future=True),
            verified_by=self._text("verified_by"),
            id_required_source=self._text("id_required_source"),
            status_required_source=self._text("status_required_source"),
            shares_with_immigration_source=self._text("shares_with_immigration_source"),
            translations=tuple(self._translations()),
        )
        self._check_together(row, pretend)
        return row if self._good else None

    def _check_together(self, row: Row, pretend: bool) -> None:
        if sample := self._cells["sample"]:
            if sample in ("yes", "no") and pretend != row.name.startswith("SAMPLE "):
                self._fault(
                    "sample",
                    "an invented place has 'yes' here and a name that begins with 'SAMPLE '; a real one neither",
                )
        else:
            self._fault("sample", "is empty; write 'no' for a real place")
        if row.state == "reviewed" and not row.last_verified:
            self._fault(
                "last_verified", "is empty; a reviewed place has the day somebody checked it, such as 2026-05-31"
            )
        if row.dates and row.mobile is not Answer.YES:
            self._fault("dates", "are there, but 'mobile' is not 'yes'; dates are for a van or a stand that comes")
        if row.mobile is Answer.YES and not (row.dates and row.hours):
            self._fault(
                "dates", "something that comes needs its days here, such as 2026-12-01;2026-12-08, and its hours"
            )
        if row.confidential is Answer.YES and row.address:
            self._fault("address", "'confidential' is 'yes'; leave the address empty here, so that it cannot leak")
        if row.latitude == 0 and row.longitude == 0 and not pretend:
            self._fault("latitude", "0, 0 lies in the sea; look the place up on a map")

    def _fault(self, column: str, text: str) -> None:
        self._good = False
        self._tell(self._line, column, text)

    def _text(self, column: str, *, needed: bool = False) -> str:
        text = self._cells[column]
        if needed and not text:
            self._fault(column, "is empty; it is always needed")
        if _CONTROL.search(text):
            self._fault(column, "has a line break or an invisible character; write it in one line")
        if len(text) > _LONGEST.get(column, 1000):
            self._fault(column, f"has {len(text)} letters; at most {_LONGEST.get(column, 1000)}")
        return text

    def _id(self) -> str:
        text = self._text("id", needed=True)
        if text and not _ID.fullmatch(text):
            self._fault("id", f"'{text}' has other signs than a-z, 0-9 and '-'; write it like 'lisbon-clinic-2'")
        return text

    def _one_of(self, column: str, allowed: Iterable[str]) -> str:
        text = self._cells[column]
        if text not in allowed:
            self._fault(column, f"'{text}' is not one of: {', '.join(allowed)}")
        return text

    def _list(self, column: str, allowed: Iterable[str], what: str) -> tuple[str, ...]:
        words = tuple(word.strip() for word in self._cells[column].split(";") if word.strip())
        for word in words:
            if word not in allowed:
                hint = f"; use: {' '.join(allowed)}" if isinstance(allowed, tuple) else ", such as en;fr;ar"
                self._fault(column, f"'{word}' is not a known {what}{hint}")
        if len(set(words)) < len(words):
            self._fault(column, "names something twice; once is enough")
        return words

    def _answer(self, column: str) -> Answer:
        text = self._cells[column] or Answer.UNKNOWN
        if text not in tuple(Answer):
            self._fault(column, f"'{text}' is not one of: yes, no, unknown (empty also means unknown)")
            return Answer.UNKNOWN
        return Answer(text)

    def _country(self, pretend: bool) -> str:
        text = self._cells["country"]
        if text != NOWHERE if pretend else text not in _countries():
            right = f"'{NOWHERE}' for a sample" if pretend else "two capital letters such as FR (ISO 3166)"
            self._fault("country", f"'{text}' should be {right}")
        return text

    def _degrees(self, column: str, limit: int) -> float:
        text = self._cells[column]
        try:
            value = float(text)
        except ValueError:
            hint = f"write {text.replace(',', '.')}" if re.fullmatch(r"-?\d+,\d+", text) else "write it like 38.72509"
            self._fault(column, f"'{text}' is not a number of degrees; {hint}")
            return 0.5
        if not -limit <= value <= limit:
            self._fault(column, f"{text} does not lie between -{limit} and {limit}; are the two swapped?")
        return value

    def _phone(self, pretend: bool) -> str:
        text = self._cells["phone"]
        if not text:
            return ""
        try:
            number = phonenumbers.parse(text, None)
        except phonenumbers.NumberParseException:
            self._fault(
                "phone",
                f"'{text}' cannot be dialled from abroad; begin with + and the country, such as +351 213 000 000",
            )
            return ""
        # Numbers kept for fiction are not always valid ones.
        if not (phonenumbers.is_possible_number(number) if pretend else phonenumbers.is_valid_number(number)):
            self._fault("phone", f"'{text}' is no number of that country; count the digits")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)

    def _email(self) -> str:
        text = self._cells["email"]
        if text and not _EMAIL.fullmatch(text):
            self._fault("email", f"'{text}' is not an address such as help@example.org")
        return text

    def _url(self, column: str) -> str:
        text = self._cells[column]
        try:
            parts = urlsplit(text)
            good = parts.scheme in ("http", "https") and "." in (parts.hostname or "") and not re.search(r"\s", text)
        except ValueError:
            good = False
        if text and not good:
            self._fault(column, f"'{text}' is not a web address; begin with https://")
        return text

    def _hours(self) -> str:
        text = self._cells["hours"]
        if text and not opening_hours.is_readable(text):
            self._fault(
                "hours", f"'{text}' cannot be read; write it like 'Mo-Fr 09:00-17:00; Sa 10:00-12:00; PH off' or '24/7'"
            )
        return text

    def _parts(self, column: str) -> tuple[str, ...]:
        """Texts separated by semicolons."""
        self._text(column)
        return tuple(part.strip() for part in self._cells[column].split(";") if part.strip())

    def _translations(self) -> Iterator[tuple[str, str, str]]:
        for column in self._cells:
            if (of := _translated(column)) and self._cells[column]:
                yield (*of, self._text(column))

    def _dates(self, column: str) -> tuple[date, ...]:
        days = [self._day(column, text, future=True) for text in self._parts(column)]
        return tuple(sorted({day for day in days if day}))

    def _date(self, column: str, *, needed: bool = False, future: bool = False) -> date | None:
        text = self._cells[column]
        if not text:
            if needed:
                self._fault(column, "is empty; write the day somebody read the source, such as 2026-05-31")
            return None
        return self._day(column, text, future=future)

    def _day(self, column: str, text: str, *, future: bool) -> date | None:
        try:
            value = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else None
        except ValueError:
            value = None
        if value is None:
            self._fault(column, f"'{text}' is not a day; write year-month-day, such as 2026-05-31")
        elif value > self._today and not future:
            self._fault(column, f"{text} lies in the future")
        return value


@lru_cache(maxsize=1)
def _countries() -> set[str]:
    return {code for code in Locale("en").territories if len(code) == 2 and code.isalpha()} - {
        "EU",
        "EZ",
        "UN",
        "ZZ",
        "XA",
        "XB",
    }


@lru_cache(maxsize=1)
def _languages() -> set[str]:
    return {code for code in Locale("en").languages if re.fullmatch("[a-z]{2,3}", code)}
