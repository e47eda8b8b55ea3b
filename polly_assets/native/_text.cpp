// Rows of separated text to columns of text and grids of numbers.
//
// Owns the inner loop of `text.py`, which says what the answers are. Only rows that need no
// judgement are read here: whatever is unusual (a short row, a cell that is no number) stops the
// work, and Python's careful reader finds out what is the matter. Keep out: numbers (`numbers.hpp`).

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <vector>
#ifdef __SSE2__
#include <emmintrin.h>
#endif
#if defined(__x86_64__) && defined(__GNUC__)
#define POLLY_BMI2
#endif

#include "numbers.hpp"

namespace {

using namespace numbers;

constexpr std::ptrdiff_t kBytesPerThread = 1 << 19;
constexpr unsigned kMaxThreads = 4;

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

// What tells how much care a text needs.
struct Census {
  Py_ssize_t lines = 0;
  bool ascii = true;
  bool control = false;  // NUL or CR occurs
};

Census census_of(const char* bytes, Py_ssize_t length) {
  constexpr Py_ssize_t kStep = 128;  // a sum of so many fits a byte: such loops become vectors
  Census all;
  unsigned char bits = 0;
  unsigned char controls = 0;
  for (Py_ssize_t at = 0; at < length; at += kStep) {
    const Py_ssize_t stop = std::min(length, at + kStep);
    unsigned char lines = 0;
    for (Py_ssize_t i = at; i < stop; ++i) {
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
#ifdef POLLY_BMI2
    if (__builtin_cpu_supports("bmi2")) return all_by_bmi2();
#endif
    all();
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

#ifdef POLLY_BMI2
  // The same with the shifts that processors have had since 2013: a fifth faster.
  __attribute__((target("bmi,bmi2"), flatten)) void all_by_bmi2() { all(); }
#endif

  void all() {
    if (layout_.integers) all_of<std::int64_t>();
    else all_of<double>();
  }

  template <typename Number>
  void all_of() {
    Ends ends(begin_, end_, layout_.separator);
    for (const char* at = begin_; at < end_ && status == Status::kDone;) {
      solid_ = foreign_ = gap_ = false;
      at = row<Number>(at, ends);
    }
  }

  // Reads a row; the byte behind it.
  template <typename Number>
  const char* row(const char* at, Ends& ends) {
    const char* const kinds = layout_.text;
    const std::size_t width = layout_.width;
    const char* const safe = end_ - at > kReach ? end_ - kReach : at;
    const bool room = count < capacity;
    char* out = room ? values + count * layout_.numbers * 8 : nullptr;
    auto text = columns.begin();
    const char* end = nullptr;
    for (std::size_t column = 0; column < width; ++column) {
      if (column) {
        if (*end == '\n') return skip_blank(end);
        at = end + 1;
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

// The body in ranges of whole lines, one for each thread.
std::vector<Rows> ranges(const Layout& layout, const char* begin, const char* end) {
  const auto wanted = std::min<std::ptrdiff_t>(
      std::min(kMaxThreads, std::max(1u, std::thread::hardware_concurrency())),
      1 + (end - begin) / kBytesPerThread);
  std::vector<Rows> found;
  for (std::ptrdiff_t left = wanted; left > 0 && begin < end; --left) {
    const char* stop = begin + (end - begin) / left;
    stop = stop >= end ? end : static_cast<const char*>(std::memchr(stop, '\n', end - stop)) + 1;
    found.emplace_back(layout, begin, stop);
    begin = stop;
  }
  return found;
}

void read_all(std::vector<Rows>& parts) {
  std::vector<std::thread> threads;
  std::size_t given = 1;
  try {
    for (threads.reserve(parts.size()); given < parts.size(); ++given)
      threads.emplace_back(&Rows::read, &parts[given]);
  } catch (const std::exception&) {  // no more threads: this one does the rest
  }
  parts[0].read();
  for (; given < parts.size(); ++given) parts[given].read();
  for (std::thread& thread : threads) thread.join();
}

PyObject* column_object(const Column& column) {
  const auto bytes = [](const auto& all) {
    return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(all.data()),
                                     static_cast<Py_ssize_t>(all.size() * sizeof(all[0])));
  };
  if (!column.gaps)
    return Py_BuildValue("(NNO)", bytes(column.bytes), bytes(column.offsets), Py_None);
  return Py_BuildValue("(NNN)", bytes(column.bytes), bytes(column.offsets), bytes(column.valid));
}

PyObject* part_object(const Rows& part, PyObject* values) {
  PyObject* columns = PyList_New(static_cast<Py_ssize_t>(part.columns.size()));
  for (std::size_t i = 0; columns != nullptr && i < part.columns.size(); ++i) {
    PyObject* column = column_object(part.columns[i]);
    if (column == nullptr) Py_CLEAR(columns);
    else PyList_SetItem(columns, static_cast<Py_ssize_t>(i), column);
  }
  if (columns == nullptr) return nullptr;
  return Py_BuildValue("(nON)", static_cast<Py_ssize_t>(part.count), values, columns);
}

// The parts as a list, or what keeps them from being one as a word.
PyObject* answer(std::vector<Rows>& parts, PyObject* buffers) {
  auto status = Status::kDone;
  for (const Rows& part : parts) status = std::max(status, part.status);
  if (status == Status::kNoMemory) return PyErr_NoMemory();
  if (status == Status::kUnusual) return PyUnicode_FromString("unusual");
  if (status == Status::kNotIntegers) return PyUnicode_FromString("not integers");
  PyObject* list = PyList_New(static_cast<Py_ssize_t>(parts.size()));
  for (std::size_t i = 0; list != nullptr && i < parts.size(); ++i) {
    const auto position = static_cast<Py_ssize_t>(i);
    PyObject* part = part_object(parts[i], PyList_GetItem(buffers, position));
    if (part == nullptr) Py_CLEAR(list);
    else PyList_SetItem(list, position, part);
  }
  return list;
}

PyObject* parse_body(const Layout& layout, const char* begin, const char* end) {
  std::vector<Rows> parts = ranges(layout, begin, end);
  PyObject* buffers = PyList_New(0);
  for (std::size_t i = 0; buffers != nullptr && i < parts.size(); ++i) {
    const auto size = static_cast<Py_ssize_t>(parts[i].size());
    PyObject* buffer = PyByteArray_FromStringAndSize(nullptr, size);
    if (buffer == nullptr || PyList_Append(buffers, buffer) < 0) Py_CLEAR(buffers);
    else parts[i].values = PyByteArray_AsString(buffer);
    Py_XDECREF(buffer);
  }
  if (buffers == nullptr) return nullptr;
  Py_BEGIN_ALLOW_THREADS
  read_all(parts);
  Py_END_ALLOW_THREADS
  PyObject* found = answer(parts, buffers);
  Py_DECREF(buffers);
  return found;
}

PyObject* parse(PyObject*, PyObject* args) {
  Py_buffer data;
  Py_buffer text;
  Py_ssize_t start;
  Py_ssize_t stop;
  char separator;
  int csv_quotes;
  int integers;
  if (!PyArg_ParseTuple(args, "y*nncy*pp:parse", &data, &start, &stop, &separator, &text,
                        &csv_quotes, &integers))
    return nullptr;
  PyObject* found = nullptr;
  const char* bytes = static_cast<const char*>(data.buf);
  if (start < 0 || start >= stop || stop > data.len || text.len < 1 || bytes[stop - 1] != '\n') {
    PyErr_SetString(PyExc_ValueError, "expected whole lines of at least one column");
  } else if (separator == '\n' || separator == '"') {
    PyErr_SetString(PyExc_ValueError, "expected a separator that is no quote and no line end");
  } else {
    const char* kinds = static_cast<const char*>(text.buf);
    const auto numbers = static_cast<std::size_t>(std::count(kinds, kinds + text.len, '\0'));
    const Layout layout{separator,       csv_quotes != 0,
                        integers != 0,   kinds,
                        static_cast<std::size_t>(text.len), numbers};
    try {
      found = parse_body(layout, bytes + start, bytes + stop);
    } catch (const std::bad_alloc&) {
      PyErr_NoMemory();
    }
  }
  PyBuffer_Release(&data);
  PyBuffer_Release(&text);
  return found;
}

PyObject* census(PyObject*, PyObject* args) {
  Py_buffer data;
  if (!PyArg_ParseTuple(args, "y*:census", &data)) return nullptr;
  Census found;
  Py_BEGIN_ALLOW_THREADS
  found = census_of(static_cast<const char*>(data.buf), data.len);
  Py_END_ALLOW_THREADS
  PyBuffer_Release(&data);
  return Py_BuildValue("(nNN)", found.lines, PyBool_FromLong(found.ascii),
                       PyBool_FromLong(found.control));
}

PyMethodDef methods[] = {
    {"census", census, METH_VARARGS, "census(data): see polly_assets.native.text"},
    {"parse", parse, METH_VARARGS,
     "parse(data, start, stop, separator, text, csv_quotes, integers): see polly_assets.native.text"},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef module = {PyModuleDef_HEAD_INIT, "_text", nullptr, 0, methods,
                      nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__text() { return PyModuleDef_Init(&module); }
