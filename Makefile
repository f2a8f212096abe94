# Mica: every journey starts here. `make` alone prints them.
#
# This file names the journeys, makes sure their tools are there (grader/setup) and hands over: the kernel is built
# by kernel/build.mk, everything that grades, runs or shows it is the Python package grader/. Paths are relative to
# this folder. GNU make 4, bash 3.2 or newer.

ifneq ($(firstword $(sort 4.0 $(MAKE_VERSION))),4.0)
$(error GNU make $(MAKE_VERSION) is too old: Mica needs 4.0 or newer (macOS: brew install make, then run gmake))
endif

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# ---- what can be said on the command line (?=: in the environment too) --------------------------------------------
O             ?= build
LAB           :=
TEST          :=
SEED          :=
SUBMISSION    :=
JSON          :=
GRADESCOPE    :=
GITHUB        :=
JUNIT         :=
JOBS          ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
EMU           := qemu
SMP           := 1
MEMORY        :=
GUI           :=
OUT           :=
OPEN          :=
FRESH         :=
REFERENCE     :=
MESSAGE       :=
SCOPE         :=
RUNS          :=
SCENARIOS     :=
FILE          :=
SEEDS         :=
BOARD         :=
APPEND        :=
GDB_WAIT      :=
AT            :=
EMAIL         :=
MISTAKE       :=
EX            :=
SAMPLE        :=
HINTS         :=
AGAIN         :=
FURTHER       :=
MICA_CHECKED  ?=
YES           ?=
PYTHON        ?= python3
# a folder with clang, lld-link and the llvm tools; taken by itself where no clang is in PATH
LLVM_BIN      ?= $(if $(shell command -v clang 2>/dev/null),,$(lastword $(sort $(wildcard \
                 /usr/lib/llvm-1[4-9]/bin /usr/lib/llvm-2?/bin /usr/local/opt/llvm/bin /opt/homebrew/opt/llvm/bin))))

ifneq ($(LLVM_BIN),)
export PATH := $(LLVM_BIN):$(wildcard $(LLVM_BIN)/../../lld/bin):$(PATH)
endif
export O YES MICA_CHECKED PYTHONDONTWRITEBYTECODE := 1

need   := grader/setup/need.sh
grader := $(PYTHON) -m grader
jobs    = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
build   = $(MAKE) $(jobs) -f kernel/build.mk
advice  = { grader/setup/advice.sh >&2; exit 2; }
opt     = $(if $($1),$2 "$($1)")
whole  := $(wildcard solutions)

.PHONY: help grade check challenge watch hint test run gdb monitor replay timeline memmon procmon mytest explore demo-race handout solution selfcheck seed doctor docs pictures coverage bench matrix mutate edits soak thirdparty check-style \
        format clean kernel

help:
	@grader/setup/help.sh $(if $(whole),whole,student)

# ---- students ---------------------------------------------------------------------------------------------------
# make itself ends with 2 whatever went wrong: the last line that this prints says which it was (0, 1 or 2).
grade:
	@$(need) grade || { echo "grade: exit 2 (could not grade)"; exit 2; }
	@$(grader) grade --out $(O) --jobs $(JOBS) $(call opt,LAB,--lab) $(call opt,TEST,--test) $(call opt,SEED,--seed) \
	    $(call opt,SUBMISSION,--submission) $(call opt,JSON,--json) $(call opt,GRADESCOPE,--gradescope) \
	    $(call opt,GITHUB,--github) $(call opt,JUNIT,--junit) $(call opt,FURTHER,--further) --smp $(SMP) $(if $(filter bochs,$(EMU)),--emu bochs)

watch:
	@$(need) grade
	@$(grader) watch --out $(O) --jobs $(JOBS) $(call opt,EX,--exercise) $(call opt,LAB,--lab) $(call opt,SUBMISSION,--submission) \
	    $(call opt,FURTHER,--further)

check:
	@$(need) check
	@$(grader) check --out $(O) $(call opt,EX,--exercise)

challenge:
	@$(need) check
	@$(grader) challenge --out $(O) $(call opt,LAB,--lab) $(call opt,FILE,--file) $(call opt,SEEDS,--seeds) $(call opt,BOARD,--board)

hint:
	@$(need) hint
	@$(grader) hint --out $(O) $(call opt,EX,--exercise) $(if $(AGAIN),--again) $(if $(YES),--yes)

run monitor gdb:
	@$(need) $(@:monitor=run) $(filter bochs,$(EMU)) $(if $(GUI),gui)
	@$(build) kernel || $(advice)
	@$(grader) $(@:monitor=run) --out $(O) --emu $(EMU) --smp $(SMP) $(if $(filter monitor,$@),--monitor) $(if $(GUI),--gui) $(if $(MICA_CHECKED),--checked) \
	    $(call opt,MEMORY,--memory) $(call opt,SEED,--seed) $(call opt,APPEND,--append) $(if $(and $(filter gdb,$@),$(GDB_WAIT)),--wait)

replay:
	@$(if $(and $(LAB),$(TEST),$(SEED)),,echo "make replay needs LAB, TEST and SEED, as the failure printed them: \
	    make replay LAB=1 TEST=name SEED=1234" >&2; exit 2)
	@$(if $(filter-out failure,$(AT)),echo "AT=$(AT) names no moment: AT=failure stops where the test saw the failure; \
	    without AT= the replay stops in your routine" >&2; exit 2)
	@$(need) gdb
	@$(grader) replay --out $(O) --lab $(LAB) --test "$(TEST)" --seed $(SEED) $(call opt,SUBMISSION,--submission) \
	    $(if $(filter failure,$(AT)),--at-failure)

timeline:
	@$(need) grade
	@$(build) kernel || $(advice)
	@$(grader) timeline --out $(O) $(call opt,LAB,--lab) $(call opt,TEST,--test) $(call opt,SEED,--seed) \
	    $(call opt,SUBMISSION,--submission) --smp $(SMP) $(if $(MICA_CHECKED),--checked) $(call opt,OUT,--to)

memmon:
	@$(need) grade
	@$(build) kernel || $(advice)
	@$(grader) memmon --out $(O) $(call opt,TEST,--test) --smp $(SMP) $(if $(MICA_CHECKED),--checked) $(call opt,OUT,--to)

procmon:
	@$(need) grade
	@$(build) kernel || $(advice)
	@$(grader) procmon --out $(O) $(call opt,TEST,--test) --smp $(SMP) $(if $(MICA_CHECKED),--checked) $(call opt,OUT,--to)

mytest:
	@$(need) grade
	@$(grader) mytest --out $(O) --jobs $(JOBS) $(call opt,LAB,--lab) $(call opt,TEST,--test) $(call opt,SEED,--seed) \
	    $(call opt,SUBMISSION,--submission)

seed:
	@$(need) grade
	@$(grader) seed --out $(O) $(call opt,LAB,--lab) $(call opt,SEED,--set) $(call opt,EMAIL,--email)

kernel:
	@$(need) build
	@$(build) kernel || $(advice)

doctor:
	@grader/setup/doctor.sh

# What a student's clone lacks (grader/setup/absent.txt) is said in a sentence, whatever is asked for with it.
ifeq ($(whole),)
$(shell cut -d'|' -f1 grader/setup/absent.txt):
	@grader/setup/absent.sh $@
else

# ---- instructors ------------------------------------------------------------------------------------------------
explore:
	@$(need) grade
	@$(grader) explore --out $(O) --jobs $(JOBS) $(call opt,LAB,--lab) $(call opt,TEST,--test) $(call opt,SEED,--seed) \
	    $(call opt,RUNS,--runs) $(call opt,SCENARIOS,--scenarios) $(call opt,SUBMISSION,--submission) $(call opt,JSON,--json)

demo-race:
	@$(need) grade
	@$(grader) demo-race --out $(O) --jobs $(JOBS) $(call opt,MISTAKE,--mistake) $(call opt,RUNS,--runs) $(call opt,SEED,--seed)

handout:
	@$(if $(OUT),,echo "make handout needs OUT, the students' repository, and LAB, the lab that is due: \
	    make handout OUT=../mica-student LAB=0" >&2; exit 2)
	@$(need) grade
	@$(grader) handout --out $(O) --to "$(OUT)" $(call opt,LAB,--lab) $(if $(FRESH),--fresh) $(call opt,REFERENCE,--reference) \
	    $(call opt,MESSAGE,--message) $(if $(OPEN),--open)

solution:
	@$(if $(LAB),,echo "make solution needs LAB: make solution LAB=1" >&2; exit 2)
	@$(need) grade >&2
	@$(grader) solution --lab $(LAB)

selfcheck:
	@$(need) grade
	@$(grader) selfcheck --out $(O) --jobs $(JOBS) $(call opt,LAB,--lab)

mutate:
	@$(if $(LAB),,echo "make mutate needs LAB: make mutate LAB=1 EX=1.3 SAMPLE=60" >&2; exit 2)
	@$(need) grade
	@$(grader) mutate --out $(O) --jobs $(JOBS) --lab "$(LAB)" $(call opt,EX,--exercise) $(call opt,SAMPLE,--sample) \
	    $(call opt,SEED,--seed) $(call opt,HINTS,--hints) $(call opt,JSON,--json)

edits:
	@$(need) grade
	@$(grader) edits $(call opt,SINCE,--since) $(if $(CHECK),--check)

# ---- maintainers ------------------------------------------------------------------------------------------------
test:
	@$(need) test
	@$(PYTHON) kernel/tests/run.py --out $(O) --jobs $(JOBS) $(call opt,TEST,--only) $(call opt,SEED,--seed)

soak:
	@$(need) test
	@$(PYTHON) kernel/tests/run.py --soak --out $(O) --jobs $(JOBS) $(call opt,TEST,--only) $(call opt,SEED,--seed)

check-style:
	@$(need) style
	@$(build) compile-commands || $(advice)
	@$(PYTHON) -m grader.style --out $(O) --jobs $(JOBS)

format:
	@$(need) style
	@$(PYTHON) -m grader.style --out $(O) --write

coverage:
	@$(need) grade
	@$(PYTHON) -m grader.coverage --out $(O) $(call opt,SCOPE,--scope)

docs:
	@$(need) docs
	@docs/build.sh "$(O)"

pictures:
	@$(need) grade
	@$(PYTHON) -m grader.pictures --out $(O) $(call opt,TEST,--only)

bench:
	@$(need) grade
	@$(build) kernel || $(advice)
	@$(PYTHON) -m grader.bench --out $(O) $(call opt,JSON,--json) $(call opt,PROFILE,--profile)

thirdparty:
	@$(need) thirdparty
	@$(PYTHON) kernel/tests/thirdparty/run.py --build --out $(O) --jobs $(JOBS)

matrix:
	@$(need) grade
	@$(PYTHON) -m grader.matrix --out $(O) --jobs $(JOBS)

endif

clean:
	@rm -rf -- "$(O)" compile_commands.json
