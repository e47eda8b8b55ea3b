// Entries of a sparse matrix sorted by one of their places: a stable counting sort.
//
// Owns the order of memory accesses, which is what such a sort costs: keys are taken in bands, so
// that all places that a band is written to stay in a processor's caches. Keep out: Python.

#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

namespace scatter {

struct Entries {
  const void* keys;
  const int64_t* indptr;     // the majors as offsets,
  const int32_t* explicit_;  // or one by one
  int64_t majors;
  const void* values;
  int64_t count;
  int64_t first;
  int64_t* starts;
  int64_t bound;
  int32_t* out_majors;
  void* out_values;
};

// The first key that is not below the bound, or -1; whether majors of each key ascend, each once.
struct Answer {
  int64_t wrong;
  bool rising;
};

constexpr int kBands = 128;
constexpr int kLeastShift = 10;  // a band's keys: their cursors fit a first cache, places a second

template <class Value>
struct Entry {
  int32_t key;
  int32_t major;
  Value value;
};

// Calls put(entry's number, its major) for each in order.
template <class Put>
void each(const Entries& e, Put put) {
  if (e.explicit_ != nullptr) {
    for (int64_t i = 0; i < e.count; ++i) put(i, e.explicit_[i]);
    return;
  }
  for (int64_t major = 0; major < e.majors; ++major) {
    const auto name = static_cast<int32_t>(e.first + major);
    for (int64_t i = e.indptr[major]; i < e.indptr[major + 1]; ++i) put(i, name);
  }
}

// Whether majors ascend, each once, within each key from `low` to `high`.
inline bool ascends(const Entries& e, int64_t low, int64_t high) {
  int64_t falls = 0;
  const int32_t* const majors = e.out_majors;
  for (int64_t i = e.starts[low] + 1; i < e.starts[high]; ++i) falls += majors[i] <= majors[i - 1];
  for (int64_t key = low + 1; key < high && falls > 0; ++key) {
    const int64_t start = e.starts[key];
    if (start == e.starts[key + 1] || start == e.starts[low]) continue;
    falls -= majors[start] <= majors[start - 1];
  }
  return falls == 0;
}

// The band of each key is what is left of it after `shift` bits.
inline int band_shift(int64_t bound) {
  int shift = kLeastShift;
  while ((bound - 1) >> shift >= kBands) ++shift;
  return shift;
}

// Counts the entries of each band; the first wrong key, or -1. Four counters for each, as equal
// keys mostly follow each other and would wait for one.
template <class Key>
int64_t count_bands(const Entries& e, int shift, int64_t* ends) {
  const auto* keys = static_cast<const Key*>(e.keys);
  int64_t counts[4][kBands] = {};
  for (int64_t i = 0; i < e.count; ++i) {
    const auto key = static_cast<uint64_t>(static_cast<int64_t>(keys[i]));
    if (key >= static_cast<uint64_t>(e.bound)) return i;
    ++counts[i & 3][key >> shift];
  }
  int64_t total = 0;
  for (int band = 0; band < kBands; ++band) {
    for (const auto& each : counts) total += each[band];
    ends[band] = total;
  }
  return -1;
}

// Sorts the entries of one band, which begin at `from` both in `parted` and in the answer.
template <class Value>
void sort_band(const Entries& e, const Entry<Value>* parted, int64_t from, int64_t to, int64_t low,
               int64_t high, int64_t* cursors) {
  std::fill(cursors, cursors + (high - low), 0);
  for (int64_t i = from; i < to; ++i) ++cursors[parted[i].key];
  int64_t total = from;
  for (int64_t key = 0; key < high - low; ++key) {
    const int64_t count = cursors[key];
    cursors[key] = total;
    total += count;
    e.starts[low + key + 1] = total;
  }
  auto* const out = static_cast<Value*>(e.out_values);
  for (int64_t i = from; i < to; ++i) {
    const int64_t place = cursors[parted[i].key]++;
    e.out_majors[place] = parted[i].major;
    out[place] = parted[i].value;
  }
}

// All entries by key, by way of a copy that is parted into bands. Throws std::bad_alloc.
template <class Key, class Value>
Answer parted(const Entries& e, int shift) {
  int64_t ends[kBands];
  const int64_t wrong = count_bands<Key>(e, shift, ends);
  if (wrong >= 0) return {wrong, false};
  const std::unique_ptr<Entry<Value>[]> bands(new Entry<Value>[static_cast<size_t>(e.count)]);
  std::vector<int64_t> cursors(static_cast<size_t>(std::min(e.bound, int64_t{1} << shift)));
  int64_t next[kBands] = {};
  std::copy(ends, ends + kBands - 1, next + 1);
  const auto* keys = static_cast<const Key*>(e.keys);
  const auto* values = static_cast<const Value*>(e.values);
  const int64_t mask = (int64_t{1} << shift) - 1;
  each(e, [&](int64_t i, int32_t major) {
    const auto key = static_cast<int64_t>(keys[i]);
    bands[static_cast<size_t>(next[key >> shift]++)] = {static_cast<int32_t>(key & mask), major,
                                                        values[i]};
  });
  bool rising = true;
  e.starts[0] = 0;
  for (int64_t low = 0, band = 0; low < e.bound; low += mask + 1, ++band) {
    const int64_t high = std::min(low + mask + 1, e.bound);
    sort_band(e, bands.get(), band == 0 ? 0 : ends[band - 1], ends[band], low, high,
              cursors.data());
    rising = rising && ascends(e, low, high);
  }
  return {-1, rising};
}

// Entries of one major that are not yet sorted: from `at` to `stop`.
struct Row {
  int64_t at;
  int64_t stop;
  int32_t major;
};

constexpr int64_t kFewest = 2;  // entries of a row in each band, for which sweeps are worth it

// The majors as rows, where they ascend, with enough entries in each; else none.
inline std::vector<Row> rows_of(const Entries& e, int64_t bands) {
  std::vector<Row> rows;
  const auto most = static_cast<size_t>(e.count / (bands * kFewest));
  if (e.explicit_ == nullptr) {
    for (int64_t major = 0; major < e.majors && rows.size() <= most; ++major) {
      const Row row{e.indptr[major], e.indptr[major + 1], static_cast<int32_t>(e.first + major)};
      if (row.at < row.stop) rows.push_back(row);
    }
  } else {
    for (int64_t i = 0; i < e.count && rows.size() <= most; ++i) {
      if (i > 0 && e.explicit_[i] == e.explicit_[i - 1]) continue;
      if (i > 0 && e.explicit_[i] < e.explicit_[i - 1]) return {};
      if (i > 0) rows.back().stop = i;
      rows.push_back({i, e.count, e.explicit_[i]});
    }
  }
  if (rows.size() > most) rows.clear();
  return rows;
}

// Counts keys into starts[key + 1], as long as they ascend in each row and are below the bound.
template <class Key>
bool count_rising(const Entries& e, const std::vector<Row>& rows) {
  const auto* keys = static_cast<const Key*>(e.keys);
  std::fill(e.starts, e.starts + e.bound + 1, 0);
  for (const Row& row : rows) {
    int64_t before = -1;
    for (int64_t i = row.at; i < row.stop; ++i) {
      const auto key = static_cast<int64_t>(keys[i]);
      if (key <= before || key >= e.bound) return false;
      ++e.starts[key + 1];
      before = key;
    }
  }
  return true;
}

// Sorts rows whose keys ascend, without parting them first: each band takes from every row what
// lies next in it. `starts` hold the count of each key behind it, and become offsets.
template <class Key, class Value>
void sweep(const Entries& e, int shift, std::vector<Row>& rows) {
  const auto* keys = static_cast<const Key*>(e.keys);
  const auto* values = static_cast<const Value*>(e.values);
  auto* const out = static_cast<Value*>(e.out_values);
  for (int64_t key = 0; key < e.bound; ++key) e.starts[key + 1] += e.starts[key];
  const int64_t width = std::min(e.bound, int64_t{1} << shift);
  std::vector<int64_t> cursors(static_cast<size_t>(width));
  for (int64_t low = 0; low < e.bound; low += width) {
    const int64_t high = std::min(low + width, e.bound);
    std::copy(e.starts + low, e.starts + high, cursors.begin());
    for (Row& row : rows) {
      int64_t i = row.at;
      for (; i < row.stop && static_cast<int64_t>(keys[i]) < high; ++i) {
        const int64_t place = cursors[static_cast<size_t>(static_cast<int64_t>(keys[i]) - low)]++;
        e.out_majors[place] = row.major;
        out[place] = values[i];
      }
      row.at = i;
    }
  }
}

// All entries by key. Throws std::bad_alloc.
template <class Key, class Value>
Answer sorted(const Entries& e) {
  const int shift = band_shift(e.bound);
  std::vector<Row> rows = rows_of(e, (e.bound >> shift) + 1);
  if (!rows.empty() && count_rising<Key>(e, rows)) {
    sweep<Key, Value>(e, shift, rows);
    return {-1, true};
  }
  return parted<Key, Value>(e, shift);
}

}  // namespace scatter
