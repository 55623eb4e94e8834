# A thin front: every target is a few calls of Meson and of the scripts in tools/.

PREFIX ?= /usr/local
DESTDIR ?=
SECONDS ?= 60
HOURS ?= 1
JOBS ?= $(shell nproc)

# What make test looks for: memory errors and undefined behaviour, or `make test SANITIZE=thread`.
SANITIZE ?= address,undefined

RELEASE = build/release
CHECKED = build/$(if $(filter thread,$(SANITIZE)),tsan,asan)
STAGE = build/stage
C_FILES = git ls-files '*.c' '*.h'

# Configured with the prefix "/", so that the tree can be put anywhere: the path from the command to the library
# and the ones in keyturn.pc are relative to where the files lie.
SETUP = meson setup --prefix=/

.PHONY: all build run test bench budgets soak stage install format lint fuzz seeds coverage sanitize clean help
all: build

build: ## build the library and the command into build/release
	@scripts/setup build
	@test -f $(RELEASE)/build.ninja || $(SETUP) -Dtests=false $(RELEASE)
	@ninja -C $(RELEASE)

run: stage ## show the tour
	@scripts/setup peers
	$(STAGE)/bin/keyturn tour

test: ## run all tests under the sanitizers
	@scripts/setup build peers test
	@test -f $(CHECKED)/build.ninja || $(SETUP) -Doptimization=1 -Db_sanitize=$(SANITIZE) $(CHECKED)
	@ninja -C $(CHECKED)
	@rm -rf $(CHECKED)/stage
	@meson install -C $(CHECKED) --quiet --no-rebuild --destdir $(CURDIR)/$(CHECKED)/stage
	@tools/testrun $(CHECKED) --stage $(CHECKED)/stage -j $(JOBS)

bench: stage ## measure against the peers
	@scripts/setup peers bench
	bench/run

budgets: ## what a peer can make a server spend, into docs/budgets.md
	@scripts/setup build test bench
	@test -f build/budgets/build.ninja || $(SETUP) build/budgets
	@ninja -C build/budgets tests/budget/budget_keyturn tests/budget/budget_libssl
	tools/budgets build/budgets --check --write docs/budgets.md

soak: stage ## clients of many kinds for HOURS (1; fractions, too), with faults, key changes and revocations
	@scripts/setup peers test
	tests/soak/soak --hours $(HOURS) $(STAGE)/bin/keyturn

stage: build ## fill build/stage with the tree as installed under a prefix
	@rm -rf $(STAGE)
	@meson install -C $(RELEASE) --quiet --no-rebuild --destdir $(CURDIR)/$(STAGE)

install: build ## install under PREFIX (/usr/local)
	@meson install -C $(RELEASE) --no-rebuild --destdir "$(abspath $(DESTDIR)$(PREFIX))"

format: ## format all C sources
	@scripts/setup lint
	@$(C_FILES) | xargs clang-format -i

lint: stage ## format, layers, exports, graphs, both compilers, clang-tidy
	@scripts/setup build test lint
	@$(C_FILES) | xargs clang-format --dry-run -Werror
	@tools/layers --self-test
	@tools/layers
	@tools/rooms
	@tools/exports $(STAGE)/lib/libkeyturn.so.0
	@for cc in gcc clang; do \
	    test -f build/lint-$$cc/build.ninja || CC=$$cc $(SETUP) build/lint-$$cc || exit 1; \
	    ninja -C build/lint-$$cc || exit 1; \
	done
	@build/lint-gcc/tools/graph --check ARCHITECTURE.md
	@git ls-files 'src/*.c' 'cmd/*.c' | xargs -P $(JOBS) -n 1 clang-tidy --quiet -p build/lint-clang 2>/dev/null

fuzz: ## run each fuzzer for SECONDS (60)
	@scripts/setup build fuzz
	@test -f build/fuzz/build.ninja || CC=clang $(SETUP) -Dfuzz=true -Doptimization=1 \
	    -Db_sanitize=address,undefined -Db_lundef=false build/fuzz
	@ninja -C build/fuzz $(patsubst %.c,%,$(wildcard tests/fuzz/*_fuzz.c))
	@for fuzzer in build/fuzz/tests/fuzz/*_fuzz; do \
	    name=$${fuzzer##*/} && mkdir -p build/corpus/$$name build/crashes && echo "== $$name" && \
	    $$fuzzer -max_total_time=$(SECONDS) -timeout=10 -max_len=4096 -print_final_stats=0 -verbosity=0 \
	        -artifact_prefix=build/crashes/$$name- build/corpus/$$name tests/fuzz/corpus/$$name || exit 1; \
	done

seeds: ## write the inputs that fuzzers begin with into tests/fuzz/corpus
	@scripts/setup build test
	@test -f $(CHECKED)/build.ninja || $(SETUP) -Doptimization=1 -Db_sanitize=$(SANITIZE) $(CHECKED)
	@ninja -C $(CHECKED) tests/fuzz/fuzz_seeds
	@$(CHECKED)/tests/fuzz/fuzz_seeds tests/fuzz/corpus

coverage: ## print which part of the engine's lines tests and fuzzers reach
	@scripts/setup build test
	@test -f build/coverage/build.ninja || $(SETUP) -Db_coverage=true -Doptimization=0 build/coverage
	@ninja -C build/coverage meson-test-prereq
	@find build/coverage -name '*.gcda' -delete
	@tools/testrun build/coverage -j $(JOBS)
	@for fuzzer in build/coverage/tests/fuzz/*_fuzz; do \
	    found=build/corpus/$${fuzzer##*/}; \
	    if test -d $$found; then find $$found -type f | xargs -r $$fuzzer || exit 1; fi; \
	done
	@tools/coverage --least 95 build/coverage

# Not optimised, thus without FORTIFY, under which memcheck takes memmove for memcpy.
MEMCHECK = valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite

sanitize: ## run the C tests under the thread sanitizer and valgrind
	@scripts/setup build test
	@test -f build/tsan/build.ninja || $(SETUP) -Doptimization=1 -Db_sanitize=thread build/tsan
	@ninja -C build/tsan meson-test-prereq
	@tools/testrun build/tsan -j $(JOBS)
	@test -f build/plain/build.ninja || $(SETUP) -Doptimization=0 build/plain
	@ninja -C build/plain meson-test-prereq
	@tools/testrun build/plain -j $(JOBS) --suite loop --suite machine --suite torture --wrap "$(MEMCHECK)"

clean: ## remove everything that was built
	rm -rf build

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1 - \2/p' Makefile
