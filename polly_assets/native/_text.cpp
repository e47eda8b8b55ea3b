// Separated text to columns and numbers for Python, by several threads.
//
// Owns the arguments and answers of `text.py`, and cutting a text for threads. Keep out: reading
// rows (`rows.hpp`).

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <thread>
#include <vector>

#include "census.hpp"
#include "rows.hpp"

namespace {

using namespace text;

constexpr std::ptrdiff_t kBytesPerThread = 1 << 19;

// The body in ranges of whole lines, one for each thread.
std::vector<Rows> ranges(const Layout& layout, const char* begin, const char* end, int threads) {
  const std::ptrdiff_t cores = std::max(1u, std::thread::hardware_concurrency());
  const std::ptrdiff_t wanted =
      std::min({std::ptrdiff_t{threads}, cores, 1 + (end - begin) / kBytesPerThread});
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

PyObject* parse_body(const Layout& layout, const char* begin, const char* end, int threads) {
  std::vector<Rows> parts = ranges(layout, begin, end, threads);
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
  int threads;
  if (!PyArg_ParseTuple(args, "y*nncy*ppi:parse", &data, &start, &stop, &separator, &text,
                        &csv_quotes, &integers, &threads))
    return nullptr;
  PyObject* found = nullptr;
  const char* bytes = static_cast<const char*>(data.buf);
  if (start < 0 || start >= stop || stop > data.len || text.len < 1 || bytes[stop - 1] != '\n') {
    PyErr_SetString(PyExc_ValueError, "expected whole lines of at least one column");
  } else if (threads < 1) {
    PyErr_SetString(PyExc_ValueError, "expected at least one thread");
  } else if (separator == '\n' || separator == '"') {
    PyErr_SetString(PyExc_ValueError, "expected a separator that is no quote and no line end");
  } else {
    const char* kinds = static_cast<const char*>(text.buf);
    const auto numbers = static_cast<std::size_t>(std::count(kinds, kinds + text.len, '\0'));
    const Layout layout{separator,       csv_quotes != 0,
                        integers != 0,   kinds,
                        static_cast<std::size_t>(text.len), numbers};
    try {
      found = parse_body(layout, bytes + start, bytes + stop, threads);
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
     "parse(data, start, stop, separator, text, csv_quotes, integers, threads): see "
     "polly_assets.native.text"},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef module = {PyModuleDef_HEAD_INIT, "_text", nullptr, 0, methods,
                      nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__text() { return PyModuleDef_Init(&module); }
