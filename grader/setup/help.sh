#!/bin/bash
# help.sh whole|student: the journeys. A students' repository has no instructors' part, and its examples are of its lab.
lab=1 tests="'insert*'"
if [ "${1:-}" != whole ]; then
    lab=$(sed -n 's/.*"lab": *\([0-9]*\).*/\1/p' kernel/prebuilt/branch.json)
    tests=$lab.1
fi
row() { printf '  make %-34s %s\n' "$1" "$2"; }

echo "Mica: an NT-like kernel for 32-bit x86, its labs and its grader."
echo
echo "Students"
row "grade"                          "build, boot, run the tests of every core track, show the points"
row "grade LAB=$lab TEST=$tests"     "some of them (SEED=n, JOBS=n, JSON=file, EMU=bochs)"
row "grade FURTHER=all"              "the further exercises too, beside the core track (FURTHER=3.7: one of them)"
row "watch [EX=$lab.1]"                 "grade an exercise on every save: the first failure, the points, what is next (LAB=n)"
[ ! -d labs/2-memory/challenge ] ||
    row "challenge [LAB=2]"            "a policy of your own, scored against the optimum; no points"
[ -z "$(ls labs/*-*/checks/*.cpp 2>/dev/null)" ] ||
    row "check [EX=2.2]"               "small examples of an exercise's contract, on this machine, in a second; no points"
row "hint EX=$lab.1"                   "the next hint of an exercise (AGAIN=1: those you took); counted in the report, never in points"
row "run"                            "boot to the shell (EMU=bochs, SMP=n, MEMORY=mb, GUI=1, MICA_CHECKED=1)"
row "monitor"                        "the same without programs: boot to the kernel debugger's prompt"
row "gdb"                            "that, stopped at the first instruction, with gdb attached"
row "replay LAB=$lab TEST=name SEED=n"  "one failure again, under gdb, in your routine (AT=failure: where the test saw it)"
row "replay ... GDB_ARGS='...'"      "gdb gets these arguments too: GDB_ARGS='-batch -ex bt' needs no terminal"
row "timeline [LAB=$lab TEST=name]"     "a run's waits, wake-ups and DPCs as one HTML page (OUT=page.html, SMP=n)"
row "memmon [TEST=driver.Test]"      "memory, live, of the kernel that make run runs in another window (OUT=page.html records)"
row "procmon [TEST=driver.Test]"     "which thread runs on which processor, live, of that kernel (OUT=file.txt: each switch)"
own=$(ls labs/*/mytest.cpp 2>/dev/null | sed -n 's,^labs/\([0-9]*\)-.*,\1,p' | tail -n 1) # the last lab that has scenarios of one's own
[ -z "$own" ] ||
    row "mytest LAB=$own [TEST=$own.3]"        "your own scenarios on practice kernels, or on a kernel with your files of $own.3 (SEED=n)"
row "seed LAB=0"                     "the seed that your own questions are drawn from"
row "kernel"                         "build only"
row "doctor"                         "what is installed, which versions, what works"
if [ "${1:-}" = whole ]; then
    echo
    echo "Instructors"
    row "grade SUBMISSION=x"         "grade a folder, a zip, a tar or a git ref (GRADESCOPE=file, GITHUB=file, JUNIT=file)"
    row "handout OUT=folder LAB=1"   "publish what is due: a branch a lab (REFERENCE=all, FRESH=1, MESSAGE=text, OPEN=1)"
    row "solution LAB=1"             "the reference as a diff against the students' branch"
    row "demo-race [MISTAKE=name]"   "plant a race, find it, show who found it and how: under a minute, for an audience"
    row "explore LAB=3 TEST=x RUNS=n" "search a test's races: on the right kernel there are none (SUBMISSION=x, SCENARIOS=kernel)"
    row "selfcheck [LAB=1]"          "grade the starter, accepted variants, known mistakes and cheaters: one table"
    row "edits [SINCE=commit CHECK=1]" "solutions/ after a refactoring: mend what no longer fits, list what needs a hand"
    row "mutate LAB=1 [EX=1.3 SAMPLE=60]" "wrong solutions by rule: which ones the tests let pass (SEED=n, HINTS=n shows hints)"
    echo
    echo "Maintainers"
    row "test"                       "all tests; ends with 'N passed, N failed'"
    row "soak [SEED=n]"              "the tests that take hours: all guest tests, interrupted between any two instructions"
    row "thirdparty"                 "compile the programs of Debian's source packages that make test runs, into build/thirdparty"
    row "check-style | format"       "layers, sizes, layout, annotations | lay out every source"
    row "coverage [SCOPE=slice]"     "which rows of docs/feature-map.md have a passing test"
    row "matrix"                     "labs without explored schedules with each clang and each QEMU of this system: one table"
    row "docs"                       "the documentation site, build/docs/html"
    row "pictures"                   "every picture of the running system anew (PNG; needs chromium for pages)"
    row "bench"                      "what the kernel's primitives cost, in guest instructions"
fi
row "clean"                          "remove build/"
echo
echo "Missing tools are installed by any of these (asks first on a terminal; YES=1 does not ask). O=folder builds elsewhere."
