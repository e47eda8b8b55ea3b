// Four lines of three short whole numbers at once, on processors with AVX2.
//
// Owns finding the ends of words, a stretch of text at a time, and what four lines make.
// Keep out: lines that are otherwise, before which it stops.

#pragma once

#include "avx2.hpp"

#ifdef POLLY_AVX2
#include <immintrin.h>

#include <cstdint>

#include "entries.hpp"
#include "numbers.hpp"

namespace triples {

constexpr int kStretch = 2048;  // bytes, the ends of whose words stay in a first cache
constexpr int kWords = 12;      // of four lines

// The ends of words behind a line's beginning, of which the first is the end of the line before.
struct Ends {
  int32_t at[1 + kStretch + 64];  // more are written than there are
  int count;
};

// A bit for each of 64 bytes.
struct Marks {
  uint64_t words;  // no digit
  uint64_t blanks;
  uint64_t lines;
};

POLLY_AVX2 inline uint64_t bits(__m256i bytes) {
  return static_cast<uint32_t>(_mm256_movemask_epi8(bytes));
}

POLLY_AVX2 inline Marks marks(const char* p) {
  Marks found{0, 0, 0};
  for (int i = 0; i < 2; ++i) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p) + i);
    const __m256i moved = _mm256_add_epi8(bytes, _mm256_set1_epi8(static_cast<char>(0x80 - '0')));
    const __m256i others = _mm256_cmpgt_epi8(moved, _mm256_set1_epi8(static_cast<char>(0x80 + 9)));
    found.words |= bits(others) << 32 * i;
    found.blanks |= bits(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(' '))) << 32 * i;
    found.lines |= bits(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\n'))) << 32 * i;
  }
  return found;
}

// The ends of words from a line's beginning on, as long as two blanks and a line end take turns.
POLLY_AVX2 inline void find_ends(const char* p, const char* end, Ends* found) {
  constexpr uint64_t kLines[] = {0x4924924924924924U, 0x2492492492492492U, 0x9249249249249249U};
  int count = 0;
  found->at[0] = -1;
  for (int base = 0; base < kStretch && end - p >= base + 64 + numbers::kReach; base += 64) {
    const Marks marked = marks(p + base);
    const int more = __builtin_popcountll(marked.words);
    const uint64_t lines = _bzhi_u64(kLines[count % 3], static_cast<unsigned>(more));
    if (marked.words != (marked.blanks | marked.lines) ||
        _pext_u64(marked.lines, marked.words) != lines)
      break;
    uint64_t left = marked.words;
    int32_t* at = found->at + 1 + count;
    count += more;
    for (int done = 0; done < 16 || done < more; done += 8) {  // so that 16 are never asked for
      for (int i = 0; i < 8; ++i) {
        *at++ = base + static_cast<int>(_tzcnt_u64(left));
        left = _blsr_u64(left);
      }
    }
  }
  found->count = count;
}

// Of four words of one to eight digits the values of both halves.
POLLY_AVX2 inline __m256i halves(const char* p, const int32_t* before, __m128i steps) {
  const auto word = [p, before](int i) {
    return static_cast<long long>(numbers::eight_bytes(p + before[i] + 1));
  };
  const __m256i words = _mm256_set_epi64x(word(3), word(2), word(1), word(0));
  const __m256i absent = _mm256_sub_epi64(_mm256_set1_epi64x(8 * (8 + 1)),
                                          _mm256_slli_epi64(_mm256_cvtepi32_epi64(steps), 3));
  const __m256i digits =
      _mm256_and_si256(_mm256_sllv_epi64(words, absent), _mm256_set1_epi8(15));
  const __m256i pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010A));
  return _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00010064));
}

// The values of twelve words; false where one is empty or of more than eight digits.
POLLY_AVX2 inline bool twelve_numbers(const char* p, const int32_t* before, __m128i found[3]) {
  const auto four = [](const int32_t* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  __m128i steps[3];  // one more than a word is long
  __m128i beyond = _mm_setzero_si128();
  for (int i = 0; i < 3; ++i) {
    steps[i] = _mm_sub_epi32(four(before + 4 * i + 1), four(before + 4 * i));
    beyond = _mm_or_si128(beyond, _mm_sub_epi32(steps[i], _mm_set1_epi32(2)));
  }
  if (!_mm_testz_si128(beyond, _mm_set1_epi32(~7))) return false;
  const __m256i first = halves(p, before, steps[0]);
  const __m256i second = halves(p, before + 4, steps[1]);
  const __m256i third = halves(p, before + 8, steps[2]);
  const __m256i scale = _mm256_set1_epi32(0x00012710);
  const __m256i eight = _mm256_madd_epi16(_mm256_packus_epi32(first, second), scale);
  const __m256i rest = _mm256_madd_epi16(_mm256_packus_epi32(third, third), scale);
  const __m256i ordered = _mm256_permute4x64_epi64(eight, _MM_SHUFFLE(3, 1, 2, 0));
  found[0] = _mm256_castsi256_si128(ordered);
  found[1] = _mm256_extracti128_si256(ordered, 1);
  found[2] = _mm256_castsi256_si128(_mm256_permute4x64_epi64(rest, _MM_SHUFFLE(3, 1, 2, 0)));
  return true;
}

POLLY_AVX2 inline void put(int32_t* to, __m128i four) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), four);
}

POLLY_AVX2 inline void put(int64_t* to, __m128i four) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_cvtepi32_epi64(four));
}

POLLY_AVX2 inline void put(double* to, __m128i four) {
  _mm256_storeu_pd(to, _mm256_cvtepi32_pd(four));
}

// Whether four numbers are below the limit; one below 0 is not.
POLLY_AVX2 inline bool are_below(__m128i four, __m128i limit) {
  const __m128i beyond = _mm_cmpeq_epi32(_mm_max_epu32(four, limit), four);
  return _mm_testz_si128(beyond, beyond) != 0;
}

// Four lines, their words behind `before`; false where one is not as the common ones are.
template <class Value>
POLLY_AVX2 bool four_lines(const char* p, const int32_t* before, const Room& room, int64_t at,
                           Value* values) {
  __m128i found[3];  // row, column, value, row; column, value, ...
  if (!twelve_numbers(p, before, found)) return false;
  const __m128i one = _mm_set1_epi32(1);
  const __m128i rows = _mm_blend_epi32(_mm_blend_epi32(found[0], found[1], 4), found[2], 2);
  const __m128i columns = _mm_blend_epi32(_mm_blend_epi32(found[0], found[1], 9), found[2], 4);
  const __m128i rest = _mm_blend_epi32(_mm_blend_epi32(found[0], found[1], 2), found[2], 9);
  const __m128i row = _mm_sub_epi32(_mm_shuffle_epi32(rows, _MM_SHUFFLE(1, 2, 3, 0)), one);
  const __m128i column = _mm_sub_epi32(_mm_shuffle_epi32(columns, _MM_SHUFFLE(2, 3, 0, 1)), one);
  if (!are_below(row, _mm_set1_epi32(static_cast<int32_t>(room.limits[0]))) ||
      !are_below(column, _mm_set1_epi32(static_cast<int32_t>(room.limits[1]))))
    return false;
  put(room.rows + at, row);
  put(room.columns + at, column);
  put(values + at, _mm_shuffle_epi32(rest, _MM_SHUFFLE(3, 0, 1, 2)));
  return true;
}

// Lines by four, as long as they are short whole numbers with one blank between them.
template <class Value>
POLLY_AVX2 void entries_by_four(const char* end, const Room& room, Value* values, Parsed* done) {
  Ends ends;
  for (bool more = true; more;) {
    find_ends(done->stop, end, &ends);
    int word = 0;
    for (; word + kWords <= ends.count && done->count + 4 <= room.most; word += kWords) {
      if (!four_lines(done->stop, ends.at + word, room, done->count, values)) break;
      done->count += 4;
    }
    done->lines += word / 3;
    done->stop += ends.at[word] + 1;
    more = word > 0 && word + kWords > ends.count;
  }
}

}  // namespace triples

#endif
