# SPDX-License-Identifier: Apache-2.0
"""Rosters against brute force with zoneinfo, libical, and icalendar with recurring_ical_events, across changes of the clocks."""
import datetime as dt
import json
import os
import random
import subprocess
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events

TOOL = os.path.join(os.environ["LUG_BUILD"], "tests", "roster-tool")
UTC = dt.timezone.utc
# Zone and a day near which its clocks change (or would): an hour, half an hour, two hours, a whole day, none, southern, Ramadan.
ZONES = [
    ("Europe/Rome", "2026-03-29"), ("Europe/Rome", "2026-10-25"), ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"), ("Australia/Lord_Howe", "2026-10-04"), ("Pacific/Chatham", "2026-09-27"),
    ("Africa/Casablanca", "2026-02-15"), ("Africa/Casablanca", "2026-03-22"), ("Europe/Dublin", "2026-10-25"),
    ("America/St_Johns", "2026-03-08"), ("Asia/Tokyo", "2026-03-29"), ("America/Santiago", "2026-09-06"),
    ("Antarctica/Troll", "2026-03-29"), ("Pacific/Apia", "2011-12-30"), ("Europe/London", "2044-03-27"),
]
DAY = 86400
PEOPLE = ["p.one", "p.two", "p.three", "p.four"]
WEEK = ["mo", "tu", "we", "th", "fr", "sa", "su"]


def tool(*args, data):
    done = subprocess.run([TOOL, *map(str, args)], input=data, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rfc(unix):
    return dt.datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minute(rng):
    return f"{rng.choice([0, 1, 2, 3, 8, 20, 23]):02}:{rng.choice([0, 0, 30, 45]):02}"


def random_layer(rng, name, day):
    kind = rng.choice(["hourly", "daily", "weekly", "monthly", "custom"])
    layer = {"layer": name, "rotation": kind, "from": str(day - dt.timedelta(days=rng.randrange(0, 40))), "until": None,
             "people": rng.sample(PEOPLE, rng.randrange(1, 4)), "hours": []}
    if kind == "custom":
        layer["cycle"] = rng.choice([1, 2, 7, 8])
        layer["handoffs"] = [{"day": d, "at": at} for d in range(layer["cycle"]) for at in ["02:30", "08:00", "20:15"]]
    else:
        layer["every"] = rng.choice({"hourly": [1, 2, 6, 8, 12, 24], "daily": [1, 1, 3], "weekly": [1, 2], "monthly": [1, 2]}[kind])
        layer["handoff"] = minute(rng)
    if rng.random() < 0.4:
        layer["hours"] = [{"days": " ".join(sorted(rng.sample(WEEK, rng.randrange(1, 8)), key=WEEK.index)),
                           "from": minute(rng), "to": rng.choice([minute(rng), "24:00"])}]
    if rng.random() < 0.2:
        layer["until"] = str(day + dt.timedelta(days=rng.randrange(1, 9)))
    return layer


def random_roster(rng, zone, day, middle):
    def span():
        start = middle + rng.randrange(-8 * DAY, 8 * DAY) // 900 * 900
        return start, start + rng.randrange(1, 200) * 900
    layers = [random_layer(rng, f"l{i}", day) for i in range(rng.randrange(1, 4))]
    changes = []
    for _ in range(rng.randrange(0, 7)):
        kind = rng.choice(["add", "remove", "replace", "temporary", "swap", "swap"])
        start, end = span()
        one, two = rng.sample(PEOPLE, 2)
        change = {"kind": kind, "person": one, "from": rfc(start), "until": rfc(end)}
        if kind == "replace":
            change["with"] = two
        if kind == "temporary":
            change = {"kind": kind, "from": rfc(start), "until": rfc(end), "fallback": rng.choice(["", one]),
                      "layers": [random_layer(rng, "t", day)]}
        if kind == "swap":
            change = {"kind": kind, "layer": "l0", "shift": rng.randrange(0, 60), "person": one, "with": two}
        changes.append(change)
    absences = []
    for _ in range(rng.randrange(0, 4)):
        start, end = span()
        absences.append({"person": rng.choice(PEOPLE), "from": start, "until": end})
    seat = {"seat": "duty", "zone": zone, "fallback": rng.choice(["", "p.four"]), "layers": layers}
    return {"seat": seat, "changes": changes, "absences": absences, "people": []}


class Brute:
    """docs/format/roster.md 4, word by word, with zoneinfo."""

    def __init__(self, roster, until):
        self.r, self.zone, self.until = roster, ZoneInfo(roster["seat"]["zone"]), until
        self.moments = {}

    def unix(self, day, minutes):
        face = dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=minutes)
        return int(face.replace(tzinfo=self.zone, fold=0).timestamp())

    def hand_offs(self, layer):
        key = json.dumps(layer, sort_keys=True)
        if key in self.moments:
            return self.moments[key]
        first = dt.date.fromisoformat(layer["from"])
        at = [int(x) for x in layer.get("handoff", "0:0").split(":")]
        at = at[0] * 60 + at[1]
        out, k = [], 0
        while not out or out[-1] <= self.until:
            every = layer.get("every")
            if layer["rotation"] == "hourly":
                out.append(self.unix(first, at + k * every * 60))
            elif layer["rotation"] == "monthly":
                months = first.year * 12 + first.month - 1 + k * every
                year, month = months // 12, months % 12 + 1
                last = (dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)).day
                out.append(self.unix(dt.date(year, month, min(first.day, last)), at))
            elif layer["rotation"] == "custom":
                cycle, i = divmod(k, len(layer["handoffs"]))
                h, m = map(int, layer["handoffs"][i]["at"].split(":"))
                day = first + dt.timedelta(days=cycle * layer["cycle"] + layer["handoffs"][i]["day"])
                out.append(self.unix(day, h * 60 + m))
            else:
                days = every * (7 if layer["rotation"] == "weekly" else 1)
                out.append(self.unix(first + dt.timedelta(days=k * days), at))
            k += 1
        self.moments[key] = out
        return out

    def in_hours(self, layer, t):
        if not layer["hours"]:
            return True
        today = dt.datetime.fromtimestamp(t, self.zone).date()
        for h in layer["hours"]:
            (a, b), (c, d) = (map(int, h[x].split(":")) for x in ("from", "to"))
            start, end = a * 60 + b, c * 60 + d
            end += 1440 if end <= start else 0
            for back in (0, 1):
                day = today - dt.timedelta(days=back)
                if WEEK[day.weekday()] in h["days"].split() and self.unix(day, start) <= t < self.unix(day, end):
                    return True
        return False

    def layer_at(self, layer, t):
        moments = self.hand_offs(layer)
        if t < moments[0] or not self.in_hours(layer, t):
            return None
        if layer["until"] and t >= self.unix(dt.date.fromisoformat(layer["until"]), 0):
            return None
        k = max(i for i, m in enumerate(moments) if m <= t)
        person = layer["people"][k % len(layer["people"])]
        for c in self.r["changes"]:
            if c["kind"] == "swap" and (c["layer"], c["shift"], c["person"]) == (layer["layer"], k, person):
                return c["with"]
        return person

    def at(self, t):
        live = [c for c in self.r["changes"] if c["kind"] != "swap" and c["from"] <= rfc(t) < c["until"]]
        temporary = [c for c in live if c["kind"] == "temporary"]
        layers = temporary[-1]["layers"] if temporary else self.r["seat"]["layers"]
        on = next(([p] for p in (self.layer_at(layer, t) for layer in reversed(layers)) if p), [])
        for c in live:
            if c["kind"] == "add" and c["person"] not in on:
                on = on + [c["person"]]
            elif c["kind"] in ("remove", "replace") and c["person"] in on:
                on = [p for p in on if p != c["person"]]
                if c["kind"] == "replace" and c["with"] not in on:
                    on = on + [c["with"]]
        away = {a["person"] for a in self.r["absences"] if a["from"] <= t < a["until"]}
        on = [p for p in on if p not in away]
        backs = ([temporary[-1]["fallback"]] if temporary else []) + [self.r["seat"]["fallback"]]
        return on or next(([p] for p in backs if p and p not in away), [])


def shifts_of(text):
    rows = [line.split(" ") for line in text.splitlines()]
    return [(int(r[0]), int(r[1]), r[3].split("+") if len(r) > 3 else []) for r in rows]


def joined(shifts):
    out = []
    for start, end, people in sorted(shifts):
        if out and out[-1][1] == start and out[-1][2] == people:
            out[-1] = (out[-1][0], end, people)
        elif people:
            out.append((start, end, people))
    return out


def python_expands(ics, start, end):
    events = recurring_ical_events.of(icalendar.Calendar.from_ical(ics)).between(
        dt.datetime.fromtimestamp(start, UTC), dt.datetime.fromtimestamp(end, UTC))
    return [(int(v["DTSTART"].dt.timestamp()), int(v["DTEND"].dt.timestamp()), str(v["SUMMARY"]).split(" + ")) for v in events]


def libical_expands(ics, start, end):
    rows = [line.split(" ", 2) for line in tool("expand", start, end, data=ics).splitlines()]
    return [(int(a), int(b), people.split(" + ")) for a, b, people in rows]


@pytest.mark.parametrize("zone,around", ZONES, ids=[f"{z}-{d}" for z, d in ZONES])
def test_everybody_expands_the_same(zone, around):
    rng = random.Random(zone + around)
    day = dt.date.fromisoformat(around)
    middle = int(dt.datetime.combine(day, dt.time(), UTC).timestamp())
    start, end = middle - 9 * DAY, middle + 12 * DAY
    for n in range(8):
        roster = random_roster(rng, zone, day, middle) | {"from": start, "until": end}
        data = json.dumps(roster)
        shifts = shifts_of(tool("shifts", data=data))
        assert shifts[0][0] == start and shifts[-1][1] == end
        assert all(a[1] == b[0] for a, b in zip(shifts, shifts[1:])), "a hole"
        brute, i = Brute(roster, end), 0
        for t in range(start, end, 900):
            while shifts[i][1] <= t:
                i += 1
            assert shifts[i][2] == brute.at(t), (rfc(t), roster)
        if n >= 3:
            continue  # the reader in Python is slow
        ics = tool("ics", data=data)
        ours = joined(shifts)
        assert joined(libical_expands(ics, start, end)) == ours, data
        assert joined(python_expands(ics, start, end)) == ours, data


def test_a_year_repeats_in_rules():
    start = int(dt.datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    seat = {"seat": "duty", "zone": "Europe/Rome", "fallback": "",
            "layers": [{"layer": "day", "rotation": "daily", "every": 1, "from": "2026-01-01", "handoff": "08:00", "people": PEOPLE}]}
    data = json.dumps({"seat": seat, "changes": [], "absences": [], "people": [], "from": start, "until": start + 365 * DAY})
    ics = tool("ics", data=data)
    assert 8 <= ics.count("RRULE") <= 12 and ics.count("BEGIN:VEVENT") < 30  # not one event a day
    assert all(len(line) <= 75 for line in ics.splitlines()) and ics.endswith("END:VCALENDAR\n")
    ours = joined(shifts_of(tool("shifts", data=data)))
    assert len(ours) == 365
    assert joined(libical_expands(ics, start, start + 365 * DAY)) == ours
    assert joined(python_expands(ics, start, start + 365 * DAY)) == ours


ABSENCES = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:leave
DTSTART;VALUE=DATE:20260328
DTEND;VALUE=DATE:20260330
END:VEVENT
BEGIN:VEVENT
UID:course
DTSTART;TZID=Europe/Rome:20260323T090000
DTEND;TZID=Europe/Rome:20260323T130000
RRULE:FREQ=WEEKLY;COUNT=4
EXDATE;TZID=Europe/Rome:20260406T090000
END:VEVENT
BEGIN:VEVENT
UID:course
RECURRENCE-ID;TZID=Europe/Rome:20260330T090000
DTSTART;TZID=Europe/Rome:20260331T100000
DURATION:PT90M
END:VEVENT
BEGIN:VEVENT
UID:free
TRANSP:TRANSPARENT
DTSTART:20260325T090000Z
DTEND:20260325T130000Z
END:VEVENT
BEGIN:VEVENT
UID:off
STATUS:CANCELLED
DTSTART:20260325T090000Z
DTEND:20260325T130000Z
END:VEVENT
END:VCALENDAR
"""


def test_absences_of_a_calendar():
    start = int(dt.datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    out = tool("absences", data=json.dumps({"ics": ABSENCES.replace("\n", "\r\n"), "zone": "Europe/Rome", "from": start, "until": start + 90 * DAY}))
    got = [tuple(rfc(int(x)) for x in line.split()) for line in out.splitlines()]
    assert got == [("2026-03-23T08:00:00Z", "2026-03-23T12:00:00Z"), ("2026-03-27T23:00:00Z", "2026-03-29T22:00:00Z"),
                   ("2026-03-31T08:00:00Z", "2026-03-31T09:30:00Z"), ("2026-04-13T07:00:00Z", "2026-04-13T11:00:00Z")]
    # Against the other reader, on repeating absences over both changes of the clocks.
    for rule in ("FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=MO,WE", "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=MONTHLY;BYMONTHDAY=29,31"):
        ics = ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//EN\r\nBEGIN:VEVENT\r\nUID:x\r\nSUMMARY:x\r\nDTSTART;TZID=Europe/Rome:20260302T090000\r\n"
               f"DTEND;TZID=Europe/Rome:20260302T170000\r\nRRULE:{rule};UNTIL=20261215T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
        end = start + 300 * DAY
        out = tool("absences", data=json.dumps({"ics": ics, "zone": "UTC", "from": start, "until": end}))
        assert [tuple(map(int, line.split())) for line in out.splitlines()] == [(a, b) for a, b, _ in sorted(python_expands(ics, start, end))], rule


def absences(lines, zone="Europe/Rome"):
    start = int(dt.datetime(2026, 3, 1, tzinfo=UTC).timestamp())
    ics = "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *lines, "END:VCALENDAR", ""])
    done = subprocess.run([TOOL, "absences"], input=json.dumps({"ics": ics, "zone": zone, "from": start, "until": start + 90 * DAY}),
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    return [tuple(rfc(int(x)) for x in line.split()) for line in done.stdout.splitlines()]


def test_added_and_excluded_dates():
    event = ["BEGIN:VEVENT", "UID:x", "DTSTART;TZID=Europe/Rome:20260302T090000", "DURATION:PT1H"]
    # Several of each, in any order, each in its own zone; a period has its own end.
    assert absences(event + ["RDATE;TZID=Europe/Rome:20260303T090000,20260304T090000", "EXDATE:20260304T080000Z", "RDATE:20260305T090000Z",
                             "EXDATE;TZID=Europe/Rome:20260302T090000", "RDATE;VALUE=PERIOD:20260306T090000Z/20260306T103000Z,20260307T090000Z/PT2H",
                             "END:VEVENT"]) == [
        ("2026-03-03T08:00:00Z", "2026-03-03T09:00:00Z"), ("2026-03-05T09:00:00Z", "2026-03-05T10:00:00Z"),
        ("2026-03-06T09:00:00Z", "2026-03-06T10:30:00Z"), ("2026-03-07T09:00:00Z", "2026-03-07T11:00:00Z")]
    # Nine o'clock in London is not nine o'clock in Rome.
    assert absences(event + ["EXDATE:20260302T090000Z", "END:VEVENT"]) == [("2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z")]
    assert absences(event + ["EXDATE;VALUE=DATE:20260302", "END:VEVENT"]) == []
    # Dates of an event that itself tells an occurrence anew: the walk over them ends.
    assert absences(event + ["RECURRENCE-ID;TZID=Europe/Rome:20260302T080000", "RDATE;TZID=Europe/Rome:20260309T090000", "END:VEVENT"]) == [
        ("2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z"), ("2026-03-09T08:00:00Z", "2026-03-09T09:00:00Z")]
    many = [f"EXDATE:2026{m:02}{d:02}T{h:02}0000Z" for m in range(1, 13) for d in range(1, 29) for h in range(6)]
    with pytest.raises(AssertionError, match="exceptions"):
        absences(event + many + ["END:VEVENT"])


def test_bad_calendars_are_refused():
    for ics in ("", "hello", "BEGIN:VCALENDAR\r\n", "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:x\r\nDTSTART:20260302T090000Z\r\nDTEND:20260302T100000Z\r\n"
                "RRULE:FREQ=SECONDLY\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"):
        done = subprocess.run([TOOL, "absences"], input=json.dumps({"ics": ics, "zone": "UTC", "from": 0, "until": 2**31}), capture_output=True, text=True, timeout=20)
        if ics.startswith("BEGIN:VCALENDAR\r\n") and "VEVENT" not in ics:
            continue  # libical closes what the file left open: an empty calendar
        assert done.returncode == 1 and done.stderr.startswith("ics: "), ics
