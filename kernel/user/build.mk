# The build of user mode: ntdll.dll and the programs above it (included by kernel/build.mk).
#
#   kernel/user/ntdll/          -> $(B)/user/ntdll.dll and its import library ntdll.lib
#   kernel/user/NAME/           -> $(B)/user/NAME.exe, each other folder but inc/; a folder with NAME.def -> $(B)/user/NAME.dll
#   kernel/tests/programs/      -> the same for NAME.cpp, or a folder NAME: what guest tests run
#
# Each image has a copy without debug information in $(B)/boot, where the machine finds it as a boot file. Sources of the run-time
# library are compiled again: one source, two images. Kernels to be explored need none of this, nor does a submission, which
# boots with the images of its base; a tree without a table of services has no system library.

user_here := $(if $(STUDENT)$(exploring),,$(if $(service_table),$(wildcard kernel/user/ntdll/ntdll.def)))

# What ntdll.dll shares with the kernel.
user_shared := $(addprefix kernel/ntos/rtl/,bitmap.cpp bitmapruns.cpp largeinteger.cpp memory.cpp numbers.cpp printf.cpp time.cpp \
               $(addprefix i386/,backtrace.cpp chain.cpp context.S dispatch.cpp raise.cpp unwind.cpp) $(addprefix pe/,bind.cpp error.cpp \
               headers.cpp image.cpp relocate.cpp)) $(call find,kernel/ntos/rtl/strings)

USER_CXXFLAGS = $(filter-out -mno-sse -mno-mmx -mno-80387 -mno-stack-arg-probe,$(CXXFLAGS)) -Ikernel/user/inc -Ikernel/user/ntdll -I$(service_dir)
USER_LDFLAGS := $(filter-out /driver /subsystem:native /align:4096,$(LDFLAGS)) /subsystem:console,5.1
USER_OBJ     := $(OBJ)/user
user_objects  = $(call user_given,$(patsubst kernel/ntos/%,$(USER_OBJ)/ntos/%.obj,$(patsubst kernel/user/%,$(USER_OBJ)/%.obj,$(patsubst kernel/tests/%,$(USER_OBJ)/tests/%.obj,$1))))
# (A student's branch holds ntdll.dll's objects of what its exercise 1.8 is about.)
user_given    = $(foreach o,$1,$(or $(wildcard $(o:$(USER_OBJ)/%=kernel/prebuilt/user/%)),$o))

# Folders of images, and the tests' programs that are one file.
user_folders := $(if $(user_here),$(filter-out kernel/user/inc kernel/user/ntdll,$(patsubst %/,%,$(sort $(dir $(call taken,$(wildcard \
                kernel/user/*/*.cpp kernel/tests/programs/*/*.cpp)))))))
user_files   := $(if $(user_here),$(basename $(call taken,$(wildcard kernel/tests/programs/*.cpp))))
user_dlls    := $(foreach f,$(user_folders),$(if $(wildcard $f/$(notdir $f).def),$f))
user_exes    := $(filter-out $(user_dlls),$(user_folders)) $(user_files)
user_images  := $(if $(user_here),$(B)/user/ntdll.dll $(patsubst %,$(B)/user/%.dll,$(notdir $(user_dlls))) $(patsubst %,$(B)/user/%.exe,$(notdir $(user_exes))))
# A source or those of a folder.
user_sources  = $(if $(wildcard $1.cpp),$1.cpp,$(call find,$1))
# A line `// imports: NAME ...` at the head of a source names DLLs besides ntdll.dll that its image imports from. All are asked for in one call.
user_imports := $(if $(user_folders)$(user_files),$(shell grep -m1 '^// imports: ' $(user_files:%=%.cpp) $(user_folders:%=%/*.cpp) /dev/null 2>/dev/null | \
                sed -n 's|^\(.*\)\.cpp:// imports: |\1 |p' | while read -r from names; do for n in $$names; do echo "$$from=$$n"; done; done))
# A line `// shares: SOURCE ...` at the head of a program's source names sources of kernel/ntos that it has of its own.
user_shares  := $(if $(user_folders),$(shell grep -m1 '^// shares: ' $(user_folders:%=%/*.cpp) /dev/null 2>/dev/null | \
                sed -n 's|^\(.*\)/[^/]*\.cpp:// shares: |\1 |p' | while read -r from names; do for n in $$names; do echo "$$from=kernel/ntos/$$n"; done; done))
user_own      = $(call user_sources,$1) $(patsubst $1=%,%,$(filter $1=%,$(user_shares)))
user_libs     = $(patsubst %,$(B)/user/%.lib,ntdll $(sort $(foreach s,$(basename $(call user_sources,$1)),$(patsubst $s=%,%,$(filter $s=%,$(user_imports))))))

# What a machine that ends at the shell has on its disk besides the kernel: all but the tests' programs. A list says their names to tools.
user_boot := $(filter $(notdir $(filter kernel/user/%,$(user_folders:%=%.exe) $(user_folders:%=%.dll))) ntdll.dll,$(notdir $(user_images)))
ifeq ($(STUDENT)$(exploring),)
kernel: $(B)/mica.img $(B)/programs
$(B)/mica.img: $(disk_parts) $(disk_images) $(user_boot:%=$(B)/boot/%) $(B)/programs
	$(call say,DISK,$@)
	$(make_disk)
ifneq ($(file <$(B)/programs),$(user_boot))
$(shell mkdir -p $(B))
$(file >$(B)/programs,$(user_boot))
endif
endif

ifneq ($(user_here),)
kernel: $(user_images) $(user_images:$(B)/user/%=$(B)/boot/%)

user_all_obj := $(call user_objects,$(user_shared) $(foreach s,$(user_shares),$(lastword $(subst =, ,$s))) $(call find,kernel/user) $(call find,kernel/tests/programs))
compile_user = $(Q)mkdir -p $(@D) && { $(CXX) $(USER_CXXFLAGS) $1 -MMD -MP -MF $(@:.obj=.d) -MJ $(@:.obj=.json) -c $< -o $@; } $(told)

$(USER_OBJ)/ntos/%.cpp.obj: kernel/ntos/%.cpp $(flags_file)
	$(call say,CXX,$< (user))
	$(call compile_user,-DMICA_NTDLL)
# The listing of such an object: `make handout` scatters it.
$(USER_OBJ)/ntos/%.cpp.s: kernel/ntos/%.cpp $(USER_OBJ)/ntos/%.cpp.obj
	$(Q)$(CXX) $(USER_CXXFLAGS) -DMICA_NTDLL -g0 -fno-verbose-asm -S $< -o $@
$(USER_OBJ)/ntdll/%.cpp.obj: kernel/user/ntdll/%.cpp $(flags_file)
	$(call say,CXX,$<)
	$(call compile_user,-DMICA_NTDLL)
$(USER_OBJ)/kernel32/%.cpp.obj: kernel/user/kernel32/%.cpp $(flags_file)
	$(call say,CXX,$<)
	$(call compile_user,-DMICA_KERNEL32)
$(USER_OBJ)/tests/%.cpp.obj: kernel/tests/%.cpp $(flags_file)
	$(call say,CXX,$<)
	$(call compile_user)
$(USER_OBJ)/%.cpp.obj: kernel/user/%.cpp $(flags_file)
	$(call say,CXX,$<)
	$(call compile_user)
assemble_user = $(Q)mkdir -p $(@D) && $(CXX) $(ASFLAGS) -I$(service_dir) -MMD -MP -MF $(@:.obj=.d) -c $< -o $@
$(USER_OBJ)/ntos/%.S.obj: kernel/ntos/%.S $(flags_file)
	$(call say,AS,$< (user))
	$(assemble_user)
$(USER_OBJ)/%.S.obj: kernel/user/%.S $(flags_file)
	$(call say,AS,$<)
	$(assemble_user)
$(user_all_obj): | $(service_dir)/stubs.inc $(service_dir)/services.h $(service_dir)/servicekinds.h
$(USER_OBJ)/ntdll/stubs.S.obj: $(service_dir)/stubs.inc

# ntdll.dll exports what its .def lists, and each service.
$(B)/ntdll.def: kernel/user/ntdll/ntdll.def $(service_dir)/stubs.inc
	$(Q)mkdir -p $(@D) && { cat $<; sed -n 's/^ *STUB _\(Nt[[:alnum:]]*\)@.*/    \1/p' $(service_dir)/stubs.inc; } >$@
$(B)/user/ntdll.dll: $(call user_objects,$(user_shared) $(call find,kernel/user/ntdll)) $(B)/ntdll.def $(B)/crt.lib
	$(call say,LINK,$@)
	$(Q)mkdir -p $(B)/user $(B)/new && $(LLDLINK) $(USER_LDFLAGS) /dll /noentry /base:0x7c900000 /out:$@ /implib:$(B)/new/ntdll.lib \
	    /def:$(B)/ntdll.def $(filter %.obj %.lib,$^)
	$(Q)cmp -s $(B)/new/ntdll.lib $(B)/user/ntdll.lib || mv -f $(B)/new/ntdll.lib $(B)/user/ntdll.lib
# Its time stamp stays while its content is the same: programs are linked again only when exports change.
$(B)/user/ntdll.lib: $(B)/user/ntdll.dll ;

define user_dll_rule
$(B)/user/$(notdir $1).dll: $(call user_objects,$(call user_sources,$1)) $1/$(notdir $1).def $(B)/crt.lib $(call user_libs,$1)
	$$(call say,LINK,$$@)
	$$(Q)$(LLDLINK) $(USER_LDFLAGS) /dll /entry:DllMain@12 $$$$(sed -n 's|^;link: ||p' $1/$(notdir $1).def) /out:$$@ /implib:$(B)/user/$(notdir $1).lib /def:$1/$(notdir $1).def $$(filter %.obj %.lib,$$^)
$(B)/user/$(notdir $1).lib: $(B)/user/$(notdir $1).dll ;
endef
# A test's program that wants the place of ntdll.dll.
user_base_crowded := 0x7c900000
define user_exe_rule
$(B)/user/$(notdir $1).exe: $(call user_objects,$(call user_own,$1)) $(B)/crt.lib $(call user_libs,$1)
	$$(call say,LINK,$$@)
	$$(Q)$(LLDLINK) $(USER_LDFLAGS) /entry:NtProcessStartup@4 /base:$(or $(user_base_$(notdir $1)),0x400000) /out:$$@ $$(filter %.obj %.lib,$$^)
endef
$(foreach d,$(user_dlls),$(eval $(call user_dll_rule,$d)))
$(foreach e,$(user_exes),$(eval $(call user_exe_rule,$e)))
$(foreach i,$(user_images),$(eval $(call strip_rule,$i)))

-include $(user_all_obj:.obj=.d)
endif
