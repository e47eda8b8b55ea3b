// Inner loops over sparse matrices; `sparse.py` says what each is for, and has it in numpy, too.
// Arguments are buffers whose lengths are checked here; nothing is kept after a call.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

namespace {

// The buffers of one call, released with it.
class Buffers {
 public:
  Py_buffer at[6] = {};
  ~Buffers() {
    for (Py_buffer& each : at) {
      if (each.obj != nullptr) PyBuffer_Release(&each);
    }
  }
  template <class T>
  T* items(int which) const {
    return static_cast<T*>(at[which].buf);
  }
  template <class T>
  int64_t count(int which) const {
    return static_cast<int64_t>(at[which].len) / static_cast<int64_t>(sizeof(T));
  }
};

class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() { PyEval_RestoreThread(state_); }

 private:
  PyThreadState* state_;
};

PyObject* refuse(const char* what) {
  PyErr_SetString(PyExc_ValueError, what);
  return nullptr;
}

// Whether offsets ascend from 0 to `end`.
bool ascends(const int64_t* offsets, int64_t count, int64_t end) {
  if (count < 1 || offsets[0] != 0 || offsets[count - 1] != end) return false;
  for (int64_t i = 1; i < count; ++i) {
    if (offsets[i] < offsets[i - 1]) return false;
  }
  return true;
}

// Counts keys into starts[key + 1] and makes offsets of them; the first key that is not below
// `bound`, or -1.
template <class Key>
int64_t count_keys(const Key* keys, int64_t count, int64_t* starts, int64_t bound) {
  std::fill(starts, starts + bound + 1, 0);
  for (int64_t i = 0; i < count; ++i) {
    const auto key = static_cast<uint64_t>(static_cast<int64_t>(keys[i]));
    if (key >= static_cast<uint64_t>(bound)) return i;
    ++starts[key + 1];
  }
  for (int64_t k = 0; k < bound; ++k) starts[k + 1] += starts[k];
  return -1;
}

struct Entries {
  const void* keys;
  const int64_t* indptr;    // the majors as offsets,
  const int32_t* explicit_; // or one by one
  int64_t majors;
  const void* values;
  int64_t count;
  int64_t first;
  int64_t* starts;
  int64_t bound;
  int32_t* out_majors;
  void* out_values;
};

template <class Key, class Value>
int64_t scatter(const Entries& e, std::vector<int64_t>& free) {
  const auto* keys = static_cast<const Key*>(e.keys);
  const auto* values = static_cast<const Value*>(e.values);
  auto* out = static_cast<Value*>(e.out_values);
  const int64_t wrong = count_keys(keys, e.count, e.starts, e.bound);
  if (wrong >= 0) return wrong;
  std::copy(e.starts, e.starts + e.bound, free.begin());
  const auto put = [&](int64_t i, int32_t major) {
    const int64_t to = free[static_cast<size_t>(keys[i])]++;
    e.out_majors[to] = major;
    out[to] = values[i];
  };
  if (e.explicit_ != nullptr) {
    for (int64_t i = 0; i < e.count; ++i) put(i, e.explicit_[i]);
    return -1;
  }
  for (int64_t major = 0; major < e.majors; ++major) {
    const auto name = static_cast<int32_t>(e.first + major);
    for (int64_t i = e.indptr[major]; i < e.indptr[major + 1]; ++i) put(i, name);
  }
  return -1;
}

PyObject* sorted_by_key(const Entries& entries, int key_bytes, int value_bytes) {
  int64_t wrong = -1;
  try {
    std::vector<int64_t> free(static_cast<size_t>(entries.bound));
    const WithoutGil unlocked;
    if (key_bytes == 4) {
      wrong = value_bytes == 4 ? scatter<int32_t, uint32_t>(entries, free)
                               : scatter<int32_t, uint64_t>(entries, free);
    } else {
      wrong = value_bytes == 4 ? scatter<int64_t, uint32_t>(entries, free)
                               : scatter<int64_t, uint64_t>(entries, free);
    }
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  }
  return PyLong_FromLongLong(wrong);
}

bool fits(const Buffers& b, int64_t count, int key_bytes, int value_bytes) {
  return (key_bytes == 4 || key_bytes == 8) && (value_bytes == 4 || value_bytes == 8) &&
         b.at[1].len == count * key_bytes && b.at[2].len == count * value_bytes &&
         b.at[3].len >= static_cast<Py_ssize_t>(sizeof(int64_t)) && b.count<int32_t>(4) == count &&
         b.at[5].len == count * value_bytes;
}

// transpose(indptr, keys, values, out_starts, out_majors, out_values, key_bytes, value_bytes, first)
PyObject* transpose(PyObject*, PyObject* args) {
  Buffers b;
  int key_bytes = 0;
  int value_bytes = 0;
  long long first = 0;
  if (!PyArg_ParseTuple(args, "y*y*y*w*w*w*iiL", &b.at[0], &b.at[1], &b.at[2], &b.at[3], &b.at[4],
                        &b.at[5], &key_bytes, &value_bytes, &first)) {
    return nullptr;
  }
  const int64_t count = b.count<int32_t>(4);
  const int64_t offsets = b.count<int64_t>(0);
  if (!fits(b, count, key_bytes, value_bytes) || first < 0 || first + offsets > INT32_MAX ||
      !ascends(b.items<int64_t>(0), offsets, count)) {
    return refuse("transpose: buffers do not fit together");
  }
  return sorted_by_key({b.at[1].buf, b.items<int64_t>(0), nullptr, offsets - 1, b.at[2].buf, count,
                        first, b.items<int64_t>(3), b.count<int64_t>(3) - 1, b.items<int32_t>(4),
                        b.at[5].buf},
                       key_bytes, value_bytes);
}

// group(majors, keys, values, out_starts, out_majors, out_values, key_bytes, value_bytes)
PyObject* group(PyObject*, PyObject* args) {
  Buffers b;
  int key_bytes = 0;
  int value_bytes = 0;
  if (!PyArg_ParseTuple(args, "y*y*y*w*w*w*ii", &b.at[0], &b.at[1], &b.at[2], &b.at[3], &b.at[4],
                        &b.at[5], &key_bytes, &value_bytes)) {
    return nullptr;
  }
  const int64_t count = b.count<int32_t>(4);
  if (!fits(b, count, key_bytes, value_bytes) || b.count<int32_t>(0) != count) {
    return refuse("group: buffers do not fit together");
  }
  return sorted_by_key({b.at[1].buf, nullptr, b.items<int32_t>(0), 0, b.at[2].buf, count, 0,
                        b.items<int64_t>(3), b.count<int64_t>(3) - 1, b.items<int32_t>(4),
                        b.at[5].buf},
                       key_bytes, value_bytes);
}

// Sorts each row that does not ascend; how many entries have the place of the one before.
template <class Value>
int64_t sort_rows(const int64_t* indptr, int64_t rows, int32_t* minors, Value* values) {
  std::vector<std::pair<int32_t, Value>> row;
  int64_t repeated = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t start = indptr[r];
    const int64_t stop = indptr[r + 1];
    if (!std::is_sorted(minors + start, minors + stop)) {
      row.clear();
      for (int64_t i = start; i < stop; ++i) row.emplace_back(minors[i], values[i]);
      std::stable_sort(row.begin(), row.end(),
                       [](const auto& one, const auto& other) { return one.first < other.first; });
      for (int64_t i = start; i < stop; ++i) {
        minors[i] = row[static_cast<size_t>(i - start)].first;
        values[i] = row[static_cast<size_t>(i - start)].second;
      }
    }
    for (int64_t i = start + 1; i < stop; ++i) repeated += minors[i] == minors[i - 1];
  }
  return repeated;
}

// sort_rows(indptr, minors, values, value_bytes)
PyObject* sort_rows_(PyObject*, PyObject* args) {
  Buffers b;
  int value_bytes = 0;
  if (!PyArg_ParseTuple(args, "y*w*w*i", &b.at[0], &b.at[1], &b.at[2], &value_bytes)) {
    return nullptr;
  }
  const int64_t count = b.count<int32_t>(1);
  const int64_t offsets = b.count<int64_t>(0);
  if ((value_bytes != 4 && value_bytes != 8) || b.at[2].len != count * value_bytes ||
      !ascends(b.items<int64_t>(0), offsets, count)) {
    return refuse("sort_rows: buffers do not fit together");
  }
  int64_t repeated = 0;
  try {
    const WithoutGil unlocked;
    const auto* indptr = b.items<int64_t>(0);
    repeated = value_bytes == 4
                   ? sort_rows(indptr, offsets - 1, b.items<int32_t>(1), b.items<uint32_t>(2))
                   : sort_rows(indptr, offsets - 1, b.items<int32_t>(1), b.items<uint64_t>(2));
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  }
  return PyLong_FromLongLong(repeated);
}

// first_unsound(indptr, keys, bound, key_bytes): the first entry that is out of bounds, or -1;
// and whether all rows ascend, each place once.
template <class Key>
std::pair<int64_t, bool> examined(const int64_t* indptr, int64_t rows, const Key* keys,
                                  int64_t bound) {
  bool rising = true;
  for (int64_t r = 0; r < rows; ++r) {
    int64_t before = -1;
    for (int64_t i = indptr[r]; i < indptr[r + 1]; ++i) {
      const auto key = static_cast<int64_t>(keys[i]);
      if (key < 0 || key >= bound) return {i, rising};
      rising = rising && key > before;
      before = key;
    }
  }
  return {-1, rising};
}

PyObject* examine(PyObject*, PyObject* args) {
  Buffers b;
  long long bound = 0;
  int key_bytes = 0;
  if (!PyArg_ParseTuple(args, "y*y*Li", &b.at[0], &b.at[1], &bound, &key_bytes)) return nullptr;
  const int64_t offsets = b.count<int64_t>(0);
  if ((key_bytes != 4 && key_bytes != 8) || b.at[1].len % key_bytes != 0 ||
      !ascends(b.items<int64_t>(0), offsets, b.at[1].len / key_bytes)) {
    return refuse("examine: buffers do not fit together");
  }
  std::pair<int64_t, bool> found;
  {
    const WithoutGil unlocked;
    found = key_bytes == 4 ? examined(b.items<int64_t>(0), offsets - 1, b.items<int32_t>(1), bound)
                           : examined(b.items<int64_t>(0), offsets - 1, b.items<int64_t>(1), bound);
  }
  return Py_BuildValue("LO", static_cast<long long>(found.first),
                       found.second ? Py_True : Py_False);
}

// regroup(sizes, data, out, runs, item_bytes): runs of rows become rows of runs.
PyObject* regroup(PyObject*, PyObject* args) {
  Buffers b;
  long long runs = 0;
  int item_bytes = 0;
  if (!PyArg_ParseTuple(args, "y*y*w*Li", &b.at[0], &b.at[1], &b.at[2], &runs, &item_bytes)) {
    return nullptr;
  }
  const int64_t cells = b.count<int64_t>(0);
  if (runs < 1 || cells % runs != 0 || item_bytes < 1 || b.at[1].len != b.at[2].len ||
      b.at[1].len % item_bytes != 0) {
    return refuse("regroup: buffers do not fit together");
  }
  const auto* sizes = b.items<int64_t>(0);
  const int64_t items = b.at[1].len / item_bytes;
  const int64_t rows = cells / runs;
  try {
    std::vector<int64_t> at(static_cast<size_t>(runs));
    int64_t total = 0;
    for (int64_t run = 0; run < runs; ++run) {
      at[static_cast<size_t>(run)] = total;
      for (int64_t row = 0; row < rows; ++row) {
        const int64_t size = sizes[run * rows + row];
        if (size < 0 || size > items - total) return refuse("regroup: sizes beyond the data");
        total += size;
      }
    }
    if (total != items) return refuse("regroup: sizes below the data");
    const WithoutGil unlocked;
    const auto* data = b.items<char>(1);
    auto* out = b.items<char>(2);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t run = 0; run < runs; ++run) {
        const int64_t size = sizes[run * rows + row];
        if (size == 0) continue;
        int64_t& from = at[static_cast<size_t>(run)];
        std::memcpy(out, data + from * item_bytes, static_cast<size_t>(size * item_bytes));
        out += size * item_bytes;
        from += size;
      }
    }
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  }
  Py_RETURN_NONE;
}

template <int Bytes>
void woven(const unsigned char* planes, int64_t items, unsigned char* out) {
  for (int64_t i = 0; i < items; ++i) {
    for (int byte = 0; byte < Bytes; ++byte) out[i * Bytes + byte] = planes[byte * items + i];
  }
}

// weave(planes, out, item_bytes)
PyObject* weave(PyObject*, PyObject* args) {
  Buffers b;
  int bytes = 0;
  if (!PyArg_ParseTuple(args, "y*w*i", &b.at[0], &b.at[1], &bytes)) return nullptr;
  if ((bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) || b.at[0].len % bytes != 0 ||
      b.at[0].len != b.at[1].len) {
    return refuse("weave: buffers do not fit together");
  }
  const auto* planes = b.items<unsigned char>(0);
  auto* out = b.items<unsigned char>(1);
  const int64_t items = b.at[0].len / bytes;
  {
    const WithoutGil unlocked;
    if (bytes == 8) woven<8>(planes, items, out);
    if (bytes == 4) woven<4>(planes, items, out);
    if (bytes == 2) woven<2>(planes, items, out);
    if (bytes == 1) woven<1>(planes, items, out);
  }
  Py_RETURN_NONE;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

const char* past_blanks(const char* p, const char* end) {
  while (p < end && is_blank(*p)) ++p;
  return p;
}

// Up to seven digits and the blank or line end after them, eight bytes at once: the digits are
// moved to the upper end and added pairwise. Null where that is not what there is.
inline const char* short_number(const char* p, const char* end, int64_t* value) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  if (end - p < 8) return nullptr;
  uint64_t digits = 0;
  std::memcpy(&digits, p, 8);
  digits ^= 0x3030303030303030U;
  const uint64_t others = ((digits + 0x7676767676767676U) | digits) & 0x8080808080808080U;
  if (others == 0 || (others & 0x80U) != 0) return nullptr;
  const int count = __builtin_ctzll(others) >> 3;
  if (!is_blank(p[count]) && p[count] != '\n') return nullptr;
  digits <<= 8 * (8 - count);
  digits = digits * 10 + (digits >> 8);
  *value = static_cast<int64_t>((((digits & 0x000000FF000000FFU) * 0x000F424000000064U) +
                                 (((digits >> 16) & 0x000000FF000000FFU) * 0x0000271000000001U)) >>
                                32);
  return p + count;
#else
  (void)p, (void)end, (void)value;
  return nullptr;
#endif
}

// A whole number of at most 18 digits after zeros; null where there is none, or no word's end.
const char* whole_number(const char* p, const char* end, int64_t* value) {
  if (const char* const after = short_number(p, end, value)) return after;
  bool negative = false;
  if (p < end && (*p == '+' || *p == '-')) negative = *p++ == '-';
  const char* const digits = p;
  while (p < end && *p == '0') ++p;
  int64_t found = 0;
  const char* const first = p;
  for (; p < end && *p >= '0' && *p <= '9'; ++p) {
    if (p - first == 18) return nullptr;
    found = found * 10 + (*p - '0');
  }
  if (p == digits || (p < end && !is_blank(*p) && *p != '\n')) return nullptr;
  *value = negative ? -found : found;
  return p;
}

const char* real_number(const char* p, const char* end, double* value) {
  int64_t whole = 0;
  if (const char* const after = short_number(p, end, &whole)) {
    *value = static_cast<double>(whole);
    return after;
  }
  if (p < end && *p == '+' && (p + 1 == end || (p[1] != '-' && p[1] != '+'))) ++p;
  const auto result = std::from_chars(p, end, *value);
  if (result.ec != std::errc()) return nullptr;
  if (result.ptr[-1] == ')') return nullptr;  // nan(chars)
  p = result.ptr;
  return p < end && !is_blank(*p) && *p != '\n' ? nullptr : p;
}

struct Triples {
  bool places;
  char kind;  // w: whole numbers, r: real numbers, p: none
  int64_t limits[2];
  int64_t most;
  int32_t* rows;
  int32_t* columns;
  void* values;
};

// One entry; null where the line is not as the common ones are.
const char* entry(const char* p, const char* end, const Triples& t, int64_t at) {
  int64_t whole = 0;
  if (t.places) {
    for (int which = 0; which < 2; ++which) {
      p = whole_number(past_blanks(p, end), end, &whole);
      if (p == nullptr || whole < 1 || whole > t.limits[which]) return nullptr;
      (which == 0 ? t.rows : t.columns)[at] = static_cast<int32_t>(whole - 1);
    }
  }
  p = past_blanks(p, end);
  if (t.kind == 'w') {
    p = whole_number(p, end, static_cast<int64_t*>(t.values) + at);
  } else if (t.kind == 'r') {
    p = real_number(p, end, static_cast<double*>(t.values) + at);
  }
  if (p == nullptr) return nullptr;
  p = past_blanks(p, end);
  return p == end || *p == '\n' ? p : nullptr;
}

// Entries of short numbers parted by one blank, as most are; where the first other line begins.
template <bool Whole>
const char* short_entries(const char* p, const char* end, const Triples& t, int64_t* count) {
  int64_t row = 0;
  int64_t column = 0;
  int64_t value = 1;
  for (int64_t at = *count; at < t.most; ++at) {
    const char* const first = short_number(p, end, &row);
    if (first == nullptr || *first == '\n') break;
    const char* last = short_number(first + 1, end, &column);
    if (last == nullptr || *last == '\n') break;
    last = short_number(last + 1, end, &value);
    if (last == nullptr || *last != '\n' || row < 1 || row > t.limits[0] || column < 1 ||
        column > t.limits[1]) {
      break;
    }
    t.rows[at] = static_cast<int32_t>(row - 1);
    t.columns[at] = static_cast<int32_t>(column - 1);
    if (Whole) {
      static_cast<int64_t*>(t.values)[at] = value;
    } else {
      static_cast<double*>(t.values)[at] = static_cast<double>(value);
    }
    *count = at + 1;
    p = last + 1;
  }
  return p;
}

// parse_triples(block, start, places, kind, row limit, column limit, out_rows, out_columns,
// out_values): how many entries, and where the first line begins that is not of them.
PyObject* parse_triples(PyObject*, PyObject* args) {
  Buffers b;
  Py_ssize_t start = 0;
  int places = 0;
  int kind = 0;
  long long rows = 0;
  long long columns = 0;
  if (!PyArg_ParseTuple(args, "y*npCLLw*w*w*", &b.at[0], &start, &places, &kind, &rows, &columns,
                        &b.at[1], &b.at[2], &b.at[3])) {
    return nullptr;
  }
  Triples t{places != 0,           static_cast<char>(kind), {rows, columns}, b.count<int64_t>(3),
            b.items<int32_t>(1), b.items<int32_t>(2),     b.at[3].buf};
  if (kind == 'p') t.most = b.count<int32_t>(1);
  if (start < 0 || start > b.at[0].len || rows > INT32_MAX || columns > INT32_MAX ||
      (kind != 'w' && kind != 'r' && kind != 'p') || (kind == 'p' && !t.places) ||
      (t.places && (b.count<int32_t>(1) != t.most || b.count<int32_t>(2) != t.most))) {
    return refuse("parse_triples: buffers do not fit together");
  }
  const char* const begin = b.items<char>(0);
  const char* const end = begin + b.at[0].len;
  const char* p = begin + start;
  int64_t count = 0;
  {
    const WithoutGil unlocked;
    while (p < end) {
      if (t.places && t.kind != 'p') {
        p = t.kind == 'w' ? short_entries<true>(p, end, t, &count)
                          : short_entries<false>(p, end, t, &count);
      }
      const char* word = past_blanks(p, end);
      if (word < end && *word != '\n') {
        word = count < t.most ? entry(word, end, t, count) : nullptr;
        if (word == nullptr) break;
        ++count;
      }
      p = word < end ? word + 1 : end;
    }
  }
  return Py_BuildValue("Ln", static_cast<long long>(count), static_cast<Py_ssize_t>(p - begin));
}

PyMethodDef methods[] = {
    {"transpose", transpose, METH_VARARGS, nullptr},
    {"group", group, METH_VARARGS, nullptr},
    {"sort_rows", sort_rows_, METH_VARARGS, nullptr},
    {"examine", examine, METH_VARARGS, nullptr},
    {"regroup", regroup, METH_VARARGS, nullptr},
    {"weave", weave, METH_VARARGS, nullptr},
    {"parse_triples", parse_triples, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef module = {PyModuleDef_HEAD_INIT, "_sparse", nullptr, 0, methods,
                      nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__sparse() { return PyModuleDef_Init(&module); }
