// Rows of separated text to columns of text and a grid of numbers, by one thread.
//
// Owns the inner loop of `text.py`, which says what the answers are. Only rows that need no
// judgement are read here: whatever is unusual (a short row, a cell that is no number) stops the
// work, and Python's careful reader finds out what is the matter. Keep out: numbers (`numbers.hpp`,
// `four.hpp`), threads, and Python.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <vector>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "avx2.hpp"
#include "census.hpp"
#include "four.hpp"
#include "numbers.hpp"

namespace text {

using namespace numbers;

enum class Status { kDone, kNotIntegers, kUnusual, kNoMemory };

// One column of text, as Arrow keeps it.
struct Column {
  std::string bytes;
  std::vector<std::int64_t> offsets{0};
  std::vector<unsigned char> valid;
  bool gaps = false;

  void push(std::string_view cell) {
    const std::size_t row = offsets.size() - 1;
    if (row % 8 == 0) valid.push_back(0);
    if (cell.empty()) {
      gaps = true;
    } else {
      valid.back() = static_cast<unsigned char>(valid.back() | 1u << row % 8);
      bytes.append(cell);
    }
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
  }

  void keep(std::size_t rows) {
    if (offsets.size() <= rows + 1) return;
    offsets.resize(rows + 1);
    bytes.resize(static_cast<std::size_t>(offsets.back()));
    valid.resize((rows + 7) / 8);
    if (rows % 8) valid.back() = static_cast<unsigned char>(valid.back() & ((1u << rows % 8) - 1));
  }
};

struct Layout {
  char separator;
  bool csv_quotes;
  bool integers;
  const char* text;  // one byte for each column: 0 where it holds numbers
  std::size_t width;
  std::size_t numbers;
};

// Finds the ends of cells in a buffer that ends in a line end.
class Ends {
 public:
  Ends(const char* begin, const char* end, char separator)
      : base_(begin), end_(end), separator_(separator), left_(found()) {}

  // The next separator or line end.
  const char* next() {
    while (left_ == 0) {
      base_ += 64;
      left_ = found();
    }
    const char* at = base_ + __builtin_ctzll(left_);
    left_ &= left_ - 1;
    return at;
  }

  // Go on from another place.
  void seek(const char* at) {
    base_ = at;
    left_ = found();
  }

 private:
  const char* base_;
  const char* end_;
  char separator_;
  std::uint64_t left_;  // a bit for each of 64 bytes from `base_`

  std::uint64_t found() const {
    std::uint64_t bits = 0;
    const std::ptrdiff_t there = std::min<std::ptrdiff_t>(64, end_ - base_);
#ifdef __SSE2__
    if (there == 64) {
      const __m128i line = _mm_set1_epi8('\n');
      const __m128i cell = _mm_set1_epi8(separator_);
      for (int i = 0; i < 4; ++i) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(base_) + i);
        const __m128i ends = _mm_or_si128(_mm_cmpeq_epi8(bytes, line), _mm_cmpeq_epi8(bytes, cell));
        bits |= static_cast<std::uint64_t>(_mm_movemask_epi8(ends)) << 16 * i;
      }
      return bits;
    }
#endif
    for (std::ptrdiff_t i = 0; i < there; ++i)
      bits |= static_cast<std::uint64_t>(base_[i] == '\n' || base_[i] == separator_) << i;
    return bits;
  }
};

// Consecutive whole rows, read by one thread. The last byte before `end` is a line end.
class Rows {
 public:
  std::vector<Column> columns;
  std::size_t capacity;
  std::size_t count = 0;
  char* values = nullptr;  // room for `capacity` rows of eight-byte numbers
  Status status = Status::kDone;

  Rows(const Layout& layout, const char* begin, const char* end)
      : columns(layout.width - layout.numbers), layout_(layout), begin_(begin), end_(end) {
    const auto lines = static_cast<std::size_t>(census_of(begin, end - begin).lines);
    // A row that is not blank has a byte at least for each column.
    capacity = std::min(lines, static_cast<std::size_t>(end - begin) / layout.width);
  }

  std::size_t size() const { return capacity * layout_.numbers * 8; }

  void read() noexcept try {
#ifdef POLLY_AVX2
    if (has_avx2()) return all_by_avx2();
#endif
    all<false>();
  } catch (const std::bad_alloc&) {
    status = Status::kNoMemory;
  }

 private:
  const Layout layout_;
  const char* begin_;
  const char* end_;
  std::string scratch_;
  std::string_view cell_;
  bool solid_ = false;    // a character of this row is certainly no white space
  bool foreign_ = false;  // a character is beyond ASCII, and may be white space
  bool gap_ = false;      // a cell of an integer is empty

#ifdef POLLY_AVX2
  POLLY_AVX2 void all_by_avx2() { all<true>(); }
#endif

  template <bool kByFour>
  void all() {
    if (layout_.integers) all_of<std::int64_t, false>();
    else all_of<double, kByFour>();
  }

  template <typename Number, bool kByFour>
  void all_of() {
    Ends ends(begin_, end_, layout_.separator);
    for (const char* at = begin_; at < end_ && status == Status::kDone;) {
      solid_ = foreign_ = gap_ = false;
      at = row<Number, kByFour>(at, ends);
    }
  }

  // Whether the next four columns from this one on are numbers.
  bool four_numbers(std::size_t column) const {
    static constexpr char kNumbers[4] = {};
    return column + 4 <= layout_.width && std::memcmp(layout_.text + column, kNumbers, 4) == 0;
  }

  // Reads four numbers from `at` on; the end of the last, or null where one may need care.
  const char* four(const char* at, Ends& ends, char* out) {
#ifdef POLLY_AVX2
    const Ends begun = ends;
    const char* found[4];
    int count = 0;
    do found[count] = ends.next();
    while (*found[count] != '\n' && ++count < 4);
    if (count >= 3 && at - begin_ >= 8 && four_decimals(at, found, out)) return found[3];
    ends = begun;
#endif
    return nullptr;
  }

  // Reads a row; the byte behind it.
  template <typename Number, bool kByFour>
  const char* row(const char* at, Ends& ends) {
    const char* const kinds = layout_.text;
    const std::size_t width = layout_.width;
    const char* const safe = end_ - at > kReach ? end_ - kReach : at;
    const bool room = count < capacity;
    char* out = room ? values + count * layout_.numbers * 8 : nullptr;
    auto text = columns.begin();
    const char* end = nullptr;
    bool by_four = kByFour && room;  // until a cell of this row is not so short
    for (std::size_t column = 0; column < width; ++column) {
      if (column) {
        if (*end == '\n') return skip_blank(end);
        at = end + 1;
      }
      if (by_four && four_numbers(column)) {
        const char* last = four(at, ends, out);
        by_four = last != nullptr;
        if (by_four) {
          end = last;
          column += 3;
          out += 4 * 8;
          solid_ = true;
          continue;
        }
      }
      end = layout_.csv_quotes && *at == '"' ? quoted(at, ends) : ends.next();
      if (end == nullptr) return at;
      Number value;
      if (!kinds[column] && room && at < safe && quick(at, end, &value)) {
        solid_ = true;
        std::memcpy(out, &value, 8);
        out += 8;
        continue;
      }
      if (*at != '"' || !layout_.csv_quotes)
        cell_ = {at, static_cast<std::size_t>(end - at)};
      if (!solid_) look();
      if (kinds[column]) {
        (text++)->push(cell_);
      } else if (room) {
        if (!slow(&value)) return at;
        std::memcpy(out, &value, 8);
        out += 8;
      }
    }
    return finish(end, ends);
  }

  // Behind the last cell; what may follow there is empty cells.
  const char* finish(const char* end, Ends& ends) {
    const char* last = end;
    while (*last == layout_.separator || (*last != '\n' && space(*last))) ++last;
    if (*last != '\n') return stop(Status::kUnusual, end);
    if (last != end) ends.seek(last + 1);
    if (!solid_) return skip_blank(last);
    if (gap_) return stop(Status::kNotIntegers, end);
    if (count == capacity) return stop(Status::kUnusual, end);
    ++count;
    return last + 1;
  }

  const char* stop(Status why, const char* at) {
    status = why;
    return at;
  }

  // At the end of a row that has too few cells, or nothing in them.
  const char* skip_blank(const char* end) {
    if (solid_ || foreign_) return stop(Status::kUnusual, end);
    for (Column& column : columns) column.keep(count);
    return end + 1;
  }

  // The end of a cell that begins with a quote, its text in `cell_`; null where it is unusual.
  const char* quoted(const char* at, Ends& ends) {
    scratch_.clear();
    for (++at; *at != '\n'; ++at) {
      if (*at == '"' && *++at != '"') {
        if (*at != layout_.separator && *at != '\n') break;
        cell_ = scratch_;
        ends.seek(at);
        return ends.next();
      }
      if (*at == '\n') break;
      scratch_.push_back(*at);
    }
    status = Status::kUnusual;
    return nullptr;
  }

  void look() {
    for (const char c : cell_) {
      if (space(c)) continue;
      if (static_cast<unsigned char>(c) < 128) {
        solid_ = true;
        return;
      }
      foreign_ = true;
    }
  }

  static bool quick(const char* at, const char* end, double* value) {
    return quick_decimal(at, end, value);
  }

  static bool quick(const char* at, const char* end, std::int64_t* value) {
    return quick_integer(at, end, value);
  }

  bool slow(double* value) {
    if (any_number(cell_, !layout_.csv_quotes, value)) return true;
    status = Status::kUnusual;
    return false;
  }

  bool slow(std::int64_t* value) {
    *value = 0;
    gap_ = gap_ || trimmed(cell_).empty();
    if (gap_ || any_integer(cell_, !layout_.csv_quotes, value)) return true;
    status = Status::kNotIntegers;
    return false;
  }
};

}  // namespace text
