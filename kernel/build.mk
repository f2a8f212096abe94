# The kernel's build: every image as a real PE file, from clang and lld-link. Called from the repository's root.
#
#   make -f kernel/build.mk kernel            images in $(O)/free (MICA_CHECKED=1: $(O)/checked; MICA_EXPLORE=1:
#                                             $(O)/explore, with preemption points and the scenario drivers)
#   make -f kernel/build.mk host-tests        GoogleTest binary of the sources that also run on the host
#   make -f kernel/build.mk compile-commands  compile_commands.json for editors and clang-tidy
#
# What students write, what their branches hold and what the explorer instruments is in kernel/student.mk.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SECONDARY:
# No rule that make brings along is wanted. To look through them for each file that is named took longer than all that make does here.
MAKEFLAGS += --no-builtin-rules

# Three may come from the environment; the others are said on the command line only (somebody may have exported STUDENT).
O              ?= build
MICA_CHECKED   ?=
MICA_EXPLORE   ?=
LAYOUT         :=
BASE_O         := $(O)
OBJ_O          := $(O)
BASE_OBJ_O     := $(BASE_O)
# A file has one name, whatever was given: dependency files name their targets by these paths, and all that build here
# share them. It is relative inside of this folder, whose own path may have spaces, and absolute elsewhere.
one_name = $(subst $(CURDIR)/,,$(abspath $(subst $(CURDIR)/,,$1)))
override O       := $(call one_name,$(O))
override BASE_O  := $(call one_name,$(BASE_O))
override OBJ_O   := $(call one_name,$(OBJ_O))
override BASE_OBJ_O := $(call one_name,$(BASE_OBJ_O))
ifneq ($(words $(O) $(BASE_O)),2)
$(error The build folder's path has a space ($(O)): say another one, for example O=/tmp/mica)
endif

# What these tools would read from the environment and take for arguments (lld-link takes LINK for options).
unexport LINK _LINK_ LIB LIBPATH INCLUDE CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH CCC_OVERRIDE_OPTIONS CCC_ADD_ARGS CDPATH

flavour := $(if $(filter 1 yes all,$(MICA_EXPLORE)),explore,$(if $(filter 1 yes,$(MICA_CHECKED)),checked,free))
exploring := $(filter explore,$(flavour))
B       := $(O)/$(flavour)
BASE_B  := $(BASE_O)/$(flavour)
# Objects lie in $(B) too, unless two kernels share them (in a student's branch: the one of all files, and the grader's base).
OBJ      := $(OBJ_O)/$(flavour)/obj
BASE_OBJ := $(BASE_OBJ_O)/$(flavour)/obj
V       ?=
Q       := $(if $(V),,@)
say      = $(if $(V),,@printf '  %-5s %s\n' '$1' '$(2:$(O)/%=%)')

CXX     := clang++
LLDLINK := lld-link
LIB     := llvm-lib
OBJCOPY := llvm-objcopy

# ---- flags ------------------------------------------------------------------------------------------------------
# (the last flag keeps the time of day out of object files)
target   := --target=i686-pc-windows-msvc -march=i686 -mno-incremental-linker-compatible
include  := -Ikernel/inc -Ikernel/ntos
# Warnings are shown, errors judge. Which warnings there are differs from compiler to compiler, so none is an error, in
# nobody's file: `make test` counts those of our own. Contracts are errors on every compiler, and are named one by one: a
# lock or level that is not held, a status that is not looked at (of the group unused-value since clang 22).
contract := thread-safety-attributes thread-safety-analysis thread-safety-precise thread-safety-reference unused-result unused-value
warnings := -Wall -Wextra -Wshadow -Wimplicit-fallthrough -Wno-unused-parameter -Wno-missing-field-initializers \
            -Wthread-safety -Wthread-safety-beta -Wno-ignored-attributes -Wno-unknown-warning-option $(contract:%=-Werror=%)
# (A table of jumps of an inline routine lies in .text, and no code of ours reads .text as data: the grader takes that for a look at the
# code. So there are no such tables.)
codegen  := -ffreestanding -fno-rtti -fexceptions -fms-extensions -mno-sse -mno-mmx -mno-80387 \
            -mno-stack-arg-probe -fno-threadsafe-statics -fno-stack-protector -fno-omit-frame-pointer \
            -fno-optimize-sibling-calls -fno-jump-tables -fno-builtin-printf -gdwarf-4 -mllvm -dwarf-linkage-names=Abstract
defines  := $(if $(filter checked,$(flavour)),-DMICA_CHECKED=1) $(if $(exploring),-DMICA_EXPLORE=1)
# (newer compilers write __FILE__ with the target's backslashes once it is mapped, unless they are told: asked, not known. One call
# asks for that and for the compiler's name: make is called some thousand times by the tests)
answers  := $(shell said=$$($(CXX) -fno-file-reproducible --version 2>/dev/null) && echo known; echo "$${said%%$$'\n'*}")
compiler := $(filter-out known,$(answers))
slashes  := $(if $(filter known,$(answers)),-fno-file-reproducible)
# (what a file would know of the moment at which it is compiled is the same at every moment)
moment   := -Wno-builtin-macro-redefined '-D__DATE__="Jan  1 2000"' '-D__TIME__="00:00:00"' '-D__TIMESTAMP__="Sat Jan  1 00:00:00 2000"'
reprod   := $(moment) $(slashes) '-ffile-prefix-map=$(CURDIR)/=' '-ffile-prefix-map=$(CURDIR)=.' -no-canonical-prefixes
OPT      := -O2
CXXFLAGS := $(target) -std=c++20 $(OPT) $(codegen) $(warnings) $(include) $(defines) $(reprod)
ASFLAGS  := $(target) $(include) $(defines) $(reprod) -gdwarf-4 -Wno-unused-command-line-argument
LDFLAGS  := /machine:x86 /nodefaultlib /safeseh:no /debug:dwarf /subsystem:native /fixed:no /merge:.CRT=.rdata \
            /incremental:no /opt:ref /opt:noicf /timestamp:0 /nologo /driver /align:4096 /filealign:512

# The explore flavour (kernel/ntos/ke/explore/README.md): the labs' explored files (kernel/student.mk) and scenarios call
# a hook at every load and store; with MICA_EXPLORE=all all of ke and ex does (in an $(O) of its own: build/all). The explorer itself
# and the event ring, which everybody writes, have no preemption points.
EXPLORE_FILES  = $(EXPLORED_FILES) $(if $(filter all,$(MICA_EXPLORE)),$(EVERY_FILE)) kernel/tests/scenarios/%
QUIET_FILES   := kernel/ntos/ke/explore/% kernel/ntos/etw/%
EVERY_FILE    := $(if $(filter all,$(MICA_EXPLORE)),$(filter-out $(QUIET_FILES),$(shell find kernel/ntos/ke kernel/ntos/ex -name '*.cpp' ! -name '*_test.cpp')))
# (whole objects that a source fills or copies: the address sanitizer makes calls of them. Nothing else of it is wanted; the
# calls go to the explorer, and the empty constructor that it leaves is taken out)
instrument    := -fsanitize-coverage=func,trace-loads,trace-stores -include kernel/inc/nt/builtins.h -Xclang -fsanitize=kernel-address \
                 $(patsubst %,-mllvm -asan-%=0,instrument-reads instrument-writes instrument-atomics instrument-byval stack globals)
pointed       := $(OBJCOPY) --redefine-sym _memset=_KxSetMemory --redefine-sym _memcpy=_KxCopyMemory --redefine-sym _memmove=_KxCopyMemory \
                 --wildcard -R '.CRT*'
explore_flags  = $(if $(exploring),$(if $(filter $(QUIET_FILES),$1),-DKX_QUIET) $(if $(filter $(EXPLORE_FILES),$1),$(instrument)))
# What is done with the object of an instrumented source.
with_points = $(if $(exploring),$(if $(filter $(EXPLORE_FILES),$1), && $(pointed) $2))

# The end of a compilation: what it said goes to the terminal, and stays beside the object for the count of warnings, with
# its exit code for the grader (grader/building/toolverdict.py). Behind a student's file that the compiler did not finish in its processor time
# (152: SIGXCPU) no other one is compiled: there will be no kernel, and each might take as long.
told    = 2>$@.said; code=$$?; echo $$code >$@.code; cat $@.said >&2; [ $$code != 152 ] || touch $(too_long); exit $$code
too_long := $(O)/too-long
flags_file := $(OBJ_O)/$(flavour)/flags

# ---- sources ----------------------------------------------------------------------------------------------------
# What editors and systems leave (.#ready.cpp, ._ready.cpp) and what is no regular file is no source, nor is a name with a space,
# which make cannot write. Every new file is taken, but in a student's branch (kernel/student.mk: known, taken).
is_source := -type f ! -name '.*' \( -name '*.cpp' -o -name '*.S' \)
find     = $(if $(strip $1),$(sort $(filter-out %_test.cpp,$(if $(known),$(wildcard $(filter $(addsuffix /%,$1),$(known))),$(shell \
           find $1 $(is_source) ! -name '* *' 2>/dev/null)))))
objects  = $(patsubst kernel/%,$(OBJ)/%.obj,$1)
include kernel/student.mk

crt_src  := $(call find,kernel/ntos/rtl/crt)
ntos_src := $(filter-out kernel/ntos/rtl/crt/% $(if $(exploring),,kernel/ntos/ke/explore/%),$(sort $(call find,kernel/ntos) $(filter kernel/ntos/%,$(EXERCISE_FILES))))
hal_src  := $(sort $(call find,kernel/hal) $(filter kernel/hal/%,$(EXERCISE_FILES)))
ntos_src := $(filter-out $(REFERENCE_FILES) $(STARTER_FILES),$(ntos_src))
hal_src  := $(filter-out $(REFERENCE_FILES) $(STARTER_FILES),$(hal_src))

# A file fields.cpp lists types; a table of their fields is made of its object, for tools (kernel/ntos/kd/fields.cpp).
field_tables = $(patsubst %/fields.cpp.obj,%/fields.table.obj,$(filter %/fields.cpp.obj,$(call all_objects,$1)))

# LAYOUT=number links the objects in an order that follows from it: the same code, and no routine at a known address.
mixed     = $(if $(LAYOUT),$(shell printf '%s\n' $1 | awk -v x=$(LAYOUT) '{x = (x * 16807) % 2147483647; print x, $$0}' | sort -n | cut -d' ' -f2-),$1)
# System services: all that names them is made of one table (kernel/services/README.md).
service_dir   := $(if $(STUDENT),$(BASE_OBJ),$(OBJ))/services
service_table := $(wildcard kernel/services/generate.py kernel/services/services.def)
service_obj   := $(if $(service_table),$(service_dir)/kernel.obj $(service_dir)/check.obj)

ntos_obj := $(call mixed,$(service_obj) $(call all_objects,$(ntos_src)) $(call field_tables,$(ntos_src)) $(call withheld,ntos) $(call stands_in,ntos))
hal_obj  := $(call mixed,$(call all_objects,$(hal_src)) $(call withheld,hal) $(call stands_in,hal))
CRT      := $(if $(STUDENT),$(BASE_B),$(B))/crt.lib

drivers := $(notdir $(patsubst %/,%,$(sort $(dir $(call taken,$(wildcard kernel/drivers/*/*.cpp))))))
# guest test drivers: a folder with sources is one driver, a single file too; a lab's tests/ is one
test_dirs  := $(notdir $(patsubst %/,%,$(sort $(dir $(call taken,$(wildcard kernel/tests/guest/*/*.cpp))))))
test_files := $(basename $(notdir $(call taken,$(wildcard kernel/tests/guest/*.cpp))))
labs       := $(foreach d,$(sort $(dir $(call taken,$(wildcard labs/*/tests/*.cpp)))),lab$(firstword $(subst -, ,$(word 2,$(subst /, ,$d)))))

# concurrency tests: each source is a driver, in the explore flavour instead of the guest tests
scenarios  := $(basename $(notdir $(call taken,$(wildcard kernel/tests/scenarios/*.cpp))))

driver_images := $(drivers:%=$(B)/drivers/%.sys)
test_images   := $(patsubst %,$(B)/tests/%.sys,$(if $(exploring),$(scenarios),$(test_dirs) $(test_files)) $(labs))
images        := $(B)/ntoskrnl.exe $(B)/hal.dll $(if $(STUDENT),,$(driver_images) $(test_images))
stripped      := $(addprefix $(B)/boot/,$(notdir $(images)))

.PHONY: kernel host-tests compile-commands print-cxxflags print-explored objects
.DEFAULT_GOAL := kernel

kernel: $(images) $(stripped)
	@:

-include kernel/boot/boot.mk
kernel: $(if $(STUDENT),,$(BOOT_TARGETS))

objects: $(call objects,$(ntos_src) $(hal_src))

# ---- compiling --------------------------------------------------------------------------------------------------
# Each object depends on the flags it was built with: a changed build.mk or variable builds it anew.
# Where the tree lies does not count: a tree that is moved or copied is not built anew.
# (the last word changes with how targets are named: dependency files of another naming would be passed over)
flags_text := $(subst $(CURDIR),.,$(CXXFLAGS) $(ASFLAGS)) $(if $(exploring),$(instrument) $(pointed) $(EXPLORE_FILES)) $(compiler) relative
ifneq ($(file <$(flags_file)),$(flags_text))
$(shell mkdir -p $(dir $(flags_file)))
$(file >$(flags_file),$(flags_text))
endif

compile = $(Q)mkdir -p $(@D) && { $(CXX) $(CXXFLAGS) $2 $(call explore_flags,$1) -MMD -MP -MF $(@:.obj=.d) -MJ $(@:.obj=.json) -c $1 -o $@$(call with_points,$1,$@); } $(told)
# A line `// build: FLAGS` at the head of a source adds flags (say, -O0 for one test).
extra   = $(shell sed -n '1,10s|^// build: ||p' $1)

$(OBJ)/ntos/%.cpp.obj: kernel/ntos/%.cpp $(flags_file)
	$(call say,CXX,$<)
	$(call compile,$<,-DMICA_NTOSKRNL $(call extra,$<))
$(OBJ)/ntos/rtl/crt/%.cpp.obj: kernel/ntos/rtl/crt/%.cpp $(flags_file)
	$(call say,CXX,$<)
	$(call compile,$<,-DMICA_CRT)
$(OBJ)/hal/%.cpp.obj: kernel/hal/%.cpp $(flags_file)
	$(call say,CXX,$<)
	$(call compile,$<,-DMICA_HAL)
$(OBJ)/drivers/%.cpp.obj: kernel/drivers/%.cpp $(flags_file)
	$(call say,CXX,$<)
	$(call compile,$<,)
$(OBJ)/tests/guest/%.cpp.obj: kernel/tests/guest/%.cpp $(flags_file)
	$(call say,CXX,$<)
	$(call compile,$<,-Ikernel/tests/guest $(call extra,$<))
$(OBJ)/tests/scenarios/%.cpp.obj: kernel/tests/scenarios/%.cpp $(flags_file)
	$(call say,CXX,$<)
	$(call compile,$<,-Ikernel/tests/scenarios)
$(OBJ)/labs/%.cpp.obj: labs/%.cpp $(flags_file)
	$(call say,CXX,$<)
	$(call compile,$<,-Ikernel/tests/scenarios)
$(OBJ)/%.S.obj: kernel/%.S $(flags_file)
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D) && $(CXX) $(ASFLAGS) -MMD -MP -MF $(@:.obj=.d) -c $< -o $@

ifeq ($(STUDENT),)
service_part = $(Q)mkdir -p $(@D) && $(PYTHON) $(service_table) $1 >$@.part && mv -f $@.part $@
$(service_dir)/services.h: $(service_table)
	$(call service_part,header)
$(service_dir)/kernel.S: $(service_table)
	$(call service_part,kernel)
$(service_dir)/stubs.inc: $(service_table)
	$(call service_part,stubs)
$(service_dir)/check.cpp: $(service_table)
	$(call service_part,check)
$(service_dir)/services.md: $(service_table)
	$(call service_part,manual)
$(service_dir)/servicekinds.h: $(service_table)
	$(call service_part,arguments)
$(service_dir)/kernel.obj: $(service_dir)/kernel.S
	$(Q)$(CXX) $(ASFLAGS) -g0 -c $< -o $@
$(service_dir)/check.obj: $(service_dir)/check.cpp $(flags_file)
	$(Q){ $(CXX) $(CXXFLAGS) -g0 -DMICA_NTOSKRNL -MMD -MP -MF $(@:.obj=.d) -c $< -o $@; } $(told)
kernel: $(if $(service_table),$(service_dir)/services.md)
# Tests of user mode have the stubs in their programs.
service_tests := $(call objects,$(call find,kernel/tests/guest/ring3 kernel/tests/guest/processes))
$(service_tests): | $(service_dir)/services.h $(service_dir)/stubs.inc
$(service_tests): private CXXFLAGS += -I$(service_dir)
$(service_tests): private ASFLAGS += -I$(service_dir)
endif

# The table has no debug information: the name of its source would differ from folder to folder.
$(OBJ)/%/fields.table.obj: $(OBJ)/%/fields.cpp.obj $(wildcard grader/images/fieldtable.py grader/images/dwarf.py grader/images/coff.py)
	$(call say,TABLE,$@)
	$(Q){ $(PYTHON) -m grader.images.fieldtable $< >$(@:.obj=.cpp) && $(CXX) $(CXXFLAGS) -g0 -c $(@:.obj=.cpp) -o $@; } $(told)

# The listing of an object, without debug information: `make handout` scatters it (grader/handout/scatter.py).
listing = $(Q)$(CXX) $(CXXFLAGS) $2 $(call explore_flags,$1) -g0 -fno-verbose-asm -S $1 -o $@
$(OBJ)/ntos/%.cpp.s: kernel/ntos/%.cpp $(OBJ)/ntos/%.cpp.obj
	$(call listing,$<,-DMICA_NTOSKRNL $(call extra,$<))
$(OBJ)/hal/%.cpp.s: kernel/hal/%.cpp $(OBJ)/hal/%.cpp.obj
	$(call listing,$<,-DMICA_HAL)
$(OBJ)/%.S.s: kernel/%.S $(OBJ)/%.S.obj
	$(Q)$(CXX) $(ASFLAGS) -E -P $< -o $@

# ---- linking ----------------------------------------------------------------------------------------------------
$(B)/crt.lib: $(call objects,$(crt_src))
	$(Q)mkdir -p $(@D) && rm -f $@ && $(LIB) /machine:x86 /nologo /out:$@ $^

# What an image exports, under plain names, its .def lists: one for all flavours, and one for the rows of this flavour. Rows with
# a forwarder (name = image.name) go to the linker as options: out of a .def it would take them for C names, with an underscore.
$(B)/ntoskrnl.def: kernel/ntos/ntoskrnl.def $(wildcard kernel/ntos/ntoskrnl.$(flavour).def)
$(B)/hal.def: kernel/hal/hal.def $(wildcard kernel/hal/hal.$(flavour).def)
$(B)/ntoskrnl.def $(B)/hal.def:
	$(Q)mkdir -p $(@D) && sed '/^ *[^;].*=/d' $^ >$@ && sed -n 's,^ *\([[:alnum:]_]*\) *= *\([[:alnum:]_.]*\).*,/export:\1=\2,p' $^ >$@.forward

# ntoskrnl.exe and hal.dll import from each other: a first link of the HAL, with its imports left open, makes the
# HAL's import library; then the kernel is linked, and the HAL for good with the kernel's library. The first link leaves out the
# HAL's forwarders: the kernel would take them for its own routines, and each would lead to itself.
lib_dir := $(if $(STUDENT),$(BASE_B),$(B))
$(B)/hal.lib: $(call objects,$(hal_src)) $(call withheld,hal) $(call stands_in,hal) $(B)/crt.lib $(B)/hal.def
	$(Q)mkdir -p $(B)/first && $(LLDLINK) $(LDFLAGS) /dll /noentry /force:unresolved /out:$(B)/first/hal.dll /implib:$@ \
	    /def:$(B)/hal.def $(filter %.obj %.lib,$^) >$(B)/hal.first.log 2>&1 || { cat $(B)/hal.first.log >&2; exit 1; }
	$(Q)rm -f $(B)/first/hal.dll

$(B)/ntoskrnl.exe: $(ntos_obj) $(CRT) $(B)/ntoskrnl.def $(if $(STUDENT),,$(B)/hal.lib)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(B)/new && $(LLDLINK) $(LDFLAGS) /entry:KiSystemStartup@4 /base:0x80100000 /out:$(B)/new/$(@F) /implib:$(B)/new/nt.lib \
	    /map:$(B)/ntoskrnl.map /def:$(B)/ntoskrnl.def @$(B)/ntoskrnl.def.forward $(filter %.obj %.lib,$^) $(lib_dir)/hal.lib
	$(Q)cmp -s $(B)/new/nt.lib $(B)/nt.lib || mv -f $(B)/new/nt.lib $(B)/nt.lib
	$(Q)mv -f $(B)/new/$(@F) $@
# The import library keeps its time stamp while its content is the same: drivers are linked again only when exports change.
$(B)/nt.lib: $(B)/ntoskrnl.exe ;

$(B)/hal.dll: $(hal_obj) $(CRT) $(B)/hal.def $(if $(STUDENT),$(BASE_B)/nt.lib,$(B)/nt.lib)
	$(call say,LINK,$@)
	$(Q)$(LLDLINK) $(LDFLAGS) /dll /noentry /base:0x80400000 /out:$@ /implib:$(B)/hal.ignored.lib /def:$(B)/hal.def @$(B)/hal.def.forward $(filter %.obj %.lib,$^)
	$(Q)rm -f $(B)/hal.ignored.lib

link_driver = $(Q)mkdir -p $(@D) && $(LLDLINK) $(LDFLAGS) /entry:DriverEntry@8 /base:0x10000 /out:$@ \
    /implib:$(@:.sys=.lib) $(filter %.obj %.lib,$^)

define driver_rule
$(B)/$1/$2.sys: $(call objects,$3) $(B)/crt.lib $(B)/nt.lib $(B)/hal.lib
	$$(call say,LINK,$$@)
	$$(link_driver)
endef
ifeq ($(STUDENT),)
$(foreach d,$(drivers),$(eval $(call driver_rule,drivers,$d,$(call find,kernel/drivers/$d))))
ifeq ($(exploring),)
$(foreach d,$(test_dirs),$(eval $(call driver_rule,tests,$d,$(call find,kernel/tests/guest/$d))))
$(foreach f,$(test_files),$(eval $(call driver_rule,tests,$f,kernel/tests/guest/$f.cpp)))
else
$(foreach f,$(scenarios),$(eval $(call driver_rule,tests,$f,kernel/tests/scenarios/$f.cpp)))
endif
lab_sources = $(patsubst labs/%,kernel/labs/%,$(call find,$(wildcard labs/$1-*/tests)))
$(foreach l,$(labs),$(eval $(call driver_rule,tests,$l,$(call lab_sources,$(l:lab%=%)))))
endif

# The copies that are loaded carry no debug information, and a checksum that the loader verifies.
# The sandbox of a grader may lack Python: an image without a checksum is loaded unchecked.
# Made in $(B)/part and moved: a build that is killed leaves no half of an image that the next build takes for whole.
seal = { ! command -v $(PYTHON) >/dev/null 2>&1 || $(PYTHON) kernel/boot/seal.py $(B)/part/$(@F); } && mv -f $(B)/part/$(@F) $@
define strip_rule
$(B)/boot/$(notdir $1): $1
	$(Q)mkdir -p $$(@D) $(B)/part && $(OBJCOPY) --strip-debug $$< $(B)/part/$$(@F) && $$(seal)
endef
$(foreach i,$(images),$(eval $(call strip_rule,$i)))

# ---- user mode --------------------------------------------------------------------------------------------------
-include kernel/user/build.mk

# ---- host tests -------------------------------------------------------------------------------------------------
HOST_SOURCES := $(BOOT_HOST_SOURCES)
-include kernel/tests/host/sources.mk
host_src   := $(if $(STUDENT),,$(sort $(HOST_SOURCES) $(wildcard kernel/tests/host/*.cpp) \
              $(shell find kernel -type f -name '*_test.cpp' ! -name '.*' -not -path 'kernel/prebuilt/*' 2>/dev/null)))
host_obj   := $(patsubst kernel/%,$(O)/host/obj/%.o,$(host_src))
# (line tables are what a sanitizer's report needs; whole debug information doubles the time: HOST_EXTRA_FLAGS=-g)
HOST_FLAGS := -std=c++20 -O1 -gline-tables-only -DMICA_HOST=1 -fms-extensions -fsanitize=address,undefined -fno-sanitize-recover=undefined \
              -fno-omit-frame-pointer -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers \
              -Wno-ignored-attributes $(include) -Ikernel/tests/host -Ikernel/boot -Ikernel/user/inc -Ikernel/user/ntdll -Ikernel/user $(HOST_EXTRA_FLAGS) $(reprod)

host-tests: $(O)/host/mica-host-tests
# GoogleTest's header costs a second in each of a hundred tests: it is read once.
host_flags := $(O)/host/flags
ifneq ($(filter host-tests $(O)/host/%,$(MAKECMDGOALS)),)
ifneq ($(file <$(host_flags)),$(HOST_FLAGS) $(compiler))
$(shell mkdir -p $(O)/host)
$(file >$(host_flags),$(HOST_FLAGS) $(compiler))
endif
endif
$(O)/host/gtest.pch: $(host_flags)
	$(Q)mkdir -p $(@D) && $(CXX) $(HOST_FLAGS) -MD -MP -MF $(O)/host/gtest.d -x c++-header -include gtest/gtest.h -c /dev/null -o $@ $(told)
with_gtest := $(foreach s,$(host_src),$(if $(filter %_test.cpp kernel/tests/host/%,$s),$(patsubst kernel/%,$(O)/host/obj/%.o,$s)))
$(with_gtest): private HOST_FLAGS += -include-pch $(O)/host/gtest.pch
$(with_gtest): $(O)/host/gtest.pch
$(O)/host/obj/%.o: kernel/% $(host_flags)
	$(call say,HOST,$<)
	$(Q)mkdir -p $(@D) && $(CXX) $(HOST_FLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@ $(told)
$(O)/host/mica-host-tests: $(host_obj)
	$(call say,LINK,$@)
	$(Q)$(CXX) -fsanitize=address,undefined -o $@ $^ -lgtest -lpthread

# ---- tools ------------------------------------------------------------------------------------------------------
# (of a submission's files no dependencies are noted: it is compiled once)
all_obj := $(if $(STUDENT),,$(call objects,$(crt_src) $(ntos_src) $(hal_src) $(call find,kernel/drivers kernel/tests/guest kernel/tests/scenarios)) \
           $(patsubst labs/%,$(OBJ)/labs/%.obj,$(call find,$(wildcard labs/*/tests))))

compile-commands: $(O)/compile_commands.json
$(O)/compile_commands.json: $(filter %.cpp.obj,$(all_obj)) $(boot_obj)
	$(Q){ echo '['; cat $(wildcard $(all_obj:.obj=.json) $(boot_obj:.o=.json)) | sed '$$ s/,$$//'; echo ']'; } >$@
	$(Q)ln -sf $@ compile_commands.json

print-cxxflags:
	$(info $(CXXFLAGS))
	@:
print-explored:
	$(info $(EXPLORED_FILES))
	@:

-include $(all_obj:.obj=.d) $(host_obj:.o=.d) $(O)/host/gtest.d
