// Inner loops over sparse matrices; `sparse.py` says what each is for, and has it in numpy, too.
// Arguments are buffers whose lengths are checked here; nothing is kept after a call.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "scatter.hpp"
#include "triples.hpp"

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

PyObject* sorted_by_key(const scatter::Entries& entries, int key_bytes, int value_bytes) {
  scatter::Answer answer{};
  try {
    const WithoutGil unlocked;
    if (key_bytes == 4) {
      answer = value_bytes == 4 ? scatter::sorted<int32_t, uint32_t>(entries)
                                : scatter::sorted<int32_t, uint64_t>(entries);
    } else {
      answer = value_bytes == 4 ? scatter::sorted<int64_t, uint32_t>(entries)
                                : scatter::sorted<int64_t, uint64_t>(entries);
    }
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  }
  return Py_BuildValue("LO", static_cast<long long>(answer.wrong),
                       answer.rising ? Py_True : Py_False);
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

// parse_triples(block, start, places, kind, row limit, column limit, out_rows, out_columns,
// out_values): how many entries and how many lines, and where the first line begins that is not
// of them. Kinds: i and w for whole numbers (int32, int64), r for real ones, p for none.
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
  const int64_t most = kind == 'p'   ? b.count<int32_t>(1)
                       : kind == 'i' ? b.count<int32_t>(3)
                                     : b.count<int64_t>(3);
  const triples::Room room{places != 0, {rows, columns}, most, b.items<int32_t>(1),
                           b.items<int32_t>(2)};
  if (start < 0 || start > b.at[0].len || rows > INT32_MAX || columns > INT32_MAX ||
      (kind != 'i' && kind != 'w' && kind != 'r' && kind != 'p') ||
      (kind == 'p' && !room.places) ||
      (room.places && (b.count<int32_t>(1) != most || b.count<int32_t>(2) != most))) {
    return refuse("parse_triples: buffers do not fit together");
  }
  const char* const begin = b.items<char>(0);
  const char* const end = begin + b.at[0].len;
  triples::Parsed done{};
  {
    const WithoutGil unlocked;
    const char* const p = begin + start;
    if (kind == 'i') done = triples::parsed(p, end, room, b.items<int32_t>(3));
    if (kind == 'w') done = triples::parsed(p, end, room, b.items<int64_t>(3));
    if (kind == 'r') done = triples::parsed(p, end, room, b.items<double>(3));
    if (kind == 'p') done = triples::parsed(p, end, room, b.items<triples::Nothing>(3));
  }
  return Py_BuildValue("LLn", static_cast<long long>(done.count),
                       static_cast<long long>(done.lines),
                       static_cast<Py_ssize_t>(done.stop - begin));
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
