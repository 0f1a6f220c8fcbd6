// SPDX-License-Identifier: GPL-2.0
// Scans: see scan.h. No exception leaves this file: C would not survive one.
#include "scan.h"

#include <re2/set.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "expression.h"

namespace {

using re2::RE2;
using re2::StringPiece;

// What tests cost by themselves and what a pass costs, in tests for a literal.
enum { kLiteralCost = 1, kPatternCost = 6, kPassCost = 32 };

// A set's automaton remembers which patterns have begun to match. Many that begin and go on over
// anything (".*") multiply its states until it forgets faster than it learns, hence the bound; for
// literals the states are as many as their bytes at most.
enum { kMostPatterns = 128, kMostLiteralBytes = 1 << 15, kLongestLiteral = 256 };

// Bytes for a set and its automaton.
constexpr uint64_t kMostBudget = 8 << 20, kLeastBudget = 256 << 10;

constexpr uint32_t kWholePayload = UINT32_MAX, kNone = UINT32_MAX;

struct Test {
	uint32_t node;
	uint32_t window;
	bool pattern;
};

// A set, and the number of its first test; the others follow.
struct Pass {
	std::unique_ptr<RE2::Set> set;
	uint32_t first;
};

// What is looked for in one window.
struct Window {
	std::vector<Pass> passes;
	uint32_t first_test;
	uint32_t tests;
};

bool is_scanned(const qv_program *program, const qv_node &node)
{
	if (node.op == QV_MATCHES)
		return true;
	if (node.op != QV_CONTAINS || node.flags & QV_NODE_AT)
		return false;
	const uint32_t length = program->strings[node.first].length;

	return length && length <= kLongestLiteral;
}

std::vector<Test> tests_of(const qv_program *program)
{
	std::vector<Test> tests;

	for (uint32_t i = 0; i < program->node_count; i++) {
		const qv_node &node = program->nodes[i];

		if (is_scanned(program, node))
			tests.push_back({ i, node.flags & QV_NODE_WITHIN ? node.extra : kWholePayload,
					  node.op == QV_MATCHES });
	}
	std::stable_sort(tests.begin(), tests.end(), [](const Test &a, const Test &b) {
		return a.window != b.window ? a.window < b.window : a.pattern < b.pattern;
	});
	return tests;
}

uint32_t cost_of(const Test &test)
{
	return test.pattern ? kPatternCost : kLiteralCost;
}

std::string source_of(const qv_program *program, const Test &test)
{
	const uint32_t first = program->nodes[test.node].first;
	const StringPiece text =
		qv::string_of(program, test.pattern ? program->patterns[first] : first);

	return test.pattern ? std::string(text) : RE2::QuoteMeta(text);
}

} // namespace

struct qv_scans {
	std::vector<uint32_t> test_of_node; // kNone: tested by itself
	std::vector<uint32_t> window_of_test;
	std::vector<uint8_t> cost_of_test;
	std::vector<Window> windows;
	uint64_t memory = sizeof(qv_scans);
};

struct qv_finds {
	const qv_scans *scans;
	uint64_t packet = 1;

	struct State {
		uint64_t packet = 0; // of which the rest tells
		uint32_t spent = 0;
		bool scanned = false;
		bool failed = false;
	};
	std::vector<State> windows;
	std::vector<uint8_t> found; // one a test, valid where its window is scanned
	std::vector<int> matches;
};

namespace {

// The tests of one window, from first up to end, cut into passes.
std::vector<std::pair<size_t, size_t>> cut(const qv_program *program,
					   const std::vector<Test> &tests, size_t first, size_t end)
{
	std::vector<std::pair<size_t, size_t>> passes;
	size_t bytes = 0;

	for (size_t i = first; i < end; i++) {
		const Test &test = tests[i];
		const uint32_t length = test.pattern ? kMostLiteralBytes / kMostPatterns
				: program->strings[program->nodes[test.node].first].length;

		if (i == first || test.pattern != tests[i - 1].pattern ||
		    bytes + length > kMostLiteralBytes) {
			passes.push_back({ i, i });
			bytes = 0;
		}
		bytes += length;
		passes.back().second = i + 1;
	}
	return passes;
}

// Compile a pass; returns null where RE2 finds the set too large.
std::unique_ptr<RE2::Set> compile(const qv_program *program, const std::vector<Test> &tests,
				  std::pair<size_t, size_t> pass, uint64_t budget)
{
	auto set = std::make_unique<RE2::Set>(qv::expression_options(budget), RE2::UNANCHORED);

	for (size_t i = pass.first; i < pass.second; i++)
		if (set->Add(source_of(program, tests[i]), nullptr) < 0)
			return nullptr;
	return set->Compile() ? std::move(set) : nullptr;
}

// Join the tests of one window, if that pays.
void join(qv_scans *scans, const qv_program *program, const std::vector<Test> &tests,
	  std::pair<size_t, size_t> window, uint64_t budget)
{
	Window joined;

	joined.first_test = static_cast<uint32_t>(scans->window_of_test.size());
	joined.tests = 0;
	for (auto pass : cut(program, tests, window.first, window.second)) {
		auto set = compile(program, tests, pass, budget);

		if (!set)
			continue; // these are tested by themselves
		joined.passes.push_back({ std::move(set), joined.first_test + joined.tests });
		scans->memory += budget;
		for (size_t i = pass.first; i < pass.second; i++, joined.tests++) {
			scans->test_of_node[tests[i].node] = joined.first_test + joined.tests;
			scans->window_of_test.push_back(static_cast<uint32_t>(scans->windows.size()));
			scans->cost_of_test.push_back(static_cast<uint8_t>(cost_of(tests[i])));
		}
	}
	scans->windows.push_back(std::move(joined));
}

// The windows that are worth a pass: their tests, from and to.
std::vector<std::pair<size_t, size_t>> windows_of(const std::vector<Test> &tests)
{
	std::vector<std::pair<size_t, size_t>> windows;

	for (size_t first = 0, end = 0; first < tests.size(); first = end) {
		uint32_t cost = 0;

		for (; end < tests.size() && tests[end].window == tests[first].window; end++)
			cost += cost_of(tests[end]);
		if (cost > 2 * kPassCost)
			windows.push_back({ first, end });
	}
	return windows;
}

int build(qv_scans *scans, const qv_program *program, uint64_t memory, qv_fault *fault)
{
	const std::vector<Test> tests = tests_of(program);
	const auto windows = windows_of(tests);
	uint64_t passes = 0;

	if (windows.empty())
		return 0;
	for (auto window : windows)
		passes += cut(program, tests, window.first, window.second).size();
	const uint64_t share = std::min(memory / 4 / passes, kMostBudget);

	scans->test_of_node.assign(program->node_count, kNone);
	scans->memory += program->node_count * sizeof(uint32_t);
	for (auto window : windows)
		join(scans, program, tests, window, std::max(share, kLeastBudget));
	if (scans->memory > memory)
		return qv_fault_set(fault, E2BIG, QV_NO_RULE, "scans need more than %llu bytes",
				    static_cast<unsigned long long>(memory));
	return 0;
}

// Make all passes over one window's bytes. Returns false if RE2 has run out of memory.
bool scan(qv_finds *finds, const Window &window, const StringPiece &text)
{
	std::fill_n(finds->found.begin() + window.first_test, window.tests, 0);
	for (const Pass &pass : window.passes) {
		RE2::Set::ErrorInfo error;

		if (pass.set->Match(text, &finds->matches, &error)) {
			for (int match : finds->matches)
				finds->found[pass.first + static_cast<uint32_t>(match)] = 1;
		} else if (error.kind != RE2::Set::kNoError) {
			return false;
		}
	}
	return true;
}

int ask(qv_finds *finds, uint32_t node, const StringPiece &text)
{
	const qv_scans *scans = finds->scans;

	if (scans->windows.empty() || scans->test_of_node[node] == kNone)
		return -EAGAIN;
	const uint32_t test = scans->test_of_node[node], index = scans->window_of_test[test];
	const Window &window = scans->windows[index];
	qv_finds::State &state = finds->windows[index];

	if (state.packet != finds->packet) {
		state = qv_finds::State();
		state.packet = finds->packet;
	}
	if (!state.scanned && !state.failed && state.spent >= kPassCost * window.passes.size()) {
		state.failed = true; // what an exception leaves behind
		state.failed = !scan(finds, window, text);
		state.scanned = !state.failed;
	}
	if (state.scanned)
		return finds->found[test];
	state.spent += scans->cost_of_test[test];
	return -EAGAIN;
}

} // namespace

extern "C" {

struct qv_scans *qv_scans_new(const struct qv_program *program, uint64_t memory,
			      struct qv_fault *fault)
{
	qv::load_unwinder();
	try {
		auto scans = std::make_unique<qv_scans>();

		if (build(scans.get(), program, memory, fault) < 0)
			return nullptr;
		return scans.release();
	} catch (const std::exception &) {
		qv_fault_set(fault, ENOMEM, QV_NO_RULE, "no memory for the scans");
		return nullptr;
	}
}

void qv_scans_free(struct qv_scans *scans)
{
	delete scans;
}

uint64_t qv_scans_memory(const struct qv_scans *scans)
{
	return scans->memory;
}

struct qv_finds *qv_finds_new(const struct qv_scans *scans)
{
	try {
		auto finds = std::make_unique<qv_finds>();

		finds->scans = scans;
		finds->windows.resize(scans->windows.size());
		finds->found.resize(scans->window_of_test.size());
		finds->matches.reserve(scans->window_of_test.size());
		return finds.release();
	} catch (const std::exception &) {
		return nullptr;
	}
}

void qv_finds_free(struct qv_finds *finds)
{
	delete finds;
}

uint64_t qv_finds_memory(const struct qv_finds *finds)
{
	return sizeof(*finds) + finds->windows.size() * sizeof(finds->windows[0]) +
	       finds->found.size() * (sizeof(finds->found[0]) + sizeof(finds->matches[0]));
}

void qv_finds_forget(struct qv_finds *finds)
{
	finds->packet++;
}

int qv_finds_ask(struct qv_finds *finds, uint32_t node, const uint8_t *text, size_t length)
{
	try {
		return ask(finds, node, qv::text_of(text, length));
	} catch (const std::exception &) {
		return -EAGAIN;
	}
}

} // extern "C"
