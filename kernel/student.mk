# The students' part of the kernel's build (included by kernel/build.mk): what a branch holds, what a submission brings, and
# which files the explorer instruments.
#
# A source that is missing but has an object (kernel/ntos/ke/x.cpp: kernel/prebuilt/ntos/ke/x.cpp.obj) is linked from there: the
# withheld parts of a student's branch. STUDENT=dir EXERCISE_FILES="kernel/ntos/ke/sched/ready.cpp" compiles those files from dir
# instead (into $(O)) and takes every other object from BASE_O, so that a submission costs a few compilations and a link.
# MYTEST=file MYTEST_NAME=its-name-in-the-tree makes a driver of a student's own scenarios.

# kernel/prebuilt/further.txt names the files of further exercises that the course leaves out, and of exercises without which no
# kernel boots: while one of them is not written, the reference's object stands in for it, so that a kernel of the core track boots.

STUDENT         :=
EXERCISE_FILES  :=
left_out        := $(wildcard kernel/prebuilt/further.txt)
REFERENCE_FILES := $(if $(left_out),$(shell grep -lw LAB_NOT_IMPLEMENTED $$(cat $(left_out)) 2>/dev/null))
STARTER_FILES   :=
MYTEST          :=
MYTEST_NAME     :=
override STUDENT := $(call one_name,$(STUDENT))
override MYTEST  := $(call one_name,$(MYTEST))

# ---- a branch's sources and objects -------------------------------------------------------------------------------
# A student's branch has a list of its sources (grader/sources.py): a copy that lies beside them (ready_old.cpp) is left out, and
# a line says so.
branch_list := kernel/prebuilt/sources.txt
known    := $(if $(wildcard $(branch_list)),$(shell cat $(branch_list)))
taken    = $(if $(known),$(filter $(known),$1),$1)
ifeq ($(STUDENT)$(MYTEST),)
$(shell find kernel/ntos kernel/hal kernel/drivers labs/*/tests $(is_source) $(if $(known),,-name '* *') 2>/dev/null | \
    { [ -f $(branch_list) ] && grep -vxFf $(branch_list) || [ ! -f $(branch_list) ] && cat; } | sort | \
    sed 's|$$|: left out, it is no source of this tree (a copy of one? remove it; a name with a space is not taken either)|' >&2)
endif
# (the explore flavour has objects of its own: they are compiled with preemption points)
ready    := kernel/prebuilt$(if $(exploring),/explore)
prebuilt := $(shell find $(ready) -type f -name '*.obj' ! -name '.*' -not -path '*/reference/*' -not -path '*/starter/*' 2>/dev/null)
prebuilt := $(if $(exploring),$(prebuilt),$(filter-out kernel/prebuilt/explore/%,$(prebuilt)))
# objects of a folder: its sources, and the withheld ones that have no source here
withheld = $(foreach p,$(filter $(ready)/$1/%,$(prebuilt)),$(if $(wildcard $(call taken,$(patsubst \
           $(ready)/%.obj,kernel/%,$p))),,$p))
# A shipped object may stand in for an exercise's file: the reference's, or the starter's.
stand_ins := $(REFERENCE_FILES:kernel/%=$(ready)/reference/%.obj) $(STARTER_FILES:kernel/%=$(ready)/starter/%.obj)
stands_in  = $(filter $(ready)/reference/$1/% $(ready)/starter/$1/%,$(stand_ins))

# ---- what the explorer instruments --------------------------------------------------------------------------------
# The files of each lab whose manifest says `explored=True`. They are read from the manifests' text: every name of a kernel file
# in quotes. Where the manifests are out of sight, in the sandbox, the grader says EXPLORED_FILES.
manifests      := $(if $(exploring),$(wildcard labs/*/lab.py))
# (A lab in the making is explored where the grader is asked for it: then it says EXPLORED_FILES, too.)
made_labs      := $(if $(manifests),$(shell grep -LE '^ *making *= *True' $(manifests)))
explored_labs  := $(if $(made_labs),$(shell grep -lE '^ *explored *= *True' $(made_labs)))
EXPLORED_FILES := $(sort $(if $(explored_labs),$(shell grep -hoE '"kernel/[^"]*"' $(explored_labs) | tr -d '"')) $(patsubst %/lab.py,%/%,$(explored_labs)))

# ---- a submission -------------------------------------------------------------------------------------------------
# The student's own files are compiled in $(O); with a base build beside, everything else comes from there.
own      := $(filter kernel/ntos/% kernel/hal/%,$(EXERCISE_FILES))
from_base = $(patsubst $(OBJ)/%,$(BASE_OBJ)/%,$(call objects,$(filter-out $(EXERCISE_FILES),$1)))
all_objects = $(call objects,$(filter $(own),$1)) $(if $(STUDENT),$(from_base),$(call objects,$(filter-out $(own),$1)))

# The student's files, under the same names, so that messages and __FILE__ speak of kernel/...
ifneq ($(STUDENT),)
here = '$(CURDIR)'/
absolute = $(if $(filter /%,$1),$1,$(here)$1)
define student_rule
$(call objects,$1): $(STUDENT)/$1 $(flags_file)
	$(Q)mkdir -p $$(@D) && [ ! -e $(too_long) ] && ( cd $(STUDENT) && $(CXX) $(if $(filter %.S,$1),$(ASFLAGS),$(CXXFLAGS) \
	    $(if $(filter kernel/hal/%,$1),-DMICA_HAL,-DMICA_NTOSKRNL) $(subst -include ,-include $(here),$(call explore_flags,$1))) \
	    $(patsubst -I%,-I$(here)%,$(include)) -iquote $(here)$(dir $1) \
	    -ffile-prefix-map=$(call absolute,$(STUDENT))/= -c $1 -o $(call absolute,$(call objects,$1))$(call with_points,$1,$(call absolute,$(call objects,$1))) ) $$(told)
endef
$(foreach f,$(own),$(eval $(call student_rule,$f)))
endif

# A student's own scenarios as a driver, with BASE_O's libraries: the object first, the image later.
ifneq ($(MYTEST),)
$(OBJ)/mytest.cpp.obj: $(MYTEST) $(flags_file)
	$(Q)mkdir -p $(@D) && $(CXX) $(CXXFLAGS) $(if $(exploring),$(instrument)) -Ikernel/tests/scenarios \
	    -ffile-prefix-map=$(dir $(MYTEST))=$(dir $(MYTEST_NAME)) -c $(MYTEST) -o $@ $(told)
$(B)/tests/mytest.sys: $(OBJ)/mytest.cpp.obj $(BASE_B)/crt.lib $(BASE_B)/nt.lib $(BASE_B)/hal.lib
	$(link_driver)
$(B)/boot/mytest.sys: $(B)/tests/mytest.sys
	$(Q)mkdir -p $(@D) $(B)/part && $(OBJCOPY) --strip-debug $< $(B)/part/$(@F) && $(seal)
endif
