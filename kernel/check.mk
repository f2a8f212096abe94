# The checks of one exercise (make check EX=2.2): a program of this machine's own, made of the exercise's sources.
#
#   make -f kernel/check.mk PROGRAM=build/checks/2.2/check SOURCES="labs/checks/check.cpp kernel/ntos/mm/pfn/pfnlist.cpp ..."
#
# Called from the repository's root by grader/checks. It knows nothing of the kernel's build: a change costs one compilation. No
# sanitizer, no test library: a compiler that makes programs for its own machine is all that it takes. GNU make 4.

SHELL := /bin/bash
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
unexport CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH CCC_OVERRIDE_OPTIONS CCC_ADD_ARGS

PROGRAM :=
SOURCES :=
CXX     := clang++
MORE    :=
# (as the host tests compile them: MICA_HOST leaves the processor out, and turns assertions on)
FLAGS   := -std=c++20 -O0 -g -DMICA_HOST=1 -fms-extensions -fno-omit-frame-pointer -Wall -Wno-unused-parameter \
           -Wno-missing-field-initializers -Wno-ignored-attributes -Wno-unknown-warning-option -Wno-unused-function \
           -Ikernel/inc -Ikernel/ntos -Ilabs/checks $(MORE)
objects := $(SOURCES:%=$(dir $(PROGRAM))%.o)

$(PROGRAM): $(objects)
	@$(CXX) -o $@ $^

$(dir $(PROGRAM))%.o: % kernel/check.mk
	@mkdir -p $(@D) && $(CXX) $(FLAGS) -MMD -MP -c $< -o $@

-include $(objects:.o=.d)
