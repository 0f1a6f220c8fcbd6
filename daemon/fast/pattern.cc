// SPDX-License-Identifier: GPL-2.0
// Payload patterns, matched by RE2. No exception leaves this file: C would not survive one.
#include "pattern.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "expression.h"

namespace {

using re2::RE2;
using re2::StringPiece;
using qv::string_of;
using qv::text_of;

// Bytes for a compiled pattern and the states its automaton remembers: RE2's own default, which
// decides whether a pattern is too large. Matching gets along with less, only slower, so that many
// patterns share what there is.
constexpr uint64_t kAcceptedBudget = 8 << 20;
constexpr uint64_t kLeastBudget = 64 << 10;

enum { kMostGroups = 9, kWholeMatch = 1 };

// As the functions of ctype.h want it.
int byte_at(const std::string &source, size_t at)
{
	return static_cast<unsigned char>(source[at]);
}

// RE2 of 2022-06 takes the literal that all alternatives begin with for UTF-8, and so misses matches
// that begin with a byte above 0x7f: (\xE9a|\xE9b). Only an escape can stand for such a byte. What
// matches nothing, put in front, hides the literal from that short cut and changes nothing else.
std::string source_of(const StringPiece &text)
{
	std::string source(text);

	for (size_t i = 0; i + 1 < source.size(); i++)
		if (source[i] == '\\' && (source[i + 1] == 'x' || isdigit(byte_at(source, i + 1))))
			return "(?:)" + source;
	return source;
}

// Whether a flag group such as (?i) or (?is: asks for both cases.
bool folds_cases(const std::string &source)
{
	for (size_t i = source.find("(?"); i != std::string::npos; i = source.find("(?", i + 1))
		for (size_t j = i + 2; j < source.size() && isalpha(byte_at(source, j)); j++)
			if (source[j] == 'i')
				return true;
	return false;
}

// Whether it has a class of Unicode's, with characters above 0xff: no escape stands for one.
bool is_wide(const std::string &source)
{
	for (size_t i = 0; i + 1 < source.size(); i++) {
		if (source[i] != '\\')
			continue;
		i++;
		if (source[i] == 'p' || source[i] == 'P')
			return true;
	}
	return false;
}

// Whether a node or what is under it asks for the pattern. Nodes refer only to nodes before them,
// and the verifier has bounded how deep they go.
bool node_asks(const qv_program *program, uint32_t index, uint32_t pattern)
{
	const qv_node &node = program->nodes[index];

	switch (node.op) {
	case QV_MATCHES:
		return node.first == pattern;
	case QV_NOT:
		return node_asks(program, node.first, pattern);
	case QV_ALL:
	case QV_ANY:
		for (uint32_t i = 0; i < node.count; i++)
			if (node_asks(program, program->children[node.first + i], pattern))
				return true;
		return false;
	default:
		return false;
	}
}

// The first rule that uses the pattern, to be named to a person.
uint32_t rule_using(const qv_program *program, uint32_t pattern)
{
	for (uint32_t i = 0; i < program->rule_count; i++) {
		const qv_rule &rule = program->rules[i];

		if (node_asks(program, rule.condition, pattern))
			return i;
		for (uint32_t j = 0; j < rule.rewrites; j++) {
			const qv_rewrite &rewrite = program->rewrites[rule.first_rewrite + j];

			if (rewrite.edit == QV_REPLACE_PATTERN && rewrite.a == pattern)
				return i;
		}
	}
	return QV_NO_RULE;
}

} // namespace

struct qv_patterns {
	std::vector<std::unique_ptr<RE2>> compiled;
	uint64_t memory = sizeof(qv_patterns);
};

namespace {

// Compile with a fair share of half of the memory, as there is more to build; a pattern too large for
// that gets RE2's default.
int compile(qv_patterns *patterns, const qv_program *program, uint64_t memory, qv_fault *fault)
{
	const uint64_t count = program->pattern_count;
	const uint64_t share = std::min(memory / 2 / (count ? count : 1), kAcceptedBudget);

	patterns->compiled.reserve(count);
	for (uint32_t i = 0; i < count; i++) {
		const std::string source = source_of(string_of(program, program->patterns[i]));
		uint64_t budget = std::max(share, kLeastBudget);
		auto one = std::make_unique<RE2>(source, qv::expression_options(budget));

		if (one->error_code() == RE2::ErrorPatternTooLarge && budget < kAcceptedBudget) {
			budget = kAcceptedBudget;
			one = std::make_unique<RE2>(source, qv::expression_options(budget));
		}
		// By the case of a letter that is not in Latin-1, RE2 of 2022-06 finds the micro sign
		// in (?i)\p{Greek}, and RE2 of today does not.
		if (folds_cases(source) && is_wide(source))
			return qv_fault_set(fault, EINVAL, rule_using(program, i),
					    "pattern %u: ignores case, and names characters that no "
					    "byte is: leave out (?i), or the class with them", i);
		if (!one->ok())
			return qv_fault_set(fault, EINVAL, rule_using(program, i),
					    "pattern %u: %s", i, one->error().c_str());
		patterns->memory += budget;
		if (patterns->memory > memory)
			return qv_fault_set(fault, E2BIG, rule_using(program, i),
					    "patterns need more than %llu bytes",
					    static_cast<unsigned long long>(memory));
		patterns->compiled.push_back(std::move(one));
	}
	return 0;
}

// What is written in the place of matches, byte by byte into the caller's room.
class Output {
public:
	Output(uint8_t *out, size_t room) : out_(out), room_(room) {}

	bool put(const char *bytes, size_t size)
	{
		if (size > room_ - made_)
			return false;
		if (size)
			memcpy(out_ + made_, bytes, size);
		made_ += size;
		return true;
	}

	bool put(const StringPiece &piece) { return put(piece.data(), piece.size()); }

	size_t made() const { return made_; }

private:
	uint8_t *out_;
	size_t room_;
	size_t made_ = 0;
};

bool put_templates(Output *output, const qv_program *program, const qv_rewrite *rewrite,
		   const StringPiece *groups)
{
	for (uint32_t i = 0; i < rewrite->extra; i++) {
		const qv_template &part = program->templates[rewrite->b + i];

		// A group that took no part in the match is an empty piece.
		if (!output->put(part.group ? groups[part.group] : string_of(program, part.string)))
			return false;
	}
	return true;
}

int replace(const RE2 &pattern, const qv_program *program, const qv_rewrite *rewrite,
	    uint32_t most, const StringPiece &text, Output *output)
{
	StringPiece groups[kWholeMatch + kMostGroups];
	const int wanted = kWholeMatch + std::min<int>(pattern.NumberOfCapturingGroups(),
						       kMostGroups);
	size_t done = 0, from = 0;
	uint32_t number = 0;

	while (pattern.Match(text, from, text.size(), RE2::UNANCHORED, groups, wanted)) {
		const size_t start = static_cast<size_t>(groups[0].data() - text.data());
		const size_t end = start + groups[0].size();

		// An empty match right behind another match is none.
		if (!number || end != done) {
			if (number == rewrite->count)
				break;
			if (number == most)
				return -E2BIG;
			number++;
			if (!output->put(text.data() + done, start - done) ||
			    !put_templates(output, program, rewrite, groups))
				return -ENOSPC;
			done = end;
		}
		if (from == text.size())
			break;
		from = from == end ? from + 1 : end;
	}
	if (!number)
		return 1;
	return output->put(text.data() + done, text.size() - done) ? 0 : -ENOSPC;
}

} // namespace

extern "C" {

struct qv_patterns *qv_patterns_new(const struct qv_program *program, uint64_t memory,
				    struct qv_fault *fault)
{
	qv::load_unwinder();
	try {
		auto patterns = std::make_unique<qv_patterns>();

		if (compile(patterns.get(), program, memory, fault) < 0)
			return nullptr;
		return patterns.release();
	} catch (const std::exception &) {
		qv_fault_set(fault, ENOMEM, QV_NO_RULE, "no memory for the patterns");
		return nullptr;
	}
}

void qv_patterns_free(struct qv_patterns *patterns)
{
	delete patterns;
}

uint64_t qv_patterns_memory(const struct qv_patterns *patterns)
{
	return patterns->memory;
}

int qv_pattern_found(const struct qv_patterns *patterns, uint32_t pattern, const uint8_t *text,
		     size_t length)
{
	try {
		return patterns->compiled[pattern]->Match(text_of(text, length), 0, length,
							  RE2::UNANCHORED, nullptr, 0);
	} catch (const std::exception &) {
		return -ENOMEM;
	}
}

int qv_pattern_replace(const struct qv_patterns *patterns, const struct qv_program *program,
		       const struct qv_rewrite *rewrite, uint32_t most, const uint8_t *text,
		       size_t length, uint8_t *out, size_t room, size_t *made)
{
	try {
		Output output(out, room);
		int error = replace(*patterns->compiled[rewrite->a], program, rewrite, most,
				    text_of(text, length), &output);

		*made = output.made();
		return error;
	} catch (const std::exception &) {
		return -ENOMEM;
	}
}

} // extern "C"
