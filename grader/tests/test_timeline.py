"""The synchronization timeline: from ring records to rows, spans and arrows, to a page and to Chrome trace JSON."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Dict, List

from grader.errors import GraderError
from grader.timeline import chrome, page
from grader.timeline.events import build
from grader.timeline.model import KINDS, SHAPES, Arrow, Instant, Look, Row, Span, Timeline, check
from grader.timeline.names import Names, plain
from grader.timeline.sources import Sources
from grader.views.ring import Event, Record

A, B, IDLE, SEMAPHORE, DPC, TIMER = 0x81000000, 0x81001000, 0x80200000, 0x81002000, 0x81003000, 0x81004000
READY, RUNNING, WAITING = 1, 2, 5
HOSTILE = "</script><script>alert(1)</script>&<!--\u2028'\"@DATA@ =cmd()"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Ring:
    """Records with a clock: a microsecond passes before each."""

    def __init__(self) -> None:
        self.records: List[Record] = []

    def add(self, event: Event, *arguments: int, cpu: int = 0, irql: int = 2) -> "Ring":
        number = len(self.records) + 1
        self.records.append(Record(1000 * number, number, int(event), cpu, irql,
                                   (*arguments, 0, 0, 0, 0)[:4]))  # type: ignore[arg-type]
        return self

    def state(self, thread: int, old: int, new: int, **more: int) -> "Ring":
        return self.add(Event.THREAD_STATE, thread, old, new, 8, **more)

    def timeline(self, **threads: int) -> Timeline:
        made = build(self.records, Names(None, {address: name for name, address in threads.items()}, [IDLE]), "a run")
        check(made)
        return made


def wake_up() -> Ring:
    """A waits for a semaphore, the processor idles, B (already running elsewhere) releases it."""
    ring = Ring().state(A, READY, RUNNING).add(Event.CONTEXT_SWITCH, IDLE, A, 0)
    ring.add(Event.CONTEXT_SWITCH, IDLE, B, 0, cpu=1)
    ring.add(Event.WAIT, A, 1, 1, 0).state(A, RUNNING, WAITING).add(Event.CONTEXT_SWITCH, A, IDLE, 5 | 8 << 8)
    ring.add(Event.SIGNAL, SEMAPHORE, 5, 0, 1, cpu=1).add(Event.UNWAIT, A, 0, 1, cpu=1)
    return ring.state(A, WAITING, READY, cpu=1).state(A, READY, RUNNING).add(Event.CONTEXT_SWITCH, IDLE, A, 0)


# TOL-03
class BuilderTest(unittest.TestCase):
    """events.py"""

    def spans(self, made: Timeline, row: str) -> List[str]:
        return [one.kind for one in made.spans if one.row == row]

    def test_states_of_a_thread_follow_each_other_without_a_gap(self) -> None:
        made = wake_up().timeline(Alice=A, Bob=B)
        own = [one for one in made.spans if one.row == f"t{A:08x}"]
        self.assertEqual(["running", "waiting", "ready", "running"], [one.kind for one in own])
        self.assertEqual([one.end for one in own][:-1], [one.start for one in own][1:])

    def test_wait_is_named_after_the_object_that_ended_it(self) -> None:
        waits = [one for one in wake_up().timeline(Alice=A, Bob=B).spans if one.kind == "waiting"]
        self.assertEqual(["waits for semaphore 1"], [one.label for one in waits])
        self.assertIn(("ends", "the object was signalled"), waits[0].details)

    def test_arrow_leads_from_the_thread_that_signals_to_the_one_that_wakes(self) -> None:
        made = wake_up().timeline(Alice=A, Bob=B)
        wakes = [one for one in made.arrows if one.kind == "wake"]
        self.assertEqual([(f"t{B:08x}", f"t{A:08x}")], [(one.source, one.target) for one in wakes])
        self.assertEqual(("signal", "semaphore 1"), wakes[0].details[-1])

    def test_timed_out_wait_is_not_said_to_be_signalled(self) -> None:
        ring = Ring().add(Event.SIGNAL, SEMAPHORE, 5, 0, 1).state(A, RUNNING, WAITING)
        ring.add(Event.UNWAIT, A, 0x102, 0).state(A, WAITING, READY)
        waiting = next(one for one in ring.timeline(Alice=A).spans if one.kind == "waiting")
        self.assertIn(("ends", "time-out"), waiting.details)
        self.assertNotIn("signalled by", dict(waiting.details))

    def test_processor_rows_show_threads_and_idleness(self) -> None:
        made = wake_up().timeline(Alice=A, Bob=B)
        self.assertEqual(["idle", "busy", "idle"], self.spans(made, "p0"))
        self.assertEqual(["processor 0", "processor 1"], [row.name for row in made.rows if row.band == "Processors"])

    def test_dpc_is_a_span_over_the_thread_and_ends_when_the_level_falls(self) -> None:
        ring = Ring().add(Event.CONTEXT_SWITCH, IDLE, A, 0).add(Event.DPC_QUEUE, DPC, 0x80101000, 0)
        ring.add(Event.DPC_RUN, DPC, 0x80101000).add(Event.SIGNAL, SEMAPHORE, 0, 0, 1).add(Event.MARK, irql=0)
        made = ring.timeline(Alice=A)
        dpcs = [one for one in made.spans if one.kind == "dpc-span"]
        self.assertEqual([(2.0, 4.0, 1)], [(one.start, one.end, one.level) for one in dpcs])
        self.assertEqual([(f"t{A:08x}", "p0")], [(one.source, one.target) for one in made.arrows if one.kind == "dpc"])
        signal = next(one for one in made.instants if one.kind == "signal")
        self.assertEqual("p0", signal.row, "what a DPC does is not the interrupted thread's doing")

    def test_boost_timer_quantum_creation_and_bugcheck_are_there(self) -> None:
        ring = Ring().add(Event.CONTEXT_SWITCH, IDLE, B, 0).add(Event.THREAD_CREATE, A, 9, 0x80101000)
        ring.add(Event.PRIORITY, A, 8, 10, 1).add(Event.TIMER_SET, TIMER, 5, 0).add(Event.TIMER_EXPIRE, TIMER, 7)
        ring.add(Event.QUANTUM_END, A, 8).add(Event.THREAD_END, A).add(Event.BUGCHECK, 0xA, 1, 2, 3)
        made = ring.timeline(Alice=A, Bob=B)
        self.assertEqual({"create", "boost", "timer", "quantum", "bugcheck"}, {one.kind for one in made.instants})
        self.assertEqual(["create", "boost", "timer"], [one.kind for one in made.arrows])

    def test_wait_names_its_objects(self) -> None:
        ring = Ring().state(A, READY, RUNNING)
        ring.add(Event.WAIT, A, 2, 1, 0)
        for key, kind in enumerate((5, 1)):
            ring.add(Event.WAIT_OBJECT, A, SEMAPHORE + key, key, kind)
        ring.state(A, RUNNING, WAITING).state(A, WAITING, READY)
        waiting = next(one for one in ring.timeline(Alice=A).spans if one.kind == "waiting")
        self.assertEqual("waits for semaphore 1, event 1 (any)", waiting.label)

    def test_contended_lock_is_a_span_and_an_arrow(self) -> None:
        ring = Ring().add(Event.CONTEXT_SWITCH, IDLE, A, 0).add(Event.CONTEXT_SWITCH, IDLE, B, 0, cpu=1)
        ring.add(Event.LOCK_WAIT, 0x81005000, 9, A, B).add(Event.LOCK_RELEASE, 0x81005000, 9, B, 1, cpu=1)
        made = ring.add(Event.LOCK_ACQUIRE, 0x81005000, 9, A).timeline(Alice=A, Bob=B)
        span = next(one for one in made.spans if one.kind == "lock-span")
        self.assertEqual(("wants push lock, exclusive no. 1", 2.0, 4.0), (span.label, span.start, span.end))
        self.assertEqual([(f"t{B:08x}", f"t{A:08x}")], [(one.source, one.target) for one in made.arrows])

    def test_apcs_and_interrupts_between_processors_are_arrows(self) -> None:
        ring = Ring().add(Event.CONTEXT_SWITCH, IDLE, A, 0).add(Event.APC_QUEUE, DPC, B, 2, 0)
        ring.add(Event.IPI_SEND, 2, 1).add(Event.IPI_RECEIVE, 2, cpu=1).add(Event.APC_RUN, DPC, B, 0x80101000, 0, cpu=1)
        made = ring.timeline(Alice=A, Bob=B)
        self.assertEqual([("ipi", "p1"), ("apc", f"t{B:08x}")], [(one.kind, one.target) for one in made.arrows])
        self.assertIn("queues a special kernel APC to Bob", [one.label for one in made.instants])

    def test_unknown_event_is_shown(self) -> None:
        made = Ring().add(99, 0x1234).timeline()  # type: ignore[arg-type]
        self.assertEqual(["event 99"], [one.label for one in made.instants])
        self.assertIn(("argument 0", "0x1234"), made.instants[0].details)

    def test_no_event_at_all(self) -> None:
        made = Ring().timeline()
        self.assertEqual([], list(made.rows))
        self.assertIn("a run", page.render(made))

    def test_order_is_that_of_the_sequence_not_of_the_rings(self) -> None:
        ring = wake_up()
        shuffled = sorted(ring.records, key=lambda record: (record.processor, record.sequence))
        again = build(shuffled, Names(None, {A: "Alice", B: "Bob"}, [IDLE]), "a run")
        self.assertEqual(ring.timeline(Alice=A, Bob=B), again)

    def test_decorated_names_are_shown_as_the_source_has_them(self) -> None:
        self.assertEqual("FreeSlots", plain("?FreeSlots@?A0x1F2E@@3UKSEMAPHORE@@A"))
        self.assertEqual("KeSetEvent", plain("KeSetEvent"))


class Page(HTMLParser):
    """What a browser would fetch, and the texts of script elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetches: List[str] = []
        self.scripts: List[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.fetches += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "data")]
        if tag == "script":
            self.scripts.append("")
        self.inside = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if getattr(self, "inside", False):
            self.scripts[-1] += data


def hostile() -> Timeline:
    rows = [Row("a", HOSTILE, HOSTILE, HOSTILE), Row("b", "b", "other")]
    place = "kernel/x.cpp:1"
    excerpt = Sources(lambda name: f"{HOSTILE}\n<img src=x onerror=alert(2)>\u202e").excerpt(place)
    return Timeline(HOSTILE, "us", rows, [Span("a", 0, 5, "running", HOSTILE, ((HOSTILE, HOSTILE),))],
                    [Instant("b", 1, "signal", HOSTILE, (), place)], [Arrow("a", 1, "b", 2, "wake", HOSTILE)], [HOSTILE],
                    looks=[Look(HOSTILE, "b", 1, place)], excerpts={place: excerpt})  # type: ignore[dict-item]


def crowd(arrows: bool = True) -> Timeline:
    """Ten threads that wake each other hundreds of times."""
    rows = [Row(f"t{number}", f"thread {number}", "Threads", "priority 8") for number in range(10)]
    spans = [Span(row.key, start, start + 200, kind, kind) for row in rows
             for start, kind in zip(range(0, 2400, 200), ("running", "waiting", "ready") * 4)]
    wakes = [Arrow(f"t{number % 10}", 6 * number, f"t{number * 7 % 10}", 6 * number, "wake", "wakes")
             for number in range(400) if number % 10 != number * 7 % 10]
    return Timeline("a crowd", "us", rows, spans, (), wakes if arrows else wakes[:1])


# TOL-03
class PageTest(unittest.TestCase):
    """page.py"""

    def test_nothing_is_fetched_and_the_policy_forbids_it(self) -> None:
        text = page.render(wake_up().timeline(Alice=A))
        self.assertEqual([], Page(text).fetches)
        self.assertIn("default-src 'none'", text)
        self.assertNotRegex(text.replace(HOSTILE, ""), r"https?://")

    def test_hostile_texts_stay_data(self) -> None:
        text = page.render(hostile())
        scripts = Page(text).scripts
        self.assertEqual(2, len(scripts), "the data and the page's own script, and no third one")
        self.assertEqual(HOSTILE, json.loads(scripts[0])["spans"][0][4])
        self.assertNotIn("</script><script>alert", text)

    def test_script_never_makes_markup_of_texts(self) -> None:
        self.assertNotRegex(page.script(), r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function")

    def test_broken_timelines_are_refused(self) -> None:
        row = [Row("a", "a", "a")]
        for broken in (Timeline("t", "us", row, [Span("z", 0, 1, "running", "")]),
                       Timeline("t", "us", row, [Span("a", 2, 1, "running", "")]),
                       Timeline("t", "us", row, [], [Instant("a", 0, "nonsense", "")]),
                       Timeline("t", "us", row, looks=[Look("t", "a", 0, "kernel/x.cpp:1")]),
                       Timeline("t", "us", row * 2)):
            with self.subTest(broken=broken), self.assertRaises(GraderError):
                page.render(broken)

    def test_same_run_same_bytes(self) -> None:
        self.assertEqual(page.render(wake_up().timeline(Alice=A)), page.render(wake_up().timeline(Alice=A)))

    def test_every_kind_can_be_told_from_the_ground(self) -> None:
        for name, kind in KINDS.items():
            with self.subTest(kind=name):
                self.assertRegex(kind.light + kind.dark, r"^#[0-9a-f]{6}#[0-9a-f]{6}$")
                self.assertIn(kind.shape, SHAPES)

    def test_what_matters_most_differs_in_shape_too(self) -> None:
        for one, other in (("read", "write"), ("signal", "wake"), ("acquire", "release"), ("boost", "decay")):
            self.assertNotEqual(KINDS[one].shape, KINDS[other].shape)

    def test_source_lines_stay_data(self) -> None:
        scripts = Page(page.render(hostile())).scripts
        self.assertEqual(2, len(scripts))
        told = json.loads(scripts[0])
        self.assertEqual(["kernel/x.cpp", 1, 1], told["excerpts"][0][:3])
        self.assertIn("<U+202E>", told["excerpts"][0][3][1])
        self.assertEqual([0, -1], [told["looks"][0][3], told["instants"][0][5] - 1])

    @unittest.skipUnless(BROWSER, "not on this system: no Chromium to open the page in")
    def test_browser_draws_it_and_no_hostile_text_runs(self) -> None:
        for made, expected in ((wake_up().timeline(Alice=A), "waits for semaphore 1"), (hostile(), "alert(1)")):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "page.html"
                path.write_text(page.render(made), encoding="utf-8")
                done = subprocess.run([str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
                                       f"--user-data-dir={folder}/profile", "--virtual-time-budget=2000",
                                       path.as_uri() + "?tab=list"], capture_output=True, text=True, timeout=120)
                body = done.stdout.split("<script")[0]
                self.assertIn(f"{len(made.spans) + len(made.instants) + len(made.arrows)} events", body)
                listed = re.search(r'id="list".*', body, re.S)
                self.assertIsNotNone(listed, done.stderr[-2000:])
                self.assertIn(expected, listed[0])  # type: ignore[index]
                if made.excerpts:
                    self.assertRegex(body, r'id="source"(?![^>]*hidden).*&lt;img src=x')


    @unittest.skipUnless(BROWSER, "not on this system: no Chromium to open the page in")
    def test_hundreds_of_wake_ups_hide_no_row(self) -> None:
        with_arrows, without = self.pixels(crowd()), self.pixels(crowd(False))
        self.assertGreater(len(with_arrows), len(without), "the arrows are there")
        for kind in ("running", "waiting", "ready"):
            bars = KINDS[kind].light
            self.assertGreater(with_arrows[bars], .98 * without[bars], f"{kind}: arrows lie under the bars")
        off = self.pixels(crowd(), "&arrows=off")
        self.assertLess(len(off), len(with_arrows), "the button takes them away")

    def pixels(self, made: Timeline, query: str = "") -> "Dict[str, int]":
        """How often each colour stands in the browser's picture of a page."""
        with tempfile.TemporaryDirectory() as folder:
            path, picture = Path(folder) / "page.html", Path(folder) / "page.png"
            path.write_text(page.render(made), encoding="utf-8")
            subprocess.run([str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--screenshot={picture}",
                            "--window-size=900,600", f"--user-data-dir={folder}/profile", "--virtual-time-budget=2000",
                            path.as_uri() + "?theme=light" + query], capture_output=True, timeout=120)
            return colours(picture.read_bytes())

    @unittest.skipUnless(BROWSER, "not on this system: no Chromium to open the page in")
    def test_long_span_stays_when_what_lay_over_it_is_out_of_sight(self) -> None:
        spans = [Span("p", 0, 10_000, "busy", "")]
        spans += [Span("p", 100 * number, 100 * number + 10, "dpc-span", "", level=1) for number in range(1, 40)]
        made = Timeline("one thread, many DPCs", "us", [Row("p", "processor 0", "Processors")], spans)
        busy = KINDS["busy"].light
        self.assertGreater(self.pixels(made, "&from=7000&to=8000").get(busy, 0), 5000)

    @unittest.skipUnless(BROWSER, "not on this system: no Chromium to open the page in")
    def test_what_went_wrong_is_seen_behind_no_other_moment(self) -> None:
        moments = [Instant("a", 50, "interlocked", ""), Instant("a", 50, "failure", "two inside"), Instant("a", 50, "write", "")]
        made = Timeline("a race", "step", [Row("a", "actor 0", "Who goes on"), Row("b", "actor 1", "Who goes on")],
                        [Span("a", 0, 100, "turn", "")], moments)
        self.assertGreater(self.pixels(made).get(KINDS["failure"].light, 0), 500, "a line from top to bottom")

    @unittest.skipUnless(BROWSER, "not on this system: no Chromium to open the page in")
    def test_texts_do_not_lie_over_each_other(self) -> None:
        rows = [Row(f"r{number}", f"row {number}", "Threads") for number in range(12)]
        spans = [Span(row.key, 0, 100, "ready", "") for row in rows]
        over = [Span(row.key, 0, 100, "lock-span", "wants the push lock, shared", level=1) for row in rows]

        def ink(made: Timeline) -> int:
            return sum(count for colour, count in self.pixels(made).items() if max(bytes.fromhex(colour[1:])) < 0x60)

        self.assertLess(ink(Timeline("locks", "us", rows, spans + over)), 500 + ink(Timeline("locks", "us", rows, spans)),
                        "the legend has one name more; what the lock's bar says is not written over the state")


def colours(png: bytes) -> "Dict[str, int]":
    """A PNG of 8 bits a channel: its colours, counted."""
    place, width, height, channels, packed = 8, 0, 0, 3, b""
    while place < len(png):
        size, kind = struct.unpack_from(">I4s", png, place)
        if kind == b"IHDR":
            width, height, _, form = struct.unpack_from(">IIBB", png, place + 8)
            channels = 4 if form == 6 else 3
        packed += png[place + 8:place + 8 + size] if kind == b"IDAT" else b""
        place += 12 + size
    data, found, before = zlib.decompress(packed), Counter(), bytes(width * channels)  # type: ignore[var-annotated]
    for line in range(height):
        start = line * (width * channels + 1)
        own = bytearray(data[start + 1:start + 1 + width * channels])
        unfilter(data[start], own, before, channels)
        found.update(own[at:at + 3].hex() for at in range(0, len(own), channels))
        before = bytes(own)
    return {"#" + colour: count for colour, count in found.items()}


def unfilter(method: int, own: bytearray, above: bytes, channels: int) -> None:
    """A line of a PNG, whose bytes are differences from its neighbours."""
    for index in range(len(own) if method else 0):
        left = own[index - channels] if index >= channels else 0
        corner = above[index - channels] if index >= channels else 0
        guess = left + above[index] - corner
        nearest = min((left, above[index], corner), key=lambda one: abs(guess - one))
        own[index] = own[index] + (0, left, above[index], (left + above[index]) // 2, nearest)[method] & 0xFF


# TOL-03
class ChromeTest(unittest.TestCase):
    """chrome.py"""

    def events(self, made: Timeline) -> List[Dict]:
        return json.loads(chrome.render(made))["traceEvents"]

    def test_every_event_has_what_the_format_demands(self) -> None:
        for one in self.events(wake_up().timeline(Alice=A, Bob=B)):
            self.assertIn(one["ph"], "XbeiMsf")
            self.assertIsInstance(one["pid"], int)
            self.assertIsInstance(one["tid"], int)
            if one["ph"] != "M":
                self.assertIsInstance(one["ts"], (int, float))

    def test_bands_are_processes_and_rows_are_threads(self) -> None:
        named = [(one["name"], one["args"]["name"]) for one in self.events(wake_up().timeline(Alice=A, Bob=B))
                 if one["ph"] == "M" and "name" in one["args"]]
        self.assertIn(("process_name", "Threads"), named)
        self.assertIn(("thread_name", "Alice"), named)

    def test_spans_of_a_row_nest_and_what_does_not_is_a_pair_of_its_own(self) -> None:
        rows = [Row("a", "A", "Threads"), Row("p", "P", "Processors")]
        spans = [Span("a", 0, 10, "running", "cpu 0"), Span("a", 10, 20, "waiting", "waits"),
                 Span("a", 8, 20, "lock-span", "wants it", level=1), Span("p", 0, 10, "busy", "A"),
                 Span("p", 2, 10, "dpc-span", "DPC", level=1), Span("a", 12, 20, "lock-span", "wants another", level=1)]
        events = self.events(Timeline("locks", "us", rows, spans))
        pairs = [(one["ph"], one["id"], one["ts"], one["name"]) for one in events if one["ph"] in "be"]
        self.assertEqual([("b", 1, 8, "wants it"), ("e", 1, 20, "wants it")], pairs)
        whole = {one["name"] for one in events if one["ph"] == "X"}
        self.assertEqual({"cpu 0", "waits", "A", "DPC", "wants another"}, whole)

    def test_arrows_are_flows_in_pairs(self) -> None:
        events = self.events(wake_up().timeline(Alice=A, Bob=B))
        begins = {one["id"] for one in events if one["ph"] == "s"}
        self.assertEqual(begins, {one["id"] for one in events if one["ph"] == "f"})
        self.assertEqual(1, len(begins))


if __name__ == "__main__":
    unittest.main()
