// Four cells of text to four numbers at once, on processors with AVX2.
//
// Owns the commonest cells: digits, a point at most, a minus before them, no more than eight
// characters. The answer is that of `numbers.hpp`, which reads all others. Keep out: rows.

#pragma once

#include "avx2.hpp"

#ifdef POLLY_AVX2
#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace numbers {

// Reads cells that lie between `begin` and `ends[0]`, and behind each end but the last to the next
// one; eight bytes before each end can be read. False, and nothing written, if one is not so short.
POLLY_AVX2 inline bool four_decimals(const char* begin, const char* const ends[4], char* out) {
  const auto word = [&ends](int i) {
    long long bytes;
    std::memcpy(&bytes, ends[i] - 8, 8);
    return bytes;
  };
  const __m256i none = _mm256_setzero_si256();
  const __m256i ones = _mm256_set1_epi8(1);
  const __m256i words = _mm256_set_epi64x(word(3), word(2), word(1), word(0));
  const __m256i lengths = _mm256_set_epi64x(ends[3] - ends[2] - 1, ends[2] - ends[1] - 1,
                                            ends[1] - ends[0] - 1, ends[0] - begin);
  // Each cell is at the high end of its word; these are the bytes of it, none if it is too long.
  const __m256i outside =
      _mm256_sub_epi64(_mm256_set1_epi64x(64), _mm256_slli_epi64(lengths, 3));
  const __m256i cell = _mm256_sllv_epi64(_mm256_set1_epi8(-1), outside);
  const __m256i first = _mm256_andnot_si256(_mm256_slli_epi64(cell, 8), cell);
  const __m256i values = _mm256_xor_si256(words, _mm256_set1_epi8('0'));
  const __m256i digits = _mm256_and_si256(
      cell, _mm256_cmpeq_epi8(_mm256_min_epu8(values, _mm256_set1_epi8(9)), values));
  const __m256i points =
      _mm256_and_si256(cell, _mm256_cmpeq_epi8(words, _mm256_set1_epi8('.')));
  const __m256i minus = _mm256_and_si256(first, _mm256_cmpeq_epi8(words, _mm256_set1_epi8('-')));
  const __m256i known = _mm256_or_si256(_mm256_or_si256(digits, points), minus);
  // The byte of a point, as 1, and that of a digit; how many there are.
  const __m256i point = _mm256_and_si256(points, ones);
  const __m256i wrong = _mm256_or_si256(
      _mm256_xor_si256(known, cell),
      _mm256_or_si256(
          _mm256_cmpgt_epi64(_mm256_sad_epu8(point, none), _mm256_set1_epi64x(1)),
          _mm256_cmpeq_epi64(digits, none)));
  if (!_mm256_testz_si256(wrong, wrong)) return false;

  const __m256i whole = _mm256_cmpeq_epi64(point, none);
  const __m256i before =
      _mm256_andnot_si256(whole, _mm256_sub_epi64(point, _mm256_set1_epi64x(1)));
  const __m256i plain = _mm256_and_si256(values, digits);
  // The digits before the point move up by one byte.
  const __m256i closed = _mm256_or_si256(_mm256_andnot_si256(before, plain),
                                         _mm256_slli_epi64(_mm256_and_si256(before, plain), 8));
  const __m256i pairs = _mm256_maddubs_epi16(closed, _mm256_set1_epi16(0x010A));
  const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00010064));
  const __m256i eights = _mm256_add_epi64(_mm256_mul_epu32(fours, _mm256_set1_epi64x(10000)),
                                          _mm256_srli_epi64(fours, 32));
  // A whole number below 2^52 is the lower bits of 2^52 plus itself.
  const __m256d base = _mm256_set1_pd(4503599627370496.0);
  const __m256d numerators =
      _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(eights, _mm256_castpd_si256(base))), base);
  const __m256i behind = _mm256_andnot_si256(
      _mm256_or_si256(whole, _mm256_or_si256(before, points)), ones);
  const __m256i places = _mm256_sad_epu8(behind, none);
  const __m256 powers = _mm256_permutevar8x32_ps(
      _mm256_setr_ps(1e0F, 1e1F, 1e2F, 1e3F, 1e4F, 1e5F, 1e6F, 1e7F),
      _mm256_permutevar8x32_epi32(places, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6)));
  const __m256d divided =
      _mm256_div_pd(numerators, _mm256_cvtps_pd(_mm256_castps256_ps128(powers)));
  const __m256d sign = _mm256_andnot_pd(_mm256_castsi256_pd(_mm256_cmpeq_epi64(minus, none)),
                                        _mm256_set1_pd(-0.0));
  _mm256_storeu_pd(reinterpret_cast<double*>(out), _mm256_xor_pd(divided, sign));
  return true;
}

}  // namespace numbers

#endif
