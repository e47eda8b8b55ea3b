// A cell of text to a number.
//
// Owns what is a number, what is missing, and exact rounding: as Python's `float` rounds, by one
// division where the digits and the power of ten are doubles themselves (Clinger 1990,
// doi:10.1145/93548.93557), else by the C++ library. Keep out: rows, and Python.

#pragma once

#include <algorithm>
#include <cfloat>
#include <charconv>
#include <clocale>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <locale.h>
#include <string>
#include <string_view>
#include <system_error>
#ifdef __APPLE__
#include <xlocale.h>
#endif

namespace numbers {

constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::uint64_t kTens[] = {1,       10,       100,       1000,      10000,
                                   100000,  1000000,  10000000,  100000000};
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

inline bool digit(char c) { return c >= '0' && c <= '9'; }

inline bool space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

inline std::string_view trimmed(std::string_view cell) {
  while (!cell.empty() && space(cell.front())) cell.remove_prefix(1);
  while (!cell.empty() && space(cell.back())) cell.remove_suffix(1);
  return cell;
}

// Whether a cell is one of these words, in upper or lower case.
template <std::size_t N>
bool among(std::string_view cell, const std::string_view (&words)[N]) {
  return std::any_of(words, words + N, [cell](std::string_view word) {
    return cell.size() == word.size() &&
           std::equal(cell.begin(), cell.end(), word.begin(), [](char a, char b) {
             return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
           });
  });
}

constexpr std::string_view kMissing[] = {"", "na", "nan", "n/a", "#n/a", "<na>", "null", "none"};
constexpr std::string_view kNotANumber[] = {"nan"};
constexpr std::string_view kInfinite[] = {"inf", "infinity"};

// What the C library makes of a number too small or too large for `std::from_chars`.
inline bool by_library(std::string_view cell, double* out) {
#ifdef _WIN32
  return false;
#else
  for (const char c : cell) {
    if (!digit(c) && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-') return false;
  }
  static const locale_t plain = newlocale(LC_ALL_MASK, "C", nullptr);
  if (plain == nullptr) return false;
  const std::string copy(cell);
  char* end = nullptr;
  *out = strtod_l(copy.c_str(), &end, plain);
  return end == copy.c_str() + copy.size();
#endif
}

// An unsigned number of digits, point and exponent.
inline bool unsigned_number(std::string_view cell, double* out) {
  if (cell.empty() || !(digit(cell.front()) || cell.front() == '.')) return false;
#ifdef __cpp_lib_to_chars
  const char* last = cell.data() + cell.size();
  const auto found = std::from_chars(cell.data(), last, *out);
  if (found.ec == std::errc()) return found.ptr == last;
  if (found.ec == std::errc::invalid_argument) return false;
#endif
  return by_library(cell, out);
}

// Any cell of a column of numbers: true with its value (NaN where missing), else it is no number.
inline bool any_number(std::string_view cell, bool unquote, double* out) {
  cell = trimmed(cell);
  if (unquote && cell.size() > 1 && cell.front() == '"' && cell.back() == '"')
    cell = trimmed(cell.substr(1, cell.size() - 2));
  *out = kNan;
  if (among(cell, kMissing)) return true;
  const bool negative = cell.front() == '-';
  if (negative || cell.front() == '+') cell.remove_prefix(1);
  if (among(cell, kNotANumber)) return true;
  if (among(cell, kInfinite)) {
    *out = std::numeric_limits<double>::infinity();
  } else if (!unsigned_number(cell, out)) {
    return false;
  }
  if (negative) *out = -*out;
  return true;
}

inline bool any_integer(std::string_view cell, bool unquote, std::int64_t* out) {
  cell = trimmed(cell);
  if (unquote && cell.size() > 1 && cell.front() == '"' && cell.back() == '"')
    cell = trimmed(cell.substr(1, cell.size() - 2));
  if (!cell.empty() && cell.front() == '+') {
    cell.remove_prefix(1);
    if (!cell.empty() && cell.front() == '-') return false;
  }
  const char* last = cell.data() + cell.size();
  const auto found = std::from_chars(cell.data(), last, *out);
  return found.ec == std::errc() && found.ptr == last;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && FLT_EVAL_METHOD == 0
constexpr bool kQuick = true;
#else
constexpr bool kQuick = false;
#endif

constexpr std::ptrdiff_t kReach = 32;  // bytes behind the begin of a cell that quick reads look at

inline std::uint64_t eight_bytes(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, 8);
  return word;
}

// Eight digits, each a byte from 0 to 9, the first lowest.
inline std::uint64_t value_of(std::uint64_t digits) {
  digits = (digits * 2561) >> 8;
  digits = ((digits & 0x00FF00FF00FF00FFu) * 6553601) >> 16;
  return ((digits & 0x0000FFFF0000FFFFu) * 42949672960001u) >> 32;
}

// High bits where a byte is more than 9; right up to the first of them.
inline std::uint64_t no_digits(std::uint64_t digits) {
  return ((digits + 0x7676767676767676u) | digits) & 0x8080808080808080u;
}

// A cell of one to eight characters that are digits, and a point at most.
inline bool tiny(const char* p, std::size_t length, std::uint64_t* whole, int* after) {
  std::uint64_t word = eight_bytes(p) << 8 * (8 - length);  // the last character highest
  const std::uint64_t points = word ^ 0x2E2E2E2E2E2E2E2Eu;
  const std::uint64_t point =
      (points - 0x0101010101010101u) & ~points & 0x8080808080808080u;
  *after = 0;
  if (point) {
    const int bit = __builtin_ctzll(point) & ~7;
    const std::uint64_t before = word & ((std::uint64_t{1} << bit) - 1);
    word = (word >> bit >> 8 << bit << 8) | before << 8;
    *after = 7 - bit / 8;
    if (--length == 0) return false;
  }
  word ^= 0x3030303030303030u << 8 * (8 - length);
  *whole = value_of(word);
  return no_digits(word) == 0;
}

// Up to eight digits from `p`: how many, and their value.
inline int some_digits(const char* p, std::uint64_t* value) {
  const std::uint64_t word = eight_bytes(p) ^ 0x3030303030303030u;
  const std::uint64_t others = no_digits(word);
  const int count = others ? __builtin_ctzll(others) >> 3 : 8;
  *value = count ? value_of(word << 8 * (8 - count)) : 0;
  return count;
}

// A longer cell of digits and a point: up to 7 before, up to 16 behind.
inline bool plain(const char* p, const char* end, std::uint64_t* whole, int* after) {
  const int before = some_digits(p, whole);
  p += before;
  if (before == 8 || *p != '.') return false;
  std::uint64_t part;
  int count = some_digits(++p, &part);
  *after = count;
  *whole = *whole * kTens[count] + part;
  if (count == 8) {
    count = some_digits(p + 8, &part);
    *after += count;
    if (before + *after > 18) return false;
    *whole = *whole * kTens[count] + part;
  }
  return p + *after == end && before + *after > 0 && *whole <= std::uint64_t{1} << 53;
}

// A cell that is a plain decimal of few digits, where `kReach` bytes can be read; else false.
inline bool quick_decimal(const char* p, const char* end, double* out) {
  if (!kQuick || p == end) return false;
  const bool negative = *p == '-';
  p += negative;
  std::uint64_t whole;
  int after;
  const auto length = static_cast<std::size_t>(end - p);
  if (!(length - 1 < 8 ? tiny(p, length, &whole, &after) : plain(p, end, &whole, &after)))
    return false;
  const double value = static_cast<double>(static_cast<std::int64_t>(whole)) / kPowers[after];
  *out = negative ? -value : value;
  return true;
}

// A cell that is a whole number of few digits, likewise.
inline bool quick_integer(const char* p, const char* end, std::int64_t* out) {
  if (!kQuick || p == end) return false;
  const bool negative = *p == '-';
  p += negative;
  std::uint64_t whole;
  int after;
  const auto length = static_cast<std::size_t>(end - p);
  if (length - 1 >= 8 || !tiny(p, length, &whole, &after) || after) return false;
  if (std::memchr(p, '.', length) != nullptr) return false;
  *out = negative ? -static_cast<std::int64_t>(whole) : static_cast<std::int64_t>(whole);
  return true;
}

}  // namespace numbers
