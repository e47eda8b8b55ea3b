// One look at every byte of a text, before it is read.
//
// Owns counting lines, and finding what an unusual text has. Keep out: what follows from that.

#pragma once

#include <algorithm>
#include <cstddef>

#include "avx2.hpp"

namespace text {

// What tells how much care a text needs.
struct Census {
  std::ptrdiff_t lines = 0;
  bool ascii = true;
  bool control = false;  // NUL or CR occurs
};

inline Census census_by(const char* bytes, std::ptrdiff_t length) {
  constexpr std::ptrdiff_t kStep = 128;  // a sum of so many fits a byte: such loops become vectors
  Census all;
  unsigned char bits = 0;
  unsigned char controls = 0;
  for (std::ptrdiff_t at = 0; at < length; at += kStep) {
    const std::ptrdiff_t stop = std::min(length, at + kStep);
    unsigned char lines = 0;
    for (std::ptrdiff_t i = at; i < stop; ++i) {
      const auto c = static_cast<unsigned char>(bytes[i]);
      lines = static_cast<unsigned char>(lines + (c == '\n'));
      bits |= c;
      controls |= static_cast<unsigned char>(c == 0) | static_cast<unsigned char>(c == '\r');
    }
    all.lines += lines;
  }
  all.ascii = bits < 128;
  all.control = controls != 0;
  return all;
}

#ifdef POLLY_AVX2
POLLY_AVX2 inline Census census_by_avx2(const char* bytes, std::ptrdiff_t length) {
  return census_by(bytes, length);
}
#endif

inline Census census_of(const char* bytes, std::ptrdiff_t length) {
#ifdef POLLY_AVX2
  if (has_avx2()) return census_by_avx2(bytes, length);
#endif
  return census_by(bytes, length);
}

}  // namespace text
