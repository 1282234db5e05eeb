# husk: `make help` lists what can be made. GNU make 4.3, gcc 12 or clang 14 and newer.
#
#   make STATIC=yes|no|auto   link the program static-PIE, or with shared libraries (auto: static where that can be)
#   make SAN=1                with AddressSanitizer and UBSan, beneath build/san
#   make CC=clang CFLAGS=...  CFLAGS and LDFLAGS are yours: they come last
#
# What is linked how, and why: the start of a container is short enough for the dynamic loader to be seen in it (an
# exec costs 0.13 ms without libc, 0.6 static, 0.9 with four shared libraries), and a static-PIE has no library that
# a container could reach [CVE-2019-5736]. Debian has no libmnl.a, so nothing on the start path may need libmnl.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

VERSION     := 0.1.0
PREFIX      ?= /usr/local
bindir      ?= $(PREFIX)/bin
libexecdir  ?= $(PREFIX)/libexec
STATIC      ?= auto
SAN         ?=
RUNS        ?= 1000000
ifeq ($(origin CC),default)
CC          := gcc
endif
CLANG       ?= clang
CLANG_TIDY  ?= clang-tidy
PKG_CONFIG  ?= pkg-config

B := build$(if $(SAN),/san)

# ---- sources, by folder ----------------------------------------------------------------------------------------
BASE       := $(sort $(wildcard base/*.c))
SPEC       := $(sort $(wildcard spec/*.c))
NAMESPACES := $(sort $(wildcard namespaces/*.c))
CGROUPS    := $(sort $(wildcard cgroups/*.c))
NETNS      := $(sort $(wildcard netns/*.c))
RUNTIME    := $(sort $(filter-out runtime/launcher.c,$(wildcard runtime/*.c)) $(wildcard runtime/cli/*.c))

SOURCES  := $(BASE) $(SPEC) $(NAMESPACES) $(CGROUPS) $(NETNS) $(RUNTIME)
LAUNCHER := runtime/launcher.c
TESTS    := $(sort $(wildcard tests/unit/*/*_test.c))
FUZZERS  := $(sort $(wildcard tests/fuzz/*.c))
BENCHES  := $(sort $(wildcard bench/*.c))
HEADERS  := $(sort $(wildcard base/*.h spec/*.h namespaces/*.h cgroups/*.h netns/*.h runtime/*.h runtime/cli/*.h))
MINE     := $(SOURCES) $(LAUNCHER) $(TESTS) $(FUZZERS) $(BENCHES)

# ---- flags -----------------------------------------------------------------------------------------------------
LIBRARIES := libseccomp libcap yajl
LIB_CFLAGS  := $(shell $(PKG_CONFIG) --cflags $(LIBRARIES) 2>/dev/null)
LIB_SHARED  := $(shell $(PKG_CONFIG) --libs $(LIBRARIES) 2>/dev/null)
ifeq ($(LIB_SHARED),)
NEEDS := need-libraries
endif

# -print-file-name answers with a path only where the file exists; Debian names yajl's archive libyajl_s.a.
archive = $(filter /%,$(shell $(CC) -print-file-name=$(1) 2>/dev/null))
ifneq ($(filter auto yes,$(STATIC)),)
ARCHIVES := $(call archive,libseccomp.a) $(call archive,libcap.a) \
	$(firstword $(call archive,libyajl_s.a) $(call archive,libyajl.a)) $(call archive,libc.a)
endif
ifeq ($(STATIC),auto)
LINK := $(if $(word 4,$(ARCHIVES)),static,shared)
else
LINK := $(if $(filter yes,$(STATIC)),static,shared)
endif
ifneq ($(SAN),)
LINK := shared
endif

WARNINGS := -Wall -Wextra -Wformat=2 -Wvla -Wshadow -Wimplicit-fallthrough -Wmissing-prototypes \
	-Wstrict-prototypes -Wconversion -Wno-sign-conversion -Wundef \
	-Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion -Werror=return-type \
	-Werror=format-security
LANGUAGE := -std=gnu17 -D_GNU_SOURCE -I.

MACHINE  := $(shell uname -m)
BRANCHES := $(if $(filter x86_64,$(MACHINE)),-fcf-protection=full)$(if \
	$(filter aarch64,$(MACHINE)),-mbranch-protection=standard)
# Not every one of these is known to gcc 12 and clang 14: ask the compiler once for each, not for all.
try = $(shell $(1) -Werror $(2) -c -x c /dev/null -o /dev/null 2>/dev/null && echo '$(2)')
OPTIONAL := $(call try,$(CC),-ftrivial-auto-var-init=zero) $(call try,$(CC),-fzero-call-used-regs=used-gpr) \
	$(call try,$(CC),-fstrict-flex-arrays=3)
HARDENING := -fPIE -fstack-protector-strong -fstack-clash-protection $(BRANCHES) $(OPTIONAL) \
	-fno-strict-overflow -fno-delete-null-pointer-checks
OPTIMIZE  := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -ffunction-sections -fdata-sections
LINKING   := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code -Wl,-z,nodlopen -Wl,--as-needed \
	-Wl,--gc-sections
SANITIZE  := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
ifneq ($(SAN),)
OPTIMIZE  := -O1 -g -U_FORTIFY_SOURCE $(SANITIZE)
LINKING   += $(SANITIZE)
endif

ALL_CFLAGS  = $(LANGUAGE) $(WARNINGS) $(OPTIMIZE) $(HARDENING) $(LIB_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(LINKING) $(LDFLAGS)
# $1 = what a test or a shared program adds
SHARED_LIBS = $(LIB_SHARED) $(1)

# The launcher has no libc: nothing that calls into one, nothing that needs relocating.
LAUNCHER_FLAGS := $(LANGUAGE) $(WARNINGS) -Os -g -ffreestanding -fno-builtin -fPIE $(BRANCHES) \
	-fno-stack-protector -fno-asynchronous-unwind-tables -U_FORTIFY_SOURCE \
	-nostdlib -static-pie -Wl,--no-dynamic-linker -Wl,-z,noexecstack -Wl,-z,relro -Wl,-z,now -Wl,--build-id=none

# ---- what decides a build besides the sources -------------------------------------------------------------------
# Two small files, written only when their content changes, so that other flags or a new commit rebuild what they
# must and a second `make` has nothing to do.
COMMIT := $(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),unknown)
define VERSION_H
#define HUSK_VERSION "$(VERSION)"
#define HUSK_COMMIT "$(COMMIT)"
endef
FLAGS_NOW = $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LINK)
ifneq ($(filter-out help clean shape,$(or $(MAKECMDGOALS),all)),)
$(shell mkdir -p $(B))
ifneq ($(file <$(B)/version.h),$(VERSION_H))
$(file >$(B)/version.h,$(VERSION_H))
endif
ifneq ($(strip $(file <$(B)/flags)),$(strip $(FLAGS_NOW)))
$(file >$(B)/flags,$(FLAGS_NOW))
endif
endif

# ---- the programs ----------------------------------------------------------------------------------------------
.PHONY: all need-libraries
all: $(B)/husk $(B)/husk-runtime

need-libraries:
	@echo 'make: husk needs $(LIBRARIES) with their headers, and pkg-config: run tests/setup build' >&2; exit 1

OBJECTS := $(SOURCES:%.c=$(B)/obj/%.o)
MAIN    := $(B)/obj/runtime/main.o

# Version and commit are for those who print them: `husk --version`, features.
$(MAIN) $(filter $(B)/obj/runtime/cli/%,$(OBJECTS)): private INCLUDE_VERSION := -include $(B)/version.h

$(B)/obj/%.o: %.c $(B)/flags | $(NEEDS)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(INCLUDE_VERSION) -MMD -MP -c $< -o $@

$(B)/libhusk.a: $(filter-out $(MAIN),$(OBJECTS))
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/husk-runtime: $(MAIN) $(B)/libhusk.a
ifeq ($(LINK),static)
	$(CC) $(ALL_CFLAGS) -static-pie $^ $(ALL_LDFLAGS) $(ARCHIVES) -o $@
else
	$(CC) $(ALL_CFLAGS) -pie $^ $(ALL_LDFLAGS) $(SHARED_LIBS) -o $@
endif

# The launcher knows where the program is: in the build tree here, in its final place for `make install`.
$(B)/husk: $(LAUNCHER) $(B)/flags
	$(CC) $(LAUNCHER_FLAGS) -DHUSK_PROGRAM='"$(CURDIR)/$(B)/husk-runtime"' -MMD -MP -MF $(B)/husk.d $< -o $@

# ---- unit tests ------------------------------------------------------------------------------------------------
TEST_PROGRAMS := $(TESTS:%.c=$(B)/%)

$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(B)/libhusk.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -pie $^ $(ALL_LDFLAGS) $(call SHARED_LIBS,-lcmocka) -o $@

.PHONY: unit unit-programs
unit-programs: $(TEST_PROGRAMS)
unit: unit-programs
	@failed=0; for t in $(TEST_PROGRAMS); do \
		if $$t >$$t.log 2>&1; then echo "ok      $$t"; else echo "FAILED  $$t"; cat $$t.log; failed=1; fi; \
	done; exit $$failed

# ---- checks ----------------------------------------------------------------------------------------------------
# tests/setup may install the compiler and the libraries that this file looked for when it was read, so make is
# started again after it.
.PHONY: check check-native check-vm demo
check:
	tests/setup build check
	+$(MAKE) --no-print-directory all unit-programs
	tests/run unit native vm
check-native: all unit-programs
	tests/run unit native
check-vm: all
	tests/run vm
demo:
	tests/setup build
	+$(MAKE) --no-print-directory all
	tests/demo

# ---- install ---------------------------------------------------------------------------------------------------
$(B)/install/husk: $(LAUNCHER) $(B)/flags FORCE_INSTALL
	@mkdir -p $(@D)
	$(CC) $(LAUNCHER_FLAGS) -DHUSK_PROGRAM='"$(libexecdir)/husk/husk-runtime"' $< -o $@

.PHONY: install uninstall FORCE_INSTALL
install: all $(B)/install/husk
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(libexecdir)/husk
	install -m 755 $(B)/husk-runtime $(DESTDIR)$(libexecdir)/husk/husk-runtime
	install -m 755 $(B)/install/husk $(DESTDIR)$(bindir)/husk
uninstall:
	rm -f $(DESTDIR)$(bindir)/husk $(DESTDIR)$(libexecdir)/husk/husk-runtime
	-rmdir $(DESTDIR)$(libexecdir)/husk 2>/dev/null

# ---- lint: every source through four compilers' eyes, then style, shell and the project's own rules --------------
# Stamps beneath build/lint, so `make -j lint` runs wide and only looks again at what changed.
LINT_FLAGS := $(LANGUAGE) $(WARNINGS) -Werror -O2 -g -D_FORTIFY_SOURCE=3 -fPIE $(LIB_CFLAGS) \
	-include build/version.h -DHUSK_PROGRAM='"/nowhere"'
SHELL_FILES := $(shell git grep -lE '^\#!.*\b(bash|sh)\b' -- . 2>/dev/null)
BATS_FILES  := $(shell git ls-files '*.bats' '*.bash' 2>/dev/null)

build/lint/gcc/%.o: %.c Makefile
	@mkdir -p $(@D)
	gcc $(LINT_FLAGS) -MMD -MP -c $< -o $@
build/lint/clang/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CLANG) $(LINT_FLAGS) -MMD -MP -c $< -o $@
build/lint/analyzer/%.o: %.c Makefile
	@mkdir -p $(@D)
	gcc $(LINT_FLAGS) -fanalyzer -MMD -MP -c $< -o $@
build/lint/tidy/%.ok: %.c .clang-tidy Makefile $(HEADERS)
	@mkdir -p $(@D)
	$(CLANG_TIDY) --quiet $< -- $(LINT_FLAGS) 2>$@.err || { cat $@.err; exit 1; }
	@touch $@

.PHONY: lint lint-compilers lint-cppcheck lint-format lint-shell lint-rules
lint: lint-compilers lint-cppcheck lint-format lint-shell lint-rules
	@echo 'lint: clean'
lint-compilers: $(MINE:%.c=build/lint/gcc/%.o) $(MINE:%.c=build/lint/clang/%.o) $(SOURCES:%.c=build/lint/analyzer/%.o) \
	$(MINE:%.c=build/lint/tidy/%.ok)
lint-cppcheck:
	@mkdir -p build/lint/cppcheck
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr \
		--suppressions-list=tests/lint/cppcheck.txt --cppcheck-build-dir=build/lint/cppcheck \
		-D_GNU_SOURCE -D__x86_64__ '-DHUSK_PROGRAM="/nowhere"' -I. $(SOURCES) $(LAUNCHER) $(BENCHES)
lint-format:
	clang-format --dry-run -Werror $(MINE) $(HEADERS)
lint-shell:
	$(if $(SHELL_FILES),shellcheck $(SHELL_FILES))
	$(if $(BATS_FILES),shellcheck -s bash $(BATS_FILES))
lint-rules:
	tests/lint/arrows
	tests/lint/banned

# ---- fuzz: each target RUNS times from its seeds ----------------------------------------------------------------
FUZZ_FLAGS   := $(LANGUAGE) -O1 -g $(LIB_CFLAGS) -include build/version.h \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_OBJECTS := $(patsubst %.c,build/fuzz/obj/%.o,$(filter-out runtime/main.c,$(SOURCES)))
FUZZ_NAMES   := $(FUZZERS:tests/fuzz/%.c=%)

build/fuzz/obj/%.o: %.c Makefile | $(NEEDS)
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_FLAGS) -MMD -MP -c $< -o $@
build/fuzz/libhusk.a: $(FUZZ_OBJECTS)
	@rm -f $@
	$(AR) rcs $@ $^
build/fuzz/%: build/fuzz/obj/tests/fuzz/%.o build/fuzz/libhusk.a
	$(CLANG) -fsanitize=fuzzer,address,undefined $^ $(LIB_SHARED) -o $@

.PHONY: fuzz $(FUZZ_NAMES:%=fuzz-%)
fuzz: $(FUZZ_NAMES:%=fuzz-%)
$(FUZZ_NAMES:%=fuzz-%): fuzz-%: build/fuzz/%
	@mkdir -p build/fuzz/corpus/$*
	@if [ -d tests/fuzz/corpus/$* ]; then cp -r tests/fuzz/corpus/$*/. build/fuzz/corpus/$*/; fi
	build/fuzz/$* -runs=$(RUNS) -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix=build/fuzz/$*- build/fuzz/corpus/$*

# ---- bench -----------------------------------------------------------------------------------------------------
$(B)/bench/%: bench/%.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(LANGUAGE) $(WARNINGS) -O2 -static $< -o $@

.PHONY: bench bench-programs
bench-programs: $(BENCHES:%.c=$(B)/%)
bench: all bench-programs
	bench/run

# ---- the rest --------------------------------------------------------------------------------------------------
.PHONY: shape clean help
shape:
	@tests/lint/shape
clean:
	rm -rf build
help:
	@echo 'make            build/husk (the launcher) and build/husk-runtime (the program)'
	@echo 'make demo       as root: install what is missing, build, run a busybox container'
	@echo 'make check      as root: install what is missing, build, unit tests, tests here and in a VM'
	@echo 'make check-native, check-vm, unit    parts of it, installing nothing'
	@echo 'make install, uninstall              DESTDIR=, PREFIX=$(PREFIX), bindir=, libexecdir='
	@echo 'make lint       compilers with -Werror, analyzers, formatting, shellcheck, the rules of tests/lint'
	@echo 'make fuzz       every target of tests/fuzz, RUNS=$(RUNS) each'
	@echo 'make bench      husk beside its floor, crun and runc'
	@echo 'make shape      lines, sizes and functions by folder'
	@echo 'make clean      remove build/'
	@echo 'Variables: STATIC=auto|yes|no (here: $(LINK)), SAN=1, CC, CFLAGS, LDFLAGS'

-include $(OBJECTS:.o=.d) $(TESTS:%.c=$(B)/obj/%.d) $(B)/husk.d
ifneq ($(filter lint%,$(MAKECMDGOALS)),)
-include $(foreach kind,gcc clang analyzer,$(MINE:%.c=build/lint/$(kind)/%.d))
endif
ifneq ($(filter fuzz%,$(MAKECMDGOALS)),)
-include $(FUZZ_OBJECTS:.o=.d)
endif
