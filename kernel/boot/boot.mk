# boot.mk - the loader and the disk image. Included by kernel/build.mk, which sets B (output folder), CXX, OBJCOPY, say.
#
#   $(B)/boot/loader.elf   multiboot loader:  qemu-system-i386 -kernel loader.elf -initrd "ntoskrnl.exe,hal.dll,..."
#   $(B)/monitor.img       bootable disk without programs; MICA_OPTIONS="/DEBUG" sets its boot options
#   boot-probe             images for kernel/tests/python/test_boot.py: both boot paths, and every failure's message
# The loader's host tests (*_test.cpp here) are part of host-tests.

PYTHON       ?= python3
MICA_OPTIONS ?=

boot_dir := kernel/boot
boot_o   := $(B)/obj/boot

boot_flags := --target=i686-unknown-none-elf -march=i686 -malign-double -std=c++20 -Os -gdwarf-4 -ffreestanding \
              -fno-pic -fno-rtti -fno-exceptions -fno-stack-protector -fno-threadsafe-statics -fno-builtin \
              -fno-asynchronous-unwind-tables -fomit-frame-pointer -mno-sse -mno-mmx -mno-80387 -Wall -Wextra \
              -Wshadow -Wno-missing-field-initializers -Ikernel/inc -I$(boot_dir) $(reprod) -MMD -MP
boot_pure  := text imagefile memory fat16 bootlist
# Loading PE images is one source for the loader, the kernel and ntdll.dll.
boot_pe    := error image headers relocate bind
boot_cpp   := $(boot_pure) console exceptions plan images handoff bios disk multiboot
boot_obj   := $(boot_o)/stage.o $(boot_cpp:%=$(boot_o)/%.o) $(boot_pe:%=$(boot_o)/pe/%.o)
# (A student's branch holds the loader's objects of what its exercise 1.8 is about: the loader starts every kernel, whoever wrote it.)
boot_given := kernel/prebuilt/boot
boot_obj   := $(foreach o,$(boot_obj),$(or $(wildcard $(o:$(boot_o)/%=$(boot_given)/%)),$o))

# What the disk holds: the kernel, the HAL and the drivers (test drivers are passed by the runner with -initrd).
disk_images = $(addprefix $(B)/boot/,ntoskrnl.exe hal.dll $(drivers:%=%.sys))

BOOT_TARGETS := $(B)/boot/loader.elf $(B)/monitor.img
# Sources that also run on the host, for host-tests.
BOOT_HOST_SOURCES := $(boot_pure:%=$(boot_dir)/%.cpp)

$(boot_o)/%.o: $(boot_dir)/%.cpp $(boot_dir)/boot.mk
	$(call say,CXX,$<)
	$(Q)mkdir -p $(@D) && $(CXX) $(boot_flags) -MJ $(@:.o=.json) -c $< -o $@ $(told)
$(boot_o)/pe/%.o: kernel/ntos/rtl/pe/%.cpp $(boot_dir)/boot.mk
	$(call say,CXX,$<)
	$(Q)mkdir -p $(@D) && $(CXX) $(boot_flags) -MJ $(@:.o=.json) -c $< -o $@ $(told)
# The listing of such an object: `make handout` scatters it.
$(boot_o)/pe/%.s: kernel/ntos/rtl/pe/%.cpp $(boot_o)/pe/%.o
	$(Q)$(CXX) $(boot_flags) -g0 -fno-verbose-asm -S $< -o $@
$(boot_o)/%.o: $(boot_dir)/%.S $(boot_dir)/boot.mk
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D) && $(CXX) --target=i686-unknown-none-elf -I$(boot_dir) $(reprod) -MMD -MP -c $< -o $@

$(B)/boot/loader.elf: $(boot_obj) $(boot_dir)/loader.ld
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D) && ld.lld -m elf_i386 -static --no-dynamic-linker -z norelro -T $(boot_dir)/loader.ld \
	    $(boot_obj) -o $@
$(boot_o)/stage.bin: $(B)/boot/loader.elf
	$(Q)$(OBJCOPY) -O binary --only-section=.image $< $@
$(boot_o)/mbr.bin: $(boot_o)/mbr.o
	$(Q)ld.lld -m elf_i386 --oformat=binary --image-base=0 -Ttext=0x7c00 -e MbrStart $< -o $@

disk_parts := $(boot_o)/mbr.bin $(boot_o)/stage.bin $(boot_dir)/mkdisk.py
make_disk = $(Q)$(PYTHON) $(boot_dir)/mkdisk.py --mbr $(boot_o)/mbr.bin --stage $(boot_o)/stage.bin --out $@ --options "$(MICA_OPTIONS)" \
            $(filter %.exe %.dll %.sys,$^)
$(B)/monitor.img: $(disk_parts) $(disk_images)
	$(call say,DISK,$@)
	$(make_disk)

# The probe: three images that report how the loader left the machine.
probe_o    := $(B)/boot-probe
probe_link := lld-link /machine:x86 /nodefaultlib /safeseh:no /subsystem:native /fixed:no /driver /timestamp:0 /nologo \
              /align:4096 /filealign:512
$(probe_o)/%.obj: $(boot_dir)/probe/%.cpp $(boot_dir)/probe/probe.h kernel/inc/ldr.h
	$(Q)mkdir -p $(@D) && $(CXX) --target=i686-pc-windows-msvc -march=i686 -std=c++20 -O2 -ffreestanding -fno-rtti \
	    -fno-builtin -fms-extensions -mno-sse -mno-mmx -mno-80387 -mno-stack-arg-probe -fno-stack-protector -Wall -Wextra \
	    -Ikernel/inc $(if $(filter %kernel.cpp,$<),-DPROBE_KERNEL) $(if $(filter %hal.cpp,$<),-DPROBE_HAL) -c $< -o $@
$(probe_o)/boot-probe-driver.sys: $(addprefix $(probe_o)/,kernel.obj hal.obj driver.obj)
	$(call say,PROBE,$(@D))
	$(Q)cd $(@D) && mkdir -p first && $(probe_link) /dll /noentry /force:unresolved /out:first/hal.dll /implib:hal.lib \
	    hal.obj >first/log 2>&1
	$(Q)cd $(@D) && $(probe_link) /entry:KiSystemStartup@4 /base:0x80100000 /out:ntoskrnl.exe /implib:nt.lib kernel.obj hal.lib
	$(Q)cd $(@D) && $(probe_link) /dll /noentry /base:0x80100000 /out:hal.dll /implib:first/hal.lib hal.obj nt.lib
	$(Q)cd $(@D) && $(probe_link) /entry:DriverEntry@0 /base:0x10000 /out:$(@F) driver.obj nt.lib hal.lib

.PHONY: boot-probe
boot-probe: $(probe_o)/boot-probe-driver.sys $(B)/boot/loader.elf $(boot_o)/stage.bin $(boot_o)/mbr.bin

-include $(boot_obj:.o=.d) $(boot_o)/mbr.d
