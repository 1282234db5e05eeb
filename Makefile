# husk: `make help` lists what can be made. GNU make 4.3; gcc 12 or clang 14, or newer.
#
# The program is linked static-PIE where Debian's static archives are there: the start of a container is so short that
# a dynamic loader is seen in it, and then no library of ours can be reached from a container [CVE-2019-5736].
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

VERSION    := 0.1.0
PREFIX     ?= /usr/local
bindir     ?= $(PREFIX)/bin
libexecdir ?= $(PREFIX)/libexec
mandir     ?= $(PREFIX)/share/man
docdir     ?= $(PREFIX)/share/doc/husk
CC         ?= gcc
ifeq ($(origin CC),default)
CC         := gcc
endif
STATIC     ?= auto
RUNS       ?= 1000000
PLACES     ?= unit native systemd callers vm
B          := build$(if $(SAN),/san)
Q          := $(if $(V),,@)
say         = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')

# ---- sources ----------------------------------------------------------------------------------------------------
SOURCES  := $(sort $(filter-out runtime/launcher.c runtime/husk-init.c,$(wildcard $(patsubst %,%/*.c,base spec namespaces cgroups netns images runtime runtime/cli))))
LAUNCHER := runtime/launcher.c
INIT     := runtime/husk-init.c
TESTS    := $(sort $(wildcard tests/unit/*/*_test.c))
FUZZERS  := $(sort $(wildcard tests/fuzz/*.c))
EXAMPLES := $(wildcard contrib/README.md contrib/*/*)
BENCHES  := $(sort $(wildcard bench/*.c))
TOOLS    := $(sort $(wildcard tests/tools/*.c))
PROTOCOL := build/made/runtime/criu.pb-c
OBJECTS  := $(SOURCES:%.c=$(B)/obj/%.o) $(B)/obj/$(PROTOCOL).o
MAIN     := $(B)/obj/runtime/main.o
FOLDER   := $(B)/obj/base/folder.o

# ---- flags ------------------------------------------------------------------------------------------------------
LIBRARIES  := libseccomp libcap yajl libprotobuf-c
# Programs apart from the start path: their own sources and the libraries of those; what they share is in libhusk.a. One
# whose library, or whose own NAME.c, is missing is left out.
PROGRAMS          := husk-systemd husk-top husk-image husk-fetch
husk-systemd_FROM := $(wildcard cgroups/systemd/*.c)
husk-systemd_LIBS := libsystemd
husk-top_FROM     := $(wildcard runtime/top/*.c)
husk-top_LIBS     := ncursesw
husk-image_FROM   := $(wildcard images/image/*.c)
husk-image_LIBS   := libcrypto libisal libzstd
husk-fetch_FROM   := $(wildcard images/fetch/*.c)
husk-fetch_LIBS   := libcurl
BUILT             := $(foreach program,$(PROGRAMS),$(if $(and $(filter %/$(program).c,$($(program)_FROM)),$(shell pkg-config --exists $($(program)_LIBS) && echo y)),$(program)))
PROGRAM_SOURCES   := $(foreach program,$(BUILT),$($(program)_FROM))
PROGRAM_LIBS      := $(shell pkg-config --libs $(foreach program,$(BUILT),$($(program)_LIBS)) 2>/dev/null)
LIB_CFLAGS := $(shell pkg-config --cflags $(LIBRARIES) 2>/dev/null)
LIB_SHARED := $(shell pkg-config --libs $(LIBRARIES) 2>/dev/null) -lm

# -print-file-name answers with a path only where the file exists; Debian calls yajl's archive libyajl_s.a.
archive  = $(filter /%,$(foreach name,$(1),$(shell $(CC) -print-file-name=$(name) 2>/dev/null)))
ARCHIVES := $(call archive,libseccomp.a libcap.a libprotobuf-c.a) $(firstword $(call archive,libyajl_s.a libyajl.a))
LINK     := $(if $(SAN),shared,$(if $(filter no,$(STATIC)),shared,$(if $(word 4,$(ARCHIVES)),static,shared)))

WARNINGS  := -Wall -Wextra -Wformat=2 -Wvla -Wshadow -Wimplicit-fallthrough -Wmissing-prototypes -Wstrict-prototypes \
	-Wconversion -Wno-sign-conversion -Wundef -Werror=implicit -Werror=incompatible-pointer-types \
	-Werror=int-conversion -Werror=return-type -Werror=format-security
LANGUAGE  := -std=gnu17 -D_GNU_SOURCE -I. -Ibuild/made
BRANCHES  := $(if $(filter x86_64,$(shell uname -m)),-fcf-protection=full,-mbranch-protection=standard)
SANITIZE  := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
HARDENING := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fPIE -fstack-protector-strong -fstack-clash-protection \
	$(BRANCHES) -ftrivial-auto-var-init=zero -fno-strict-overflow -fno-delete-null-pointer-checks \
	-ffunction-sections -fdata-sections
LINKING   := -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,-z,nodlopen,--as-needed,--gc-sections
ALL_CFLAGS  = $(LANGUAGE) $(WARNINGS) $(if $(SAN),-O1 -g -fPIE $(SANITIZE),$(HARDENING)) $(LIB_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(LINKING) $(if $(SAN),$(SANITIZE)) $(LDFLAGS)

# No libc: nothing that calls into one, nothing that needs relocating.
LAUNCHER_FLAGS := $(LANGUAGE) $(WARNINGS) -Os -ffreestanding -fno-builtin -fPIE $(BRANCHES) -fno-stack-protector \
	-fno-asynchronous-unwind-tables -U_FORTIFY_SOURCE -nostdlib -static-pie \
	-Wl,--no-dynamic-linker,-z,noexecstack,-z,relro,-z,now,--build-id=none

# What decides a build besides the sources; written only when it changes, so a second `make` has nothing to do.
define VERSION_H
#define HUSK_VERSION "$(VERSION)"
#define HUSK_COMMIT "$(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),unknown)"
endef
remember = $(shell mkdir -p $(B))$(if $(filter-out "$(strip $(file <$(1)))","$(strip $(2))"),$(file >$(1),$(2)))
$(call remember,$(B)/version.h,$(VERSION_H))
$(call remember,$(B)/flags,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LINK))

# ---- the programs -----------------------------------------------------------------------------------------------
.PHONY: all
all: $(B)/husk $(B)/husk-runtime $(B)/husk-init $(BUILT:%=$(B)/%)

$(MAIN): private ALL_CFLAGS += -include $(B)/version.h
$(MAIN): $(B)/version.h

$(FOLDER): private ALL_CFLAGS += -DHUSK_FOLDER='"$(CURDIR)/$(B)"'

# What CRIU is told and answers.
$(PROTOCOL).c: runtime/criu.proto
	$(call say,PROTOC,$<)
	@mkdir -p build/made
	$(Q)protoc-c --c_out=build/made $<
$(PROTOCOL).h: $(PROTOCOL).c ;
$(OBJECTS) $(TESTS:%.c=$(B)/obj/%.o): | $(PROTOCOL).h

$(B)/obj/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

$(B)/libhusk.a: $(filter-out $(MAIN),$(OBJECTS))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

link = $(CC) $(ALL_CFLAGS) $(if $(filter static,$(LINK)),-static-pie,-pie) $^ $(ALL_LDFLAGS) \
	$(if $(filter static,$(LINK)),$(ARCHIVES) -lm,$(LIB_SHARED)) -o $@
$(B)/husk-runtime: $(MAIN) $(B)/libhusk.a
	$(call say,LINK,$@ ($(LINK)))
	$(Q)$(link)

define link_program
$(B)/$(1): $($(1)_FROM:%.c=$(B)/obj/%.o) $(B)/libhusk.a
$(B)/install/$(1): $(B)/install/folder.o $($(1)_FROM:%.c=$(B)/obj/%.o) $(B)/libhusk.a
$(B)/$(1) $(B)/install/$(1):
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(ALL_CFLAGS) -pie $$^ $$(ALL_LDFLAGS) $(shell pkg-config --libs $($(1)_LIBS)) $$(LIB_SHARED) -o $$@
endef
$(foreach program,$(BUILT),$(eval $(call link_program,$(program))))

# The programs' sources without their main(), for the tests.
$(B)/libprograms.a: $(patsubst %.c,$(B)/obj/%.o,$(filter-out $(foreach program,$(BUILT),%/$(program).c),$(PROGRAM_SOURCES)))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# Launcher and program know where the programs are: in the build tree here, in its final place for `make install`.
launcher = $(CC) $(LAUNCHER_FLAGS) -DHUSK_FOLDER='"$(1)"' $(LAUNCHER) -o $@
$(B)/husk: $(LAUNCHER) runtime/freestanding.h $(B)/flags
	$(call say,LINK,$@)
	$(Q)$(call launcher,$(CURDIR)/$(B))

# What `run --init` puts into a container.
$(B)/husk-init: $(INIT) runtime/freestanding.h $(B)/flags
	$(call say,LINK,$@)
	$(Q)$(CC) $(LAUNCHER_FLAGS) $(INIT) -o $@

# ---- tests ------------------------------------------------------------------------------------------------------
UNITS := $(TESTS:%.c=$(B)/%)
$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(B)/libprograms.a $(B)/libhusk.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -pie $^ $(ALL_LDFLAGS) $(PROGRAM_LIBS) $(LIB_SHARED) -lcmocka -o $@

$(B)/tests/tools/%: tests/tools/%.c $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(LANGUAGE) $(WARNINGS) -O2 -static $< -o $@

.PHONY: tools units check check-native check-vm check-callers check-sanitized demo
tools: $(TOOLS:%.c=build/%)
units: $(UNITS) tools
# tests/setup may install the compiler that this file looked for when it was read, so make is started again after it.
check:
	tests/setup build check
	+$(MAKE) --no-print-directory all units
	$(if $(filter sanitized,$(PLACES)),+$(MAKE) --no-print-directory SAN=1 all)
	tests/run $(PLACES)
check-native: all units
	tests/run unit native
check-vm: all tools
	tests/run vm systemd
check-callers:
	tests/setup build check
	+$(MAKE) --no-print-directory all tools
	tests/run callers
# A second make, because SAN decides where everything is built.
check-sanitized:
	+$(MAKE) --no-print-directory SAN=1 all
	+$(MAKE) --no-print-directory tools
	tests/run sanitized
demo:
	@tests/setup build demo
	+@$(MAKE) --no-print-directory all
	@tests/demo

# ---- install ----------------------------------------------------------------------------------------------------
.PHONY: install uninstall $(B)/install/husk $(B)/install/folder.o
$(B)/install/husk:
	@mkdir -p $(@D)
	$(Q)$(call launcher,$(libexecdir)/husk)
$(B)/install/folder.o: base/folder.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -DHUSK_FOLDER='"$(libexecdir)/husk"' -c $< -o $@
$(B)/install/husk-runtime: $(MAIN) $(B)/install/folder.o $(B)/libhusk.a
	$(Q)$(link)
install: all $(B)/install/husk $(B)/install/husk-runtime $(BUILT:%=$(B)/install/%)
	$(if $(BUILT),install -D -m 755 -t $(DESTDIR)$(libexecdir)/husk $(BUILT:%=$(B)/install/%))
	install -D -m 755 $(B)/install/husk-runtime $(DESTDIR)$(libexecdir)/husk/husk-runtime
	install -D -m 755 $(B)/husk-init $(DESTDIR)$(libexecdir)/husk/husk-init
	install -D -m 755 $(B)/install/husk $(DESTDIR)$(bindir)/husk
	install -D -m 644 -t $(DESTDIR)$(mandir)/man1 $(wildcard docs/*.1)
	install -D -m 644 -t $(DESTDIR)$(mandir)/man5 $(wildcard docs/*.5)
	install -D -m 644 contrib/husk.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/husk
	for file in $(EXAMPLES); do install -D -m 644 $$file $(DESTDIR)$(docdir)/$$file || exit; done
uninstall:
	rm -f $(DESTDIR)$(bindir)/husk $(addprefix $(DESTDIR)$(libexecdir)/husk/,husk-runtime husk-init $(PROGRAMS)) \
		$(patsubst docs/%,$(DESTDIR)$(mandir)/man1/%,$(wildcard docs/*.1)) \
		$(patsubst docs/%,$(DESTDIR)$(mandir)/man5/%,$(wildcard docs/*.5)) \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/husk $(addprefix $(DESTDIR)$(docdir)/,$(EXAMPLES))

# ---- fuzz, lint, bench ------------------------------------------------------------------------------------------
FUZZ_FLAGS := $(LANGUAGE) -O1 -g $(LIB_CFLAGS) -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer -DHUSK_FOLDER='""'
FUZZED := $(filter-out runtime/main.c $(foreach program,$(BUILT),%/$(program).c),$(SOURCES) $(PROGRAM_SOURCES)) $(PROTOCOL).c
$(FUZZED:%.c=build/fuzz/obj/%.o): | $(PROTOCOL).h
build/fuzz/obj/%.o: %.c
	$(call say,CLANG,$<)
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -MMD -MP -c $< -o $@
build/fuzz/%: build/fuzz/obj/tests/fuzz/%.o $(FUZZED:%.c=build/fuzz/obj/%.o)
	$(Q)clang -fsanitize=fuzzer,address,undefined $^ $(PROGRAM_LIBS) $(LIB_SHARED) -o $@

.PHONY: fuzz lint bench
FUZZ_PROGRAMS := $(FUZZERS:tests/fuzz/%.c=build/fuzz/%)
fuzz:
	tests/setup build fuzz
	+$(MAKE) --no-print-directory all $(FUZZ_PROGRAMS)
	tests/fuzz/run $(RUNS) $(FUZZ_PROGRAMS)
lint: $(PROTOCOL).h
	tests/setup build lint
	LANGUAGE='$(LANGUAGE)' WARNINGS='$(WARNINGS)' tests/lint/run $(SOURCES) $(PROGRAM_SOURCES) $(LAUNCHER) $(INIT) $(TESTS) $(FUZZERS) $(BENCHES) $(TOOLS)
$(B)/bench/%: bench/%.c $(B)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(LANGUAGE) $(WARNINGS) -O2 $< $(or $(bench-libs),-static) -o $@
$(B)/bench/unpack_floor: private bench-libs := $(shell pkg-config --libs libisal 2>/dev/null)
bench: all $(BENCHES:bench/%.c=$(B)/bench/%)
	tests/setup bench
	bench/run
	bench/images
	bench/network

# ---- the rest ---------------------------------------------------------------------------------------------------
.PHONY: clean help
clean:
	rm -rf build
help:
	@echo 'make            build/husk (the launcher), build/husk-runtime (the program) and what it calls: $(PROGRAMS)'
	@echo 'make demo       as root: install what is missing, build, run a busybox container'
	@echo 'make check      as root: install what is missing, build, unit tests, tests here and in a VM'
	@echo 'make check-native, make check-vm     its halves, installing nothing'
	@echo 'make check-callers                   podman, containerd, docker, buildah drive husk, and crun in its place'
	@echo 'make check-sanitized                 the tests here with address and undefined-behaviour sanitizers'
	@echo 'make install, make uninstall         DESTDIR=, PREFIX=$(PREFIX), bindir=, libexecdir='
	@echo 'make lint       compilers with -Werror, analyzers, formatting, shellcheck, rules of our own'
	@echo 'make fuzz       every fuzzer of tests/fuzz, RUNS=$(RUNS) each'
	@echo 'make bench      husk beside its floor, crun and runc'
	@echo 'make clean      remove build/'
	@echo 'Variables: PLACES="$(PLACES)" (of check; also sanitized), STATIC=auto|no (here: $(LINK)), SAN=1 (sanitizers, in build/san), V=1, CC, CFLAGS, LDFLAGS'

-include $(OBJECTS:.o=.d) $(PROGRAM_SOURCES:%.c=$(B)/obj/%.d) $(TESTS:%.c=$(B)/obj/%.d) $(wildcard build/fuzz/obj/*/*.d build/fuzz/obj/*/*/*.d)
