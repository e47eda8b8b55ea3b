// Lines of a MatrixMarket body: row, column, value.
//
// Owns the grammar of common lines, and reading the most common ones at once: short numbers, one
// blank between them. Keep out: Python, and lines that are not common, at which it stops.

#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <system_error>
#include <type_traits>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "entries.hpp"
#include "four_lines.hpp"
#include "numbers.hpp"

namespace triples {

struct Nothing {};  // the values of a pattern

inline bool is_blank(char c) { return c == ' ' || c == '\t'; }

inline const char* past_blanks(const char* p, const char* end) {
  while (p < end && is_blank(*p)) ++p;
  return p;
}

// A whole number of at most 18 digits after zeros; null where there is none, or no word's end.
inline const char* number(const char* p, const char* end, int64_t* value) {
  bool negative = false;
  if (p < end && (*p == '+' || *p == '-')) negative = *p++ == '-';
  const char* const digits = p;
  while (p < end && *p == '0') ++p;
  int64_t found = 0;
  const char* const first = p;
  for (; p < end && numbers::digit(*p); ++p) {
    if (p - first == 18) return nullptr;
    found = found * 10 + (*p - '0');
  }
  if (p == digits || (p < end && !is_blank(*p) && *p != '\n')) return nullptr;
  *value = negative ? -found : found;
  return p;
}

inline const char* number(const char* p, const char* end, int32_t* value) {
  int64_t wide = 0;
  p = number(p, end, &wide);
  if (wide < std::numeric_limits<int32_t>::min() || wide > std::numeric_limits<int32_t>::max())
    return nullptr;
  *value = static_cast<int32_t>(wide);
  return p;
}

inline const char* number(const char* p, const char* end, double* value) {
  if (p < end && *p == '+' && (p + 1 == end || (p[1] != '-' && p[1] != '+'))) ++p;
  const auto result = std::from_chars(p, end, *value);
  if (result.ec != std::errc()) return nullptr;
  if (result.ptr[-1] == ')') return nullptr;  // nan(chars)
  p = result.ptr;
  return p < end && !is_blank(*p) && *p != '\n' ? nullptr : p;
}

inline const char* number(const char* p, const char*, Nothing*) { return p; }

// One entry; null where the line is not as the common ones are.
template <class Value>
const char* entry(const char* p, const char* end, const Room& room, int64_t at, Value* values) {
  if (room.places) {
    for (int which = 0; which < 2; ++which) {
      int64_t whole = 0;
      p = number(past_blanks(p, end), end, &whole);
      if (p == nullptr || whole < 1 || whole > room.limits[which]) return nullptr;
      (which == 0 ? room.rows : room.columns)[at] = static_cast<int32_t>(whole - 1);
    }
  }
  p = past_blanks(p, end);
  if constexpr (std::is_same_v<Value, Nothing>) {
    (void)values;
  } else {
    p = number(p, end, values + at);
    if (p == nullptr) return nullptr;
    p = past_blanks(p, end);
  }
  return p == end || *p == '\n' ? p : nullptr;
}

constexpr std::ptrdiff_t kAhead = 32 + numbers::kReach;

// A bit for each of 32 bytes that is no digit.
#ifdef __SSE2__
inline uint32_t no_digits(const char* p) {
  const auto sixteen = [](const char* from) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i moved = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(0x80 - '0')));
    const __m128i others = _mm_cmpgt_epi8(moved, _mm_set1_epi8(static_cast<char>(0x80 + 9)));
    return static_cast<uint32_t>(_mm_movemask_epi8(others));
  };
  return sixteen(p) | sixteen(p + 16) << 16;
}
#else
inline uint32_t no_digits(const char* p) {
  uint32_t found = 0;
  for (int at = 0; at < 32; at += 8) {
    const uint64_t bytes = numbers::eight_bytes(p + at) ^ 0x3030303030303030U;
    const uint64_t others = (((bytes & 0x7F7F7F7F7F7F7F7FU) + 0x7676767676767676U) | bytes) &
                            0x8080808080808080U;
    found |= static_cast<uint32_t>((others >> 7) * 0x0102040810204080U >> 56) << at;
  }
  return found;
}
#endif

// One to eight digits.
inline int64_t short_number(const char* p, int length) {
  const uint64_t digits = (numbers::eight_bytes(p) & 0x0F0F0F0F0F0F0F0FU) << 8 * (8 - length);
  return static_cast<int64_t>(numbers::value_of(digits));
}

inline bool is_short(int length) { return static_cast<unsigned>(length - 1) < 8; }

// The value that begins at `p`, where its digits end after `length`; null as `entry`.
template <class Value>
const char* short_value(const char* p, int length, Value* value) {
  if (p[length] == '\n' && is_short(length)) {
    *value = static_cast<Value>(short_number(p, length));
    return p + length;
  }
  if constexpr (std::is_same_v<Value, double>) {
    const char* stop = p;
    while (stop - p < 20 && *stop != '\n') ++stop;
    if (*stop == '\n' && numbers::quick_decimal(p, stop, value)) return stop;
  }
  return nullptr;
}

// Lines of short numbers with one blank between them, as most are. The ends of all words of a
// line are found at once, so that one line needs not wait for the numbers of that before.
template <class Value>
void short_entries(const char* end, const Room& room, Value* values, Parsed* done) {
  const char* p = done->stop;
  int64_t at = done->count;
  for (; numbers::kQuick && at < room.most && end - p >= kAhead; ++at) {
    uint32_t ends = no_digits(p);
    if ((ends & (ends - 1)) == 0) break;
    const int first = __builtin_ctz(ends);
    ends &= ends - 1;
    const int second = __builtin_ctz(ends);
    ends &= ends - 1;
    const int third = ends == 0 ? 32 : __builtin_ctz(ends);
    if (p[first] != ' ' || p[second] != ' ' || !is_short(first) || !is_short(second - first - 1))
      break;
    const int64_t row = short_number(p, first);
    const int64_t column = short_number(p + first + 1, second - first - 1);
    if (row < 1 || row > room.limits[0] || column < 1 || column > room.limits[1]) break;
    const char* const stop = short_value(p + second + 1, third - second - 1, values + at);
    if (stop == nullptr) break;
    room.rows[at] = static_cast<int32_t>(row - 1);
    room.columns[at] = static_cast<int32_t>(column - 1);
    p = stop + 1;
  }
  done->lines += at - done->count;
  done->count = at;
  done->stop = p;
}

// All common lines from `p`.
template <class Value>
Parsed parsed(const char* p, const char* end, const Room& room, Value* values) {
  Parsed done{0, 0, p};
  while (done.stop < end) {
    if constexpr (!std::is_same_v<Value, Nothing>) {
#ifdef POLLY_AVX2
      if (room.places && done.stop == p && has_avx2()) entries_by_four(end, room, values, &done);
#endif
      if (room.places) short_entries(end, room, values, &done);
    }
    const char* word = past_blanks(done.stop, end);
    if (word < end && *word != '\n') {
      word = done.count < room.most ? entry(word, end, room, done.count, values) : nullptr;
      if (word == nullptr) break;
      ++done.count;
    }
    done.lines += word < end;
    done.stop = word < end ? word + 1 : end;
  }
  return done;
}

}  // namespace triples
