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

constexpr std::string_view kMissing[] = {"", "na", "nan", "n/a", "#n/a", "null"};
constexpr std::string_view kNotANumber[] = {"nan"};
constexpr std::string_view kInfinite[] = {"inf", "infinity"};

// What the C library makes of a number too small or too large for `std::from_chars`.
inline bool by_library(std::string_view cell, double* out) {
#ifdef _WIN32
  return false;
#else
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
  for (const char c : cell) {
    if (!((c >= '0' && c <= '9') || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'))
      return false;
  }
  if (cell.empty() || cell[0] == '+' || cell[0] == '-') return false;
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

// Up to eight digits at `p`, where eight bytes can be read: how many, and their value.
inline int digits(const char* p, std::uint64_t* value) {
  std::uint64_t word;
  std::memcpy(&word, p, 8);
  word ^= 0x3030303030303030u;
  const std::uint64_t others = ((word + 0x7676767676767676u) | word) & 0x8080808080808080u;
  const int count = others ? __builtin_ctzll(others) >> 3 : 8;
  if (count == 0) {
    *value = 0;
    return 0;
  }
  word <<= 8 * (8 - count);
  word = (word * 2561) >> 8;
  word = (word & 0x00FF00FF00FF00FFu) * 6553601 >> 16;
  *value = (word & 0x0000FFFF0000FFFFu) * 42949672960001u >> 32;
  return count;
}

constexpr std::ptrdiff_t kReach = 28;  // bytes that `short_decimal` may look at

// A plain decimal of few digits: the byte behind it, or null where it is not so simple.
inline const char* short_decimal(const char* p, double* out) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && FLT_EVAL_METHOD == 0
  const bool negative = *p == '-';
  p += negative;
  std::uint64_t whole;
  std::uint64_t part;
  const int before = digits(p, &whole);
  p += before;
  if (before == 8) return nullptr;
  int after = 0;
  if (*p == '.') {
    ++p;
    after = digits(p, &part);
    p += after;
    whole = whole * kTens[after] + part;
    if (after == 8) {
      const int more = digits(p, &part);
      p += more;
      after += more;
      if (before + after > 18) return nullptr;
      whole = whole * kTens[more] + part;
    }
  }
  if (before + after == 0 || whole > (std::uint64_t{1} << 53)) return nullptr;
  const double value = static_cast<double>(whole) / kPowers[after];
  *out = negative ? -value : value;
  return p;
#else
  return nullptr;
#endif
}

// A whole number of few digits, likewise.
inline const char* short_integer(const char* p, std::int64_t* out) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  const bool negative = *p == '-';
  p += negative;
  std::uint64_t whole;
  const int count = digits(p, &whole);
  if (count == 0 || count == 8) return nullptr;
  *out = negative ? -static_cast<std::int64_t>(whole) : static_cast<std::int64_t>(whole);
  return p + count;
#else
  return nullptr;
#endif
}

}  // namespace numbers
