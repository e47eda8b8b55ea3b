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

// Consecutive whole rows, read by one thread. The last byte before `end` is a line end.
class Rows {
 public:
  std::vector<Column> columns;
  std::size_t capacity;
  std::size_t count = 0;
  char* values = nullptr;  // room for `capacity` rows of eight-byte numbers
  Status status = Status::kDone;

  Rows(const Layout& layout, const char* begin, const char* end)
      : columns(layout.width - layout.numbers), layout_(layout), at_(begin), end_(end) {
    const auto lines = static_cast<std::size_t>(std::count(begin, end, '\n'));
    // A row that is not blank has a byte at least for each column.
    capacity = std::min(lines, static_cast<std::size_t>(end - begin) / layout.width);
  }

  std::size_t size() const { return capacity * layout_.numbers * 8; }

  void read() noexcept try {
    while (at_ < end_ && status == Status::kDone) row();
  } catch (const std::bad_alloc&) {
    status = Status::kNoMemory;
  }

 private:
  const Layout& layout_;
  const char* at_;
  const char* end_;
  std::string scratch_;
  bool solid_ = false;    // a character of this row is certainly no white space
  bool foreign_ = false;  // a character is beyond ASCII, and may be white space
  bool gap_ = false;      // a cell of an integer is empty

  bool ends_cell(char c) const { return c == layout_.separator || c == '\n'; }

  bool stop(Status why) {
    status = why;
    return false;
  }

  void row() {
    solid_ = foreign_ = gap_ = false;
    std::size_t numbers = 0;
    std::size_t texts = 0;
    for (std::size_t column = 0; column < layout_.width; ++column) {
      if (column) {
        if (*at_ == '\n') return skip_blank();
        ++at_;
      }
      const bool read = layout_.text[column] ? text_cell(columns[texts++]) : number(numbers++);
      if (!read) return;
    }
    while (*at_ == layout_.separator || (*at_ != '\n' && space(*at_))) ++at_;
    if (*at_ != '\n') {
      stop(Status::kUnusual);
    } else if (!solid_) {
      skip_blank();
    } else if (gap_) {
      stop(Status::kNotIntegers);
    } else {
      ++at_;
      ++count;
    }
  }

  // At the end of a row that has too few cells, or nothing in them.
  void skip_blank() {
    if (solid_ || foreign_) {
      stop(Status::kUnusual);
      return;
    }
    for (Column& column : columns) column.keep(count);
    ++at_;
  }

  // The cell that begins here; `at_` is behind it then. False where its quotes are unusual.
  bool cell(std::string_view* found) {
    if (layout_.csv_quotes && *at_ == '"') {
      if (!quoted()) return stop(Status::kUnusual);
      *found = scratch_;
    } else {
      const char* begin = at_;
      while (!ends_cell(*at_)) ++at_;
      *found = {begin, static_cast<std::size_t>(at_ - begin)};
    }
    if (!solid_) look(*found);
    return true;
  }

  bool quoted() {
    scratch_.clear();
    for (++at_; *at_ != '\n'; ++at_) {
      if (*at_ == '"' && *++at_ != '"') return ends_cell(*at_);
      scratch_.push_back(*at_);
    }
    return false;
  }

  void look(std::string_view cell) {
    for (const char c : cell) {
      if (space(c)) continue;
      if (static_cast<unsigned char>(c) < 128) {
        solid_ = true;
        return;
      }
      foreign_ = true;
    }
  }

  bool text_cell(Column& column) {
    std::string_view found;
    if (!cell(&found)) return false;
    column.push(found);
    return true;
  }

  bool number(std::size_t position) {
    if (count == capacity) {  // what is left has too few bytes for a row, unless it is blank
      std::string_view found;
      return cell(&found) && (!solid_ || stop(Status::kUnusual));
    }
    char* out = values + (count * layout_.numbers + position) * 8;
    return layout_.integers ? integer(out) : decimal(out);
  }

  bool decimal(char* out) {
    double value;
    const char* behind = end_ - at_ >= kReach ? short_decimal(at_, &value) : nullptr;
    if (behind != nullptr && ends_cell(*behind)) {
      at_ = behind;
      solid_ = true;
    } else {
      std::string_view found;
      if (!cell(&found)) return false;
      if (!any_number(found, !layout_.csv_quotes, &value)) return stop(Status::kUnusual);
    }
    std::memcpy(out, &value, 8);
    return true;
  }

  bool integer(char* out) {
    std::int64_t value;
    const char* behind = end_ - at_ >= kReach ? short_integer(at_, &value) : nullptr;
    if (behind != nullptr && ends_cell(*behind)) {
      at_ = behind;
      solid_ = true;
    } else {
      std::string_view found;
      if (!cell(&found)) return false;
      gap_ = gap_ || trimmed(found).empty();
      value = 0;
      if (!gap_ && !any_integer(found, !layout_.csv_quotes, &value))
        return stop(Status::kNotIntegers);
    }
    std::memcpy(out, &value, 8);
    return true;
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

PyMethodDef methods[] = {
    {"parse", parse, METH_VARARGS,
     "parse(data, start, stop, separator, text, csv_quotes, integers): see polly_assets.native.text"},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef module = {PyModuleDef_HEAD_INIT, "_text", nullptr, 0, methods,
                      nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__text() { return PyModuleDef_Init(&module); }
